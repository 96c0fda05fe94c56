"""Faults that tests switch on and off while the lab runs. Each is a context manager that restores on exit.

    with faults.dns_dead(lab, "node1"):
        ...

Two faults of different kind may be on together; ``lab.restore()`` (or ``fault clear``) undoes all, also those
of a killed test.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

from tests.lab import build, dns, network, node, settings
from tests.lab.api import Lab
from tests.lab.common import LabError, wait_for


class Fault:
    """Something broken on purpose: ``on()`` breaks it, ``off()`` mends it; both may be called twice."""

    def __init__(self, on: Callable[[], None], off: Callable[[], None]) -> None:
        self.on, self.off = on, off

    def __enter__(self) -> Fault:
        try:
            self.on()
        except BaseException:
            self.off()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.off()


def dns_dead(lab: Lab, name: str, resolver: str = "host") -> Fault:
    """The node's resolver does not answer. ``resolver``: ``host`` (/etc/resolv.conf, which the runtime uses),
    ``kubelet`` (what the kubelet gives to pods; on node1 the same file) or ``both``.

    resolv.conf then names a resolver that swallows the node's packets. The old resolver is cut off from the
    node as well, since Go programs look at the file only every five seconds; and the named one answers
    whenever the fault is off.
    """
    if resolver not in ("host", "kubelet", "both"):
        raise LabError("the resolver is one of host, kubelet, both")
    machine, core, segment = lab.machine(name), lab.machine("core"), lab.segment
    same = node.kubelet_resolv(name) == "/etc/resolv.conf"
    files, dead = {}, {settings.DNS_SPARE}
    if resolver in ("host", "both") or same:
        files["resolv.conf"] = dns.resolv_conf(segment, settings.DNS_SPARE)
        dead.add(settings.DNS)
    if resolver in ("kubelet", "both") and not same:
        files["kubernetes/resolv.conf"] = dns.resolv_conf(segment, settings.DNS_SPARE)
        dead.add(settings.DNS_KUBELET)
    rules = [["-s", lab.address(name), "-d", segment[octet], "-j", "DROP"] for octet in sorted(dead)]

    def on() -> None:
        node.etc_files(machine, files)
        for rule in rules:
            network.fault_rule(core, "-A", rule)

    def off() -> None:
        node.etc_files(machine, {key: node.standard_files(name, segment)[key] for key in files})
        for rule in rules:
            network.fault_rule(core, "-D", rule)

    return Fault(on, off)


def unreachable(lab: Lab, name: str, host: str) -> Fault:
    """Packets from one node (or the workstation) to one host of lab.test are dropped; everybody else reaches
    it.
    """
    rule = ["-s", lab.address(name), "-d", lab.address(host), "-j", "DROP"]
    core = lab.machine("core")
    return Fault(lambda: network.fault_rule(core, "-A", rule), lambda: network.fault_rule(core, "-D", rule))


def stopped(lab: Lab, name: str) -> Fault:
    """A service is stopped: a registry by its host, ``auth``, ``dns``, ``kubelet-node1``, ``containerd-
    node2``, ``scheduler``, …
    """
    service = lab.service(name)

    def off() -> None:
        service.start()
        service.await_ready()

    return Fault(service.stop, off)


def api_server_down(lab: Lab) -> Fault:
    """The API server is stopped; when it is back, so are the nodes."""
    service = lab.service("apiserver")

    def off() -> None:
        service.start()
        lab.wait_ready()

    return Fault(service.stop, off)


def kubelet_down(lab: Lab, name: str) -> Fault:
    """The kubelet of a node is stopped (its pods go on running); back when its node is Ready."""
    service = lab.service(f"kubelet-{name}")

    def off() -> None:
        service.start()
        wait_for(
            lambda: lab.api.nodes()[name] == "Ready",
            f"{name} to be Ready",
            seconds=60,
            every=0.2,
            check=service.check,
        )

    return Fault(service.stop, off)


def hosts_toml(lab: Lab, name: str, host: str, text: str) -> Fault:
    """A node has certs.d/HOST/hosts.toml with this text; containerd reads it with every pull."""
    machine = lab.machine(name)
    return Fault(lambda: node.hosts_toml(machine, host, text), lambda: node.hosts_toml(machine, host, None))


def vouches_late(lab: Lab, name: str, authority: str) -> Fault:
    """A node's CA bundle has one of the lab's authorities more: a containerd that has looked at a certificate before does not
    know it, for it loads the bundle once.
    """
    bundle = lab.machine(name).path(f"/etc/{node.BUNDLE}")
    more = b"\n" + (lab.state / "pki" / f"{authority}.crt").read_bytes()

    def on() -> None:
        bundle.write_bytes(bundle.read_bytes() + more)

    def off() -> None:
        bundle.write_bytes(bundle.read_bytes().replace(more, b""))

    return Fault(on, off)


def mirror(lab: Lab, name: str, host: str, *urls: str, alone: bool = False) -> Fault:
    """A node asks these before ``host``; ``alone``: the first of them in the place of ``host``."""
    text = f'server = "{urls[0]}"\n' if alone else "".join(f'[host."{url}"]\n' for url in urls)
    return hosts_toml(lab, name, host, text)


def config_elsewhere(lab: Lab, name: str, hosts: Mapping[str, str]) -> Fault:
    """A node's containerd is started with a --config that nothing on the node names; ``hosts``: registry -> hosts.toml there."""
    folder = "containerd-elsewhere"
    text = lab.machine(name).path("/etc/containerd/config.toml").read_text()
    files = {f"{folder}/certs.d/{host}/hosts.toml": written for host, written in hosts.items()}
    files[f"{folder}/config.toml"] = text.replace("/etc/containerd/certs.d", f"/etc/{folder}/certs.d")
    return _changed(lab, name, files, None, "containerd", words=("--config", f"/etc/{folder}/config.toml"))


def containerd_config(lab: Lab, name: str, text: str) -> Fault:
    """A node's containerd has another config.toml."""
    return _changed(lab, name, {"containerd/config.toml": text}, None, "containerd")


def _changed(
    lab: Lab,
    name: str,
    files: Mapping[str, str],
    env: Mapping[str, str] | None,
    *programs: str,
    words: Sequence[str] = (),
) -> Fault:
    """A node with other files and the programs restarted that read them; back when it is Ready and its kubelet and runtime
    have found each other again."""
    machine = lab.machine(name)

    def restart() -> None:
        node.restart(machine, *programs)
        lab.wait_ready()
        wait_for(lambda: lab.api.runtime_answers(name), f"the runtime of {name} to answer its kubelet", seconds=60)

    def on() -> None:
        node.change(machine, files, env, words)
        restart()

    def off() -> None:
        if node.put_back(machine):
            restart()

    return Fault(on, off)


def proxy(lab: Lab, name: str, url: str, without: str = "") -> Fault:
    """A node's containerd has this proxy in its environment, and a systemd drop-in says so, as on a real node.

    ``without``: the value of NO_PROXY. A proxy that lives is http://proxy.lab.test:3128.
    """
    env = {"HTTPS_PROXY": url, "HTTP_PROXY": url, **({"NO_PROXY": without} if without else {})}
    lines = "".join(f'Environment="{key}={value}"\n' for key, value in env.items())
    files = {"systemd/system/containerd.service.d/http-proxy.conf": f"[Service]\n{lines}"}
    return _changed(lab, name, files, env, "containerd")


def kubelet_config(lab: Lab, name: str, **wanted: object) -> Fault:
    """A node's kubelet has other settings (KubeletConfiguration), such as ``serializeImagePulls=True``."""
    text = lab.machine(name).path("/etc/kubernetes/kubelet.yaml").read_text()
    files = {"kubernetes/kubelet.yaml": json.dumps({**json.loads(text), **wanted}, indent=1)}
    return _changed(lab, name, files, None, "kubelet")


def pull_timeout(lab: Lab, duration: str) -> Fault:
    """The second node's containerd gives up a pull without progress after ``duration`` (default 5m0s)."""
    name = settings.NODES[1]
    text = lab.machine(name).path("/etc/containerd/config.toml").read_text()
    section = '[plugins."io.containerd.cri.v1.images"]\n'
    changed = text.replace(section, f'{section}  image_pull_progress_timeout = "{duration}"\n')
    return _changed(lab, name, {"containerd/config.toml": changed}, None, "containerd")


def disk_full(lab: Lab, name: str, room: int = 1_000_000) -> Fault:
    """A node has ``room`` bytes left for images and all else: enough for a pod, not for a layer."""
    machine = lab.machine(name)
    return Fault(lambda: node.disk(machine, room), lambda: node.disk(machine, None))


def right_clock() -> dict[str, str]:
    """Environment of a workstation whose clock goes with that of skewed.lab.test: the nodes' is SKEW ahead of both."""
    return {"LD_PRELOAD": str(build.clock()), "LAB_CLOCK": f"-{settings.SKEW}"}


def together(*faults: Fault) -> Fault:
    """Several faults as one."""

    def off() -> None:
        for fault in reversed(faults):
            fault.off()

    def on() -> None:
        for fault in faults:
            fault.on()

    return Fault(on, off)
