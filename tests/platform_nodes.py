"""Nodes as the API tells of them, one of each platform, and some of none."""

from __future__ import annotations

from typing import Any

NODES: dict[str, dict[str, Any]] = {
    "eks-fargate": {
        "kubelet": "v1.33.3-eks-2f4c8e5",
        "os_image": "Amazon Linux 2",
        "labels": ("eks.amazonaws.com/compute-type=fargate",),
    },
    "aks-virtual-node": {"name": "virtual-node-aci-linux", "labels": ("type=virtual-kubelet",)},
    "windows": {
        "os": "windows",
        "os_image": "Windows Server 2022 Datacenter",
        "labels": ("kubernetes.azure.com/cluster=x",),
    },
    "gke-autopilot": {
        "kubelet": "v1.33.4-gke.1350000",
        "provider_id": "gce://proj/europe-west1-b/gk3-web-pool-2-1a2b3c4d-x1y2",
    },
    "gke": {"kubelet": "v1.33.4-gke.1350000", "os_image": "Container-Optimized OS from Google"},
    "eks-auto": {
        "kubelet": "v1.33.3-eks-2f4c8e5",
        "os_image": "Bottlerocket (EKS Auto, Standard) 2025.9.1 (aws-k8s-1.33-standard)",
    },
    "eks-bottlerocket": {
        "kubelet": "v1.33.3-eks-2f4c8e5",
        "os_image": "Bottlerocket OS 1.47.0 (aws-k8s-1.33)",
    },
    "eks-al2023": {"kubelet": "v1.33.3-eks-2f4c8e5", "os_image": "Amazon Linux 2023.8.20250818"},
    "eks-al2": {"kubelet": "v1.30.9-eks-5d632ec", "os_image": "Amazon Linux 2"},
    "aks": {"os_image": "Ubuntu 22.04.5 LTS", "labels": ("kubernetes.azure.com/cluster=MC_rg_web",)},
    "openshift": {"os_image": "Red Hat Enterprise Linux CoreOS 9.6", "labels": ("node.openshift.io/os_id=rhel",)},
    "rancher-desktop": {"name": "lima-rancher-desktop", "kubelet": "v1.33.3+k3s1"},
    "k3d": {"name": "k3d-web-agent-0", "kubelet": "v1.31.5+k3s1", "provider_id": "k3s://k3d-web-agent-0"},
    "k3s": {"kubelet": "v1.33.3+k3s1", "provider_id": "k3s://n1", "runtime": "containerd://2.0.5-k3s2"},
    "rke2": {"kubelet": "v1.33.3+rke2r1"},
    "k0s": {"kubelet": "v1.33.3+k0s"},
    "microk8s": {"kubelet": "v1.32.8", "labels": ("microk8s.io/cluster=true",)},
    "talos": {"os_image": "Talos (v1.11.1)"},
    "kind": {"provider_id": "kind://docker/web/web-worker", "os_image": "Debian GNU/Linux 12 (bookworm)"},
    "minikube": {"name": "minikube", "labels": ("minikube.k8s.io/name=minikube",)},
    "docker-desktop": {"name": "docker-desktop", "os_image": "Docker Desktop"},
    "oke": {"provider_id": "ocid1.instance.oc1.eu-frankfurt-1.abc", "runtime": "cri-o://1.33.1"},
    "ack": {"kubelet": "v1.32.1-aliyun.1"},
    "doks": {"labels": ("doks.digitalocean.com/node-pool=web",), "provider_id": "digitalocean://123"},
    "cce": {"kubelet": "v1.30.4-r0-30.0.12-CCE"},
    "tke": {"kubelet": "v1.30.0-tke.9"},
    "kubeadm": {
        "os_image": "Debian GNU/Linux 12 (bookworm)",
        "annotations": ("kubeadm.alpha.kubernetes.io/cri-socket",),
    },
}
UNKNOWN: dict[str, dict[str, Any]] = {
    "nothing but Debian": {"os_image": "Debian GNU/Linux 12 (bookworm)", "kubelet": "v1.34.1"},
    "a fork": {"kubelet": "v1.34.1+acme1", "os_image": "AcmeOS 3", "provider_id": "acme://1"},
    "labels of others": {"labels": ("kops.k8s.io/instancegroup=nodes",), "provider_id": "aws:///eu-west-1a/i-0abc"},
    "it does not say k3s": {"kubelet": "v1.34.1", "name": "k3s-worker"},
}
