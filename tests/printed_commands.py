"""Hostile names in every text field of every case, and what a shell would do with the commands that come out.

    python -m tests.printed_commands --judgements 100000 [--seed N]

Each judgement is one case with one field replaced. Every command that is printed for it (fixes, the probe's removal, what
`--apply` leaves to do, and their copies in the text, Markdown and HTML reports) runs in a real `sh` whose PATH is empty: each
program that the reports use is a shell function that writes down its arguments, and `pwned`, which only the payloads name, is
one that says so. Anything else that runs, a file that appears, or an option that no template has, is an injection.
"""

from __future__ import annotations

import argparse
import copy
import functools
import html
import itertools
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from kubectl_imagepull.case import CaseError, case_from_json, parse
from kubectl_imagepull.model import Case, Owner, ProbeRun, Verdict, to_json
from kubectl_imagepull.redaction import clean
from kubectl_imagepull.report.formats import render
from kubectl_imagepull.report.terminal import Style
from kubectl_imagepull.report.text import MOST_FIXES
from kubectl_imagepull.session import apply
from kubectl_imagepull.verdict import judge

T = TypeVar("T")
CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))
PAYLOADS = (
    "x$(pwned)",
    "x`pwned`",
    "x'; pwned; '",
    'x"; pwned; "',
    "x\npwned\n",
    "x\rpwned #",
    "app=$(pwned) #",
    "x' && pwned #",
    "--all",
    "x|pwned",
    "x > stolen",
    "'\"$(pwned)\"'",
    "x\\'; pwned #",
    "<x>;pwned",
    "\"}]}}'; pwned; '",
    "x\x1b[2J\u202e$(pwned)",
    " set image deployment/web app=$(pwned) #",
    "\"template\" -p '{}' ; pwned #",
    "x\u2028pwned",
    "x ${HOME} *",
)
KINDS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Node", "Rollout")
OF_TARGET = (
    "target",
    "facts.service_account",
    "facts.account_secrets",
    "facts.secrets",
    "facts.reference",
    "pull",
    "probe",
)
"""Where the fields are that are tried with each kind of owner as well."""
PROGRAMS = (
    *("kubectl", "oc", "aws", "az", "gcloud", "jq", "base64", "grep", "cat", "mkdir", "cp", "systemctl", "journalctl"),
    *(
        "crane",
        "docker",
        "minikube",
        "kind",
        "ctr",
        "crictl",
        "dig",
        "curl",
        "openssl",
        "ip",
        "chronyc",
        "cosign",
        "ls",
        "df",
    ),
    *(
        "dmesg",
        "mount",
        "tail",
        "ausearch",
        "resolvectl",
        "nc",
        "printf",
        "true",
        "k3s",
        "microk8s",
        "podman",
        "skopeo",
    ),
)
OPERATORS = re.compile(r"\|\||&&|[|<>;&\n]")


@dataclass
class Tally:
    """judgements: made; commands: distinct ones that ran in the shell; crashes: judgements that raised."""

    judgements: int = 0
    printed: int = 0
    commands: int = 0
    crashes: dict[str, int] = field(default_factory=dict)
    injections: list[str] = field(default_factory=list)


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all texts in a JSON value."""
    if isinstance(value, str):
        yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from leaves(item, (*path, key))


def replaced(value: Any, path: Sequence[str | int], change: Callable[[str], str]) -> Any:
    """A case, or a part of one, with the text at a path changed; what is not on the path is shared.

    The text is cleaned as every text is that enters a Case. Building each case anew would take most of the time.
    """
    if not path:
        return clean(change(value))
    if isinstance(value, Mapping):
        return {**value, path[0]: replaced(value[path[0]], path[1:], change)}
    if isinstance(value, tuple):
        return tuple(replaced(v, path[1:], change) if n == path[0] else v for n, v in enumerate(value))
    name = str(path[0])
    return replaced_field(value, name, replaced(getattr(value, name), path[1:], change))


def as_json(case: Case) -> dict[str, Any]:
    """The fields of a case as a file has them."""
    value: dict[str, Any] = to_json(case)
    del value["version"]
    return value


def free(value: Any, path: Sequence[str | int], known: dict[tuple[str, ...], bool]) -> bool:
    """Whether any text may stand there, by what the reader of case files says; known: what it said of like places."""
    at = value
    shape = [str(step) if isinstance(step, str) else "" for step in path]
    if path[0] == "observations":
        shape.append(at["observations"][path[1]]["hop"])
    key = tuple(shape)
    if key not in known:
        made = copy.deepcopy(value)
        at = made
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = "zz"
        try:
            case_from_json(made)
            known[key] = True
        except CaseError:
            known[key] = False
    return known[key]


@functools.cache
def recorded(file: Path) -> tuple[Case, ...]:
    return tuple(parse(file.read_bytes(), file.name).cases)


def bases() -> Iterator[tuple[str, Case, bool]]:
    """Name and case of each as it is, and with each kind of owner (then True: only the names of objects are tried)."""
    # a probe that was kept has a command that removes it
    kept = ProbeRun("host-python", "node1", "shop", "imagepull-ab12-x7k2p", created=True, owner="job/imagepull-ab12")
    for file in CASES:
        for number, found in enumerate(recorded(file)):
            case = replaced_field(found, "probe", kept)
            yield f"{file.stem}[{number}]", case, False
            for kind in (*KINDS, ""):
                owner = Owner(kind, "web", uid="u1") if kind else None
                target = replaced_field(case.target, "owner", owner)
                yield f"{file.stem}[{number}] {kind or 'bare'}", replaced_field(case, "target", target), True


def replaced_field(value: T, name: str, item: Any) -> T:
    """dataclasses.replace without what a class does when it is made anew."""
    made = copy.copy(value)
    object.__setattr__(made, name, item)
    return made


@functools.cache
def open_fields(names_only: bool) -> tuple[tuple[int, tuple[str | int, ...]], ...]:
    """(number of the base, path) of every field in which any text may stand. names_only: and which holds a name."""
    places: dict[tuple[str, ...], bool] = {}
    return tuple(
        (number, path)
        for number, (_, case, owned) in enumerate(bases())
        for value in [as_json(case)]
        for path in leaves(value)
        if (not (owned or names_only) or ".".join(map(str, path)).startswith(OF_TARGET)) and free(value, path, places)
    )


def mutations(seed: int = 0, names_only: bool = False) -> Iterator[tuple[str, Case]]:
    """Every field of every case with every payload, in its place and behind what was there, in a random but fixed order."""
    known = [(name, case) for name, case, _ in bases()]
    fields = list(open_fields(names_only))
    # as many runs through all fields as there are payloads; each run pairs a field with another payload
    order = random.Random(seed)
    order.shuffle(fields)
    for turn, (number, path) in itertools.product(range(2 * len(PAYLOADS)), fields):
        name, case = known[number]
        which = (turn + hash_of(path)) % (2 * len(PAYLOADS))
        payload, behind = PAYLOADS[which % len(PAYLOADS)], which >= len(PAYLOADS)
        yield (
            f"{name} {'.'.join(map(str, path))} {payload!r}",
            replaced(case, path, (lambda old, p=payload: old + p) if behind else (lambda old, p=payload: p)),
        )


def hash_of(path: Sequence[str | int]) -> int:
    """The same in every process, other than hash()."""
    return sum(ord(c) for part in path for c in str(part))


def later(case: Case, verdict: Verdict) -> list[str]:
    """What `--apply` says of commands, in what it does or why it refuses."""
    found = []
    for tag in ("", "1.2.3"):
        try:
            change = apply.plan(None, case, verdict, tag)  # type: ignore[arg-type]
            text = change.later
        except apply.Refused as error:
            text = str(error)
        except AttributeError:
            continue  # the one change for which the cluster is asked
        found += [text[text.index(": kubectl") + 2 :]] if ": kubectl" in text else []
    return found


def printed(case: Case) -> tuple[Verdict, list[str]]:
    """The verdict, and every command that is printed with it, line by line as a reader would paste it."""
    verdict = judge(case)
    commands = [line for fix in verdict.fixes for command in fix.commands for line in command.split("\n")]
    return verdict, [*commands, *later(case, verdict), *filter(None, [case.probe.removal])]


MARK = re.compile(r"# on (?:this machine|the node|[a-z0-9][a-z0-9.-]*)(?:, as root)?")
"""What stands above the commands for a node, or for this machine again; an interactive zsh would run what stands in it."""


def copies(case: Case, verdict: Verdict) -> list[str]:
    """What is wrong with the copies of the commands in the reports for people."""
    commands = [line for fix in verdict.fixes for command in fix.commands for line in command.split("\n")]
    wrong = [f"a line of the command: {c!r}" for f in verdict.fixes for c in f.commands if not c.isprintable()]
    markdown = render("markdown", [case], [verdict], Style())
    blocks = re.findall(r"^(`{3,})sh\n(.*?)\n\1$", markdown, re.MULTILINE | re.DOTALL)
    found = {"markdown": [line for _, block in blocks for line in block.split("\n") if not MARK.fullmatch(line)]}
    page = render("html", [case], [verdict], Style())
    boxes = re.findall(r"<li><p>.*?</p><pre>(.*?)</pre>", page, re.DOTALL)
    lines_of_boxes = [
        html.unescape(line) for box in boxes for line in re.findall(r"<code[^>]*>(.*?)</code>", box, re.DOTALL)
    ]
    found["html"] = [line for line in lines_of_boxes if not MARK.fullmatch(line)]
    wrong += [f"{form}: {lines!r} of {commands!r}" for form, lines in found.items() if lines != commands]
    for form, most in (("text", MOST_FIXES), ("wide", None)):
        text = render(form, [case], [verdict], Style()).split("\n")
        starts = [n for n, line in enumerate(text) if line.startswith("FIX")]
        if starts:
            ends = [n for n, line in enumerate(text) if line.startswith(("more: ", "probe pod "))]
            below = [line[2:] for line in text[starts[0] : (ends or [len(text)])[0]] if re.match(r"  (?!not )\S", line)]
            shown = [line for line in below if not MARK.fullmatch(line)]
            told = [line for fix in verdict.fixes[:most] for command in fix.commands for line in command.split("\n")]
            wrong += [f"text: {line!r} is no command" for line in shown if line not in told]
            wrong += [f"text: without {line!r}" for line in told if line not in shown]
    return wrong


def structure(command: str) -> str:
    """The operators of a command outside of quotes, and what stands first after each."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|\\.", "q", re.sub(r"<[a-z][a-z -]*>", "q", command))
    return " ".join(OPERATORS.findall(bare))


def options(words: Iterable[str]) -> set[str]:
    return {word.partition("=")[0] for word in words if word.startswith("-")}


SETUP = (
    "\n".join(
        [
            # the arguments that look like options, and in full what is left of them
            'log() { for a in "$@"; do case $a in -*) printf "O%s\\n" "$a" >&3;; esac; done; }',
            "pwned() { printf 'PWNED\\n' >&3; }",
            "nop() { :; }",
            *(f'{name}() {{ log "$@"; }}' for name in PROGRAMS if name not in ("printf", "true")),
        ]
    )
    .replace('printf "O%s\\n" "$a" >&3', 'command printf "O%s\\n" "$a" >&3')
    .replace("printf 'PWNED", "command printf 'PWNED")
)


def in_shell(commands: Sequence[str], allowed: frozenset[str]) -> list[str]:
    """What is wrong with each command that does more than it says, when it runs in `sh` with stubs."""
    wrong = []
    for start in range(0, len(commands), 400):
        batch = commands[start : start + 400]
        with tempfile.TemporaryDirectory(prefix="imagepull-stub-") as folder:
            log = Path(folder, "log")
            inside = Path(folder, "work")
            for known in ("etc/containers/registries.conf.d", "etc/systemd/system/containerd.service.d"):
                Path(inside, known).mkdir(parents=True)
            script = [SETUP, "cd work"]
            for number, command in enumerate(batch):
                # what is written on a node is written here, below the folder of the run
                local = re.sub(r" > /etc/", " > etc/", command)
                script.append(f"command printf '@{number}\\n' >&3; ( eval {shell_quoted(local)} ) </dev/null")
            Path(folder, "script").write_text("\n".join(script), encoding="utf-8")
            ran = subprocess.run(
                ["/bin/sh", "-c", ". ./script 3>log"],
                cwd=folder,
                env={"PATH": "", "TOKEN": "token", "HOME": "/home/somebody"},
                capture_output=True,
                timeout=120,
            )
            written = log.read_text(encoding="utf-8", errors="replace").split("\n")
            at = -1
            for line in written:
                if line.startswith("@"):
                    at = int(line[1:])
                elif line.startswith("PWNED"):
                    wrong.append(f"runs what a name says: {batch[at]!r}")
                elif line.startswith("O") and line[1:].partition("=")[0] not in allowed:
                    wrong.append(f"a name is the option {line[1:]!r}: {batch[at]!r}")
            if at != len(batch) - 1:
                wrong.append(f"the shell ended at {batch[at]!r}: {ran.stderr[-300:]!r}")
            for made in inside.iterdir():
                if made.name != "etc" and not re.fullmatch(r"[a-z0-9.-]+\.json", made.name):
                    wrong.append(f"a file {made.name!r} is made")
            for line in ran.stderr.decode(errors="replace").splitlines():
                # a name with dashes is none for a function of this shell
                if re.search(r"not found|Permission denied", line) and "update-ca-certificates" not in line:
                    wrong.append(f"runs another program: {line}")
    return wrong


def shell_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def baseline() -> tuple[frozenset[str], frozenset[str]]:
    """The options and the structures of the commands of all cases as they are, and of every template of the catalogue."""
    import shlex

    commands: set[str] = set()
    for _, case, _ in bases():
        commands |= set(printed(case)[1])
    seen: set[str] = set()
    for command in commands:
        seen |= options(shlex.split(command))
    return frozenset(seen), frozenset(structure(c) for c in commands)


def run(judgements: int, seed: int = 0, names_only: bool = False, report: Any = None) -> Tally:
    """As many judgements, and what came of them. names_only: in the fields that hold names of objects and images."""
    tally = Tally()
    allowed, structures = baseline()
    seen: set[str] = set()
    waiting: list[str] = []

    def flush() -> None:
        tally.commands += len(waiting)
        tally.injections.extend(in_shell(waiting, allowed | {"--reveal"}))
        waiting.clear()

    for name, case in itertools.islice(mutations(seed, names_only), judgements):
        tally.judgements += 1
        try:
            verdict, commands = printed(case)
            wrong = copies(case, verdict) if tally.judgements % 20 == 0 or not seen.issuperset(commands) else []
        except Exception as error:
            kind = f"{type(error).__name__}: {error}"[:100]
            tally.crashes[kind] = tally.crashes.get(kind, 0) + 1
            continue
        tally.printed += len(commands)
        tally.injections += [f"{name}: {what}" for what in wrong]
        for command in commands:
            if command in seen:
                continue
            seen.add(command)
            waiting.append(command)
            if structure(command) not in structures:
                tally.injections.append(f"{name}: another structure: {command!r}")
        if len(waiting) >= 400:
            flush()
        if report and tally.judgements % 5000 == 0:
            report(tally)
    flush()
    return tally


def main(argv: Sequence[str] | None = None) -> int:
    """-> 0 none injects, 1 some do."""
    parser = argparse.ArgumentParser(prog="python -m tests.printed_commands", description=__doc__)
    parser.add_argument("--judgements", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    tally = run(
        args.judgements,
        args.seed,
        report=lambda t: print(t.judgements, t.commands, len(t.injections), file=sys.stderr, flush=True),
    )
    kinds: dict[str, int] = {}
    for what in tally.injections:
        kind = re.sub(
            r"^.*?(runs|a name is|another|a file|the shell|text|markdown|html|a line).*", r"\1", what, flags=re.S
        )
        kinds[kind] = kinds.get(kind, 0) + 1
    print(
        json.dumps(
            {
                "judgements": tally.judgements,
                "printed": tally.printed,
                "distinct": tally.commands,
                "injections": len(tally.injections),
                "kinds": kinds,
                "crashes": tally.crashes,
            },
            indent=1,
        )
    )
    for what in tally.injections[:40]:
        print(what[:600])
    return 1 if tally.injections else 0


if __name__ == "__main__":
    sys.exit(main())
