"""Record the objects of the fake API server from the lab: `make lab`, then `python -m tests.fake.record`.

broken: a namespace in which each kind of workload fails to pull in its own way; mended: the same after the images of deployment
web were corrected. What tells runs apart (managedFields, addresses) is left out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.cluster import Cluster, pod, wait_for
from tests.lab import api

HERE = Path(__file__).parent
SPACE, STRICT = "shop", "strict"
GOOD, BAD = "registry.lab.test/busybox:1.35", "registry.lab.test/busybox:9.9"
KINDS = "pods,events,secrets,serviceaccounts,deployments,replicasets,statefulsets,daemonsets,controllerrevisions,jobs,cronjobs"


def workload(kind: str, name: str, image: str, namespace: str = SPACE, **spec: Any) -> dict[str, Any]:
    """A workload of one container."""
    secrets = [{"name": s} for s in spec.pop("secrets", ())]
    inner = {
        "terminationGracePeriodSeconds": 0,
        "imagePullSecrets": secrets,
        "containers": [{"name": "app", "image": image, "command": ["sleep", "36000"]}],
    }
    batch = kind in ("Job", "CronJob")
    labels = {} if batch else {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {**inner, **({"restartPolicy": "Never"} if batch else {})}}
    own: dict[str, Any] = {"template": template, **spec}
    if not batch:
        own["selector"] = {"matchLabels": labels}
    if kind == "StatefulSet":
        own["serviceName"] = name
    if kind == "CronJob":
        own = {"schedule": "0 3 1 1 *", "jobTemplate": {"spec": own}}
    group = "batch/v1" if batch else "apps/v1"
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": own}


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """An object without what no reader looks at."""
    metadata = found["metadata"]
    metadata.pop("managedFields", None)
    (metadata.get("annotations") or {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)
    for volume in (found.get("spec") or {}).get("volumes") or []:
        volume.pop("projected", None)
    return found


def snapshot(cluster: Cluster) -> list[dict[str, Any]]:
    """Every object of both namespaces, the nodes and the namespaces themselves."""
    found = [*cluster.get("nodes")["items"]]
    for namespace in (SPACE, STRICT):
        found += [cluster.get("namespace", namespace), *cluster.get("-n", namespace, KINDS)["items"]]
    return [plain(one) for one in found]


def break_all(cluster: Cluster) -> None:
    """Make everything that fails, and wait until it does."""
    cluster.make_namespace(SPACE)
    cluster.make_namespace(STRICT)
    cluster.run("label", "namespace", STRICT, "pod-security.kubernetes.io/enforce=restricted")
    cluster.make_secret(SPACE, "wrong", "private.lab.test", "not-the-password")
    cluster.apply(workload("Deployment", "web", GOOD), pod(SPACE, "healthy", "node1", GOOD))
    wait_for(lambda: cluster.get("-n", SPACE, "deployment", "web")["status"].get("readyReplicas") == 1, 90)
    missing = "missing.lab.test/team/app:1.0"
    two = [{"name": "first", "image": GOOD, "command": ["sleep", "36000"]}, {"name": "second", "image": missing}]
    cluster.apply(
        workload("Deployment", "web", BAD),
        workload("Deployment", "refused", GOOD, STRICT),
        workload("StatefulSet", "db", "private.lab.test/team/app:1.0", secrets=["wrong"]),
        workload("DaemonSet", "agent", "expired.lab.test/team/app:1.0"),
        workload("Job", "once", missing),
        workload("CronJob", "nightly", "refused.lab.test/team/app:1.0"),
        pod(SPACE, "lone", "node2", "", containers=two),
        pod(SPACE, "gone", "node1", BAD),
    )
    cluster.run("-n", SPACE, "create", "job", "by-hand", "--from=cronjob/nightly")
    pods = [p["metadata"]["name"] for p in cluster.get("-n", SPACE, "pods")["items"]]
    running = {"healthy"} | {p for p in pods if p.startswith("web-")}
    wait_for(lambda: len(cluster.get("-n", SPACE, "pods")["items"]) >= 10, 60)
    cluster.wait_failing(SPACE, ["lone", "gone", "db-0"])
    pods = [p["metadata"]["name"] for p in cluster.get("-n", SPACE, "pods")["items"]]
    cluster.wait_failing(SPACE, [p for p in pods if p not in running])
    wait_for(lambda: "FailedCreate" in str(cluster.get("-n", STRICT, "events")), 60)
    cluster.run("-n", SPACE, "delete", "pod", "gone", "--force", "--grace-period=0")


def main() -> None:
    """Write broken.json and mended.json beside this file."""
    cluster = Cluster(api.up())
    try:
        break_all(cluster)
        (HERE / "broken.json").write_text(json.dumps(snapshot(cluster), indent=1, sort_keys=True) + "\n")
        cluster.apply(workload("Deployment", "web", GOOD))

        def status() -> Any:
            return cluster.get("-n", SPACE, "deployment", "web")["status"]

        wait_for(lambda: status().get("updatedReplicas") == 1 and not status().get("unavailableReplicas"), 90)
        (HERE / "mended.json").write_text(json.dumps(snapshot(cluster), indent=1, sort_keys=True) + "\n")
    finally:
        for namespace in (SPACE, STRICT):
            cluster.drop_namespace(namespace)


if __name__ == "__main__":
    main()
