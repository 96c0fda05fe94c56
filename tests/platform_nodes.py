"""Nodes as the API tells of them, one of each platform, and some of none."""

from __future__ import annotations

from typing import Any

from kubectl_imagepull.catalogue import platforms

NODES: dict[str, dict[str, Any]] = {name: dict(one.details.example) for name, one in platforms.load().items()}
UNKNOWN: dict[str, dict[str, Any]] = {
    "nothing but Debian": {"os_image": "Debian GNU/Linux 12 (bookworm)", "kubelet": "v1.34.1"},
    "a fork": {"kubelet": "v1.34.1+acme1", "os_image": "AcmeOS 3", "provider_id": "acme://1"},
    "labels of others": {"labels": ("kops.k8s.io/instancegroup=nodes",), "provider_id": "aws:///eu-west-1a/i-0abc"},
    "it does not say k3s": {"kubelet": "v1.34.1", "name": "k3s-worker"},
}
