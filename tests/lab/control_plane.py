"""etcd, API server, controller manager and scheduler, in the core machine."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Sequence
from pathlib import Path

from tests.lab import settings
from tests.lab.build import KUBERNETES
from tests.lab.common import LabError
from tests.lab.machine import Machine, Service
from tests.lab.network import Segment
from tests.lab.pki import Authority, Pair, kubeconfig, signing_key

PORT = 6443


def define(core: Machine, segment: Segment, ca: Authority) -> list[Service]:
    """Write certificates and kubeconfigs and define the four services, in the order of their start."""
    state, pki = core.state, core.state / "pki"
    address = segment[settings.CORE]
    server = ca.issue(
        "apiserver",
        "kube-apiserver",
        dns=["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"],
        addresses=["127.0.0.1", address, "10.96.0.1"],
    )
    to_kubelet = ca.issue("apiserver-kubelet", "apiserver-kubelet", organisation="system:masters")
    accounts = signing_key(pki / "sa")
    users = {
        "admin": ("admin", "system:masters"),
        "kcm": ("system:kube-controller-manager", ""),
        "sched": ("system:kube-scheduler", ""),
    }
    configs = {
        name: kubeconfig(
            state / f"{name}.kubeconfig",
            f"https://{address}:{PORT}",
            ca.pem,
            ca.issue(name, user, organisation=group),
            user,
        )
        for name, (user, group) in users.items()
    }
    etcd = [
        "etcd",
        "--name=lab",
        f"--data-dir={core.store}/etcd",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--initial-advertise-peer-urls=http://127.0.0.1:2380",
        "--initial-cluster=lab=http://127.0.0.1:2380",
        "--quota-backend-bytes=4294967296",
        "--auto-compaction-mode=periodic",
        "--auto-compaction-retention=10m",
    ]
    apiserver: list[str | Path] = [
        KUBERNETES.program("kube-apiserver"),
        "--etcd-servers=http://127.0.0.1:2379",
        "--bind-address=0.0.0.0",
        f"--advertise-address={address}",
        f"--secure-port={PORT}",
        f"--tls-cert-file={server.crt}",
        f"--tls-private-key-file={server.key}",
        f"--client-ca-file={ca.crt}",
        f"--kubelet-client-certificate={to_kubelet.crt}",
        f"--kubelet-client-key={to_kubelet.key}",
        f"--kubelet-certificate-authority={ca.crt}",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={accounts.crt}",
        f"--service-account-signing-key-file={accounts.key}",
        f"--service-cluster-ip-range={settings.SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
    ]
    kcm: list[str | Path] = [
        KUBERNETES.program("kube-controller-manager"),
        f"--kubeconfig={configs['kcm']}",
        f"--root-ca-file={ca.crt}",
        f"--service-account-private-key-file={accounts.key}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        # Its start makes dozens of service accounts: 5 s by the default limit.
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
    ]
    scheduler: list[str | Path] = [
        KUBERNETES.program("kube-scheduler"),
        f"--kubeconfig={configs['sched']}",
        "--leader-elect=false",
    ]
    argvs: dict[str, Sequence[str | Path]] = {
        "etcd": etcd,
        "apiserver": apiserver,
        "controller-manager": kcm,
        "scheduler": scheduler,
    }
    # A stopped API server may drain for minutes while others watch it: it gets a second.
    return [
        Service(name, state).define(core, argv, grace=1 if name == "apiserver" else 3) for name, argv in argvs.items()
    ]


class Api:
    """The admin's view of the API server, over plain HTTPS: the lab must not depend on the client library
    under test.
    """

    def __init__(self, state: Path, segment: Segment, timeout: float = 5) -> None:
        self._address, self._timeout = segment[settings.CORE], timeout
        pki = state / "pki"
        try:
            self._context = ssl.create_default_context(cafile=str(pki / "kube-ca.crt"))
            pair = Pair(pki / "admin.crt", pki / "admin.key")
            self._context.load_cert_chain(pair.crt, pair.key)
        except OSError as error:
            raise LabError(f"the lab is not up: {error}") from error

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        accept: str = "application/json",
        kind: str = "application/json",
    ) -> tuple[int, bytes]:
        """Status and body of one request. Raises OSError when the server cannot be reached."""
        connection = http.client.HTTPSConnection(self._address, PORT, timeout=self._timeout, context=self._context)
        try:
            connection.request(
                method,
                path,
                json.dumps(body) if body is not None else None,
                {"Content-Type": kind, "Accept": accept},
            )
            response = connection.getresponse()
            return response.status, response.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    def ready(self) -> bool:
        """Whether the server serves."""
        try:
            return self.request("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def exists(self, path: str) -> bool:
        """Whether an object exists."""
        try:
            return self.request("GET", path)[0] == 200
        except OSError:
            return False

    def runtime_answers(self, node: str) -> bool:
        """Whether the kubelet of a node reaches its runtime, for pods and for images: neither is known from the node's state,
        which is written each few seconds."""
        paths = (f"/api/v1/nodes/{node}/proxy/{what}" for what in ("runningpods/", "stats/summary"))
        return all(self.exists(path) for path in paths)

    def mark_nodes(self) -> bool:
        """Give the nodes the annotation that kubeadm gives to its own, by which their platform is told. -> whether it could be
        done. Raises LabError."""
        body = {
            "metadata": {
                "annotations": {"kubeadm.alpha.kubernetes.io/cri-socket": "unix:///run/containerd/containerd.sock"}
            }
        }
        for name in settings.NODES:
            try:
                status, said = self.request("PATCH", f"/api/v1/nodes/{name}", body, kind="application/merge-patch+json")
            except OSError:
                return False
            if status != 200:
                raise LabError(f"annotating {name}: {status} {said[:200]!r}")
        return True

    def nodes(self) -> dict[str, str]:
        """Node name -> ``Ready`` or why not."""
        try:
            status, body = self.request("GET", "/api/v1/nodes")
        except OSError as error:
            return dict.fromkeys(settings.NODES, f"unknown: {error}")
        found = {}
        for item in json.loads(body)["items"] if status == 200 else []:
            conditions = {entry["type"]: entry for entry in item["status"].get("conditions", [])}
            ready = conditions.get("Ready", {})
            found[item["metadata"]["name"]] = (
                "Ready" if ready.get("status") == "True" else f"not ready: {ready.get('message', 'no word yet')}"
            )
        return {name: found.get(name, "not registered") for name in settings.NODES}
