"""`explain`: causes, waiting reasons and messages in words, offline and at once."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_imagepull import catalogue
from kubectl_imagepull.catalogue import docs, reasons
from kubectl_imagepull.catalogue.view import fixes_of
from kubectl_imagepull.cli import main
from tests.cost import THIRD_OF_A_SECOND, starts

REFUSED = (
    'Failed to pull image "r.io:5000/a/b:1": failed to pull and unpack image '
    '"r.io:5000/a/b:1": failed to resolve image: '
    'failed to do request: Head "https://r.io:5000/v2/a/b/manifests/1": dial tcp '
    "10.0.0.1:5000: connect: connection refused"
)


def ran(*words: str, stdin: str | bytes = "") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    source = io.TextIOWrapper(io.BytesIO(stdin)) if isinstance(stdin, bytes) else io.StringIO(stdin)
    return main.run(["explain", *words], out, err, source), out.getvalue(), err.getvalue()


def test_a_message_is_explained_with_what_it_names() -> None:
    code, out, err = ran("--message", REFUSED)
    assert (code, err) == (0, "")
    assert out.startswith("net.refused: r.io:5000 refuses connections on port 5000\n")
    for said in ('says "connection refused"', "r.io:5000/a/b:1", "r.io:5000 (registry)", "10.0.0.1:5000"):
        assert said in out
    for part in ("What else it could be", "What would prove it", "What to do", "net.timeout"):
        assert part in out
    assert "kubectl imagepull probe-node <node> --registry r.io:5000\n" in out


def test_standard_input_and_the_flag_say_the_same() -> None:
    assert ran("-", stdin=REFUSED) == ran("--message", REFUSED) == ran(REFUSED)
    assert ran("-", stdin=REFUSED.encode() + b"\xff")[0] == 0


@pytest.mark.parametrize("reason", [reason.name for reason in reasons.load().values()])
def test_each_waiting_reason_is_explained(reason: str) -> None:
    code, out, _ = ran(reason)
    assert code == 0 and out.startswith(f"{reason}\n")
    assert ran(reason.lower())[1] == out
    for cause in reasons.load()[reason.lower()].see:
        assert cause in out and cause in catalogue.load()


def test_the_seven_reasons_are_there() -> None:
    assert set(reasons.load()) == {
        "errimagepull",
        "imagepullbackoff",
        "errimageneverpull",
        "invalidimagename",
        "imageinspecterror",
        "registryunavailable",
        "signaturevalidationfailed",
    }


def test_the_back_off_is_told_with_its_times() -> None:
    for reason in ("ErrImagePull", "ImagePullBackOff"):
        said = " ".join(ran(reason)[1].split())
        assert "10 s, 20 s, 40 s, 80 s, 160 s and then 300 s" in said
        assert "a new pod tries at once" in said


@pytest.mark.parametrize("cause", list(catalogue.load()))
def test_each_cause_is_explained_within_80_columns(cause: str) -> None:
    code, out, err = ran(cause)
    assert (code, err) == (0, "") and out.startswith(f"{cause}: ")
    commands = {command for fix in fixes_of(catalogue.entry(cause)) for command in fix.commands}
    for line in out.splitlines():
        # a command is there to be copied and stays on one line
        assert len(line) <= 80 or line.strip() in commands, line
        assert line == line.rstrip()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["net.refusd"], 'no cause, waiting reason, platform or registry "net.refusd"; did you mean net.refused'),
        (["nxdomain"], "did you mean dns.nxdomain?"),
        (["ImagePullBackof"], "did you mean ImagePullBackOff"),
        (["xyzzy"], "causes begin with auth, backoff"),
        ([], "say one thing to explain"),
        (["net.refused", "--message", "x"], "say one thing to explain"),
        (["--message", ""], "the message is empty"),
        (["-"], "nothing on standard input"),
        (["a\x1b[2Jb"], "a\\x1b[2Jb"),
        (["../../etc.passwd"], "no cause, waiting reason, platform or registry"),
    ],
)
def test_what_is_not_known_is_one_line_and_two(words: list[str], said: str) -> None:
    code, out, err = ran(*words)
    assert (code, out) == (2, "")
    first, second = err.splitlines()
    assert first.startswith("error: ") and said in first and second.endswith(" explain --help' for usage.")


def test_nothing_of_a_pull_is_said_so() -> None:
    code, out, _ = ran("--message", "hello world")
    assert code == 0 and out.startswith("not_a_pull_failure: ")
    assert "nothing in the text speaks of a failed image pull" in out


def test_json_of_a_message() -> None:
    code, out, _ = ran("--message", REFUSED, "-o", "json")
    said = json.loads(out)
    assert code == 0 and (said["apiVersion"], said["kind"]) == ("imagepull.dev/v1alpha1", "Explanation")
    message = said["message"]
    assert (message["cause"], message["host"], message["role"]) == ("net.refused", "r.io:5000", "registry")
    assert message["confidence"] == "sure" and message["detail"]["address"] == "10.0.0.1:5000"
    assert said["cause"]["id"] == "net.refused" and said["cause"]["actor"] == "network or registry or cluster"
    assert said["cause"]["fixes"][0]["commands"] == ["kubectl imagepull probe-node <node> --registry r.io:5000"]


def test_json_of_a_cause_and_of_a_reason() -> None:
    cause = json.loads(ran("tls.expired", "-o", "json")[1])["cause"]
    assert cause["id"] == "tls.expired" and cause["confusedWith"]["node.clock_skew"]
    reason = json.loads(ran("ErrImagePull", "-o", "json")[1])["reason"]
    assert reason["name"] == "ErrImagePull" and reason["see"]


def test_each_fix_has_one_actor_wherever_it_is_shown() -> None:
    """The one that the catalogue names for it, else the cause's: in the text, in the JSON and on the page."""
    count, pages = 0, docs.pages()
    for cause, entry in catalogue.load().items():
        general = [template.actor or entry.actor for template in entry.fixes]
        shown = json.loads(ran(cause, "-o", "json")[1])["cause"]["fixes"]
        assert [fix["actor"] for fix in shown if "on a plain node" not in fix["condition"]] == general, cause
        text = " ".join(ran(cause)[1].split())
        page = pages[f"{cause}.md"]
        for number, fix in enumerate(fixes_of(entry), 1):
            who = fix.actor if fix.actor != entry.actor else ""
            notes = [who, fix.condition, "" if fix.applicability == "safe" else fix.applicability]
            note = f" ({', '.join(filter(None, notes))})" if any(notes) else ""
            assert f"{number}. {fix.title}{note}" in text, (cause, number)
            title = fix.title.replace("<", "&lt;").replace("|", "\\|")
            assert f"{number}. {title} ({', '.join(filter(None, [*notes[:2], fix.applicability]))})\n" in page
            for command in fix.commands:
                assert f"   {command}\n" in page and command in shown[number - 1]["commands"]
            count += 1
    assert count > 150


def test_a_message_cannot_smuggle_anything_into_a_command_or_the_terminal() -> None:
    evil = "Unable to retrieve some image pull secrets (x';$(reboot)' y); attempting to pull the image may not succeed."
    code, out, _ = ran("--message", evil)
    assert code == 0 and out.startswith("auth.secret_missing")
    commands = out.partition("What to do")[2]
    assert "reboot" not in commands and "<secret>" in commands
    shown = ran("--message", 'Failed to pull image "a\x1b[31mb\x07": denied: \x9b31m nope')[1]
    assert all(c.isprintable() or c == "\n" for c in shown)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.binary(min_size=1, max_size=400))
def test_any_bytes_on_standard_input(raw: bytes) -> None:
    code, out, err = ran("-", stdin=raw)
    assert code in (0, 2) and bool(out) != bool(err)
    assert all(c.isprintable() or c == "\n" for c in out + err)


SCRIPT = """
import sys
from kubectl_imagepull.cli import main
code = main.run(["explain", *sys.argv[1:]], sys.stdout, sys.stderr, sys.stdin)
heavy = {"kubernetes", "urllib3", "requests", "ssl", "asyncio", "socket", "http"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else code)
"""


def test_a_message_takes_a_third_of_a_second_and_imports_nothing_heavy() -> None:
    assert starts(SCRIPT, ["--message", REFUSED]) < THIRD_OF_A_SECOND


def test_a_platform_and_what_is_its_own() -> None:
    code, text, _ = ran("k3s")
    assert code == 0 and "/etc/rancher/k3s/registries.yaml" in text and "docs.k3s.io" in text
    said = json.loads(ran("Talos", "-o", "json")[1])["platform"]
    assert said["id"] == "talos" and "trust" in {topic["topic"] for topic in said["topics"]}
    assert all(fix["commands"][0].startswith("talosctl") for fix in said["topics"][0]["fixes"])


def test_a_message_that_names_its_platform_gets_that_ones_commands() -> None:
    text = (
        'Failed to pull image "r.corp/app:1": failed to pull and unpack image "r.corp/app:1": failed to resolve reference '
        '"r.corp/app:1": failed to do request: Head "https://r.corp/v2/app/manifests/1": tls: failed to verify certificate: '
        "x509: certificate signed by unknown authority"
    )
    plain = ran("--message", text)[1]
    assert "kubectl imagepull explain <platform>" in plain and "/etc/containerd/certs.d/r.corp" in plain
    rancher = ran("--message", f"{text} (/var/lib/rancher/k3s/agent/etc/containerd/certs.d)")[1]
    assert "/etc/rancher/k3s/registries.yaml" in rancher and " /etc/containerd" not in rancher
