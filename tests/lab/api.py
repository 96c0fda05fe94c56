"""What tests and the demo know of the running lab."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab import build, control_plane, dns, network, node, registries, settings, workstation
from tests.lab.common import LabError, say, supported, wait_for, write
from tests.lab.control_plane import Api
from tests.lab.machine import Machine, Service, kill, machines, services, started, strays
from tests.lab.network import Segment
from tests.lab.pki import Authority


@dataclass(frozen=True)
class Registry:
    """A name of the lab: ``host`` is what image references say, ``service`` what serves it, if anything."""

    name: str
    host: str
    address: str
    service: str | None


@dataclass(frozen=True)
class Lab:
    """The running lab. ``Lab.load()`` raises LabError when it is not up."""

    state: Path
    subnet: str
    password: str

    @classmethod
    def load(cls) -> Lab:
        """The lab that ``up`` started (IMAGEPULL_LAB says where)."""
        state = settings.state()
        try:
            saved = json.loads((state / "lab.json").read_text())
        except (OSError, ValueError):
            raise LabError(f"no lab is running in {state}; `python -m tests.lab up` starts it") from None
        return cls(state, saved["subnet"], saved["password"])

    @property
    def segment(self) -> Segment:
        return Segment(self.subnet)

    @property
    def kubeconfig(self) -> Path:
        """The admin's kubeconfig; it works from this computer and from the workstation."""
        return self.state / "admin.kubeconfig"

    @property
    def user(self) -> str:
        """The account of private.lab.test, bearer.lab.test and hub.lab.test; its password is ``password``,
        new with each run.
        """
        return settings.USER

    @property
    def nodes(self) -> tuple[str, ...]:
        return settings.NODES

    @property
    def log_dir(self) -> Path:
        """One log a service: ``registry-private.log`` holds the requests it got."""
        return self.state / "log"

    @property
    def registry_ca(self) -> Path:
        """The CA that nodes and workstation trust for the registries (PEM)."""
        return self.state / "pki" / "registry-ca.crt"

    @property
    def api(self) -> Api:
        return Api(self.state, self.segment)

    def machine(self, name: str) -> Machine:
        """``core``, ``node1``, ``node2`` or ``workstation``."""
        if name not in settings.MACHINES:
            raise LabError(f"there is no machine {name}; there are {', '.join(settings.MACHINES)}")
        return Machine(name, self.state)

    def service(self, name: str) -> Service:
        """A daemon by the name that ``status`` shows; a registry also by its host or first label."""
        short = name.removesuffix("." + settings.DOMAIN)
        for candidate in (name, f"registry-{short}", "hub" if short == "auth-hub" else short):
            found = Service(candidate, self.state)
            if found.record.exists():
                return found
        raise LabError(f"there is no service {name}; there are {', '.join(item.name for item in services(self.state))}")

    @property
    def registries(self) -> dict[str, Registry]:
        """Every host of lab.test that has an address, by its first label."""
        known = {item.name for item in services(self.state)}
        found = {}
        for name in settings.HOSTS:
            serving = next(
                (item for item in (f"registry-{name}", name, "hub" if name == "auth-hub" else "") if item in known),
                None,
            )
            found[name] = Registry(name, registries.fqdn(name), self.segment.host(name), serving)
        for name in settings.ODD:
            found[name] = Registry(name, registries.fqdn(name), self.segment.host(name), "odd")
        return found

    def address(self, host: str) -> str:
        """The address of a host of lab.test, a node or the workstation."""
        if host in settings.NODES:
            return self.segment.node(host)
        return self.segment[settings.WORKSTATION] if host == "workstation" else self.segment.host(host)

    def docker_config(self, host: str, password: str | None = None) -> str:
        """The content of a ``.dockerconfigjson`` for one registry (``password``: not the right one)."""
        return json.dumps({"auths": {host: {"username": self.user, "password": password or self.password}}})

    def reset_rate_limits(self) -> None:
        """Make hub.lab.test forget whom it has counted."""
        pid = self.service("hub").pid
        if pid is not None:
            os.kill(pid, signal.SIGHUP)

    def end_stalls(self) -> None:
        """End the transfers of odd.lab.test that stand still or creep."""
        pid = self.service("odd").pid
        if pid is not None:
            os.kill(pid, signal.SIGHUP)

    def healthy(self) -> bool:
        """Whether all machines and services run and both nodes are Ready."""
        return (
            all(machine.holder() for machine in machines(self.state))
            and all(item.pid for item in services(self.state))
            and set(self.api.nodes().values()) == {"Ready"}
        )

    def restore(self) -> None:
        """Undo whatever faults have left: rules, files of nodes, stopped services."""
        network.clear_faults(self.machine("core"))
        for name in settings.NODES:
            machine = self.machine(name)
            node.etc_files(machine, node.standard_files(name, self.segment))
            node.disk(machine, None)
            if node.put_back(machine):
                node.restart(machine, "containerd", "kubelet")
            for entry in machine.path("/etc/containerd/certs.d").iterdir():
                if entry.is_dir():
                    node.hosts_toml(machine, entry.name, None)
        # A kubelet gives up when it finds no runtime: those come last.
        dead = [service for service in services(self.state) if service.pid is None]
        for service in sorted(dead, key=lambda item: item.name.startswith("kubelet-")):
            say(f"starting {service.name} again")
            service.start()
            service.await_ready()
        self.wait_ready()

    def wait_ready(self, seconds: float = 90) -> None:
        """Wait until the API server and both nodes are ready."""

        def alive() -> None:
            for service in services(self.state):
                service.check()

        api = self.api
        wait_for(api.ready, "the API server", seconds=seconds, check=alive)
        try:
            wait_for(
                lambda: set(api.nodes().values()) == {"Ready"},
                "the nodes",
                seconds=seconds,
                every=0.2,
                check=alive,
            )
        except LabError as error:
            said = "; ".join(f"{name} {what}" for name, what in api.nodes().items())
            raise LabError(f"{error}: {said} (logs: {self.log_dir})") from error
        wait_for(api.mark_nodes, "the nodes to be marked", seconds=30, every=0.2, check=alive)


@contextmanager
def _alone() -> Iterator[None]:
    """One `up` or `down` at a time. What is locked is the cache's directory: it stays when the lab goes."""
    settings.cache().mkdir(parents=True, exist_ok=True)
    handle = os.open(settings.cache(), os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another `up` or `down` is at work; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _source() -> str:
    """What tells one version of the lab's code from another."""
    text = b"".join(
        path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")) if not path.name.startswith("test_")
    )
    return hashlib.sha256(text).hexdigest()


def up() -> Lab:
    """Bring the lab up, or make a running one whole again. Returns at once when it is healthy."""
    supported()
    if build.missing():
        say(f"building what is missing, once, into {settings.cache()}: {' '.join(build.missing())}")
    build.build()
    with _alone():
        state = settings.state()
        if (state / "complete").exists() and all(machine.holder() for machine in machines(state)):
            lab = Lab.load()
            lab.restore()
            if (state / "complete").read_text() != _source():
                say("this lab was started by another version of tests/lab; `down`, then `up`, renews it")
            return lab
        if state.exists():
            say("clearing what an earlier run has left")
            _down(state)
        try:
            return _start(state)
        except BaseException:
            say(f"the lab did not come up; its logs stay in {state / 'log'} until `down` or the next `up`")
            _stop(state)
            raise


def _start(state: Path) -> Lab:
    (state / "log").mkdir(parents=True)
    state.chmod(0o755)
    segment = network.free_segment()
    # Characters that look different in base64, in a URL and in JSON: a leak must be found in each form.
    password = f'{secrets.token_urlsafe(6)}+/&="{secrets.token_urlsafe(6)}'
    write(state / "lab.json", json.dumps({"subnet": segment.subnet, "password": password}), 0o600)
    write(state / "password", password, 0o600)
    say(f"subnet {segment.subnet}, state in {state}")
    ca, registry_ca, unknown = (Authority(state / "pki", name) for name in ("kube-ca", "registry-ca", "unknown-ca"))
    core, work, *nodes = (Machine(name, state) for name in ("core", "workstation", *settings.NODES))
    core.up()
    core.enter(["mount", "-t", "tmpfs", "-o", "mode=755,size=8g", "lab-core", str(core.store)])
    network.core_up(core, segment)
    plane = control_plane.define(core, segment, ca)
    say("starting etcd and the API server")
    for service in plane[:2]:
        service.start()
    registries.fill(state)
    say("starting DNS and registries")
    shared = [*dns.define(core, segment), *registries.define(core, segment, registry_ca, unknown, password)]
    for service in shared:
        service.start()
    work.up()
    network.attach(core, work, segment[settings.WORKSTATION], segment[settings.CORE])
    workstation.up(work, segment, registry_ca)
    archive = node.pause_archive()
    kubelets = []
    for machine in nodes:
        say(f"starting {machine.name}")
        machine.up()
        network.attach(core, machine, segment.node(machine.name), segment[settings.CORE])
        kubelets.append(node.define(machine, segment, ca, registry_ca)[1])
        node.start_containerd(machine, archive)
    lab = Lab.load()

    def alive() -> None:
        for service in (*plane[:2], *shared):
            service.check()

    say("waiting for the API server")
    wait_for(lab.api.ready, "the API server", seconds=120, check=alive)
    for service in (*plane[2:], *kubelets):
        service.start()
    for service in shared:
        service.await_ready()
    say("waiting for the nodes")
    lab.wait_ready()
    # Without it no pod is admitted, and the controller that makes it has only just begun.
    wait_for(
        lambda: lab.api.exists("/api/v1/namespaces/default/serviceaccounts/default"),
        "the default service account",
        seconds=30,
    )
    write(state / "complete", _source())
    return lab


def down() -> None:
    """Stop everything and remove every trace; works on a lab in any condition, also on none."""
    supported()
    with _alone():
        _down(settings.state())


FILES = {"log", "lab.json", "password", "pki", "machines", "services", "registries", "complete"}


def _down(state: Path) -> None:
    found = {path.name for path in state.iterdir()} if state.exists() else set()
    if any(name not in FILES and not name.endswith((".kubeconfig", ".part")) for name in found):
        raise LabError(f"{state} (IMAGEPULL_LAB) is not a lab's directory; it is left alone")
    _stop(state)
    if state.exists():
        shutil.rmtree(state)


def _stop(state: Path) -> None:
    """End everything that runs; the files of the state (the logs) stay."""
    network.remove_link(state)
    left = strays(state)
    for machine in machines(state):
        machine.down()
    for pid in {*left, *strays(state)}:
        kill(pid, started(pid), grace=0)
    for name in settings.NODES:
        node.cgroup_down(f"{settings.tag(state)}-{name}")
