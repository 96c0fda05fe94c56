"""kubectl and `kubectl imagepull` on the lab's workstation, and the objects that the tests make."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.lab import settings, workstation
from tests.lab.api import Lab

PLUGINS = Path(sys.prefix) / "bin"
"""Where the environment under test has kubectl-imagepull."""
TRIES = 3
"""How often a thing is asked that a busy node may spoil: one sandbox that fails costs the kubelet 10 to 15 s."""
LATE = re.compile(r"(did not start|was made) within \d+ s|is still being removed by the cluster")
"""What the program says where the cluster was too busy for a pod of ours."""
UNCOUNTED = {"events", "leases", "componentstatuses"}


class Cluster:
    """The lab's cluster as a user sees it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def environment(self, **more: str) -> dict[str, str]:
        """PATH with the plugin first, a narrow terminal, no colour."""
        return {"PATH": f"{PLUGINS}:{os.environ['PATH']}", "COLUMNS": "80", **more}

    def run(
        self, *words: str, stdin: str | None = None, check: bool = True, timeout: float = 120, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """kubectl with these words on the workstation."""
        return subprocess.run(
            [*workstation.prefix(env=self.environment(**env)), "kubectl", *words],
            input=stdin,
            capture_output=True,
            text=True,
            check=check,
            timeout=timeout,
        )

    def popen(self, *words: str, **env: str) -> subprocess.Popen[str]:
        """The same, while it runs; output and errors as pipes."""
        return subprocess.Popen(
            [*workstation.prefix(env=self.environment(**env)), "kubectl", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def why(self, *words: str, timeout: float = 120, rung: str = "", **env: str) -> tuple[int, dict[str, Any]]:
        """`kubectl imagepull why … -o json` -> exit code and document.

        rung: of one pod, the way to its node that is meant. Asked again, three times in all, where that was not taken, or a pod
        of ours was not started in time.
        """
        for _ in range(TRIES):
            ran = self.run("imagepull", "why", *words, "-o", "json", check=False, timeout=timeout, **env)
            assert ran.stdout, f"exit {ran.returncode}: {ran.stderr}"
            found = json.loads(ran.stdout)
            if LATE.search(ran.stdout) is None and (not rung or found["probe"]["rung"] == rung):
                break
        return ran.returncode, found

    def get(self, *words: str) -> dict[str, Any]:
        """`kubectl get … -o json`."""
        found: dict[str, Any] = json.loads(self.run("get", *words, "-o", "json").stdout)
        return found

    def listed(self, namespace: str, what: str, **query: str) -> list[dict[str, Any]]:
        """The pods or events of a namespace, without kubectl: who waits looks often, and two cores have other things to do."""
        asked = urllib.parse.urlencode(query)
        status, body = self.lab.api.request("GET", f"/api/v1/namespaces/{namespace}/{what}?{asked}")
        if status != 200:
            raise ConnectionError(body[:200])
        found: list[dict[str, Any]] = json.loads(body)["items"]
        return found

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Create objects."""
        document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.run("apply", "-f", "-", stdin=json.dumps(document))

    def make_namespace(self, name: str) -> None:
        """A namespace, ready for pods: its default service account is there."""
        self.run("create", "namespace", name)
        wait_for(lambda: self.run("-n", name, "get", "serviceaccount", "default", check=False).returncode == 0, 20)

    def drop_namespace(self, name: str) -> None:
        """Delete it and wait until it is gone.

        Its pods first: the namespace controller looks again after some nine seconds where it finds any (kubernetes:
        pkg/controller/namespace/deletion, finalizerEstimateSeconds).
        """
        makers = "deployments,statefulsets,daemonsets,replicasets,cronjobs,jobs"
        self.run("-n", name, "delete", makers, "--all", "--wait=false", check=False)
        self.run("-n", name, "delete", "pods", "--all", "--timeout=60s", check=False)
        self.run("delete", "namespace", name, "--wait=true", "--timeout=90s", check=False, timeout=120)

    def make_secret(self, namespace: str, name: str, host: str, password: str | None = None) -> None:
        """A pull secret of the registries' user, with the right password unless another is given."""
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "type": "kubernetes.io/dockerconfigjson",
                "metadata": {"name": name, "namespace": namespace},
                "stringData": {".dockerconfigjson": self.lab.docker_config(host, password)},
            }
        )

    def address_of_resolver(self) -> str:
        """The resolver in the nodes' own resolv.conf."""
        return self.lab.segment[settings.DNS]

    def snapshot(self) -> set[tuple[str, str]]:
        """(kind, namespace/name) of every object of every kind, events and leases apart."""
        kinds = self.run("api-resources", "--verbs=list", "-o", "name", "--no-headers").stdout.split()
        wanted = sorted(k for k in kinds if k.partition(".")[0] not in UNCOUNTED)
        line = '{range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\\n"}{end}'
        listed = self.run("get", ",".join(wanted), "-A", "-o", f"jsonpath={line}").stdout
        return {(kind, name) for kind, _, name in (row.partition(" ") for row in listed.splitlines()) if name}

    def wait_failing(self, namespace: str, pods: Sequence[str], seconds: float = 300) -> None:
        """Wait until the kubelet reports a failed pull for each of the pods."""

        def failing() -> bool:
            listed = self.listed(namespace, "pods")
            found = {p["metadata"]["name"]: p for p in listed}
            return all(_fails(found[name]) for name in pods)

        wait_for(failing, seconds)

    def wait_pulling(self, namespace: str, pods: Sequence[str], seconds: float = 300) -> None:
        """Wait until the kubelet says that it pulls for each of the pods; a runtime may then be silent for minutes."""

        def pulling() -> bool:
            events = self.listed(namespace, "events")
            return set(pods) <= {e["involvedObject"]["name"] for e in events if e["reason"] == "Pulling"}

        wait_for(pulling, seconds)

    def wait_running(self, namespace: str, pods: Sequence[str], seconds: float = 300) -> None:
        """Wait until the pods run."""

        def running() -> bool:
            listed = self.listed(namespace, "pods")
            phases = {p["metadata"]["name"]: p["status"].get("phase") for p in listed}
            return all(phases.get(name) == "Running" for name in pods)

        wait_for(running, seconds)

    def ends_pulled(self, namespace: str, name: str, seconds: float = 120) -> bool:
        """Wait for the end of a pod's first pull. -> whether the image came."""
        reasons: set[str] = set()

        def ended() -> bool:
            events = self.listed(namespace, "events", fieldSelector=f"involvedObject.name={name}")
            reasons.update(event["reason"] for event in events)
            return bool(reasons & {"Pulled", "Failed"})

        wait_for(ended, seconds)
        return "Pulled" in reasons


def _fails(pod: Mapping[str, Any]) -> bool:
    status = pod.get("status") or {}
    entries = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    reasons = [((e.get("state") or {}).get("waiting") or {}).get("reason", "") for e in entries]
    return any("Image" in reason for reason in reasons)


def pod(namespace: str, name: str, node: str, image: str, secrets: Sequence[str] = (), **spec: Any) -> dict[str, Any]:
    """A pod of one container on a node."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "app", "image": image, "command": ["sleep", "36000"]}],
            "imagePullSecrets": [{"name": s} for s in secrets],
            **spec,
        },
    }


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Ask until it holds; fails the test when time runs out. An API server that does not answer in time is asked again."""
    deadline = time.monotonic() + seconds
    trouble: list[Exception] = []

    def holds() -> bool:
        try:
            return condition()
        except (*UNANSWERED, subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            trouble.append(error)
            return False

    late = False
    while not holds():
        said = f": {trouble[-1]!r}" if trouble else ""
        # a look that began in time and was held up is not the last one
        assert not late, f"not within {seconds:.0f} s{said}"
        time.sleep(0.05)
        late = time.monotonic() >= deadline


UNANSWERED = (ConnectionError, TimeoutError)


BETWEEN = 0.1
"""Seconds between two looks of a witness: often enough to see every object, seldom enough not to slow down what it watches."""


class Witness:
    """Collects all that can be had of our objects while a command runs: every version of them, and the pods' logs."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster, self._namespace = cluster, namespace
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._watch)]
        self._followed: set[str] = set()
        self._answered = False
        self.texts: dict[str, str] = {}

    def __enter__(self) -> Witness:
        self._threads[0].start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert self._answered or kind is not None, "what nobody looked at is not absent"

    def _watch(self) -> None:
        label = "app.kubernetes.io%2Fmanaged-by%3Dkubectl-imagepull"
        core, batch = f"/api/v1/namespaces/{self._namespace}", f"/apis/batch/v1/namespaces/{self._namespace}"
        while not self._stop.wait(BETWEEN):
            for kind, path in (("Job", f"{batch}/jobs"), ("Pod", f"{core}/pods"), ("ConfigMap", f"{core}/configmaps")):
                try:
                    status, body = self._cluster.lab.api.request("GET", f"{path}?labelSelector={label}")
                except UNANSWERED:
                    continue  # a busy machine: there is a next look
                self._answered = True
                for item in json.loads(body)["items"] if status == 200 else ():
                    key = f"{kind}/{item['metadata']['name']}"
                    self.texts[key] = self.texts.get(key, "") + json.dumps(item)
                    if kind == "Pod" and key not in self._followed:
                        self._followed.add(key)
                        path_of_log = f"{core}/pods/{item['metadata']['name']}/log?"
                        self._threads.append(threading.Thread(target=self._log, args=(key, path_of_log, item)))
                        self._threads[-1].start()

    def _log(self, key: str, path: str, pod: Mapping[str, Any]) -> None:
        """The logs as long as they can be had: read again and again until the pod is gone."""
        names = [container["name"] for container in pod["spec"]["containers"]]
        found = dict.fromkeys(names, "")
        while not self._stop.wait(BETWEEN):
            try:
                answers = [(name, self._cluster.lab.api.request("GET", f"{path}container={name}")) for name in names]
            except UNANSWERED:
                continue
            for name, (status, body) in answers:
                if status == 200:
                    found[name] = max(found[name], body.decode(errors="replace"), key=len)
            self.texts[f"log of {key}"] = "".join(found.values())
            if all(status == 404 for _, (status, _) in answers):
                return
