"""The catalogue is whole: an entry for every cause, each in its form, and docs/causes/ made from it."""

from __future__ import annotations

import re
import shlex
import string
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_imagepull import catalogue
from kubectl_imagepull.catalogue import docs

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "kubectl_imagepull" / "catalogue").glob("*.yaml"))

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
    "tls.handshake": "registry or network",
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
        assert entry.hop and entry.mend and entry.prevention
    assert "\n" not in entry.title + "".join(way.text for way in entry.mend)
    assert not [command for way in entry.mend for command in way.commands if "\n" in command]


@pytest.mark.parametrize("cause", VOCABULARY)
def test_templates_fill_with_any_names(cause: str) -> None:
    """Values come from pods: each is quoted for the shell and stays one word of the command."""
    entry = catalogue.entry(cause)
    evil = {name: f"a b;$(reboot)'{name}" for name in catalogue.FIELDS}
    quoted = {name: shlex.quote(value) for name, value in evil.items()}
    for way in entry.mend:
        assert "{" not in catalogue.fill(way.text)
        for command in way.commands:
            plain = command.format_map({name: f"x{name}" for name in catalogue.FIELDS})
            shlex.split(plain)
            # Outside of quotes a quoted value cannot break out; inside of them only names may stand that the
            # API server has already restricted to letters, digits, dots and dashes.
            inside = {
                name
                for part in re.findall(r"'[^']*'|\"[^\"]*\"", command)
                for _, name, _, _ in string.Formatter().parse(part.replace("{{", "").replace("}}", ""))
                if name
            }
            # (those that it has not, the fixes leave out where they are not plain: `verdict.fixes.PLAIN`)
            restricted, checked = (
                {"secret", "container", "node", "architecture"},
                {"host", "endpoint", "registry", "domain", "entry", "short", "repository"},
            )
            assert inside <= restricted | checked, command
            free = {name: value if name not in inside else "x" for name, value in quoted.items()}
            assert "a b;$(reboot)" not in re.sub(r"'(?:[^']|'\"'\"')*'", "", command.format_map(free)), command


def test_commands_are_for_the_right_hands() -> None:
    """What changes a node or a registry is manual; safe commands only look."""
    changes = re.compile(
        r"\b(apply|create|patch|delete|set image|restart|drain|cordon|rmi?|cp|mkdir|printf|sign|copy|push)\b"
    )
    for entry in catalogue.load().values():
        for way in entry.mend:
            if way.applicability == "safe" and entry.id != "auth.secret_added_late":
                assert not [c for c in way.commands if changes.search(c)], (entry.id, way)


def test_loading_is_quick() -> None:
    took = []
    for _ in range(3):  # the best of them: a busy machine, or a collection of garbage, says nothing about the code
        catalogue._all.cache_clear()
        catalogue._group.cache_clear()
        before = time.process_time()
        catalogue.load()
        took.append(time.process_time() - before)
    assert min(took) < (0.05 if hasattr(yaml, "CSafeLoader") else 1.0) * 2
    assert catalogue.load() is catalogue.load()


@pytest.mark.parametrize("cause", ["", "net", "net.nothing", "nothing", "../other.none", "no.such", "\x00.x"])
def test_an_unknown_cause_is_a_key_error(cause: str) -> None:
    with pytest.raises(KeyError):
        catalogue.entry(cause)


GOOD: dict[str, Any] = {
    "title": "{host} refuses",
    "actor": "network or registry",
    "hop": "connect",
    "means": "It refuses.",
    "confirmed_by": ["seen"],
    "confused_with": {"net.timeout": "silence"},
    "mend": [{"text": "try {host}", "commands": ["nc {host} {port}", "echo {{}}"], "applicability": "safe"}],
    "prevention": "watch it",
}


def test_a_good_entry_parses() -> None:
    entry = catalogue.parse("net.refused", GOOD, "net.yaml")
    assert entry.mend[0].commands == ("nc {host} {port}", "echo {{}}")
    assert catalogue.fill(entry.title, {"host": "r.io"}) == "r.io refuses"
    assert catalogue.fill(entry.mend[0].commands[0], {"host": "r.io"}) == "nc r.io <port>"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"surprise": 1}, "unknown: surprise"),
        ({"means": None}, "no text"),
        ({"actor": "me"}, "actor 'me'"),
        ({"hop": "lunch"}, "hop 'lunch'"),
        ({"title": "{tomorrow}"}, "tomorrow is no field"),
        ({"title": "{"}, "title"),
        ({"confirmed_by": "seen"}, "no list"),
        ({"confused_with": []}, "no mapping"),
        ({"mend": [{"text": "x", "commands": []}]}, "missing: applicability"),
        ({"mend": [{"text": "x", "commands": [], "applicability": "maybe"}]}, "applicability 'maybe'"),
        ({"mend": [{"text": "x", "commands": ["{user}"], "applicability": "safe"}]}, "user is no field"),
        ({"mend": ["x"]}, "no mapping"),
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
    (tmp_path / "gone.md").write_text("old")
    assert docs.main([str(tmp_path), "--check"]) == 1
    assert docs.main([str(tmp_path)]) == 0
    assert docs.main([str(tmp_path), "--check"]) == 0
    assert {path.stem for path in tmp_path.iterdir()} == {*VOCABULARY, "README"}
    for page in tmp_path.iterdir():
        for link in re.findall(r"\]\(([^)]+\.md)\)", page.read_text()):
            assert (tmp_path / link).exists(), (page, link)
