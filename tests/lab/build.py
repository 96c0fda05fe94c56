"""Builds Kubernetes and containerd from their Go modules, once, into the cache outside the checkout.

There is no container engine and no download of binaries: a Go toolchain and its module proxy are enough. A
binary is linked under another name and renamed when whole, so an interrupted build never counts as built;
Go's own cache keeps what was compiled, so the next try goes on where this one stopped.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab import settings
from tests.lab.common import LabError, Unsupported, run, say, tail, write

# A command that the lab needs, and the Debian package that has it.
PACKAGES = {
    "gcc": "gcc",
    "containerd": "containerd",
    "runc": "runc",
    "docker-registry": "docker-registry",
    "etcd": "etcd-server",
    "dnsmasq": "dnsmasq-base",
    "busybox": "busybox-static",
    "htpasswd": "apache2-utils",
    "iptables": "iptables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "mount": "mount",
    "conntrack": "conntrack",
    "ethtool": "ethtool",
    "socat": "socat",
}
PACKAGE_FILES = {"/usr/lib/cni/bridge": "containernetworking-plugins", "/usr/include/stdio.h": "libc6-dev"}

PAUSE_C = r"""
/* Waits, reaps, and ends when told to: process 1 of a pod's sandbox, and of each machine of the lab. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void end(int s) { (void)s; _exit(0); }
static void reap(int s) { (void)s; while (waitpid(-1, 0, WNOHANG) > 0) {} }
int main(void) {
    struct sigaction child = {0};
    child.sa_handler = reap;
    child.sa_flags = SA_NOCLDSTOP | SA_RESTART;
    sigaction(SIGCHLD, &child, 0);
    signal(SIGTERM, end);
    signal(SIGINT, end);
    for (;;) pause();
}
"""

CLOCK_C = r"""
/* Preloaded: the wall clock is off by LAB_CLOCK seconds, for programs that ask libc. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t which, struct timespec *t) {
    int failed = syscall(SYS_clock_gettime, which, t);
    const char *off = getenv("LAB_CLOCK");
    if (!failed && off && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) t->tv_sec += atol(off);
    return failed;
}
time_t time(time_t *p) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (p) *p = t.tv_sec;
    return t.tv_sec;
}
int gettimeofday(struct timeval *restrict p, void *restrict zone) {
    struct timespec t;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &t);
    p->tv_sec = t.tv_sec;
    p->tv_usec = t.tv_nsec / 1000;
    return 0;
}
"""


@dataclass(frozen=True)
class Module:
    """A Go module and the programs in it that the lab uses."""

    name: str
    path: str
    version: str
    programs: tuple[str, ...]
    ldflags: str
    staging: bool = False  # k8s.io/kubernetes replaces its staging modules by folders that nobody else has
    folder: str = "cmd/{}"  # where a program stands in the module; "": the module is one program

    @property
    def bin(self) -> Path:
        return settings.cache() / "bin" / f"{self.name}-{self.version}"

    def program(self, name: str) -> Path:
        return self.bin / name

    def package(self, name: str) -> str:
        """What `go build` takes for a program."""
        return f"{self.path}/{self.folder.format(name)}".rstrip("/")


_VERSION = "k8s.io/component-base/version"
_MAJOR, _MINOR = settings.KUBERNETES.lstrip("v").split(".")[:2]
KUBERNETES = Module(
    "kubernetes",
    "k8s.io/kubernetes",
    settings.KUBERNETES,
    ("kube-apiserver", "kubelet", "kube-controller-manager", "kube-scheduler"),
    f"-s -w -X {_VERSION}.gitVersion={settings.KUBERNETES}"
    f" -X {_VERSION}.gitMajor={_MAJOR} -X {_VERSION}.gitMinor={_MINOR}",
    staging=True,
)
CONTAINERD = Module(
    "containerd",
    "github.com/containerd/containerd/v2",
    settings.CONTAINERD,
    ("containerd", "containerd-shim-runc-v2", "ctr"),
    f"-s -w -X github.com/containerd/containerd/v2/version.Version={settings.CONTAINERD}",
)
KUBECTL = Module("kubectl", "k8s.io/kubernetes", settings.KUBERNETES, ("kubectl",), KUBERNETES.ldflags, staging=True)
KREW = Module(
    "krew",
    "sigs.k8s.io/krew",
    settings.KREW,
    ("krew",),
    f"-s -w -X sigs.k8s.io/krew/internal/version.gitTag={settings.KREW}",
)
MODULES = (KUBERNETES, CONTAINERD)


def log_path() -> Path:
    """The log of the last build."""
    return settings.cache() / "build.log"


def missing() -> list[str]:
    """The programs that are yet to be built."""
    return [name for module in MODULES for name in module.programs if not module.program(name).exists()]


def build() -> None:
    """Install what is missing of the Debian packages and build what is missing of the programs. Raises
    LabError.
    """
    packages()
    pause()
    clock()
    for module in MODULES:
        programs(module)


def packages() -> None:
    """Install the missing Debian packages; no daemon of theirs is started."""
    need = {package for command, package in PACKAGES.items() if shutil.which(command) is None}
    need |= {package for path, package in PACKAGE_FILES.items() if not Path(path).exists()}
    if not need:
        return
    if shutil.which("apt-get") is None:
        raise Unsupported(
            f"the lab needs these Debian packages, and there is no apt-get here: {' '.join(sorted(need))}"
        )
    say(f"installing Debian packages: {' '.join(sorted(need))} (log: {log_path()})")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    log_path().parent.mkdir(parents=True, exist_ok=True)
    with _no_daemons(), log_path().open("ab") as log:
        for argv in (
            ["apt-get", "update", "-q"],
            ["apt-get", "install", "-qy", "--no-install-recommends", *sorted(need)],
        ):
            if subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, check=False).returncode:
                raise LabError(f"{' '.join(argv)} failed; the end of {log_path()}:\n{tail(log_path())}")


@contextmanager
def _no_daemons() -> Iterator[None]:
    """Debian asks policy-rc.d before it starts a daemon: answer no while the lab installs."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    write(policy, "#!/bin/sh\nexit 101\n", 0o755)
    try:
        yield
    finally:
        policy.unlink()


def pause() -> Path:
    """The waiting program, static: process 1 of each machine and the only file of the pause image."""
    return _compiled("pause", PAUSE_C, "-static")


def clock() -> Path:
    """The library that shows programs another time than the computer's."""
    return _compiled("clock.so", CLOCK_C, "-shared", "-fPIC")


def _compiled(name: str, code: str, *flags: str) -> Path:
    binary = settings.cache() / "bin" / name
    source = settings.cache() / "src" / f"{name}.c"
    if not (binary.exists() and source.exists() and source.read_text() == code):
        part = binary.with_suffix(f".{os.getpid()}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        run(["gcc", *flags, "-Os", "-s", "-Wall", "-x", "c", "-", "-o", str(part)], stdin=code)
        part.replace(binary)
        write(source, code)
    return binary


def programs(module: Module) -> Path:
    """Build the module's programs where missing; returns their directory. Raises LabError with the log."""
    if all(module.program(name).exists() for name in module.programs):
        return module.bin
    if shutil.which("go") is None:
        raise Unsupported("building the lab needs Go 1.26 or later on PATH (https://go.dev/dl/); it is needed once")
    work = settings.cache() / "src" / f"{module.name}-{module.version}"
    work.mkdir(parents=True, exist_ok=True)
    module.bin.mkdir(parents=True, exist_ok=True)
    with (settings.cache() / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two builds at once would only slow each other down
        if not (work / "complete").exists():
            _prepare(module, work)
            write(work / "complete", "")
        for left in module.bin.glob("*.part"):
            left.unlink()
        for name in module.programs:
            target = module.program(name)
            if target.exists():
                continue
            # A name of our own: what a killed build has left running may still be writing to its own.
            part = target.with_name(f"{name}.{os.getpid()}.part")
            _go(
                f"building {name} {module.version}",
                work,
                [
                    "build",
                    "-mod=mod",
                    "-ldflags",
                    module.ldflags,
                    "-o",
                    str(part),
                    module.package(name),
                ],
            )
            part.replace(target)
    return module.bin


def _prepare(module: Module, work: Path) -> None:
    """A Go module of our own that needs the programs, so that their dependencies are resolved as upstream has
    them.
    """
    what = f"fetching {module.path}@{module.version}"
    at = f"{module.path}@{module.version}"
    lines = ["module lab", "go 1.26.0", f"require {at.replace('@', ' ')}"]
    write(work / "go.mod", "\n".join(lines) + "\n")
    _go(what, work, ["mod", "download", at], attempts=5)
    if module.staging:
        upstream = Path(run(["go", "env", "GOMODCACHE"]).strip()) / at / "go.mod"
        staged = re.findall(r"^\s+(k8s\.io/[a-z-]+) =>", upstream.read_text(), re.MULTILINE)
        # Outside the Kubernetes tree each staging module is its published twin, v0.X of the same release.
        lines += [f"replace {name} => {name} {module.version.replace('v1.', 'v0.', 1)}" for name in staged]
        write(work / "go.mod", "\n".join(lines) + "\n")
    imports = "\n".join(f'import _ "{module.package(name)}"' for name in module.programs)
    write(work / "tools.go", f"//go:build tools\n\npackage tools\n\n{imports}\n")
    _go(what, work, ["mod", "tidy"], attempts=5)


def _go(what: str, work: Path, arguments: list[str], attempts: int = 2) -> None:
    """Run the go command with progress; once more after a failure, since module proxies have hiccups."""
    env = {**os.environ, "CGO_ENABLED": "0"}
    for attempt in range(1, attempts + 1):
        begun = time.monotonic()
        say(f"{what} …" + (f" (attempt {attempt})" if attempt > 1 else ""))
        with log_path().open("ab") as log:
            log.write(f"\n# go {' '.join(arguments)}\n".encode())
            log.flush()
            child = subprocess.Popen(
                ["go", *arguments], cwd=work, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            code = _with_progress(child, what, begun)
        if code == 0:
            return
        if attempt < attempts:
            time.sleep(3 * attempt)  # a proxy that has just failed needs a moment; there is nothing to wait on
    raise LabError(f"{what} failed; the end of {log_path()}:\n{tail(log_path())}")


def _with_progress(child: subprocess.Popen[bytes], what: str, begun: float) -> int:
    try:
        while True:
            try:
                return child.wait(30)
            except subprocess.TimeoutExpired:
                say(f"{what} … {time.monotonic() - begun:.0f} s so far (log: {log_path()})")
    except BaseException:
        child.terminate()
        child.wait()
        raise
