"""Images over which a probe may run with the node's own tools and folders, though nobody has named them.

An image brings more than files: variables that the loader and libraries obey, an /etc, modules that a Python loads at its start.
So a name counts whole, registry and tag included: what is merely called pause may be anybody's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..model import NodeImages


@dataclass(frozen=True)
class Pauses:
    """Pause images of one publisher, who alone can push to that repository."""

    repository: str
    """Registry and path, as a node's status and a runtime's settings write it."""
    tags: tuple[str, ...]
    """Those that were published."""
    source: str
    """Who says so, as read on 2026-11-28."""


KUBERNETES = "kubernetes: build/pause/CHANGELOG.md, cmd/kubeadm/app/constants (PauseVersion)"
_UPSTREAM = ("3.1", "3.2", "3.3", "3.4.1", "3.5", "3.6", "3.7", "3.8", "3.9", "3.10", "3.10.1", "3.10.2")
PUBLISHED = (
    Pauses("registry.k8s.io/pause", _UPSTREAM, KUBERNETES),
    Pauses("k8s.gcr.io/pause", _UPSTREAM[:9], KUBERNETES),
    Pauses("gcr.io/google_containers/pause-amd64", ("3.0", "3.1"), KUBERNETES),
    Pauses("rancher/mirrored-pause", ("3.1", "3.2", "3.5", "3.6", "3.7"), "k3s: pkg/cli/cmds/agent.go"),
    Pauses("docker.io/rancher/mirrored-pause", ("3.1", "3.2", "3.5", "3.6", "3.7"), "k3s: pkg/cli/cmds/agent.go"),
    Pauses("docker.io/rancher/pause", ("3.1", "3.2"), "k3s: pkg/cli/cmds/agent.go before 1.21"),
    Pauses("mcr.microsoft.com/oss/kubernetes/pause", _UPSTREAM, "AKS: AgentBaker, parts/common/components.json"),
    Pauses("mcr.microsoft.com/oss/v2/kubernetes/pause", _UPSTREAM, "AKS: AgentBaker, parts/common/components.json"),
    Pauses("gke.gcr.io/pause", _UPSTREAM, "GKE: /etc/containerd/config.toml of its nodes"),
    Pauses(
        "public.ecr.aws/eks-distro/kubernetes/pause",
        ("3.2", "3.5", "3.6", "3.8", "3.9", "3.10", "3.10.1"),
        "EKS Distro: release manifests; Bottlerocket: packages/containerd",
    ),
    Pauses("localhost/kubernetes/pause", ("0.1.0",), "EKS: amazon-eks-ami, nodeadm, loaded when the AMI is made"),
    Pauses("quay.io/k0sproject/pause", _UPSTREAM, "k0s: pkg/constant/constant_shared.go"),
    Pauses("registry.aliyuncs.com/google_containers/pause", _UPSTREAM, "ACK: the documented mirror of registry.k8s.io"),
)
EKS_ACCOUNTS: Mapping[str, str] = {
    "602401143452": "",
    "877085696533": "af-south-1",
    "800184023465": "ap-east-1",
    "900889452093": "ap-south-2",
    "296578399912": "ap-southeast-3",
    "491585149902": "ap-southeast-4",
    "761377655185": "ca-west-1",
    "900612956339": "eu-central-2",
    "590381155156": "eu-south-1",
    "455263428931": "eu-south-2",
    "066635153087": "il-central-1",
    "558608220178": "me-south-1",
    "759879836304": "me-central-1",
    "151742754352": "us-gov-east-1",
    "013241004608": "us-gov-west-1",
    "918309763551": "cn-north-1",
    "961992271922": "cn-northwest-1",
}
"""Amazon's own accounts of images for EKS, by the region each is for, "" for the rest (EKS user guide, "View Amazon container
image registries for Amazon EKS add-ons"): whoever has another account has a repository of any name."""
EKS_TAGS = ("3.1-eksbuild.1", "3.2", "3.5", "3.6", "3.8", "3.9", "3.10")
GUESSES = (
    "registry.k8s.io/pause:3.10.1",
    "registry.k8s.io/pause:3.10",
    "registry.k8s.io/pause:3.9",
    "registry.k8s.io/pause:3.8",
    "registry.k8s.io/pause:3.6",
)
"""What runtimes take by themselves, latest first (containerd: internal/cri/config, 1.6 to 2.2): a node lists its largest images,
and these are small."""
_KNOWN = frozenset(f"{entry.repository}:{tag}" for entry in PUBLISHED for tag in entry.tags)


def is_pause(image: str) -> bool:
    """Whether this is a published pause image, by its whole name."""
    return image in _KNOWN or _of_eks(image)


def _of_eks(image: str) -> bool:
    host, _, rest = image.partition("/")
    account, dot, region = host.removesuffix(".cn").removesuffix(".amazonaws.com").partition(".dkr.ecr.")
    name, _, tag = rest.partition(":")
    known = EKS_ACCOUNTS.get(account)
    right = bool(dot) and known is not None and known in ("", region) and region.replace("-", "").isalnum()
    return right and ".amazonaws.com" in host and name == "eks/pause" and tag in EKS_TAGS


def pauses(images: NodeImages) -> tuple[str, ...]:
    """Pause images that are known to be on the node: published ones, and what the node's own settings name."""
    return tuple(dict.fromkeys(i for i in images.listed if is_pause(i) or i in images.sandbox))


def guesses(images: NodeImages, named: Sequence[str] = ()) -> tuple[str, ...]:
    """Names that a harmless image may have there, likeliest first, for a node that does not list it; named: as in `harmless`."""
    return tuple(dict.fromkeys((*named, *images.sandbox, *GUESSES)))


def harmless(images: NodeImages, named: Sequence[str]) -> tuple[str, ...]:
    """Images that are known to be on the node and harmless, best first. named: what the operator vouches for, by whole names."""
    there = {*images.listed, *(one.image for one in images.own), *images.system}
    vouched = tuple(image for image in named if image in there)
    return tuple(dict.fromkeys((*vouched, *pauses(images), *images.system)))
