"""What `classify` makes of messages. The corpora are described in tests/corpus/README.md."""

from __future__ import annotations

import json
import random
import re
import string
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_imagepull.image import goerrors, wording
from kubectl_imagepull.image.messages import Classified, classify
from tests.cost import here
from tests.growth import grows_in_proportion

pytestmark = pytest.mark.alone

CORPUS = Path(__file__).parents[2] / "corpus"
ROLES = {"registry", "mirror", "token", "blob", "proxy", "dns-server", "node", "pod", None}


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CORPUS / name).read_text(encoding="utf-8").splitlines()]


MESSAGES = lines("messages.jsonl")
HELD_OUT = lines("heldout.jsonl")
CAPTURED = lines("captured.jsonl")
CONTAINERS_IMAGE = lines("containers-image.jsonl")
CRIO_FAULTS = [
    {**case, "true_cause": case["cause"], "near": [], "true_host": case["host"]} for case in lines("crio-faults.jsonl")
]
WORDINGS = [
    tuple(part.strip() for part in line.split("|", 1))
    for line in (CORPUS / "wordings.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def acceptable(case: dict[str, Any]) -> set[str]:
    return {case["cause"], *case.get("also_acceptable", [])}


@pytest.mark.parametrize(("corpus", "sure", "of_all"), [(MESSAGES, 0.97, 0.99), (HELD_OUT, 0.97, 0.97)])
def test_real_messages_are_read_as_labelled(corpus: list[dict[str, Any]], sure: float, of_all: float) -> None:
    found = [(case, classify(case["message"]).cause) for case in corpus]
    of_sure = [(case["id"], cause, case["cause"]) for case, cause in found if case["confidence"] == "sure"]
    wrong = [one for one in of_sure if one[1] != one[2]]
    assert len(wrong) <= (1 - sure) * len(of_sure), wrong
    unacceptable = [(case["id"], cause, case["cause"]) for case, cause in found if cause not in acceptable(case)]
    assert len(unacceptable) <= (1 - of_all) * len(corpus), unacceptable


def held_to_a_fault(corpus: list[dict[str, Any]], accepted: float, hosts: float) -> None:
    """Texts whose cause is known from the fault that made them: share right or accepted, none sure of another cause, share
    of hosts right where the text names one."""
    wrong, sure_of_another, named, elsewhere = [], [], 0, []
    for case in corpus:
        found = classify(case["text"])
        if found.cause not in {case["true_cause"], *case["accept"], *case["near"]}:
            wrong.append((case["scenario"], case["client"], found.cause))
            if found.confidence == "sure":
                sure_of_another.append(case["text"])
        given = case["true_host"] if isinstance(case["true_host"], list) else [case["true_host"]]
        there = [host for host in given if host and host in case["text"]]
        if there and found.role != "node":
            named += 1
            if found.host not in there:
                elsewhere.append((case["text"], found.host))
    assert not sure_of_another, sure_of_another
    assert len(wrong) <= (1 - accepted) * len(corpus), wrong
    assert len(elsewhere) <= (1 - hosts) * named, elsewhere


def test_texts_of_containers_image_name_their_fault_and_host() -> None:
    """What is missed is "authentication required" of a Basic registry that was sent a wrong password: the same text as
    without one."""
    held_to_a_fault(CONTAINERS_IMAGE, 0.98, 0.99)


def test_texts_that_crio_makes_of_every_fault_name_it_and_its_host() -> None:
    held_to_a_fault([{**case, "scenario": case["fault"], "client": case["form"]} for case in CRIO_FAULTS], 0.995, 0.995)


@pytest.mark.parametrize(("cause", "text"), WORDINGS, ids=[f"{i}-{w[0]}" for i, w in enumerate(WORDINGS)])
def test_each_wording_names_its_cause(cause: str, text: str) -> None:
    assert classify(text).cause == cause


def told(case: dict[str, Any]) -> Classified:
    """What the newest words say that name a cause: the waiting message, else the events from the last one back. Where none does,
    the message; without one, that an event tells of a pull that went well."""
    read = [classify(text) for text in (case["message"], *(event["message"] for event in reversed(case["events"])))]
    silent = ("backoff.only", "unknown.insufficient", "not_a_pull_failure", "pull.in_progress", "none")
    names = [one for one in read if one.cause not in silent]
    well = [one for one in read if one.cause == "none" and not case["message"]]
    return [*names, *well, read[0]][0]


@pytest.mark.parametrize("case", CAPTURED, ids=[f"{case['scenario']}-{case['node']}" for case in CAPTURED])
def test_a_captured_failure_names_its_cause(case: dict[str, Any]) -> None:
    right = {case["cause"], *case["accept"]}
    read = told(case)
    assert right & {read.cause, *read.also}


def test_captured_failures_are_mostly_named_outright() -> None:
    """The texts of containerd 1.6 do not tell a wrong password from none, nor a missing tag from a missing repository; that a
    secret is missing stands in another event, and is read from the secrets."""
    exact = [told(case).cause in {case["cause"], *case["accept"]} for case in CAPTURED]
    assert sum(exact) >= 88


def test_host_and_role_of_captured_failures() -> None:
    """Where the text names the host on which it happened, host and role are as captured."""
    seen = 0
    for case in CAPTURED:
        found = classify(case["message"])
        hosts = case["host"] if isinstance(case["host"], list) else [case["host"]]
        named = [host for host in hosts if host and host in (case["message"] or "")]
        if found.cause == case["cause"] and named and case["role"] in ROLES:
            seen += 1
            assert found.role == case["role"], case["message"]
            assert found.host in named or found.role == "node", case["message"]
    assert seen > 40


@pytest.mark.parametrize(
    ("text", "host", "role", "image"),
    [
        (
            'Failed to pull image "nginx:1": failed to pull and unpack image '
            '"docker.io/library/nginx:1": failed to resolve '
            'reference "docker.io/library/nginx:1": failed to authorize: failed to fetch '
            'anonymous token: Get "https://auth.docker.io'
            '/token?scope=repository%3Alibrary%2Fnginx%3Apull&service=registry.docker.io": '
            "dial tcp 1.2.3.4:443: i/o timeout",
            "auth.docker.io",
            "token",
            "nginx:1",
        ),
        (
            'failed to pull and unpack image "docker.io/a/b:1": failed to resolve reference '
            '"docker.io/a/b:1": failed to do '
            'request: Head "https://mirror.corp:5000/v2/a/b/manifests/1?ns=docker.io": dial '
            "tcp 10.0.0.1:5000: connect: connection refused",
            "mirror.corp:5000",
            "mirror",
            "docker.io/a/b:1",
        ),
        (
            'failed to pull and unpack image "docker.io/a/b:1": failed to copy: '
            "httpReadSeeker: failed open: failed to do request: "
            'Get "https://production.cloudflare.docker.com/registry-v2/docker/registry/v2/blobs/sha256/aa/data'
            '?x=1": EOF',
            "production.cloudflare.docker.com",
            "blob",
            "docker.io/a/b:1",
        ),
        (
            'failed to do request: Head "https://r.io/v2/a/manifests/1": dial tcp: lookup '
            "r.io on 10.0.0.2:53: read udp "
            "10.0.0.9:5->10.0.0.2:53: i/o timeout",
            "r.io",
            "dns-server",
            None,
        ),
        (
            'failed to do request: Head "https://r.io/v2/a/manifests/1": proxyconnect tcp: '
            "dial tcp 10.0.0.3:3128: connect: "
            "connection refused",
            "10.0.0.3:3128",
            "proxy",
            None,
        ),
        (
            'failed to pull and unpack image "r.io/a:1": mkdir /var/lib/containerd/x: read-only file system',
            None,
            "node",
            "r.io/a:1",
        ),
    ],
)
def test_host_role_and_image(text: str, host: str | None, role: str | None, image: str | None) -> None:
    found = classify(text)
    assert (found.host, found.role, found.image) == (host, role, image)


def test_details_that_a_title_needs() -> None:
    found = classify("Unable to retrieve some image pull secrets (a, b); attempting to pull the image may not succeed.")
    assert found.detail["secret"] == "a, b"
    refused = classify('Get "https://r.io:5000/v2/": dial tcp 10.0.0.1:5000: connect: connection refused')
    assert refused.detail["address"] == "10.0.0.1:5000" and refused.host == "r.io:5000"
    lost = classify('Get "https://r.io/v2/": dial tcp: lookup r.io on 10.0.0.2:53: server misbehaving')
    assert lost.detail["resolver"] == "10.0.0.2"


def test_several_errors_stand_beside_the_first() -> None:
    found = classify(
        '[rpc error: code = Unknown desc = failed to pull and unpack image "r.io/a:1": '
        "failed to authorize: failed to fetch "
        "oauth token: unexpected status: 401 Unauthorized, rpc error: code = Unknown "
        'desc = Get "https://r.io/v2/": dial tcp '
        "10.0.0.1:443: i/o timeout]"
    )
    assert found.cause == "auth.bad_credentials"
    assert "net.timeout" in found.also


def test_companions_of_an_error_say_nothing() -> None:
    for text in ("Error: ErrImagePull", 'Back-off pulling image "r.io/a:1"', "Error: ImagePullBackOff"):
        assert classify(text).cause in ("backoff.only", "unknown.insufficient")


# --- the answers stay when names, wrapping and quoting change ----------

MEANT = {"ghcr.io", "aka.ms", "www.docker.com"}  # a name that the reading of a message rests on, and links
_HOST = re.compile(r"(?:https?://|lookup )([a-z0-9][a-z0-9.-]*\.[a-z]{2,})")


def renamed(text: str, chance: random.Random) -> str:
    for host in sorted(set(_HOST.findall(text)) - MEANT, key=len, reverse=True):
        name = "".join(chance.choices(string.ascii_lowercase, k=6))
        text = text.replace(host, f"{name}-{chance.randrange(99)}.example{chance.randrange(9)}.net")
    text = re.sub(
        r"\b\d{1,3}(?:\.\d{1,3}){3}\b",
        lambda _: f"10.{chance.randrange(256)}.7.{chance.randrange(1, 255)}",
        text,
    )
    text = re.sub(r"\b[0-9a-f]{64}\b", lambda _: f"{chance.getrandbits(256):064x}", text)
    return re.sub(r"(?<=:)5000\b", lambda _: str(chance.randrange(20000, 60000)), text)


def hard_wrapped(text: str, chance: random.Random) -> str:
    width = chance.randrange(60, 180)
    return "\n".join(text[i : i + width] for i in range(0, len(text), width))


def in_a_frame(text: str, chance: random.Random) -> str:
    width = chance.randrange(60, 180)
    return "\n".join(f"│ {text[i : i + width].ljust(width)} │" for i in range(0, len(text), width))


FORMS: dict[str, Callable[[str, random.Random], str]] = {
    "as it is": lambda text, _: text,
    "JSON": lambda text, _: json.dumps(text),
    "JSON in JSON": lambda text, _: json.dumps({"message": json.dumps(text)}),
    "in a log line": lambda text, _: f'time="2026-01-02T03:04:05Z" level=error msg="pull" error={json.dumps(text)}',
    "in kubectl describe": lambda text, _: f"  Warning  Failed  12s (x4 over 2m)  kubelet  {text}",
    "with Error": lambda text, _: f"Error: {text}",
    "without gRPC": lambda text, _: re.sub(r"rpc error: code = \w+ desc = ", "", text),
    "typographic quotes": lambda text, _: text.replace('"', "“"),
    "CRLF": lambda text, _: text.replace("\n", "\r\n"),
    "coloured": lambda text, _: f"\x1b[31;1m{text}\x1b[0m",
}


@pytest.mark.parametrize("form", FORMS)
@settings(derandomize=True, deadline=None, max_examples=120)
@given(case=st.sampled_from(MESSAGES + HELD_OUT), seed=st.integers(0, 2**32))
def test_the_answer_stays_when_names_and_form_change(form: str, case: dict[str, Any], seed: int) -> None:
    chance = random.Random(seed)
    changed = FORMS[form](renamed(case["message"], chance), chance)
    assert classify(changed).cause == classify(case["message"]).cause, changed


@pytest.mark.parametrize("wrapped", [hard_wrapped, in_a_frame])
def test_wrapping_in_the_middle_of_words_costs_almost_nothing(
    wrapped: Callable[[str, random.Random], str],
) -> None:
    """A break that falls on the blank before a URL or an image leaves no trace of the blank."""
    chance = random.Random(1)
    cases = [case for case in MESSAGES + HELD_OUT if "\n" not in case["message"]]
    lost = [
        case["id"]
        for case in cases
        if classify(wrapped(renamed(case["message"], chance), chance)).cause != classify(case["message"]).cause
    ]
    assert len(lost) <= 0.02 * len(cases), lost


# --- anything at all ----------


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.one_of(st.binary(), st.text(), st.none(), st.integers(), st.lists(st.text())))
def test_never_raises(given_text: object) -> None:
    found = classify(given_text)
    assert isinstance(found, Classified)
    assert found.said.isprintable() and found.role in ROLES


WORDS = sorted(goerrors.RULES)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.lists(st.sampled_from([*WORDS, ": ", '"', "[", "]", "\n", "sha256:", "https://r.io/v2/", "404", " on ", "\\"]))
)
def test_never_raises_on_salad_of_its_own_words(words: list[str]) -> None:
    found = classify(" ".join(words))
    assert found.cause and found.cause not in found.also


def test_what_is_shown_is_printable() -> None:
    found = classify(
        'Failed to pull image "a/b\x1b[2J\x07:1": denied: \x1b]0;x\x07requested access to the resource is denied'
    )
    assert found.cause == "auth.denied_or_missing"
    for shown in (found.said, found.image or "", *found.detail.values()):
        assert shown.isprintable()
    assert classify("\ud800: unauthorized").said.isprintable()


@pytest.mark.parametrize(
    "given_text", [None, b"", "", " ", b"\xff\xfe\x00", "\x00" * 99, "\ud800\udfff", "hello", 7, object()]
)
def test_nothing_in_nothing_out(given_text: object) -> None:
    assert classify(given_text).cause == "not_a_pull_failure"


A_LOT = 200_000
ADVERSARIAL = {
    "blanks": " ",
    "line breaks": "\n",
    "backslashes": "\\",
    "quotes": '"',
    "colons": ": ",
    "segments": "a: ",
    "bars": "│\n│",
    "escapes": "\x1b[",
    "columns": "a  ",
    "codes": "denied: ",
    "codes by lines": "unauthorized:\n",
    "ends": ": not found",
    "wrappers": 'failed to pull and unpack image "',
    "ornaments": "unable to ",
    "URLs": 'get "https://',
    "status": "unexpected status ",
    "references": ": manifest for ",
    "certificates": "x509: ",
    "lookups": "lookup a on ",
    "addresses": ": read tcp 1:1->",
    "its own words": ": ".join(WORDS),
    "its own words without marks": " ".join(WORDS),
    "half entities": "&quot",
    "lone surrogates": "\ud800",
}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_a_lot_of_anything_is_read_at_once(name: str) -> None:
    def read(size: int) -> None:
        classify("".join(islice(cycle([ADVERSARIAL[name]]), size // len(ADVERSARIAL[name]) + 1)))

    assert grows_in_proportion(read, A_LOT)


@pytest.mark.parametrize("name", ["segments", "codes", "ends", "its own words", "backslashes", "URLs"])
def test_twice_the_text_takes_no_more_than_a_few_times_as_long(name: str) -> None:
    def seconds(length: int) -> float:
        text = "".join(islice(cycle([ADVERSARIAL[name]]), length // len(ADVERSARIAL[name]) + 1))
        best = 9.9
        for _ in range(3):
            before = time.process_time()
            classify(text)
            best = min(best, time.process_time() - before)
        return best

    # Below the length from which a text is read at its ends only.
    assert seconds(80_000) < 5 * seconds(20_000) * 1.5 + 0.02


def test_an_ordinary_message_takes_a_fraction_of_a_millisecond() -> None:
    texts = [case["message"] for case in MESSAGES]
    for text in texts:
        classify(text)
    best = 9.9
    for _ in range(3):
        before = time.process_time()
        for text in texts:
            classify(text)
        best = min(best, time.process_time() - before)
    assert best / len(texts) < here(0.0002)


# --- the table of wordings ----------


def test_no_wording_has_an_alternative_beside_its_group() -> None:
    """`a|b c` in the middle of a pattern would cut it in two."""
    for rules in goerrors.RULES.values():
        for rule in rules:
            depth = 0
            bare = re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]", "", rule.pattern)
            for char in bare:
                depth += {"(": 1, ")": -1}.get(char, 0)
                assert char != "|" or depth > 0, rule.pattern


def test_every_wording_compiles_and_begins_with_its_word() -> None:
    for word, rules in goerrors.RULES.items():
        for rule in rules:
            assert bool(rule.words) != bool(rule.pattern)
            assert rule.words.startswith(word) if rule.words else re.compile(rule.pattern)


def test_no_wording_is_only_a_number_or_one_common_word() -> None:
    common = {
        "error",
        "failed",
        "timeout",
        "forbidden",
        "unauthorized",
        "denied",
        "refused",
        "not",
        "found",
        "404",
        "connection",
    }
    naming = [r for rules in goerrors.RULES.values() for r in rules if r.kind == "leaf" and r.words]
    assert not [r.words for r in naming if r.words in common]


def test_plain_text_keeps_what_it_does_not_know() -> None:
    assert wording.plain('a \\"b\\" c') == 'a "b" c'
    assert wording.plain("a\tb") == "a\nb"
    assert wording.joined("ab\ncd ef\n gh") == "abcd ef gh"
    assert len(wording.as_text("x" * 10_000_000)) <= wording.HEAD + wording.TAIL + 1
