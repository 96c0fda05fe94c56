"""``python -m tests.lab``: up, down, status, build, shell, run, fault."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.lab import api, build, faults, workstation
from tests.lab.api import Lab
from tests.lab.common import LabError, Unsupported, say, supported
from tests.lab.machine import machines, services

FAULTS = """faults (each with `on` or `off` at the end; `fault clear` undoes all):
  dns-dead NODE [host|kubelet|both]   the node's resolver does not answer
  unreachable NODE HOST               packets from NODE (or workstation) to HOST.lab.test are dropped
  stopped SERVICE                     a service is stopped (names as in `status`; registries also by host)
  kubelet NODE                        the kubelet is stopped
  apiserver                           the API server is stopped
  hosts-toml NODE HOST                certs.d/HOST/hosts.toml is what comes on standard input
  mirror NODE HOST URL                URL is asked before HOST
  proxy NODE URL                      containerd goes through a proxy (one that lives: http://proxy.lab.test:3128)
  disk-full NODE                      hardly any room for images
"""


def main(argv: Sequence[str]) -> int:
    """Run one verb; returns the exit code (0 done, 1 failed, 2 not possible here, 130 interrupted)."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab",
        description=__doc__,
        epilog=FAULTS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("up", help="start the lab (idempotent); prints the path of the kubeconfig")
    verbs.add_parser("down", help="stop it and remove every trace")
    verbs.add_parser("status", help="what runs, and whether the nodes are ready")
    verbs.add_parser("build", help="build what is missing in the cache, without starting anything")
    verbs.add_parser("shell", help="a shell on the workstation")
    runner = verbs.add_parser("run", help="a command on the workstation: run -- CMD…")
    runner.add_argument("command", nargs=argparse.REMAINDER)
    breaker = verbs.add_parser(
        "fault",
        help="break or mend something",
        epilog=FAULTS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    breaker.add_argument("words", nargs="+", metavar="WORD")
    options = parser.parse_args(list(argv))
    actions: dict[str, Callable[[], int]] = {
        "up": _up,
        "down": _down,
        "status": _status,
        "build": _build,
        "shell": _shell,
        "run": lambda: _run(options.command),
        "fault": lambda: _fault(options.words),
    }
    try:
        if options.verb in ("up", "down", "build", "fault"):
            supported()
        return actions[options.verb]()
    except Unsupported as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _up() -> int:
    lab = api.up()
    say(f"up: {', '.join(lab.nodes)} ready; `python -m tests.lab shell` opens the workstation, `down` ends it")
    print(lab.kubeconfig)
    return 0


def _down() -> int:
    api.down()
    say("down: nothing is left")
    return 0


def _build() -> int:
    build.build()
    say(f"built: {build.KUBERNETES.bin}, {build.CONTAINERD.bin}")
    return 0


def _status() -> int:
    lab = Lab.load()
    rows = [("MACHINE", machine.name, machine.holder(), "", "") for machine in machines(lab.state)]
    for service in services(lab.state):
        record = service.describe()
        since = f"{(time.time() - float(str(record['since']))) / 60:.0f} min" if service.pid else ""
        rows.append(("service", service.name, service.pid, str(record["machine"]), since))
    print(f"{'KIND':9}{'NAME':22}{'PID':>8}  {'STATE':7}{'ON':8}{'FOR':>8}")
    for kind, name, pid, machine, since in rows:
        print(f"{kind.lower():9}{name:22}{pid or '-':>8}  {'alive' if pid else 'DEAD':7}{machine:8}{since:>8}")
    for name, state in lab.api.nodes().items():
        print(f"{'node':9}{name:22}{'':>8}  {state}")
    print(f"\nsubnet {lab.subnet}, kubeconfig {lab.kubeconfig}, logs {lab.log_dir}")
    return 0 if lab.healthy() else 1


def _shell() -> int:
    shell = os.environ.get("SHELL") or "/bin/bash"
    return _exec([*workstation.prefix(env=_environment()), shell])


def _run(command: list[str]) -> int:
    words = command[1:] if command[:1] == ["--"] else command
    if not words:
        raise LabError("run what? `python -m tests.lab run -- CMD…`")
    return _exec([*workstation.prefix(env=_environment()), *words])


def _environment() -> dict[str, str]:
    """The plugin of this checkout on PATH, and the caller's KUBECONFIG, where there is one."""
    path = f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"
    return {"PATH": path, **{name: os.environ[name] for name in ("KUBECONFIG",) if name in os.environ}}


def _exec(argv: list[str]) -> int:
    Lab.load()
    sys.stdout.flush()
    os.execvp(argv[0], argv)


def _fault(words: list[str]) -> int:
    lab = Lab.load()
    if words == ["clear"]:
        lab.restore()
        return 0
    name, *arguments, switch = words
    if switch not in ("on", "off"):
        raise LabError(f"say `on` or `off` at the end\n{FAULTS}")
    known: dict[str, Callable[..., faults.Fault]] = {
        "dns-dead": faults.dns_dead,
        "unreachable": faults.unreachable,
        "stopped": faults.stopped,
        "kubelet": faults.kubelet_down,
        "apiserver": faults.api_server_down,
        "hosts-toml": faults.hosts_toml,
        "mirror": faults.mirror,
        "proxy": faults.proxy,
        "disk-full": faults.disk_full,
    }
    if name not in known:
        raise LabError(f"there is no fault {name}\n{FAULTS}")
    if name == "hosts-toml":
        arguments.append(sys.stdin.read() if switch == "on" else "")
    try:
        fault = known[name](lab, *arguments)
    except TypeError:
        raise LabError(f"wrong number of words\n{FAULTS}") from None
    if switch == "on":
        fault.on()
    else:
        fault.off()
    return 0
