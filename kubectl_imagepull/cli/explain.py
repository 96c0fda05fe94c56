"""Say what a cause, a waiting reason, a platform or a message about a failed pull means.

What else it could be, what would prove it, and what to do. Asks no cluster.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from .. import catalogue
from ..catalogue import FixTemplate, platforms, reasons, registries
from ..catalogue.helpers import in_the_way
from ..catalogue.platforms import Platform, platform_in
from ..catalogue.reasons import Reason
from ..catalogue.registries import RegistryKind, kind_of, moved_values
from ..catalogue.view import PLAIN, FixView, Settle, fixes_of, view_of_right, ways_of
from ..image.messages import Classified, classify
from ..image.reference import InvalidReference, Reference
from ..image.wording import as_text
from ..redaction import hide
from ..text import printable
from ..verdict.clouds import takes_right
from ..verdict.message import Message, read
from ..verdict.names import DOCKER_HUB_KEY
from ..verdict.sandbox import for_sandbox
from ..verdict.told import settled

API_VERSION = "imagepull.dev/v1alpha1"
WIDTH = 80


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument(
        "what",
        nargs="?",
        metavar="CAUSE|REASON|PLATFORM|REGISTRY|-",
        help="a cause (net.refused), a waiting reason (ErrImagePull), a platform (k3s), a registry (quay.io), or - for a "
        "message on standard input",
    )
    parser.add_argument("--message", metavar="TEXT", help="a message of the kubelet or of a runtime, as it was found")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="output format")


def run(args: argparse.Namespace, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Explain one thing; asks no cluster. -> 0 explained, 2 it is not known what was meant (one line on err)."""
    what: str | None = args.what
    if (what is None) == (args.message is None):
        return _trouble(
            err,
            "say one thing to explain: a cause, a waiting reason, a platform, --message TEXT, or - (standard input)",
        )
    if what is None or what == "-" or " " in what.strip():
        text: object = args.message if what is None else _everything(stdin) if what == "-" else what
        if not text or (isinstance(text, (str, bytes)) and not text.strip()):
            return _trouble(err, "nothing on standard input" if what == "-" else "the message is empty")
        shown = hide(as_text(text))
        found = classify(shown)
        entry, values, message = catalogue.entry(found.cause), _values(found), read(shown)
        entry = for_sandbox(entry) if message.sandbox else entry
        kind, name = kind_of(values.get("registry", "")), _name_in_registry(values)
        told = {**moved_values(kind, name), "permission": message.permission, "principal": message.principal}
        values |= {field: value for field, value in told.items() if value}
        own = fixes_of(entry, values, platform_in(shown), _settle(entry, message, kind, name))
        granted = () if message.address_refused else _granted(entry, kind, values)
        # what a pull secret is worth there is nothing to a pull that takes none
        granted = tuple(dataclasses.replace(one, condition="") for one in granted) if message.sandbox else granted
        fixes = (*granted, *own)
        if message.sandbox:
            also = tuple(cause for cause in found.also if not cause.startswith("auth.secret_"))
            found = dataclasses.replace(found, also=also)
        _write(out, args.output, _of_message(found, entry, fixes), _message_as_json(found, entry, fixes))
        return 0
    name = what.strip()
    if name.lower() in reasons.load():
        reason = reasons.load()[name.lower()]
        _write(
            out,
            args.output,
            _of_reason(reason),
            {"reason": {"name": reason.name, "says": reason.says, "see": reason.see}},
        )
        return 0
    platform = platforms.load().get(name.lower())
    if platform is not None:
        _write(out, args.output, _of_platform(platform), {"platform": _platform_as_json(platform)})
        return 0
    kind = registries.load().get(name.lower()) or kind_of(name)
    if kind.by_name and name.lower() not in catalogue.load():
        _write(out, args.output, _of_registry(kind), {"registry": _registry_as_json(kind)})
        return 0
    try:
        entry = catalogue.entry(name.lower())
    except KeyError:
        return _trouble(err, _unknown(name))
    fixes = fixes_of(entry)
    _write(out, args.output, _of_entry(entry, {}, (), fixes), {"cause": _entry_as_json(entry, {}, fixes)})
    return 0


def _name_in_registry(values: Mapping[str, str]) -> str:
    """The repository of a message as the catalogue of registries matches it: host without port, and path."""
    return f"{values.get('domain', values.get('registry', '')).partition(':')[0]}/{values.get('path', '')}"


def _settle(entry: catalogue.Entry, message: Message, kind: RegistryKind, name: str) -> Settle:
    """What message and registry together say of the conditions of a fix."""
    by_node = takes_right(kind, entry.id) and not message.address_refused
    known = {"pull-secret": kind.takes_credentials and not by_node, "node-pulls": by_node} if kind.by_name else {}
    known |= {"explain": False} if by_node else {}  # there is something more exact

    def settle(fix: FixTemplate) -> FixTemplate | None:
        if not all(known.get(one, True) for one in fix.when):
            return None
        told = settled(dataclasses.replace(fix, when=tuple(one for one in fix.when if one not in known)), message)
        if told is None or name != "/":
            return registries.settled(told, kind, name) if told is not None else None
        # a text that names no registry leaves open what that one is; what holds for few is no advice then
        return None if registries.RARE.intersection(told.when) else told

    return settle


def _granted(entry: catalogue.Entry, kind: RegistryKind, values: Mapping[str, str]) -> tuple[FixView, ...]:
    """What gives the node's own identity the right to pull, where the message is of a registry that asks for it."""
    if kind.right is None or not takes_right(kind, entry.id):
        return ()
    parts = kind.right.fields(values.get("registry", "").partition(":")[0], values.get("path", ""))
    return (view_of_right(kind.right, parts, values),)


def _everything(stdin: TextIO) -> object:
    """Standard input as bytes where that can be had: what people pipe in need not be UTF-8."""
    raw = getattr(stdin, "buffer", None)
    return stdin.read() if raw is None else raw.read()


def _trouble(err: TextIO, what: str) -> int:
    err.write(f"error: {what}\n")
    return 2


def _unknown(name: str) -> str:
    names = [
        *catalogue.load(),
        *(reason.name for reason in reasons.load().values()),
        *platforms.load(),
        *registries.load(),
    ]
    by_lower = {one.lower(): one for one in names}
    close = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.6)
    # a group, or the part after the dot
    close += [one for one in by_lower if one not in close and name.lower() in one.split(".")][: 3 - len(close)]
    shown = printable(name, 80)
    none = f'no cause, waiting reason, platform or registry "{shown}"'
    if not close:
        groups = sorted({one.partition(".")[0] for one in catalogue.load()})
        return f"{none}; causes begin with {', '.join(groups)}"
    return f"{none}; did you mean {' or '.join(by_lower[one] for one in close)}?"


def _write(out: TextIO, form: str, lines: Iterable[str], said: Mapping[str, Any]) -> None:
    if form == "json":
        document = {"apiVersion": API_VERSION, "kind": "Explanation", **said}
        out.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        out.write("\n".join(lines) + "\n")


# --- text ----------


def _of_reason(reason: Reason) -> Iterator[str]:
    yield reason.name
    for paragraph in reason.says:
        yield ""
        yield from _wrapped(paragraph, 2)
    yield ""
    yield "Causes behind it, the most common first (explain CAUSE tells more)"
    for cause in reason.see:
        yield from _hanging(cause, catalogue.fill(catalogue.entry(cause).title), 2, 26)


def _of_platform(platform: Platform) -> Iterator[str]:
    yield f"{platform.id}: {platform.title}"
    for name, fact in platforms.facts_of(platform).items():
        yield from _hanging(name, fact, 2, 20)
    for topic in platform.details.fixes:
        yield from ("", catalogue.TOPICS[topic])
        yield from _of_fixes(ways_of(platform, topic), "cluster")
    yield from ("", "Sources", *(f"  {one.url} ({one.date})" for one in platform.details.sources))


def _of_registry(kind: RegistryKind) -> Iterator[str]:
    yield f"{kind.id}: {kind.title}"
    for name, fact in registries.facts_of(kind).items():
        yield from _hanging(name, fact, 2, 16)
    if kind.codes:
        yield from ("", "What it says, and what that means")
        for code, means in kind.codes:
            yield from (*_wrapped(code, 2), *_wrapped(means, 6))
    if kind.moves:
        yield from ("", "What has left")
        for move in kind.moves:
            yield from _hanging(move.since, move.text, 2, 11)
    if kind.right is not None:
        yield from ("", "How the right to pull is granted")
        yield from _of_fixes([view_of_right(kind.right, {}, {})], "")
    yield from ("", "Sources", *(f"  {url} ({date})" for url, date in kind.sources))


def _of_message(found: Classified, entry: catalogue.Entry, fixes: Sequence[FixView]) -> Iterator[str]:
    values = _values(found)
    facts = {
        "because": f'the text says "{found.said}"' if found.said else "",
        "certain": "likely, the text leaves a choice" if found.confidence == "likely" or found.also else "yes",
        "image": found.image or "",
        "host": f"{found.host} ({found.role})" if found.host and found.role else found.host or "",
        "address": found.detail.get("address", ""),
        "resolver": found.detail.get("resolver", ""),
        "status": found.detail.get("status", ""),
        "secret": found.detail.get("secret", ""),
        "also there": "; ".join(f"{one.title}: {one.changes}" for one in in_the_way(found.said)),
    }
    if found.cause == "not_a_pull_failure" and not found.said:
        facts = {"because": "nothing in the text speaks of a failed image pull"}
    yield from _of_entry(entry, values, found.also, fixes, facts, {**values, **_asked(found)})


def _of_entry(
    entry: catalogue.Entry,
    values: Mapping[str, str],
    also: tuple[str, ...],
    fixes: Sequence[FixView],
    facts: Mapping[str, str] | None = None,
    for_title: Mapping[str, str] | None = None,
) -> Iterator[str]:
    yield from _wrapped(f"{entry.id}: {catalogue.fill(entry.title, for_title or values)}", 0, 4)
    for name, fact in (facts or {}).items():
        if fact:
            yield from _hanging(name, fact, 2, 10)
    if entry.actor:
        yield from _hanging("who acts", entry.actor, 2, 10)
    yield ""
    yield from _wrapped(entry.means, 2)
    others = {
        **{
            cause: entry.confused_with.get(cause)
            or catalogue.fill(catalogue.entry(cause).title, {**values, **(for_title or {})})
            for cause in also
        },
        **({} if also else entry.confused_with),
    }
    if others:
        yield from ("", "What else it could be")
        for cause, how in others.items():
            yield from _hanging(cause, how, 2, 26)
    if entry.confirmed_by:
        yield from ("", "What would prove it")
        for one in entry.confirmed_by:
            yield from _hanging("-", one, 2, 1)
    if fixes:
        yield from ("", "What to do")
    yield from _of_fixes(fixes, entry.actor)
    if entry.prevention:
        yield from ("", "So that it does not come back")
        yield from _wrapped(entry.prevention, 2)


def _of_fixes(fixes: Sequence[FixView], usual: str) -> Iterator[str]:
    """Numbered fixes. usual: who acts where nothing is said of it."""
    for number, fix in enumerate(fixes, 1):
        who = fix.actor if fix.actor != usual else ""
        notes = [who, fix.condition, "" if fix.applicability == "safe" else fix.applicability]
        note = f" ({', '.join(filter(None, notes))})" if any(notes) else ""
        yield from _hanging(f"{number}.", fix.title + note, 2, 3)
        for command in fix.commands:
            # never wrapped: it is there to be copied
            yield f"       {command}"


def _wrapped(text: str, indent: int, hang: int | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent if hang is None else hang),
        break_on_hyphens=False,
    )


def _hanging(head: str, text: str, indent: int, column: int) -> list[str]:
    """A head in a column of its own, the text beside it."""
    lines = _wrapped(text, indent + column + 1)
    if not lines:
        return [" " * indent + head]
    if len(head) > column:
        return [" " * indent + head, *lines]
    return [" " * indent + head.ljust(column + 1) + lines[0].lstrip(" "), *lines[1:]]


def _values(found: Classified) -> dict[str, str]:
    """What the message itself tells for titles and commands, by the fields of the catalogue."""
    image, detail = found.image or "", found.detail
    name = image.partition("@")[0]
    first, slash, _ = name.partition("/")
    given = bool(slash) and ("." in first or ":" in first or first == "localhost")
    short = name if ":" not in name.rpartition("/")[2] else name.rpartition(":")[0]
    host = found.host or ""
    address, _, dialled = detail.get("address", "").rpartition(":")
    port = dialled or (host.rpartition(":")[2] if ":" in host else "443")
    registry = first if given else "docker.io" if image else host if found.role == "registry" else ""
    parsed = _parsed(image)
    path = detail.get("path", "")
    values = {
        "image": image,
        "repository": short,
        "short": short,
        "path": parsed.path if parsed else "",
        "normalised": parsed.normalised if parsed else "",
        "registry": registry,
        "domain": parsed.domain if parsed else registry,
        "server": DOCKER_HUB_KEY if kind_of(registry).id == "docker-hub" else registry,
        "entry": DOCKER_HUB_KEY if kind_of(registry).id == "docker-hub" else registry,
        "username": kind_of(registry).username if registry else "",
        "suffix": _asked(found).get("suffix", ""),
        "host": host,
        "port": port if host else "",
        "endpoint": host if not host or host.endswith(f":{port}") else f"{host}:{port}",
        "ip": address.strip("[]"),
        "realm": detail.get("url", "").partition("?")[0] if found.role == "token" else "",
        "certified": detail.get("certified", ""),
        "platform": detail.get("platform", ""),
        "file": path if path.startswith("/etc/") else "",
        "service": platforms.load()[PLAIN].units.get(detail.get("runtime", ""), ""),
        "namespace": detail.get("namespace", ""),
        "pod": detail.get("pod", ""),
        "container": detail.get("container", ""),
        # a kubelet names the namespace before it
        "secret": detail.get("secret", "").partition(",")[0].rpartition("/")[2],
    }
    return {key: value for key, value in values.items() if value}


def _parsed(image: str) -> Reference | None:
    try:
        return Reference.parse(image) if image else None
    except InvalidReference:
        return None


def _asked(found: Classified) -> dict[str, str]:
    """Tag or digest that the message speaks of: for titles only, since what is to be done names another one."""
    name, _, digest = (found.image or "").partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    asked = digest or tag
    return {"tag": asked, "suffix": f"@{digest}" if digest else f":{tag}"} if asked else {}


# --- JSON ----------


def _message_as_json(found: Classified, entry: catalogue.Entry, fixes: Sequence[FixView]) -> dict[str, Any]:
    fields = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    return {
        "message": {**fields, "detail": dict(found.detail)},
        "cause": _entry_as_json(entry, _values(found), fixes),
    }


def _entry_as_json(entry: catalogue.Entry, values: Mapping[str, str], fixes: Sequence[FixView]) -> dict[str, Any]:
    return {
        "id": entry.id,
        "title": catalogue.fill(entry.title, values),
        "actor": entry.actor,
        "hop": entry.hop,
        "means": entry.means,
        "confirmedBy": entry.confirmed_by,
        "confusedWith": dict(entry.confused_with),
        "fixes": _fixes_as_json(fixes),
        "prevention": entry.prevention,
    }


def _platform_as_json(platform: Platform) -> dict[str, Any]:
    details = platform.details
    return {
        "id": platform.id,
        "title": platform.title,
        "facts": platforms.facts_of(platform),
        "files": list(details.files),
        "rungs": list(platform.rungs),
        "topics": [
            {"topic": topic, "title": catalogue.TOPICS[topic], "fixes": _fixes_as_json(ways_of(platform, topic))}
            for topic in details.fixes
        ],
        "sources": [dataclasses.asdict(one) for one in details.sources],
    }


def _registry_as_json(kind: RegistryKind) -> dict[str, Any]:
    return {
        "id": kind.id,
        "title": kind.title,
        "facts": registries.facts_of(kind),
        "codes": [{"says": code, "means": means} for code, means in kind.codes],
        "moves": [{"since": move.since, "text": move.text, "to": move.to} for move in kind.moves],
        "right": _fixes_as_json([view_of_right(kind.right, {}, {})]) if kind.right is not None else [],
        "sources": [{"url": url, "date": date} for url, date in kind.sources],
    }


def _fixes_as_json(fixes: Sequence[FixView]) -> list[dict[str, Any]]:
    return [
        {
            "title": fix.title,
            "commands": list(fix.commands),
            "applicability": fix.applicability,
            "actor": fix.actor,
            "condition": fix.condition,
        }
        for fix in fixes
    ]
