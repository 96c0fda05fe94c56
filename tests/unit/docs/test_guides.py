"""The guides: files that they show mean what they say, and pipelines and manifests beside them do what is said of them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_imagepull.model.scan import Scan
from kubectl_imagepull.report.scan import metrics
from probes.host.runtime import Configuration
from probes.plan import Node, Pull
from tests.documents import ROOT, blocks
from tests.unit.image.test_manifests import in_object
from tests.unit.registry.fake_registry import FakeRegistry, digest_of, serving

CACHE, CI = ROOT / "docs" / "pull-through-cache.md", ROOT / "docs" / "ci.md"
MONITORING = ROOT / "deploy" / "monitoring"


# ---- a pull-through cache --------------------------------------------------------------------------------------------


def shown() -> dict[str, str]:
    """The files of the page: name -> text."""
    found = {}
    for text in re.findall(r"^```(?:toml|yaml)\n(.*?)^```", CACHE.read_text(encoding="utf-8"), re.M | re.S):
        head, _, rest = text.partition("\n")
        found[head.removeprefix("# ")] = rest
    return found


@pytest.mark.parametrize(
    ("node", "folder", "last"),
    [
        (Node("containerd://2.1.4", "v1.34.1"), "/etc/containerd", "registry-1.docker.io"),
        (Node("cri-o://1.34.2", "v1.34.2"), "/etc/containers", "registry-1.docker.io"),
        (Node("containerd://2.1.4-k3s1", "v1.34.1+k3s1"), "/etc/rancher/k3s", "registry-1.docker.io"),
    ],
    ids=["containerd", "crio", "k3s"],
)
def test_the_files_name_the_cache_and_keep_the_registry(tmp_path: Path, node: Node, folder: str, last: str) -> None:
    for name, text in shown().items():
        if name.startswith(folder):
            path = tmp_path / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    (tmp_path / "etc").mkdir(exist_ok=True)
    pull = Pull("p1", "registry-1.docker.io", 443, "https", "library/nginx", "1", "", "docker.io")
    found = Configuration(str(tmp_path), str(tmp_path), node).endpoints(pull)
    assert not found.problems and found.outcome == "configured", found
    hosts = [end.host for end in found.endpoints]
    assert hosts[0] == "cache.example.com" and hosts[-1] in (last, "docker.io"), found


def test_every_file_of_the_page_is_tried() -> None:
    assert sorted(shown()) == [
        "/etc/containerd/certs.d/docker.io/hosts.toml",
        "/etc/containerd/config.toml",
        "/etc/containers/registries.conf.d/900-docker-hub.conf",
        "/etc/rancher/k3s/registries.yaml",
    ]


# ---- pipelines -------------------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str], FakeRegistry]]:
    """A folder with manifests whose image a registry has, and the environment of a pipeline in it."""
    with serving(FakeRegistry({"team/app:1.0": digest_of("app")})) as registry:
        (tmp_path / "deploy" / "base").mkdir(parents=True)
        (tmp_path / "deploy" / "app.yaml").write_text("apiVersion: v1\n" + in_object(f"{registry.host}/team/app:1.0"))
        # what the digest names is there as well
        registry.images[f"team/app@{digest_of('app')}"] = digest_of("app")
        environment = {
            "PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}",
            "HOME": str(tmp_path / "home"),
            "DOCKER_AUTH_CONFIG": json.dumps({"auths": {}}),
        }
        (tmp_path / "home").mkdir()
        yield tmp_path, environment, registry


def sh(project: tuple[Path, dict[str, str], FakeRegistry], command: str) -> subprocess.CompletedProcess[str]:
    folder, environment, _ = project
    return subprocess.run(
        ["sh", "-e", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def of_github() -> list[str]:
    (job,) = yaml.safe_load((ROOT / "contrib" / "ci" / "github-actions.yaml").read_text())["jobs"].values()
    return [step["run"] for step in job["steps"] if "run" in step]


def of_gitlab() -> list[str]:
    (job,) = yaml.safe_load((ROOT / "contrib" / "ci" / "gitlab-ci.yaml").read_text()).values()
    return [*job["before_script"], *job["script"]]


INSTALLS = ("pipx install kubectl-imagepull", "pip install kubectl-imagepull")
"""What brings the program is not run: it is under test here."""


@pytest.mark.parametrize("steps", [of_github(), of_gitlab()], ids=["github", "gitlab"])
def test_a_pipeline(project: tuple[Path, dict[str, str], FakeRegistry], steps: list[str]) -> None:
    """It fails for what has no digest, ends well when that is pinned, and fails when the image is gone."""
    folder, _, registry = project
    steps = [step for step in steps if step not in INSTALLS]
    ran = [sh(project, step) for step in steps]
    assert [one.returncode for one in ran] == [*[0] * (len(ran) - 1), 1], [one.stderr for one in ran]
    assert "deploy/app.yaml:" in ran[-1].stdout
    assert sh(project, "kubectl-imagepull pin -f deploy/ -R --write").returncode == 0
    assert [sh(project, step).returncode for step in steps] == [0] * len(steps)
    registry.images.clear()
    gone = [sh(project, step) for step in steps]
    assert [one.returncode for one in gone].count(1) == 1
    assert "team/app" in "".join(one.stdout for one in gone) + "".join(
        path.read_text() for path in folder.glob("images.xml")
    )


def test_commands_of_the_page(project: tuple[Path, dict[str, str], FakeRegistry]) -> None:
    (block,) = [one for one in blocks([CI]) if one.test.endswith("test_commands_of_the_page")]
    codes = [sh(project, command).returncode for command, _ in block.commands()]
    assert codes == [0, 1, 0, 0]


# ---- metrics ---------------------------------------------------------------------------------------------------------


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((MONITORING / "cronjob.yaml").read_text()))


def test_the_role_reads_no_secret_and_makes_nothing() -> None:
    rules = next(one for one in manifests() if one["kind"] == "ClusterRole")["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list"}
    assert not any({"secrets", "*", "configmaps"} & {*rule["resources"]} for rule in rules)


@pytest.mark.parametrize(("code", "moved", "ends"), [(0, True, 0), (1, True, 0), (3, True, 0), (2, False, 1)])
def test_the_file_is_replaced_after_a_scan_alone(tmp_path: Path, code: int, moved: bool, ends: int) -> None:
    cron = next(one for one in manifests() if one["kind"] == "CronJob")["spec"]["jobTemplate"]["spec"]["template"][
        "spec"
    ]
    (container,) = cron["containers"]
    program = tmp_path / "bin" / "kubectl-imagepull"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$*" = "scan -A -o openmetrics" ] || exit 9\necho new\nexit {code}\n')
    program.chmod(0o755)
    (tmp_path / "imagepull.prom").write_text("old\n")
    env = {"PATH": f"{program.parent}:{os.environ['PATH']}", "FOLDER": str(tmp_path)}
    ran = subprocess.run([*container["command"], *container["args"]], env=env, check=False, timeout=20)
    assert ran.returncode == ends
    assert (tmp_path / "imagepull.prom").read_text() == ("new\n" if moved else "old\n")


def test_alerts_are_of_metrics_that_there_are() -> None:
    written = set(re.findall(r"# TYPE (\S+) gauge", metrics(Scan((), 0, 0.0))))
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"][0]["rules"]
    used = {name for rule in rules for name in re.findall(r"imagepull_\w+", rule["expr"])}
    assert used and used <= written
    table = set(re.findall(r"^\| `(imagepull_\w+)`", (ROOT / "docs" / "monitoring.md").read_text(), re.M))
    assert table == written
    labels = {name for rule in rules for name in re.findall(r"\$labels\.(\w+)", json.dumps(rule))}
    assert labels <= {"cause", "namespace", "owner", "registry"}
    for rule in rules:
        grouped = re.search(r"by \(([^)]*)\)", rule["expr"])
        told = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
        assert told <= {one.strip() for one in (grouped[1] if grouped else "").split(",")}, rule["alert"]


def test_the_image_is_made_of_what_make_dist_writes() -> None:
    text = (ROOT / "contrib" / "scan-image" / "Containerfile").read_text()
    assert "COPY dist/kubectl_imagepull-*.whl" in text and "USER 65534:65534" in text
    cron = (MONITORING / "cronjob.yaml").read_text()
    (image,) = re.findall(r"image: (\S+)", cron)
    page = (ROOT / "docs" / "monitoring.md").read_text()
    assert f"-t {image} ." in page and f"buildah push {image}" in page and f"-t {image} ." in text
