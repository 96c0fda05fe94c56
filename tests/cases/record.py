"""Record the cases that the lab can make: `python -m tests.cases.record [--only WORD]`.

Each scenario breaks something for real, waits until the kubelet says so, and lets `why --save-case` write the file. A case that
is there already is written anew; the verdict of the new one is compared with that of the old one, and a difference is an error.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import secrets
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
ONCE = secrets.token_hex(3)
"""Part of the name of images that a node may have in the end: none has had this one."""


@dataclass(frozen=True)
class Scenario:
    """One failure. secrets: pull secrets of the pod; fault: what is broken while it fails; spec: more of the pod's spec;
    before: makes what has to be there before the pod; until: what to wait for in place of a failed pull; ask: what `why` is
    asked about in place of the pod; words: more words for `why`; env: more of its environment."""

    name: str
    image: str
    node: str = "node2"
    secrets: tuple[str, ...] = ()
    fault: Callable[[Lab], faults.Fault] | None = None
    spec: dict[str, Any] = dataclasses.field(default_factory=dict)
    policy: str = ""
    healthy: bool = False
    before: Callable[[Cluster], None] | None = None
    until: Callable[[Cluster, str], bool] | None = None
    after: Callable[[Cluster, str], None] | None = None
    ask: str = ""
    words: tuple[str, ...] = ()
    env: Callable[[], dict[str, str]] | None = None
    containers: tuple[str, ...] = ()


def _give_account_a_secret(cluster: Cluster, name: str) -> None:
    cluster.run(
        "-n", NAMESPACE, "patch", "serviceaccount", "late", "-p", '{"imagePullSecrets":[{"name":"right-basic"}]}'
    )


def _pulling(cluster: Cluster, name: str) -> bool:
    return _has_event(cluster, name, "Pulling")


def _has_event(cluster: Cluster, name: str, reason: str) -> bool:
    wanted = f"involvedObject.name={name},reason={reason}"
    return bool(cluster.get("-n", NAMESPACE, "events", "--field-selector", wanted)["items"])


def _tried_in_vain(cluster: Cluster, name: str) -> bool:
    return _reason(cluster, name) not in ("", "ContainerCreating")


def _stalled_pull(cluster: Cluster) -> None:
    cluster.apply(pod(NAMESPACE, "big-image", "node2", "odd.lab.test/hang:1.0"))
    wait_for(lambda: _pulling(cluster, "big-image"), 30)


def _pulled_with_a_secret(cluster: Cluster) -> None:
    image = "private.lab.test/team/app:1.0"
    cluster.apply(pod(NAMESPACE, "has-secret", "node2", image, ["right-basic"]))
    cluster.wait_running(NAMESPACE, ["has-secret"])

    def listed() -> bool:
        return any(image in i["names"] for i in cluster.get("node", "node2")["status"].get("images", []))

    wait_for(listed, 90)


def _refused_pods(cluster: Cluster) -> None:
    """A policy that refuses the images of one registry, and a Deployment of such."""
    name = "approved-registries"
    kind = {"apiVersion": "admissionregistration.k8s.io/v1"}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}}
    check = {
        "expression": "object.spec.containers.all(c, !c.image.startsWith('hub.lab.test/'))",
        "message": "images come from registry.lab.test or private.lab.test only",
    }
    labels = {"app": "refused"}
    container = {"name": "app", "image": "hub.lab.test/team/app:1.0"}
    cluster.apply(
        kind
        | {
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {"matchConstraints": {"resourceRules": [rule]}, "validations": [check]},
        },
        kind
        | {
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"], "matchResources": here},
        },
    )
    refused = {"spec": {"containers": [container]}, "metadata": {"labels": labels}}
    probe = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "x", "namespace": NAMESPACE},
        **{"spec": refused["spec"]},
    }

    def refuses() -> bool:
        return (
            cluster.run("create", "--dry-run=server", "-f", "-", stdin=json.dumps(probe), check=False).returncode != 0
        )

    wait_for(refuses, 30)
    cluster.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "refused", "namespace": NAMESPACE},
            "spec": {"selector": {"matchLabels": labels}, "template": refused},
        }
    )


def _no_pods_come(cluster: Cluster, name: str) -> bool:
    found = cluster.get("-n", NAMESPACE, "events", "--field-selector", "reason=FailedCreate")["items"]
    return any(event["involvedObject"]["name"].startswith("refused") for event in found)


def _disk_known_full(cluster: Cluster, name: str) -> bool:
    """The pull has failed, and the kubelet's own figures, which it takes every few seconds, say why."""
    summary = json.loads(cluster.run("get", "--raw", "/api/v1/nodes/node2/proxy/stats/summary").stdout)
    free: int = summary["node"]["runtime"]["imageFs"]["availableBytes"]
    return _tried_in_vain(cluster, name) and free < 1 << 28


def _not_ready(cluster: Cluster, name: str) -> bool:
    conditions = cluster.get("node", "node2")["status"]["conditions"]
    return any(c["type"] == "Ready" and c["status"] != "True" for c in conditions)


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
        until=lambda cluster, name: True,
    ),
    Scenario("image.blob_unknown", "odd.lab.test/gone:1.0"),
    Scenario("image.format_unsupported", "odd.lab.test/thing:1.0"),
    Scenario("content.corrupt", "odd.lab.test/wrong:1.0"),
    Scenario("content.corrupt-layer", "odd.lab.test/wrong-end:1.0"),
    Scenario("transfer.interrupted", "odd.lab.test/short:1.0"),
    Scenario("storage.extract_failed", "odd.lab.test/nottar:1.0"),
    Scenario("registry.server_error", "e502.lab.test/team/app:1.0"),
    Scenario("registry.server_error-token", "token-e500.lab.test/team/app:1.0", node="node1"),
    Scenario("registry.unavailable", "e503.lab.test/team/app:1.0"),
    Scenario("registry.not_a_registry", "website.lab.test/team/app:1.0"),
    Scenario("auth.forbidden", "odd.lab.test/denied/app:1.0"),
    Scenario("auth.forbidden-blob", "blobs-e403.lab.test/team/app:1.0"),
    Scenario("auth.expired", "stale.lab.test/team/app:1.0", secrets=("stale",)),
    Scenario("tls.not_yet_valid", "future.lab.test/team/app:1.0"),
    Scenario("tls.handshake", "alert.lab.test/team/app:1.0"),
    Scenario("tls.unknown_authority-intermediate", "lone.lab.test/team/app:1.0"),
    Scenario("tls.expired-token", "token-expired.lab.test/team/app:1.0", node="node1"),
    Scenario("net.refused-blob", "blobs-refused.lab.test/team/app:1.0"),
    Scenario("net.timeout-token", "token-dropped.lab.test/team/app:1.0", until=_pulling),
    Scenario("tls.expired-server-clock", "skewed.lab.test/team/app:1.0"),
    Scenario("node.clock_skew", "skewed.lab.test/team/app:1.0", env=faults.right_clock),
    Scenario("auth.cached_image_denied", "private.lab.test/team/app:1.0", policy="Never", before=_pulled_with_a_secret),
    Scenario("policy.admission", "", before=_refused_pods, until=_no_pods_come, ask="deploy/refused"),
    Scenario("pull.in_progress", f"odd.lab.test/slow/{ONCE}:1.0", until=_pulling),
    Scenario("transfer.stalled", "odd.lab.test/hang/record:1.0", until=_pulling),
    Scenario(
        "pull.queued",
        "registry.lab.test/busybox:1.35",
        policy="Always",
        fault=lambda lab: faults.kubelet_config(lab, "node2", serializeImagePulls=True),
        before=_stalled_pull,
        until=_pulling,
    ),
    Scenario(
        "storage.no_space",
        f"odd.lab.test/fresh/{ONCE}:1.0",
        fault=lambda lab: faults.disk_full(lab, "node2"),
        until=_disk_known_full,
    ),
    Scenario(
        "net.proxy",
        "registry.lab.test/busybox:1.35",
        policy="Always",
        fault=lambda lab: faults.proxy(lab, "node2", "http://refused.lab.test:3128"),
    ),
    Scenario(
        "net.refused-mirror",
        "behind-refused.lab.test/team/app:1.0",
        fault=lambda lab: faults.mirror(
            lab, "node2", "behind-refused.lab.test", "https://refused.lab.test", alone=True
        ),
    ),
    Scenario(
        "runtime.config_invalid",
        "missing.lab.test/team/app:1.0",
        fault=lambda lab: faults.hosts_toml(lab, "node2", "missing.lab.test", "[host."),
    ),
    Scenario(
        "node.not_ready",
        "registry.lab.test/busybox:1.35",
        fault=lambda lab: faults.kubelet_down(lab, "node2"),
        until=_not_ready,
    ),
    Scenario(
        "runtime.unavailable",
        "registry.lab.test/busybox:1.35",
        fault=lambda lab: faults.stopped(lab, "containerd-node2"),
        until=_not_ready,
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
            scenario.ask or name_of(scenario),
            "-n",
            NAMESPACE,
            "-o",
            "json",
            "--save-case",
            str(file),
            # the lab's registries name it for tokens, and a credential goes to no host of another name by itself
            "--token-host",
            "auth.lab.test",
            *scenario.words,
            check=False,
            **(scenario.env() if scenario.env else {}),
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
        for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
            cluster.run("delete", kind, "approved-registries", "--ignore-not-found", check=False)
        cluster.drop_namespace(NAMESPACE)


def main(argv: Sequence[str]) -> int:
    """Record. -> 0 all verdicts as before, 1 some differ or could not be recorded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="scenarios whose name has one of these words in it (word,word)")
    only = parser.parse_args(argv).only.split(",")
    chosen = [s for s in SCENARIOS if any(word in s.name for word in only)]
    cluster = Cluster(api.Lab.load())
    changed = {}
    with namespace(cluster):
        plain = [s for s in chosen if s.fault is None]
        for scenario in plain:
            if scenario.before is not None:
                scenario.before(cluster)
        quick = [s for s in plain if s.image and s.until is not _pulling]
        if quick:
            cluster.apply(*(pod_of(s) for s in quick))
        # what moves slowly or not at all comes last: it would hold up the others
        for scenario in sorted(plain, key=lambda s: s.until is _pulling):
            if scenario.until is _pulling:
                cluster.apply(pod_of(scenario))
            ready(cluster, scenario)
            if difference := record(cluster, scenario):
                changed[scenario.name] = difference
        cluster.lab.end_stalls()
        for scenario in chosen:
            if scenario.fault is not None:
                with scenario.fault(cluster.lab):
                    if scenario.before is not None:
                        scenario.before(cluster)
                    cluster.apply(pod_of(scenario))
                    ready(cluster, scenario)
                    if difference := record(cluster, scenario):
                        changed[scenario.name] = difference
                    cluster.lab.end_stalls()
    for name, difference in changed.items():
        print(f"{name}: {difference}", file=sys.stderr)
    return 1 if changed else 0


def ready(cluster: Cluster, scenario: Scenario) -> None:
    """Wait until the pod is in the state that its scenario is about."""
    name = name_of(scenario)
    if scenario.healthy:
        cluster.wait_running(NAMESPACE, [name])
    elif scenario.until is not None:
        until = scenario.until
        wait_for(lambda: until(cluster, name), 120)
    else:
        wait_for(lambda: _tried_in_vain(cluster, name), 120)


def _reason(cluster: Cluster, name: str) -> str:
    statuses = cluster.get("-n", NAMESPACE, "pod", name)["status"].get("containerStatuses") or [{}]
    reason: str = ((statuses[0].get("state") or {}).get("waiting") or {}).get("reason", "")
    return reason


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
