"""What tools/dist.py checks before it lets a release go out. tests/e2e/test_krew.py tries the release itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import dist

MANIFEST = dist.MANIFEST.read_text()
DIGEST = "0123456789abcdef" * 4


def test_manifest_is_filled() -> None:
    text = dist.fill(MANIFEST, "1.2.3", DIGEST)
    assert "\n  version: v1.2.3\n" in text
    assert "/releases/download/v1.2.3/kubectl-imagepull.tar.gz\n" in text
    assert f'      sha256: "{DIGEST}"\n' in text
    # it can be filled again, and nothing else changes
    assert dist.fill(text, "1.2.3", DIGEST) == text
    changed = [(a, b) for a, b in zip(MANIFEST.splitlines(), text.splitlines(), strict=True) if a != b]
    assert len(changed) == 3


@pytest.mark.parametrize("line", ["  version: v0.1.0", "      sha256: abc", "      uri: /releases/download/v1"])
def test_manifest_with_a_second_place(line: str) -> None:
    with pytest.raises(dist.DistError, match="2 places"):
        dist.fill(f"{MANIFEST}\n{line}\n", "1.2.3", DIGEST)


def test_short_description_is_not_cut() -> None:
    """krew search shows 50 characters (krew: cmd/krew/cmd/search.go)."""
    (text,) = re.findall(r"^  shortDescription: (.*)$", MANIFEST, re.MULTILINE)
    assert len(text) <= 50


def test_lock_fits_setup_cfg() -> None:
    """A requirement that is new in setup.cfg must get into the archive."""
    lock = dist.LOCK.read_text()
    dist._check_lock(lock)
    assert all(f"\n{name}==" not in lock for name in dist.LEFT_OUT)
    entries = [line for line in lock.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+ --hash=sha256:[0-9a-f]{64}", entry) for entry in entries)


@pytest.mark.parametrize(
    "change", [("urllib3==", "urllib4=="), ("urllib3==2", "urllib3==1"), ("kubernetes==36", "kubernetes==37")]
)
def test_lock_that_does_not_fit(change: tuple[str, str]) -> None:
    lock = dist.LOCK.read_text()
    assert change[0] in lock
    with pytest.raises(dist.DistError, match="--lock"):
        dist._check_lock(lock.replace(*change))


def test_client_of_another_form(tmp_path: Path) -> None:
    """Where the client no longer imports what is left out in the known way, somebody must look."""
    for name in dist.IMPORT_OF_LEFT_OUT:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "from kubernetes.client.models.v1_pod import V1Pod\nfrom . import client\nfrom . import watch\n"
        )
    (tmp_path / "kubernetes/client/__init__.py").write_text("from .models import V1Pod\n")
    with pytest.raises(dist.DistError, match=re.escape("kubernetes/client/__init__.py")):
        dist.prune_imports(tmp_path)
    assert (tmp_path / "kubernetes/__init__.py").read_text() == dist.CHANGED + (
        "from kubernetes.client.models.v1_pod import V1Pod\nfrom . import client\n"
    )


@pytest.mark.parametrize(
    "statement, complete",
    [
        ("from yaml import present", True),
        ("from yaml import absent", False),
        ("import yaml.absent", False),
        ("from not_installed_at_all import x", True),  # nothing of the archive's: the module guards it itself
    ],
)
def test_archive_that_lacks_something(tmp_path: Path, statement: str, complete: bool) -> None:
    """Also what a function imports only when it is called."""
    package = tmp_path / "kubectl_imagepull"
    (package / "node").mkdir(parents=True)
    (package / "__init__.py").write_text(f"def later():\n    {statement}\n")
    (package / "node" / "__init__.py").write_text("")
    (package / "node" / "bundle.py").write_text("def bundle():\n    pass\n")
    (tmp_path / "yaml.py").write_text("present = 1\n")
    if complete:
        dist.check(tmp_path)
    else:
        with pytest.raises(dist.DistError, match="absent"):
            dist.check(tmp_path)
