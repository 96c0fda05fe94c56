"""What tools/dist.py checks before it lets a release go out. tests/e2e/test_krew.py tries the release itself."""

from __future__ import annotations

import io
import os
import re
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

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


def test_the_bot_s_template_says_the_same() -> None:
    """krew-release-bot fills in a template of its own (krew-release-bot: pkg/source/template.go)."""
    template = (dist.ROOT / ".krew.yaml").read_text()
    call = r'^\{\{ addURIAndSha "([^"]+?)\{\{ \.TagName \}\}([^"]+)" \.TagName \| indent 6 \}\}$'
    rendered, count = re.subn(
        call, rf'      uri: \g<1>v1.2.3\g<2>\n      sha256: "{DIGEST}"', template, flags=re.MULTILINE
    )
    rendered = rendered.replace("{{ .TagName }}", "v1.2.3")
    assert count == 1 and "{{" not in rendered
    assert yaml.safe_load(rendered) == yaml.safe_load(dist.fill(MANIFEST, "1.2.3", DIGEST))


def test_notes() -> None:
    text = "# Changelog\n\n## Unreleased\n\n- new\n\n## 1.2.3 (2026-12-01)\n\n### Added\n- one\n\n## 1.2.2\n\n- old\n"
    assert dist.notes(text, "1.2.3").startswith(
        "### Added\n- one\n\n`kubectl krew install imagepull`, or `pipx install"
    )
    assert "old" in dist.notes(text, "1.2.2")
    for version in ("1.2.4", "1.2"):
        with pytest.raises(dist.DistError, match="rename `## Unreleased`"):
            dist.notes(text, version)


def test_sdist(tmp_path: Path) -> None:
    """The sources that are listed and nothing that a build has left, the same bytes each time."""
    package, sources = tmp_path / "p-1.2.3-py3-none-any.whl", tmp_path / "src"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("p-1.2.3.dist-info/METADATA", "Metadata-Version: 2.4\n")
    for name in (
        "setup.py",
        "probes/walk.py",
        "build/lib/x.py",
        "p.egg-info/PKG-INFO",
        "kubectl_imagepull/node/vendor.zip",
    ):
        (sources / name).parent.mkdir(parents=True, exist_ok=True)
        (sources / name).write_text(name)
    made = dist.sdist(sources, package)
    with tarfile.open(fileobj=io.BytesIO(made)) as archive:
        assert archive.getnames() == ["p-1.2.3/PKG-INFO", "p-1.2.3/probes/walk.py", "p-1.2.3/setup.py"]
        assert {(m.isreg(), m.mode, m.mtime, m.uid) for m in archive} == {(True, 0o644, dist.EPOCH, 0)}
    os.utime(sources / "setup.py", (1, 1))
    assert dist.sdist(sources, package) == made


def test_short_description_is_not_cut() -> None:
    """krew search shows 50 characters (krew: cmd/krew/cmd/search.go)."""
    (text,) = re.findall(r"^  shortDescription: (.*)$", MANIFEST, re.MULTILINE)
    assert len(text) <= 50


def test_lock_fits_setup_cfg() -> None:
    """A requirement that is new in setup.cfg must get into the archive."""
    lock = dist.LOCK.read_text()
    dist._check_lock(lock)
    entries = [line for line in lock.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+ --hash=sha256:[0-9a-f]{64}", entry) for entry in entries)


@pytest.mark.parametrize(
    "change", [("urllib3==", "urllib4=="), ("urllib3==2", "urllib3==1"), ("pysocks==1", "pysocks==0")]
)
def test_lock_that_does_not_fit(change: tuple[str, str]) -> None:
    lock = dist.LOCK.read_text()
    assert change[0] in lock
    with pytest.raises(dist.DistError, match="--lock"):
        dist._check_lock(lock.replace(*change))


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
