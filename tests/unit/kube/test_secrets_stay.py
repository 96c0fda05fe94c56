"""What is read of a pod holds none of its pull secrets' values, wherever the API server quotes them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.kube.config import Flags
from kubectl_imagepull.kube.pods import read_pod
from tests.unit.api_server import serving

PASSWORD = "wintermute-2026"
AUTH = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
QUOTED = f"denied: alice/{PASSWORD} ({AUTH}); see https://a.example/x?sig=Zq7RtK2m"
POD = {
    "metadata": {"name": "web", "namespace": "shop", "uid": "1"},
    "spec": {
        "containers": [{"name": "app", "image": "registry.example/app:1"}],
        "imagePullSecrets": [{"name": "regcred"}],
    },
    "status": {
        "phase": "Pending",
        "message": QUOTED,
        "containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "ErrImagePull", "message": QUOTED}}}],
    },
}
AUTHS = {
    "registry.example": {"auth": AUTH},
    f"https://{PASSWORD}@registry.example": {"username": PASSWORD, "password": PASSWORD},
}
SECRET = {
    "metadata": {"name": "regcred", "namespace": "shop"},
    "type": "kubernetes.io/dockerconfigjson",
    "data": {".dockerconfigjson": base64.b64encode(json.dumps({"auths": AUTHS}).encode()).decode()},
}
EVENT = {
    "type": "Warning",
    "reason": "Failed",
    "message": f'Failed to pull image "registry.example/app:1": {QUOTED}',
    "involvedObject": {"uid": "1", "fieldPath": "spec.containers{app}"},
}


def answer(method: str, path: str) -> tuple[int, Any, dict[str, str]]:
    body: Any = {"items": []}
    if "/pods/web" in path:
        body = POD
    elif "/secrets/regcred" in path:
        body = SECRET
    elif "/events" in path:
        body = {"items": [EVENT]}
    return 200, body, {"Content-Type": "application/json"}


def test_facts_hold_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with serving(answer) as (url, _):
        (container,) = read_pod(Api(Flags(server=url)), "shop", "web").containers
    assert container.facts.failing and container.facts.secrets[0].state == "used"
    text = repr(container)
    for secret in (PASSWORD, AUTH, "Zq7RtK2m"):
        assert secret not in text
    # to be sent they are there
    assert PASSWORD in {credential.password for credential in container.credentials}
