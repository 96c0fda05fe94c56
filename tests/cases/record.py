"""Record the cases that the lab can make: `python -m tests.cases.record [--only WORD]`.

Each scenario breaks something for real, waits until the kubelet says so, and lets `why --save-case` write the file. A case that
is there already is written anew; the verdict of the new one is compared with that of the old one, and a difference is an error.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubectl_imagepull.case import CaseFile, dump, parse
from kubectl_imagepull.verdict import judge
from tests.e2e.cluster import Cluster, pod, wait_for
from tests.lab import api, faults
from tests.lab.api import Lab

CASES = Path(__file__).parent
NAMESPACE = "shop"


@dataclass(frozen=True)
class Scenario:
    """One failure. secret: pull secrets of the pod; fault: what is broken while it fails; spec: more of the pod's spec;
    workload: wrapped in a Deployment of this name; ready: what to wait for; words: more words for `why`."""

    name: str
    image: str
    node: str = "node2"
    secrets: tuple[str, ...] = ()
    fault: Callable[[Lab], faults.Fault] | None = None
    spec: dict[str, Any] = dataclasses.field(default_factory=dict)
    policy: str = ""
    healthy: bool = False
    after: Callable[[Cluster, str], None] | None = None
    words: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    waiting: str = ""


def _give_account_a_secret(cluster: Cluster, name: str) -> None:
    cluster.run(
        "-n", NAMESPACE, "patch", "serviceaccount", "late", "-p", '{"imagePullSecrets":[{"name":"right-basic"}]}'
    )


SCENARIOS = (
    Scenario("image.tag_unknown", "registry.lab.test/busybox:9.9"),
    Scenario("image.tag_unknown-v", "registry.lab.test/busybox:2.0.0", node="node1"),
    Scenario("image.tag_unknown-private", "private.lab.test/team/app:9.9", secrets=("right-basic",)),
    Scenario("image.tag_unknown-token", "bearer.lab.test/team/app:9.9", secrets=("right-bearer",), node="node1"),
    Scenario("image.name_unknown", "registry.lab.test/nosuch/app:1.0"),
    Scenario("image.name_unknown-node1", "registry.lab.test/nosuch/app:1.0", node="node1"),
    Scenario("image.digest_unknown", "registry.lab.test/busybox@sha256:" + "0123456789abcdef" * 4),
    Scenario("image.platform_mismatch", "registry.lab.test/armonly:1.0"),
    Scenario("image.platform_mismatch-node1", "registry.lab.test/armonly:1.0", node="node1"),
    Scenario("image.never_pull_absent", "registry.lab.test/busybox:never", policy="Never"),
    Scenario("auth.no_credentials", "private.lab.test/team/app:1.0"),
    Scenario("auth.no_credentials-node1", "private.lab.test/team/app:1.0", node="node1"),
    Scenario("auth.denied_or_missing", "bearer.lab.test/team/app:1.0"),
    Scenario("auth.bad_credentials", "private.lab.test/team/app:1.0", secrets=("wrong-basic",)),
    Scenario("auth.bad_credentials-token", "bearer.lab.test/team/app:1.0", secrets=("wrong-bearer",)),
    Scenario("auth.bad_credentials-public", "bearer.lab.test/public/app:1.0", secrets=("wrong-bearer",), node="node1"),
    Scenario("auth.secret_missing", "private.lab.test/team/app:1.0", secrets=("nowhere",)),
    Scenario("auth.secret_malformed", "private.lab.test/team/app:1.0", secrets=("malformed",)),
    Scenario("auth.secret_ignored", "private.lab.test/team/app:1.0", secrets=("opaque",)),
    Scenario("auth.secret_wrong_registry", "private.lab.test/team/app:1.0", secrets=("right-bearer",)),
    Scenario("auth.secret_empty", "private.lab.test/team/app:1.0", secrets=("empty",)),
    Scenario(
        "auth.secret_added_late",
        "private.lab.test/team/app:1.0",
        spec={"serviceAccountName": "late"},
        after=_give_account_a_secret,
    ),
    Scenario("dns.nxdomain", "missing.lab.test/team/app:1.0"),
    Scenario("dns.nxdomain-token", "orphan.lab.test/team/app:1.0"),
    Scenario("dns.timeout", "silent.lab.test/team/app:1.0"),
    Scenario("dns.server_failure", "servfail.lab.test/team/app:1.0"),
    Scenario("dns.no_usable_address", "v6only.lab.test/team/app:1.0"),
    Scenario("net.refused", "refused.lab.test/team/app:1.0"),
    Scenario("net.timeout", "dropped.lab.test/team/app:1.0"),
    Scenario(
        "net.timeout-node-only",
        "registry.lab.test/team/app:1.0",
        fault=lambda lab: faults.unreachable(lab, "node2", "registry"),
    ),
    Scenario("net.unreachable", "noroute.lab.test/team/app:1.0"),
    Scenario("tls.unknown_authority", "unknownca.lab.test/team/app:1.0"),
    Scenario("tls.expired", "expired.lab.test/team/app:1.0"),
    Scenario("tls.hostname_mismatch", "wrongname.lab.test/team/app:1.0"),
    Scenario("tls.http_on_https", "plain.lab.test/team/app:1.0"),
    Scenario("rate.registry_limit", "hub.lab.test/limited/app:1.0"),
    Scenario("reference.invalid", "https://registry.lab.test/busybox:1.35"),
    Scenario("none", "registry.lab.test/busybox:1.35", healthy=True),
    Scenario("none-secret", "private.lab.test/team/app:1.0", secrets=("right-basic",), healthy=True, node="node1"),
    Scenario(
        "several-containers",
        "registry.lab.test/busybox:9.9",
        containers=(
            "registry.lab.test/nosuch/app:1.0",
            "private.lab.test/team/app:1.0",
            "registry.lab.test/busybox:1.35",
        ),
    ),
    Scenario("api-only", "registry.lab.test/busybox:9.9", words=("--no-probe",)),
    Scenario(
        "not_a_pull_failure",
        "registry.lab.test/busybox:1.35",
        spec={"nodeName": "", "nodeSelector": {"disk": "ssd"}},
        waiting="Pending",
    ),
)


def objects(cluster: Cluster, namespace: str = NAMESPACE) -> Iterator[dict[str, Any]]:
    """The secrets and accounts that the pods name."""
    entry = cluster.lab.docker_config("private.lab.test", None)
    kinds = {
        "right-basic": ("kubernetes.io/dockerconfigjson", ".dockerconfigjson", entry),
        "right-bearer": (
            "kubernetes.io/dockerconfigjson",
            ".dockerconfigjson",
            cluster.lab.docker_config("bearer.lab.test", None),
        ),
        "wrong-basic": (
            "kubernetes.io/dockerconfigjson",
            ".dockerconfigjson",
            cluster.lab.docker_config("private.lab.test", "not-the-password"),
        ),
        "wrong-bearer": (
            "kubernetes.io/dockerconfigjson",
            ".dockerconfigjson",
            cluster.lab.docker_config("bearer.lab.test", "not-the-password"),
        ),
        "malformed": (
            "kubernetes.io/dockerconfigjson",
            ".dockerconfigjson",
            '{"auths":{"private.lab.test":{"auth":"%%%%"}}}',
        ),
        "empty": (
            "kubernetes.io/dockerconfigjson",
            ".dockerconfigjson",
            '{"auths":{"private.lab.test":{}},"credsStore":"desktop"}',
        ),
        "stale": (
            "kubernetes.io/dockerconfigjson",
            ".dockerconfigjson",
            cluster.lab.docker_config("stale.lab.test", None),
        ),
        "opaque": ("Opaque", ".dockerconfigjson", entry),
    }
    for name, (kind, key, text) in kinds.items():
        yield {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": kind,
            "metadata": {"name": name, "namespace": namespace},
            "stringData": {key: text},
        }
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "late", "namespace": namespace}}


def pod_of(scenario: Scenario) -> dict[str, Any]:
    """The pod that fails in this way, named after its cause."""
    made = pod(NAMESPACE, name_of(scenario), scenario.node, scenario.image, scenario.secrets)
    spec = made["spec"]
    for number, image in enumerate(scenario.containers, 2):
        spec["containers"].append({"name": f"side{number}", "image": image, "command": ["sleep", "36000"]})
    if scenario.policy:
        spec["containers"][0]["imagePullPolicy"] = scenario.policy
    spec.update(scenario.spec)
    if not spec.get("nodeName"):
        spec.pop("nodeName", None)
    return made


def name_of(scenario: Scenario) -> str:
    """A pod's name for the scenario."""
    return scenario.name.replace(".", "-").replace("_", "-")


def record(cluster: Cluster, scenario: Scenario) -> str:
    """Save the scenario's case. -> what changed against the file that was there, "" for nothing."""
    if scenario.after is not None:
        scenario.after(cluster, name_of(scenario))
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "case.json"
        ran = cluster.run(
            "imagepull",
            "why",
            name_of(scenario),
            "-n",
            NAMESPACE,
            "-o",
            "json",
            "--save-case",
            str(file),
            *scenario.words,
            check=False,
        )
        if ran.returncode == 2:
            return f"not recorded: {ran.stderr.strip()}"
        saved = parse(file.read_bytes(), file.name)
    about = {"provenance": "recorded", "scenario": scenario.name, "image": scenario.image, "node": scenario.node}
    path = CASES / f"{scenario.name}.json"
    before = verdicts(parse(path.read_bytes(), path.name)) if path.exists() else None
    after = verdicts(saved)
    path.write_text(dump(CaseFile(saved.cases, about)), encoding="utf-8")
    print(f"{scenario.name:32} {json.dumps(after)}", flush=True)
    return f"was {before}, is {after}" if before is not None and before != after else ""


def verdicts(file: CaseFile) -> list[list[str]]:
    """Cause, confidence and role of the subject of each case: what must not change by itself."""
    found = [judge(case) for case in file.cases]
    return [[v.cause, v.confidence, v.subject.role] for v in found]


@contextlib.contextmanager
def namespace(cluster: Cluster) -> Iterator[None]:
    """The namespace of the recorded pods, with all that they name."""
    cluster.make_namespace(NAMESPACE)
    try:
        cluster.apply(*objects(cluster))
        yield
    finally:
        cluster.drop_namespace(NAMESPACE)


def main(argv: Sequence[str]) -> int:
    """Record. -> 0 all verdicts as before, 1 some differ or could not be recorded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="scenarios whose name has this word in it")
    chosen = [s for s in SCENARIOS if parser.parse_args(argv).only in s.name]
    cluster = Cluster(api.Lab.load())
    changed = {}
    with namespace(cluster):
        plain = [s for s in chosen if s.fault is None]
        if plain:
            cluster.apply(*(pod_of(s) for s in plain))
        for scenario in plain:
            ready(cluster, scenario)
            if difference := record(cluster, scenario):
                changed[scenario.name] = difference
        for scenario in chosen:
            if scenario.fault is not None:
                with scenario.fault(cluster.lab):
                    cluster.apply(pod_of(scenario))
                    ready(cluster, scenario)
                    if difference := record(cluster, scenario):
                        changed[scenario.name] = difference
    for name, difference in changed.items():
        print(f"{name}: {difference}", file=sys.stderr)
    return 1 if changed else 0


def ready(cluster: Cluster, scenario: Scenario) -> None:
    """Wait until the pod is in the state that its scenario is about."""
    if scenario.healthy:
        cluster.wait_running(NAMESPACE, [name_of(scenario)])
    elif scenario.name == "auth.secret_malformed":
        wait_for(lambda: _reason(cluster, name_of(scenario)) not in ("", "ContainerCreating"), 60)
    elif not scenario.waiting:
        cluster.wait_failing(NAMESPACE, [name_of(scenario)])


def _reason(cluster: Cluster, name: str) -> str:
    statuses = cluster.get("-n", NAMESPACE, "pod", name)["status"].get("containerStatuses") or [{}]
    reason: str = ((statuses[0].get("state") or {}).get("waiting") or {}).get("reason", "")
    return reason


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
