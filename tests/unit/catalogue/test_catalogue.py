"""The catalogue is whole: an entry for every cause, each in its form, and docs/causes/ made from it."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubectl_imagepull import catalogue
from kubectl_imagepull.catalogue import docs
from kubectl_imagepull.catalogue.view import fixes_of

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "kubectl_imagepull" / "catalogue" / "causes").glob("*.yaml"))

# Every cause and who acts. An id is never reused or renamed after a release.
VOCABULARY = {
    "reference.invalid": "you",
    "reference.short_name": "you",
    "image.name_unknown": "you",
    "image.tag_unknown": "you",
    "image.digest_unknown": "you",
    "image.blob_unknown": "registry",
    "image.platform_mismatch": "you",
    "image.format_unsupported": "you",
    "image.never_pull_absent": "you",
    "auth.no_credentials": "you or cluster",
    "auth.denied_or_missing": "you",
    "auth.bad_credentials": "you",
    "auth.expired": "you",
    "auth.forbidden": "registry or you",
    "auth.secret_missing": "you",
    "auth.secret_malformed": "you",
    "auth.secret_ignored": "you",
    "auth.secret_wrong_registry": "you",
    "auth.secret_empty": "you",
    "auth.secret_added_late": "you",
    "auth.credential_provider": "cluster",
    "auth.cached_image_denied": "you",
    "rate.registry_limit": "you",
    "rate.kubelet_qps": "cluster",
    "dns.nxdomain": "you or network",
    "dns.server_failure": "network",
    "dns.timeout": "network",
    "dns.no_usable_address": "network",
    "net.refused": "network or registry or cluster",
    "net.timeout": "network",
    "net.unreachable": "network",
    "net.reset": "network",
    "net.proxy": "cluster",
    "tls.unknown_authority": "cluster or registry",
    "tls.expired": "registry",
    "tls.not_yet_valid": "registry",
    "tls.hostname_mismatch": "registry",
    "tls.http_on_https": "cluster",
    "tls.handshake": "registry or cluster or network",
    "registry.server_error": "registry",
    "registry.unavailable": "registry",
    "registry.not_a_registry": "you",
    "transfer.interrupted": "network or registry",
    "transfer.timeout": "network",
    "transfer.stalled": "network or registry",
    "content.corrupt": "registry",
    "storage.no_space": "cluster",
    "storage.extract_failed": "you or cluster",
    "storage.other": "cluster",
    "runtime.unavailable": "cluster",
    "runtime.config_invalid": "cluster",
    "policy.signature": "cluster",
    "policy.registry_blocked": "cluster",
    "policy.admission": "you",
    "node.not_ready": "cluster",
    "node.clock_skew": "cluster",
    "pull.in_progress": "nobody",
    "pull.queued": "nobody",
    "backoff.only": "",
    "not_a_pull_failure": "",
    "unknown.insufficient": "",
    "none": "nobody",
}


def test_every_cause_has_its_entry_and_its_actor() -> None:
    assert {cause: entry.actor for cause, entry in catalogue.load().items()} == VOCABULARY


def test_no_cause_stands_twice() -> None:
    """YAML takes the last of two equal keys without a word."""
    heads = [line for file in FILES for line in re.findall(r"^(\S+):", file.read_text(), re.MULTILINE)]
    assert sorted(heads) == sorted(set(heads))


@pytest.mark.parametrize("cause", VOCABULARY)
def test_an_entry_says_enough(cause: str) -> None:
    entry = catalogue.entry(cause)
    assert entry.id == cause and entry == catalogue.load()[cause]
    assert entry.title and entry.means.endswith(".") and entry.confirmed_by and entry.confused_with
    assert cause not in entry.confused_with
    if entry.actor not in ("", "nobody"):
        assert entry.hop and entry.fixes and entry.prevention
    assert "\n" not in entry.title + "".join(way.text for way in entry.fixes)
    assert not [command for command in commands_of(entry) if "\n" in command]


def commands_of(entry: catalogue.Entry) -> list[str]:
    return [command for fix in fixes_of(entry) for command in fix.commands]


@pytest.mark.parametrize("cause", VOCABULARY)
def test_commands_are_read_and_written_alike(cause: str) -> None:
    """What is shown without a case is a line that a shell reads as the same words."""
    for fix in fixes_of(catalogue.entry(cause)):
        assert "{" not in re.sub(r"'[^']*'", "", fix.title + "".join(fix.commands))
        for command in fix.commands:
            assert shlex.split(command) and command.isprintable()


def test_commands_are_for_the_right_hands() -> None:
    """What changes a node or a registry is manual; safe commands only look."""
    changes = re.compile(
        r"\b(apply|create|patch|delete|set image|restart|drain|cordon|rmi?|cp|mkdir|printf|sign|copy|push)\b"
    )
    for entry in catalogue.load().values():
        for fix in fixes_of(entry):
            if fix.applicability == "safe" and entry.id != "auth.secret_added_late":
                assert not [c for c in fix.commands if changes.search(c)], (entry.id, fix)


@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [
        ("pod", "web-0", True),
        ("pod", "x$(reboot)", False),
        ("pod", "a\nb", False),
        ("pod", "--all", False),
        ("secret", "../x", False),
        ("secret", "a" * 254, False),
        ("host", "r.io:5000", True),
        ("host", "[2001:db8::1]:443", True),
        ("host", "-f", False),
        ("host", "r.io; reboot", False),
        ("realm", "https://r.io/token?service=r.io", True),
        ("realm", "file:///etc/passwd", False),
        ("file", "/etc/containerd/certs.d/r.io/hosts.toml", True),
        ("file", "-x", False),
        ("image", " any text", True),
    ],
)
def test_what_may_stand_in_a_command(name: str, value: str, fits: bool) -> None:
    assert (catalogue.fitting({name: value}).get(name) == value) == fits


def test_making_entries_takes_little_beside_reading_yaml() -> None:
    """In calls of functions: how many seconds it takes says more about the machine than about the code."""
    texts = [file.read_text(encoding="utf-8") for file in FILES]

    def entries() -> None:
        catalogue._all.cache_clear()
        catalogue._group.cache_clear()
        catalogue.load()

    def calls(work: Callable[[], object]) -> int:
        counted = 0

        def count(frame: object, event: str, argument: object) -> None:
            nonlocal counted
            counted += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(count)
        try:
            work()
        finally:
            sys.setprofile(before)
        return counted

    entries()
    # 1.7 times as many with libyaml's reader, which makes the fewest
    assert calls(entries) < calls(lambda: [catalogue.read_yaml(text, "") for text in texts]) * 2.2
    assert catalogue.load() is catalogue.load()


@pytest.mark.parametrize("cause", ["", "net", "net.nothing", "nothing", "../other.none", "no.such", "\x00.x"])
def test_an_unknown_cause_is_a_key_error(cause: str) -> None:
    with pytest.raises(KeyError):
        catalogue.entry(cause)


def action(value: object) -> dict[str, Any]:
    """An entry's fixes with one action."""
    return {"fixes": [{"text": "x", "actions": [value], "applicability": "safe"}]}


GOOD: dict[str, Any] = {
    "title": "{host} refuses",
    "actor": {"network": ["works-elsewhere"], "registry": []},
    "hop": "connect",
    "means": "It refuses.",
    "confirmed_by": ["seen"],
    "confused_with": {"net.timeout": "silence"},
    "fixes": [
        {
            "text": "try {host}",
            "actions": [
                {"command": "nc {host} {port}"},
                {"command": "echo '{{}}'"},
                {"set-image": "{image}"},
                "restart",
            ],
            "applicability": "safe",
        }
    ],
    "prevention": "watch it",
}


def test_a_good_entry_parses() -> None:
    entry = catalogue.parse("net.refused", GOOD, "net.yaml")
    assert catalogue.fill(entry.title, {"host": "r.io"}) == "r.io refuses"
    (fix,) = fixes_of(entry, {"host": "r.io"})
    assert fix.title == "try r.io" and fix.actor == "network or registry"
    assert fix.commands == (
        "nc r.io <port>",
        "echo '{}'",
        "kubectl -n <namespace> set image <owner_kind>/<owner_name> <container>=<image>",
        "kubectl -n <namespace> rollout restart <owner_kind>/<owner_name>",
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"surprise": 1}, "unknown: surprise"),
        ({"means": None}, "no text"),
        ({"actor": "me"}, "actor 'me'"),
        ({"actor": {"you": [], "cluster": []}}, "exactly one has no conditions"),
        ({"actor": {"you": ["sometimes"], "cluster": []}}, "sometimes is no condition"),
        ({"hop": "lunch"}, "hop 'lunch'"),
        ({"title": "{tomorrow}"}, "tomorrow is no field"),
        ({"title": "{"}, "title"),
        ({"confirmed_by": "seen"}, "no list"),
        ({"confused_with": []}, "no mapping"),
        ({"fixes": [{"text": "x", "actions": []}]}, "missing: applicability"),
        ({"fixes": [{"text": "x", "actions": [], "applicability": "maybe"}]}, "applicability 'maybe'"),
        (action({"command": "{user}"}), "user is no field"),
        (action({"set-image": "{user}:1"}), "user is no field"),
        (action({"patch-template": {"nodeName": "{user}"}}), "user is no field"),
        (action({"set-image": "a b"}), "'a b' is not one word"),
        (action({"set-image": "a | b"}), "is not one word"),
        (action({"command": "a; b"}), "; outside of quotes"),
        (action({"command": "a $(b)"}), "$ outside of quotes"),
        (action({"command": "a |"}), "a program is missing"),
        (action({"command": "a 'b"}), "quotes are not closed"),
        (action({"command": "a {"}), "a brace alone"),
        (action({"command": "a >"}), "nothing behind >"),
        (action("reboot"), "no action without a parameter"),
        (action({"reboot": "x"}), "'reboot' is no action"),
        (action({"command": "x", "restart": "y"}), "is no action"),
        (action({"set-image": {}}), "is no parameter"),
        ({"fixes": ["x"]}, "no mapping"),
    ],
)
def test_a_bad_entry_is_refused_by_name(change: dict[str, Any], said: str) -> None:
    with pytest.raises(catalogue.CatalogueError, match=re.escape(said)) as caught:
        catalogue.parse("net.refused", {**GOOD, **change}, "net.yaml")
    assert "net.yaml: net.refused" in str(caught.value)


def test_an_entry_must_stand_in_its_groups_file() -> None:
    with pytest.raises(catalogue.CatalogueError, match=r"belongs into net\.yaml"):
        catalogue.parse("net.refused", GOOD, "dns.yaml")
    without = {name: value for name, value in GOOD.items() if name != "title"}
    with pytest.raises(catalogue.CatalogueError, match="missing: title"):
        catalogue.parse("net.refused", without, "net.yaml")


def test_the_pages_are_up_to_date() -> None:
    """If not: python -m kubectl_imagepull.catalogue.docs docs/causes"""
    assert docs.main([str(ROOT / "docs" / "causes"), "--check"]) == 0


def test_pages_are_written_and_old_ones_removed(tmp_path: Path) -> None:
    tmp_path = tmp_path / "causes"
    tmp_path.mkdir()
    (tmp_path / "gone.md").write_text("old")
    assert docs.main([str(tmp_path), "--check"]) == 1
    assert docs.main([str(tmp_path)]) == 0
    assert docs.main([str(tmp_path), "--check"]) == 0
    assert {path.stem for path in tmp_path.iterdir()} == {*VOCABULARY, "README"}
    for page in tmp_path.iterdir():
        for link in re.findall(r"\]\(([^)]+\.md)\)", page.read_text()):
            assert (tmp_path / link).exists(), (page, link)
