"""Machines made of namespaces, and the services that run in them.

A machine is a network, mount, host-name and (the workstation apart) process namespace, held by one process
that does nothing. Kill that process and the kernel ends every process inside, containers and their shims
included, and drops its mounts, links and iptables rules: this is why the lab leaves nothing behind even after
a crash. Nothing is bound under /run/netns.

Who runs is written down as pid *and* start time, so that a pid used again by something else is never mistaken
for ours.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab import build, settings
from tests.lab.common import MARKER, LabError, run, tail, wait_for, write

CLEAN_ENV = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}


def started(pid: int) -> int | None:
    """When a process was started (field 22 of /proc/PID/stat); None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def alive(pid: int, start: object) -> bool:
    """Whether the process ``pid`` that was started at ``start`` lives. Of one whose start was never seen, because it ended
    before anybody could look, the answer is no.
    """
    return start is not None and started(pid) == start


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def kill(pid: int, start: int | None, *, grace: float) -> None:
    """End one process: SIGTERM, and SIGKILL after ``grace`` seconds. Returns when it is gone."""

    def gone() -> bool:
        return not alive(pid, start)

    if gone():
        return
    try:
        if grace:
            os.kill(pid, signal.SIGTERM)
            try:
                wait_for(gone, f"process {pid}", seconds=grace, every=0.02)
                return
            except LabError:
                pass
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    wait_for(gone, f"the end of process {pid}", seconds=20, every=0.02)


@dataclass(frozen=True)
class Machine:
    """One machine of the lab; ``state`` is the lab's directory."""

    name: str
    state: Path

    @property
    def record(self) -> Path:
        return self.state / "machines" / f"{self.name}.json"

    @property
    def store(self) -> Path:
        """The mount point of the machine's own memory file system (seen inside only)."""
        return self.state / "machines" / f"{self.name}.store"

    @property
    def own_pids(self) -> bool:
        # Commands on the workstation are exec'd by the caller and stay in its process namespace.
        return self.name != "workstation"

    def holder(self) -> int | None:
        """The pid of the process that holds the namespaces open, or None when the machine is down."""
        outer = self._outer()
        if outer is None or not self.own_pids:
            return outer
        children = [pid for pid in _pids() if _parent(pid) == outer]
        return children[0] if children else None

    def _outer(self) -> int | None:
        try:
            record = json.loads(self.record.read_text())
        except (OSError, ValueError):
            return None
        pid = int(record["pid"])
        return pid if alive(pid, record["start"]) else None

    def pid(self) -> int:
        """As ``holder``, but raises LabError when the machine is down."""
        pid = self.holder()
        if pid is None:
            raise LabError(f"{self.name} is not running; `python -m tests.lab up` starts the lab")
        return pid

    def up(self) -> None:
        """Start the machine: empty namespaces and the process that holds them."""
        self.store.mkdir(parents=True, exist_ok=True)
        argv = ["unshare", "--mount", "--net", "--uts", "--propagation", "private"]
        if self.own_pids:
            argv += ["--pid", "--fork", "--kill-child", "--mount-proc"]
        binary = str(build.pause())

        def record_me() -> None:
            # In the child, before exec: there is no moment at which the process runs and is not written down.
            write(self.record, json.dumps({"pid": os.getpid(), "start": started(os.getpid())}))

        with (
            Path(os.devnull).open("rb") as null,
            (self.state / "log" / f"machine-{self.name}.log").open("ab") as log,
        ):
            subprocess.Popen(
                [*argv, "--", binary, str(self.state), self.name],
                stdin=null,
                stdout=log,
                stderr=log,
                env=CLEAN_ENV,
                cwd="/",
                start_new_session=True,
                preexec_fn=record_me,
            )
        wait_for(lambda: self._holding(binary), f"the namespaces of {self.name}", seconds=30, every=0.01)
        self.enter(["sh", "-euc", 'hostname "$1"; ip link set lo up', "sh", self.name])

    def _holding(self, binary: str) -> bool:
        pid = self.holder()
        try:
            return pid is not None and Path(f"/proc/{pid}/exe").readlink() == Path(binary).resolve()
        except OSError:
            return False

    def argv(self, *, pids: bool = True) -> list[str]:
        """The words that, put before a command, run it in this machine."""
        words = ["nsenter", "--target", str(self.pid()), "--mount", "--net", "--uts"]
        return [*words, *(["--pid"] if pids and self.own_pids else []), "--"]

    def enter(self, argv: Sequence[str], stdin: str | bytes | None = None) -> str:
        """Run a program to its end in the machine and return its output. Raises LabError."""
        return run([*self.argv(), *argv], stdin=stdin, env=CLEAN_ENV)

    def path(self, absolute: str) -> Path:
        """A file as the machine sees it, as a path that works from outside (/proc/PID/root)."""
        return Path(f"/proc/{self.pid()}/root") / absolute.lstrip("/")

    def own_etc(self, files: Mapping[str, str | bytes], *, size: str, more: str = "") -> None:
        """Give the machine a memory file system at ``store`` and a whole /etc of its own: the computer's with
        ``files`` over it; ``more`` is shell for further mounts, with the store as ``$1``.

        An overlay of the directory, not of single files: so a pod's hostPath /etc shows the node's own view
        too, links of the real /etc can be replaced by files, and files may be added that the real /etc has no
        place for.
        """
        self.enter(
            [
                "sh",
                "-euc",
                """
            mount -t tmpfs -o mode=755,size="$2" "$3" "$1"
            mkdir -p "$1/etc" "$1/etc.work"
            """,
                "sh",
                str(self.store),
                size,
                f"lab-{self.name}",
            ]
        )
        upper = self.path(str(self.store / "etc"))
        for name, content in {**files, MARKER.removeprefix("etc/"): f"{self.state} {self.name}\n"}.items():
            write(upper / name, content)
        self.enter(
            [
                "sh",
                "-euc",
                f"""
            mount -t overlay -o "lowerdir=/etc,upperdir=$1/etc,workdir=$1/etc.work" overlay /etc
            {more}
            mount --make-rshared /
            """,
                "sh",
                str(self.store),
            ]
        )

    def down(self) -> None:
        """End the machine with all that runs in it."""
        outer = self._outer()
        if outer is not None:
            holder = self.holder()
            start = started(holder) if holder else None
            kill(outer, started(outer), grace=0)
            if holder:  # goes with its parent (--kill-child); waited for, since the namespaces go with it
                kill(holder, start, grace=0)
        self.record.unlink(missing_ok=True)


def strays(state: Path) -> list[int]:
    """Processes of this lab's machines, found without its records: the holders by their own words, and what
    sees the /etc of one of the machines. So a lab is ended even when its directory was deleted.
    """
    found = []
    for pid in _pids():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            holds = words[-3:-1] in [[bytes(state), name.encode()] for name in settings.MACHINES]
            if holds or Path(f"/proc/{pid}/root/{MARKER}").read_text().startswith(f"{state} "):
                found.append(pid)
        except OSError:
            continue
    return found


@dataclass(frozen=True)
class Service:
    """A daemon in a machine. What it is and who runs is one file, so any process can stop it and start it
    again.
    """

    name: str
    state: Path

    @property
    def record(self) -> Path:
        return self.state / "services" / f"{self.name}.json"

    @property
    def log(self) -> Path:
        return self.state / "log" / f"{self.name}.log"

    def describe(self) -> dict[str, object]:
        try:
            record: dict[str, object] = json.loads(self.record.read_text())
        except (OSError, ValueError):
            raise LabError(f"there is no service {self.name} in this lab") from None
        return record

    @property
    def pid(self) -> int | None:
        """Its pid when it is alive."""
        record = self.describe()
        pid = record.get("pid")
        return pid if isinstance(pid, int) and alive(pid, record["start"]) else None

    def define(
        self,
        machine: Machine,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        listens: str = "",
        grace: float = 2,
    ) -> Service:
        """Write down what the service is.

        ``listens``: ``address:port``, or a unix socket's path in its machine, that accepts once it is ready.
        ``grace``: seconds between SIGTERM and SIGKILL when it is stopped.
        """
        write(
            self.record,
            json.dumps(
                {
                    "machine": machine.name,
                    "argv": [str(word) for word in argv],
                    "env": {**CLEAN_ENV, **(env or {})},
                    "listens": listens,
                    "grace": grace,
                }
            ),
            0o600,
        )
        return self

    def with_more(self, env: Mapping[str, str], words: Sequence[str] = ()) -> None:
        """From its next start on it has these variables and words beside its own, and none of an earlier call."""
        write(self.record, json.dumps({**self.describe(), "more": dict(env), "words": list(words)}), 0o600)

    def start(self) -> None:
        """Start it unless it runs. It belongs to its machine's process 1 and survives us."""
        record = self.describe()
        if self.pid is not None:
            return
        machine = Machine(str(record["machine"]), self.state)
        argv, env = record["argv"], record["env"]
        more, further = record.get("more", {}), record.get("words", [])
        assert isinstance(argv, list) and isinstance(env, dict) and isinstance(more, dict) and isinstance(further, list)
        env, argv = {**env, **more}, [*argv, *further]
        with self.log.open("ab") as log:
            # The shell ends at once, so process 1 of the machine inherits (and reaps) the daemon.
            words = [*machine.argv(), "sh", "-c", 'setsid "$@" >&2 & echo $!', "sh", *argv]
            inner = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=env,
                cwd="/",
                check=False,
            ).stdout
        pid = _outside(machine.pid(), int(inner)) if inner.strip() else None
        if pid is None:
            raise LabError(f"{self.name} ended at once; the end of {self.log}:\n{tail(self.log)}")
        write(
            self.record,
            json.dumps({**record, "pid": pid, "start": started(pid), "since": time.time()}),
            0o600,
        )

    def ready(self) -> bool:
        """Whether it is alive and accepts connections (for a service that has said where)."""
        listens = str(self.describe().get("listens", ""))
        if self.pid is None or not listens:
            return self.pid is not None
        if listens.startswith("/"):
            target: str | tuple[str, int] = str(Machine(str(self.describe()["machine"]), self.state).path(listens))
        else:
            address, _, port = listens.rpartition(":")
            target = (address, int(port))
        with socket.socket(socket.AF_UNIX if isinstance(target, str) else socket.AF_INET) as connection:
            connection.settimeout(1)
            return connection.connect_ex(target) == 0

    def await_ready(self, seconds: float = 30) -> None:
        """Wait until it is ready. Raises LabError when it dies or takes too long."""
        wait_for(self.ready, f"{self.name} (log: {self.log})", seconds=seconds, every=0.02, check=self.check)

    def stop(self) -> None:
        """Stop it and wait until it is gone; it stays defined."""
        pid, record = self.pid, self.describe()
        if pid is not None:
            kill(pid, started(pid), grace=float(str(record["grace"])))

    def check(self) -> None:
        """Raise LabError with the end of its log when it is dead."""
        if self.pid is None:
            raise LabError(f"{self.name} died; the end of {self.log}:\n{tail(self.log)}")


def _outside(holder: int, inner: int) -> int | None:
    """The pid, seen from here, of process ``inner`` of the holder's process namespace."""
    namespace = Path(f"/proc/{holder}/ns/pid").readlink()
    for pid in _pids():
        try:
            if Path(f"/proc/{pid}/ns/pid").readlink() != namespace:
                continue
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        if next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[-1] == str(inner):
            return pid
    return None


def services(state: Path) -> list[Service]:
    """All services of the lab, in the order of their names."""
    return [Service(path.stem, state) for path in sorted((state / "services").glob("*.json"))]


def machines(state: Path) -> list[Machine]:
    """All machines of the lab, up or down."""
    return [Machine(name, state) for name in settings.MACHINES]
