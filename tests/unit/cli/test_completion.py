"""`completion`: what is there, and a file that is written once, where kubectl finds it, over nothing of somebody else's."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from kubectl_imagepull.cli.completion import NAME
from kubectl_imagepull.cli.main import run


def ran(*words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return run(["completion", *words], out, err, io.StringIO()), out.getvalue(), err.getvalue()


@pytest.fixture
def krew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which krew links plugins: ours is there, and the folder is on PATH."""
    store, folder = tmp_path / "store" / "v1", tmp_path / "krew's bin"
    store.mkdir(parents=True)
    folder.mkdir()
    program = store / "kubectl-imagepull"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    (folder / "kubectl-imagepull").symlink_to(program)
    monkeypatch.setattr(sys, "argv", [str(folder / "kubectl-imagepull"), "completion"])
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return folder


def test_it_explains_itself(krew: Path) -> None:
    code, out, err = ran()
    assert (code, err) == (0, "") and "It is not there. `kubectl imagepull completion --install` writes it." in out
    assert "source <(kubectl completion bash)" in out
    ran("--install")
    assert f"It is there: {krew / NAME}\n" in ran()[1]


def test_it_is_written_beside_krews_link_and_works(krew: Path) -> None:
    code, out, err = ran("--install")
    assert (code, err) == (0, "") and out.startswith(f"{krew / NAME} is written. To undo it: rm '")
    assert "not on PATH" not in out
    done = subprocess.run([krew / NAME, "why", "--pro", "a b"], capture_output=True, text=True, check=True)
    assert done.stdout == "__complete why --pro a b\n"
    # the link, not what is behind it: another version will be behind it tomorrow
    written = (krew / NAME).read_text()
    assert shlex.quote(str(krew / "kubectl-imagepull")) in written and "store" not in written
    (krew / "kubectl-imagepull").unlink()
    gone = subprocess.run([krew / NAME, ""], capture_output=True, text=True, check=False)
    assert (gone.returncode, gone.stdout, gone.stderr) == (0, "", "")


def test_a_second_time_nothing_changes(krew: Path) -> None:
    ran("--install")
    before = (krew / NAME).stat()
    code, out, _ = ran("--install")
    assert code == 0 and out.startswith(f"{krew / NAME} is there already.\n")
    assert (krew / NAME).stat().st_mtime_ns == before.st_mtime_ns and (krew / NAME).stat().st_ino == before.st_ino


def test_an_older_one_of_ours_is_brought_up_to_date(krew: Path) -> None:
    ran("--install")
    wanted = (krew / NAME).read_text()
    (krew / NAME).write_text(wanted.replace("exec", "exec  env"))
    assert "is brought up to date" in ran("--install")[1] and (krew / NAME).read_text() == wanted
    assert sorted(one.name for one in krew.iterdir()) == ["kubectl-imagepull", NAME]


def test_pips_own_is_left_alone(krew: Path) -> None:
    (krew / NAME).write_text("#!/usr/bin/python3\nfrom kubectl_imagepull.cli.complete import main\n")
    before = (krew / NAME).read_text()
    code, out, _ = ran("--install")
    assert code == 0 and "is there already" in out and (krew / NAME).read_text() == before


def test_what_is_somebody_elses_is_not_overwritten(krew: Path) -> None:
    (krew / NAME).write_text("#!/bin/sh\necho mine\n")
    code, out, err = ran("--install")
    assert (code, out) == (2, "") and f"{krew / NAME} is there and not ours: nothing is changed" in err
    assert (krew / NAME).read_text() == "#!/bin/sh\necho mine\n"
    (krew / NAME).unlink()
    (krew / NAME).symlink_to("/nowhere/at/all")
    assert ran("--install")[0] == 2 and (krew / NAME).is_symlink()
    (krew / NAME).unlink()
    (krew / NAME).mkdir()
    assert ran("--install")[0] == 2 and (krew / NAME).is_dir()


def test_another_folder(krew: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    code, _, err = ran("--install", "--to", str(other))
    assert code == 2 and err == f"error: {other / NAME}: No such file or directory\n"
    other.mkdir()
    assert f"{other} is not on PATH yet" in ran("--install", "--to", str(other))[1] and os.access(other / NAME, os.X_OK)
    assert not (krew / NAME).exists()


def test_without_a_folder_that_may_be_written_to(krew: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    code, _, err = ran("--install")
    assert code == 2 and "choose one with --to DIR" in err and err.count("\n") == 1


def test_a_folder_of_the_home_where_ours_is_not_on_path(
    krew: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "home" / "bin"
    mine.mkdir(parents=True)
    monkeypatch.setenv("PATH", f"/usr/bin{os.pathsep}{mine}")
    assert ran("--install")[1].startswith(f"{mine / NAME} is written.")


@pytest.mark.parametrize("words", [["--to", "/tmp"], ["bash"], ["--install", "x"]])
def test_what_cannot_be_meant(krew: Path, words: list[str]) -> None:
    code, out, err = ran(*words)
    assert (code, out) == (2, "") and len(err.splitlines()) == 2 and err.startswith("error: ")
