"""The workstation: where commands under test run, with the lab's DNS, CA and hosts file, on a network of its
own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.lab import dns, settings
from tests.lab.machine import Machine
from tests.lab.network import Segment
from tests.lab.node import BUNDLE, trust
from tests.lab.pki import Authority

# What would lead a program past the workstation's own trust store or network.
UNSET = (
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
)


def up(machine: Machine, segment: Segment, registry_ca: Authority) -> None:
    """Give the workstation its /etc."""
    address = segment[settings.WORKSTATION]
    machine.own_etc(
        {
            "resolv.conf": dns.resolv_conf(segment, settings.DNS),
            "hostname": f"{machine.name}\n",
            "hosts": f"127.0.0.1 localhost\n{address} {machine.name}\n",
            **trust(registry_ca),
        },
        size="64m",
    )


def prefix(*, cwd: str | os.PathLike[str] | None = None, env: Mapping[str, str] | None = None) -> list[str]:
    """The words that, put before a command, run it on the workstation. Everything in between only exec's:
    exit code, standard streams, terminal and signals are the command's own.

    KUBECONFIG is the lab's unless ``env`` has one: never the caller's, whose cluster may be a real one.
    ``cwd``: where the command starts (default: here).
    """
    state = settings.state()
    values = {"SSL_CERT_FILE": f"/etc/{BUNDLE}", "KUBECONFIG": str(state / "admin.kubeconfig"), **(env or {})}
    where = Path(cwd) if cwd is not None else Path.cwd()
    return [
        *Machine("workstation", state).argv(),
        "env",
        "-C",
        str(where.absolute()),
        *(word for name in UNSET for word in ("-u", name)),
        *(f"{name}={value}" for name, value in values.items()),
    ]


def popen(
    argv: Sequence[str],
    *,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    **more: Any,
) -> subprocess.Popen[Any]:
    """subprocess.Popen on the workstation; the pid is the command's own. ``env`` is added to the
    environment.
    """
    return subprocess.Popen([*prefix(cwd=cwd, env=env), *argv], **more)


def run(
    argv: Sequence[str],
    *,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    **more: Any,
) -> subprocess.CompletedProcess[str]:
    """subprocess.run on the workstation, with captured text unless told otherwise. ``env`` is added to the
    environment.
    """
    more.setdefault("text", True)
    if "stdout" not in more and "stderr" not in more:
        more.setdefault("capture_output", True)
    done: subprocess.CompletedProcess[str] = subprocess.run([*prefix(cwd=cwd, env=env), *argv], **more)
    return done
