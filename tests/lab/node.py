"""A node: containerd and a kubelet in a machine with an /etc, a /run and a /var of its own, all at the usual
paths.

So what a real node has is where a real node has it: /etc/containerd/config.toml, /etc/containerd/certs.d,
/etc/resolv.conf, /run/containerd/containerd.sock, /var/lib/kubelet. The programs in /usr are the computer's.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab import build, dns, images, settings
from tests.lab.common import LabError, run, tail, wait_for, write
from tests.lab.machine import CLEAN_ENV, Machine, Service
from tests.lab.network import Segment
from tests.lab.pki import Authority, kubeconfig

ROOM = "8g"  # of a node's memory file system
PAUSE = "registry.k8s.io/pause:3.10"
SOCKET = "/run/containerd/containerd.sock"
BUNDLE = "ssl/certs/ca-certificates.crt"
KUBELET_RESOLV = "/etc/kubernetes/resolv.conf"
CGROUP = Path("/sys/fs/cgroup")

# What the kubelet would set in the kernel, which all machines share. It finds a file with the value it wants
# and lets be.
# (kubernetes: pkg/kubelet/cm/container_manager_linux.go, setupKernelTunables)
SYSCTLS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def kubelet_resolv(node: str) -> str:
    """The resolv.conf that the kubelet of a node gives to pods: the second node's differs from its host's."""
    return KUBELET_RESOLV if node == settings.NODES[1] else "/etc/resolv.conf"


def trust(ca: Authority) -> dict[str, str | bytes]:
    """The CA bundle and the hashed directory of a machine that trusts ``ca``: what OpenSSL, Go and Debian's
    Python read.
    """
    bundle = Path("/etc") / BUNDLE
    before = bundle.read_bytes() if bundle.exists() else b""
    subject = run(["openssl", "x509", "-subject_hash", "-noout", "-in", str(ca.crt)]).strip()
    return {
        BUNDLE: before.rstrip(b"\n") + b"\n" + ca.pem,
        "ssl/certs/lab-registry-ca.pem": ca.pem,
        f"ssl/certs/{subject}.0": ca.pem,
    }


def _containerd_config(version: str) -> str:
    """The configuration of either generation. The opt plugin would make /opt/containerd on the computer."""
    common = f"""
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
"""
    if version.startswith("1."):
        return f"""version = 2
{common}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""
    return f"""version = 3
{common}
[plugins."io.containerd.cri.v1.images"]
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{PAUSE}"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "/etc/containerd/certs.d"
[plugins."io.containerd.cri.v1.runtime"]
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "/etc/cni/net.d"
"""


def _kubelet_config(node: str, cgroup: str, segment: Segment) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup}",
        "cgroupsPerQOS": True,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": "/etc/kubernetes/pki/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": "/etc/kubernetes/pki/kubelet.crt",
        "tlsPrivateKeyFile": "/etc/kubernetes/pki/kubelet.key",
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "staticPodPath": "/etc/kubernetes/manifests",
        "volumePluginDir": "/var/lib/kubelet/volumeplugins",
        # A working resolver that is not the node's own: a probe that asks the pod's resolver by mistake is
        # found out.
        "clusterDNS": [segment[settings.DNS_KUBELET]],
        "clusterDomain": "cluster.local",
        "resolvConf": kubelet_resolv(node),
        # One stalled pull must not hold up the others, nor many failing pods the rate limit of the kubelet
        # itself.
        "serializeImagePulls": False,
        "registryPullQPS": 50,
        "registryBurst": 100,
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "50Mi",
            "nodefs.available": "0%",
            "imagefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.inodesFree": "0%",
        },
        "registerNode": True,
        "nodeStatusUpdateFrequency": "5s",
        # all of them: a lab that has pulled for every test has more than the usual 50
        "nodeStatusMaxImages": -1,
    }


def _cni(number: int) -> dict[str, object]:
    return {
        "cniVersion": "1.0.0",
        "name": "lab",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": True,
                "ipMasq": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": f"10.244.{number}.0/24"}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def standard_files(node: str, segment: Segment) -> dict[str, str]:
    """The files of a node that faults change, as they should be."""
    return {
        "resolv.conf": dns.resolv_conf(segment, settings.DNS),
        "kubernetes/resolv.conf": dns.resolv_conf(segment, settings.DNS_KUBELET),
    }


def define(machine: Machine, segment: Segment, ca: Authority, registry_ca: Authority) -> list[Service]:
    """Bring up a node's file systems and define its containerd and its kubelet."""
    node, state = machine.name, machine.state
    number = settings.NODES.index(node) + 1
    address = segment.node(node)
    ours = number == 2  # the second node runs the containerd that we built, the first one Debian's
    containerd = (
        str(build.CONTAINERD.program("containerd")) if ours else shutil.which("containerd") or "/usr/bin/containerd"
    )
    version = re.search(r"\bv?(\d+\.\d+\.\d+)", run([containerd, "--version"]))
    if version is None:
        raise LabError(f"{containerd} does not tell its version")
    pair = ca.issue(node, f"system:node:{node}", organisation="system:nodes", dns=[node], addresses=[address])
    config = kubeconfig(
        state / f"{node}.kubeconfig",
        f"https://{segment[settings.CORE]}:6443",
        ca.pem,
        pair,
        f"system:node:{node}",
    )
    cgroup = f"{settings.tag(state)}-{node}"
    files: dict[str, str | bytes] = {
        **standard_files(node, segment),
        **trust(registry_ca),
        "hostname": f"{node}\n",
        "hosts": f"127.0.0.1 localhost\n{address} {node}\n",
        "machine-id": settings.tag(state).encode().hex().ljust(31, "0")[:31] + f"{number}\n",
        "containerd/config.toml": _containerd_config(version[1]),
        "containerd/certs.d/.keep": "",
        "cni/net.d/10-lab.conflist": json.dumps(_cni(number), indent=1),
        "kubernetes/kubelet.yaml": json.dumps(_kubelet_config(node, cgroup, segment), indent=1),
        "kubernetes/kubelet.conf": config.read_text(),
        "kubernetes/manifests/.keep": "",
        "kubernetes/pki/ca.crt": ca.pem,
        "kubernetes/pki/kubelet.crt": pair.crt.read_bytes(),
        "kubernetes/pki/kubelet.key": pair.key.read_bytes(),
    }
    sysctls = "\n".join(
        f"""
        if [ -e /proc/sys/{name} ]; then echo {value} > "$1/sysctl/{name.replace("/", ".")}"
        mount --bind "$1/sysctl/{name.replace("/", ".")}" /proc/sys/{name}; fi"""
        for name, value in SYSCTLS.items()
    )
    machine.own_etc(
        files,
        size=ROOM,
        more=f"""
        mkdir -p "$1/var" "$1/var.work" "$1/containerd" "$1/kubelet" "$1/sysctl"
        mount -t overlay -o "lowerdir=/var,upperdir=$1/var,workdir=$1/var.work" overlay /var
        mkdir -p /var/lib/containerd /var/lib/kubelet
        mount --bind "$1/containerd" /var/lib/containerd
        mount --bind "$1/kubelet" /var/lib/kubelet
        {sysctls}
        umount "$1"   # the binds keep it; cadvisor looks at every mount point, and this one gets hidden
        mount -t tmpfs -o mode=755 "lab-run" /run
        mkdir -p /run/lock /run/netns
        sysctl -qw net.ipv4.ip_forward=1
        """,
    )
    cgroup_up(cgroup)
    # Each containerd must find the shim of its own generation first.
    path = {"PATH": (f"{build.CONTAINERD.bin}:" if ours else "") + CLEAN_ENV["PATH"]}
    return [
        Service(f"containerd-{node}", state).define(
            machine, [containerd, "--log-level", "info"], env=path, listens=SOCKET, grace=5
        ),
        Service(f"kubelet-{node}", state).define(
            machine,
            [
                str(build.KUBERNETES.program("kubelet")),
                "--config=/etc/kubernetes/kubelet.yaml",
                "--kubeconfig=/etc/kubernetes/kubelet.conf",
                f"--hostname-override={node}",
                f"--node-ip={address}",
                "--v=1",
            ],
            env=path,
            listens=f"{address}:10250",
            grace=5,
        ),
    ]


def start_containerd(machine: Machine, archive: bytes) -> None:
    """Start containerd, wait for its socket and give it the pause image, the only image a fresh node has."""
    service = Service(f"containerd-{machine.name}", machine.state)
    service.start()
    service.await_ready()
    ctr = str(build.CONTAINERD.program("ctr")) if machine.name == settings.NODES[1] else "ctr"
    argv = [*machine.argv(), ctr, "--address", SOCKET, "--namespace", "k8s.io", "images", "import", "-"]

    def imported() -> bool:
        with service.log.open("ab") as log:  # the CRI plugin takes a moment after the socket is there
            return (
                subprocess.run(argv, input=archive, stdout=log, stderr=log, env=CLEAN_ENV, check=False).returncode == 0
            )

    try:
        wait_for(imported, f"the pause image on {machine.name}", seconds=60, every=0.2, check=service.check)
    except LabError as error:
        raise LabError(f"{error}; the end of {service.log}:\n{tail(service.log)}") from error


def pause_archive() -> bytes:
    """The archive of the pause image."""
    return images.archive(PAUSE, images.pause())


def _hierarchies() -> list[Path]:
    """The mount points of the cgroup controllers: one in version 2, one a controller in version 1 (and runc
    uses an empty version 2 hierarchy beside them where there is one).
    """
    if (CGROUP / "cgroup.controllers").exists():
        return [CGROUP]
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [Path(fields[4]) for fields in mounts if fields[fields.index("-") + 1] in ("cgroup", "cgroup2")]


def cgroup_up(name: str) -> None:
    """The kubelet's root in every hierarchy. Version 2 is written to its documentation and is untested."""
    for hierarchy in _hierarchies():
        ours = hierarchy / name
        ours.mkdir(exist_ok=True)
        if (hierarchy / "cgroup.controllers").exists():
            for directory in (hierarchy, ours):
                have = (directory / "cgroup.controllers").read_text().split()
                for controller in (
                    item for item in ("cpu", "cpuset", "io", "memory", "pids", "hugetlb") if item in have
                ):
                    try:
                        (directory / "cgroup.subtree_control").write_text(f"+{controller}")
                    except OSError as error:
                        raise LabError(
                            f"cgroup v2: cannot delegate {controller} in {directory}: {error}. "
                            "In a container, its processes must not sit in the root of its cgroup tree"
                        ) from error
        for setting in ("cpuset.cpus", "cpuset.mems"):
            # Version 1 alone: a new cpuset is empty, and nothing can run in an empty one.
            if not (hierarchy / "cgroup.controllers").exists() and (hierarchy / setting).exists():
                (ours / setting).write_text((hierarchy / setting).read_text())


def cgroup_down(name: str) -> None:
    """Remove the kubelet's root from every hierarchy; empty once its processes are gone, which takes the
    kernel a moment.
    """

    def removed(top: Path) -> bool:
        for directory, _, _ in os.walk(top, topdown=False):
            try:
                Path(directory).rmdir()
            except OSError:
                return not top.exists()
        return True

    for hierarchy in _hierarchies():
        top = hierarchy / name
        if top.exists():
            wait_for(lambda top=top: removed(top), f"the end of cgroup {top}", seconds=20)  # type: ignore[misc]


def hosts_toml(machine: Machine, host: str, text: str | None) -> None:
    """Write or (None) remove /etc/containerd/certs.d/HOST/hosts.toml of a node; containerd reads it with
    every pull.
    """
    directory = machine.path(f"/etc/containerd/certs.d/{host}")
    if text is not None:
        write(directory / "hosts.toml", text)
    elif directory.exists():
        shutil.rmtree(directory)


def _before(machine: Machine) -> Path:
    """Where the files that a fault has changed are kept, as they were."""
    return machine.state / "machines" / f"{machine.name}.before.json"


def change(
    machine: Machine, files: Mapping[str, str], env: Mapping[str, str] | None = None, words: Sequence[str] = ()
) -> None:
    """Change files below the machine's own /etc until ``put_back``; ``env``, ``words``: what containerd has more in its
    environment and on its command line from its next start on.
    """
    kept = json.loads(_before(machine).read_text()) if _before(machine).exists() else {"files": {}, "folders": []}
    for name in files:
        path = machine.path(f"/etc/{name}")
        kept["files"].setdefault(name, path.read_text() if path.exists() else None)
        missing = [str(folder) for folder in Path(name).parents if not machine.path(f"/etc/{folder}").exists()]
        kept["folders"] += [folder for folder in missing if folder not in kept["folders"]]
    write(_before(machine), json.dumps(kept), 0o600)
    etc_files(machine, files)
    if env or words:
        Service(f"containerd-{machine.name}", machine.state).with_more(env or {}, words)


def put_back(machine: Machine) -> bool:
    """Undo every ``change``. -> whether there was any."""
    if not _before(machine).exists():
        return False
    kept = json.loads(_before(machine).read_text())
    for name, text in kept["files"].items():
        if text is None:
            machine.path(f"/etc/{name}").unlink(missing_ok=True)
        else:
            etc_files(machine, {name: text})
    # The deepest first; a folder that something else has put a file into stays.
    for folder in sorted(kept["folders"], key=len, reverse=True):
        with contextlib.suppress(OSError):
            machine.path(f"/etc/{folder}").rmdir()
    Service(f"containerd-{machine.name}", machine.state).with_more({})
    _before(machine).unlink()
    return True


def restart(machine: Machine, *programs: str) -> None:
    """Restart ``containerd``, ``kubelet`` or both; returns when they accept connections."""
    found = [Service(f"{program}-{machine.name}", machine.state) for program in programs]
    for service in reversed(found):
        service.stop()
    for service in found:
        service.start()
        service.await_ready()


def disk(machine: Machine, room: int | None) -> None:
    """Leave ``room`` bytes free in the file system that has images, containers and the kubelet's files; None: as ever."""
    size = ROOM
    if room is not None:
        found = os.statvfs(machine.path("/var/lib/containerd"))
        size = str((found.f_blocks - found.f_bfree) * found.f_frsize + room)
    machine.enter(["mount", "-o", f"remount,size={size}", "/var/lib/containerd"])


def etc_files(machine: Machine, files: Mapping[str, str]) -> None:
    """Write files below a machine's own /etc."""
    for name, text in files.items():
        write(machine.path(f"/etc/{name}"), text)
