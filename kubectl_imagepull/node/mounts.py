"""What of the host a probe with the host's own tools gets to see: what it reads, and no more.

A hostPath without a type is made on the host where it does not exist, and one with a type keeps the pod waiting. So the first pod
gets what nodes of its kind have; what the kubelet then says is not there is known to be absent, and what the probe says that a
configuration names besides is added (`More`, `Missing` in `follow`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .. import lazily

FILE, FOLDER = "File", "Directory"
"""Types of a hostPath volume that must exist (kubernetes: pkg/apis/core/types.go, HostPathType)."""


@dataclass(frozen=True)
class HostPath:
    """A file or folder of the host's /etc."""

    path: str
    kind: str = FOLDER


EVERYWHERE = (
    HostPath("/etc/resolv.conf", FILE),
    HostPath("/etc/hosts", FILE),
    HostPath("/etc/environment", FILE),
    HostPath("/etc/systemd"),
    HostPath("/etc/default"),
)
"""What distributions with glibc and systemd have: names, units of the runtime with their proxies, and where else a proxy may
be named."""
DEBIAN = (HostPath("/etc/ssl/certs"),)
RED_HAT = (HostPath("/etc/pki/tls/certs"), HostPath("/etc/pki/ca-trust/extracted"), HostPath("/etc/sysconfig"))
SUSE = (HostPath("/etc/ssl/certs"), HostPath("/etc/sysconfig"))
BY_SYSTEM: Mapping[str, tuple[HostPath, ...]] = {
    "debian": DEBIAN,
    "ubuntu": DEBIAN,
    "red hat": RED_HAT,
    "centos": RED_HAT,
    "rocky": RED_HAT,
    "almalinux": RED_HAT,
    "oracle linux": RED_HAT,
    "fedora": RED_HAT,
    "amazon linux": RED_HAT,
    "suse": SUSE,
}
"""By a word of the node's osImage, which is PRETTY_NAME of its os-release: where the CA bundle and the environment of services
are."""
ANY_SYSTEM = tuple(dict.fromkeys((*DEBIAN, *RED_HAT)))
"""Where the system is not known: each of these that is not there is found out at the cost of one more pod."""
BY_RUNTIME: Mapping[str, tuple[HostPath, ...]] = {
    "containerd": (HostPath("/etc/containerd"),),
    "cri-o": (
        HostPath("/etc/crio"),
        HostPath("/etc/containers"),
        HostPath("/etc/docker/certs.d"),
        HostPath("/etc/sysconfig"),
    ),
    "k3s": (
        HostPath("/etc/rancher/k3s/registries.yaml", FILE),
        HostPath("/etc/rancher/k3s/config.yaml", FILE),
        HostPath("/etc/rancher/k3s/config.yaml.d"),
        HostPath("/etc/sysconfig"),
    ),
    "rke2": (
        HostPath("/etc/rancher/rke2/registries.yaml", FILE),
        HostPath("/etc/rancher/rke2/config.yaml", FILE),
        HostPath("/etc/rancher/rke2/config.yaml.d"),
        HostPath("/etc/sysconfig"),
    ),
}
"""Where the runtime's registry configuration is (docs of each). registries.yaml lies beside k3s.yaml, the administrator's
kubeconfig: so file by file."""
MOST_MORE = 20
"""How many places that a configuration names are added."""
ADDED = lazily.pattern(r"/etc(?:/[A-Za-z0-9][A-Za-z0-9._@:+-]*)+")
"""What may be added: nothing outside of /etc, no dot that leads out of it."""


def families(runtime: str, kubelet: str) -> tuple[str, ...]:
    """Whose configuration a node may have, by its containerRuntimeVersion and kubeletVersion; all that it may be where one is
    not known ("", and a runtime's name without a version where the node may not be read)."""
    name = runtime.partition("://")[0]
    for distribution in ("k3s", "rke2"):
        if f"+{distribution}" in kubelet:
            return (distribution,)
    if not kubelet:
        return {"containerd": ("containerd", "k3s", "rke2"), "": tuple(BY_RUNTIME)}.get(name, (name,))
    return (name or "containerd",)


def mounted(os_image: str, runtime: str, kubelet: str) -> tuple[HostPath, ...]:
    """What a node of this kind has of what the probes read. Each that is not there is found out at the cost of one more pod."""
    text = os_image.lower()
    system = next((paths for word, paths in BY_SYSTEM.items() if word in text), ANY_SYSTEM)
    own = [path for family in families(runtime, kubelet) for path in BY_RUNTIME.get(family, ())]
    return tuple(dict.fromkeys((*EVERYWHERE, *system, *own)))


def added(paths: Iterable[tuple[str, str]]) -> tuple[HostPath, ...]:
    """The (path, kind) pairs that a probe asks for, as far as they may be mounted."""
    good = [HostPath(path, kind) for path, kind in paths if ADDED.fullmatch(path) and kind in (FILE, FOLDER)]
    return tuple(dict.fromkeys(good))[:MOST_MORE]
