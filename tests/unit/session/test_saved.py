"""A saved case is judged as where it was saved, without a cluster, and by the names that are promised."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import kubectl_imagepull.session as session
from kubectl_imagepull.case import CaseError, CaseFile, dump
from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.session import Named, Options, Targets, diagnose, diagnose_saved

CASES = Path(__file__).parents[2] / "cases"


def test_a_recorded_case() -> None:
    [one] = diagnose_saved((CASES / "net.refused.json").read_bytes(), "net.refused.json")
    assert (one.verdict.cause, one.case.target.pod != "") == ("net.refused", True)


def test_what_is_diagnosed_can_be_saved_and_judged_again(shop: Api) -> None:
    found = diagnose(shop, Targets((Named("DaemonSet", "agent"), Named("Pod", "gone"))), Options(probe=False))
    saved = dump(CaseFile(tuple(d.case for d in found)))
    assert diagnose_saved(saved.encode(), "saved") == found


def test_what_is_no_case() -> None:
    with pytest.raises(CaseError, match="mine: "):
        diagnose_saved(b"{}", "mine")


def test_every_name_that_is_promised() -> None:
    for name in session.__all__:
        assert getattr(session, name) is not None
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        session.nothing_of_the_kind  # noqa: B018


def test_judging_a_saved_case_imports_no_client() -> None:
    script = (
        "import sys\nfrom kubectl_imagepull.session import diagnose_saved\n"
        "heavy = {'kubernetes', 'urllib3', 'kubectl_imagepull.kube.client'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode == 0
