"""Images that run code of theirs in whatever container they are the root of: nothing of them runs in a probe of ours.

Each brings one way in that was used against probes: variables that the loader, libraries or a shell obey, /etc/ld.so.preload, a
module that Debian's Python loads at its start, OpenSSL's configuration. What runs writes MARK into the container's log.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, Witness, pod, wait_for
from tests.lab import build, images, node
from tests.lab.settings import NODES

pytestmark = pytest.mark.lab

MARK = "FOREIGN CODE"
LIBRARY = r"""
#include <unistd.h>
static const char mark[] = "FOREIGN CODE of a library\n";
__attribute__((constructor)) static void ran(void) { if (write(1, mark, sizeof mark - 1)) {} }
unsigned int la_version(unsigned int version) { return version; }
int OSSL_provider_init(void) { return 0; }
int gconv_init(void) { return 1; }
"""
SCRIPT = f"#!/bin/sh\necho {MARK} of a program\n"
OPENSSL = """openssl_conf = init
[init]
providers = list
[list]
evil = evil
[evil]
module = /opt/evil.so
activate = 1
"""
MODULE = f"import os\nos.write(1, b'{MARK} of a module\\n')\n"
WAYS: dict[str, tuple[list[str], dict[str, str]]] = {
    "preload": (["LD_PRELOAD=/opt/evil.so"], {}),
    "audit": (["LD_AUDIT=/opt/evil.so"], {}),
    "library-path": (["LD_LIBRARY_PATH=/opt/lib"], {}),
    "preload-file": ([], {"etc/ld.so.preload": "/opt/evil.so\n"}),
    "module": ([], {f"etc/python3.{minor}/sitecustomize.py": MODULE for minor in range(9, 15)}),
    "python-variables": (["PYTHONPATH=/opt/py", "PYTHONSTARTUP=/opt/py/sitecustomize.py"], {}),
    "openssl-file": ([], {"etc/ssl/openssl.cnf": OPENSSL}),
    "openssl-variable": (["OPENSSL_CONF=/opt/openssl.cnf"], {}),
    "shell-variables": (
        ["ENV=/opt/rc", "BASH_ENV=/opt/rc", f"BASH_FUNC_printf%%=() {{ echo {MARK} of a function; }}"],
        {},
    ),
    "path": (["PATH=/opt/bin:/usr/bin:/bin"], {}),
}
"""By name: variables and files of an image."""
SHOWN = {
    "preload": ["/usr/bin/python3", "-I", "-c", "pass"],
    "audit": ["/usr/bin/python3", "-I", "-c", "pass"],
    "library-path": ["/usr/bin/python3", "-I", "-c", "import zlib"],
    "preload-file": ["/usr/bin/python3", "-I", "-c", "pass"],
    "module": ["/usr/bin/python3", "-I", "-c", "pass"],
    "python-variables": ["/usr/bin/python3", "-c", "pass"],
    "openssl-file": ["/usr/bin/python3", "-I", "-S", "-c", "import ssl; ssl.create_default_context()"],
    "openssl-variable": ["/usr/bin/python3", "-I", "-S", "-c", "import ssl; ssl.create_default_context()"],
    "shell-variables": ["/usr/bin/bash", "-c", "printf x"],
    "path": ["sh", "-c", "cat"],
}
"""A command of the host's with which the image shows that it is what it is said to be."""
TENANT, VICTIM = "aaa-tenant", "t-holes-image"


def name_of(way: str) -> str:
    return f"aaa.lab.test/{way}/pause:3.9"


def evil(way: str, library: bytes) -> images.Image:
    """A busybox that sleeps, with one way in."""
    variables, files = WAYS[way]
    placed = {
        "bin/busybox": Path("/usr/bin/busybox").read_bytes(),
        "opt/evil.so": library,
        "opt/lib/libz.so.1": library,
        "opt/py/sitecustomize.py": MODULE.encode(),
        "opt/openssl.cnf": OPENSSL.encode(),
        "opt/rc": SCRIPT.encode(),
        **{f"opt/bin/{tool}": SCRIPT.encode() for tool in ("python3", "sh", "env", "cat", "curl", "openssl", "date")},
        **{path: text.encode() for path, text in files.items()},
    }
    links = {f"bin/{applet}": "busybox" for applet in images.APPLETS}
    layer = images._tar(placed, links, ("etc", "tmp", "proc", "sys", "dev", "usr", "lib", "lib64"))
    config = {"Cmd": ["/bin/sleep", "86400"], "Env": variables or ["PATH=/bin"], "Labels": {"lab": way}}
    return images._image(layer, config, images.NATIVE)


def listed(cluster: Cluster, name: str) -> set[str]:
    """The images that a node says it has."""
    images = cluster.get("node", name)["status"].get("images") or []
    return {name for image in images for name in image.get("names") or []}


@pytest.fixture(scope="module")
def loaded(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The images on both nodes, each run by a tenant whose namespace comes first; a victim's pod that fails on each node."""
    library = tmp_path_factory.mktemp("evil") / "evil.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)], input=LIBRARY, text=True, check=True
    )
    for way in WAYS:
        archive = images.archive(name_of(way), evil(way, library.read_bytes()))
        for number, name in enumerate(NODES):
            ctr = str(build.CONTAINERD.program("ctr")) if number else "ctr"
            words = [ctr, "--address", node.SOCKET, "--namespace", "k8s.io", "images", "import", "-"]
            subprocess.run([*cluster.lab.machine(name).argv(), *words], input=archive, capture_output=True, check=True)
    cluster.make_namespace(TENANT)
    cluster.make_namespace(VICTIM)
    try:
        running = []
        for name in NODES:
            cluster.apply(pod(VICTIM, f"no-tag-{name}", name, "registry.lab.test/busybox:9.9"))
            for way in WAYS:
                container = {"name": "app", "image": name_of(way), "imagePullPolicy": "Never"}
                running.append(f"{way}-{name}")
                cluster.apply(pod(TENANT, running[-1], name, "", containers=[container], hostNetwork=True))
        cluster.wait_running(TENANT, running)
        cluster.wait_failing(VICTIM, [f"no-tag-{name}" for name in NODES])
        # a kubelet looks at its images twice a minute (kubernetes: pkg/kubelet/images/image_gc_manager.go), and what its node
        # does not list tempts nobody
        wait_for(lambda: all(name_of(way) in listed(cluster, name) for way in WAYS for name in NODES), 90)
        yield
    finally:
        cluster.drop_namespace(TENANT)
        cluster.drop_namespace(VICTIM)


def test_the_images_are_what_they_are_said_to_be(cluster: Cluster, loaded: None) -> None:
    """With the host's folders over them, as a probe had it, each runs its code."""
    folders = ("/usr", "/lib", "/lib64")
    volumes = [{"name": p.strip("/"), "hostPath": {"path": p}} for p in folders]
    mounts = [{"name": p.strip("/"), "mountPath": p, "readOnly": True} for p in folders]
    for way, command in SHOWN.items():
        container: dict[str, Any] = {"name": "app", "image": name_of(way), "imagePullPolicy": "Never"}
        container |= {"command": command, "volumeMounts": mounts}
        cluster.apply(
            pod(TENANT, f"shown-{way}", "node1", "", containers=[container], volumes=volumes, restartPolicy="Never")
        )

    def log(way: str) -> str:
        return cluster.run("-n", TENANT, "logs", f"shown-{way}", check=False).stdout

    # a library that has not what is looked for in it is told of instead of run
    shows = {way: "/opt/lib/libz" if way == "library-path" else MARK for way in SHOWN}
    missing: list[str] = []

    def shown() -> bool:
        missing[:] = [way for way in SHOWN if shows[way] not in log(way)]
        return not missing

    with contextlib.suppress(AssertionError):
        wait_for(shown, 60)
    assert not missing, {way: log(way) for way in missing}


@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize("rung", ["", "host-python", "image-python", "shell", "kubelet"])
def test_a_strangers_image_is_not_used(cluster: Cluster, loaded: None, rung: str, name: str) -> None:
    """It runs on the node, on the host's network, in a namespace that comes first, and is called pause."""
    with Witness(cluster, VICTIM) as witness:
        _, found = cluster.why(f"no-tag-{name}", "-n", VICTIM, *(("--via", rung) if rung else ()))
    assert MARK not in json.dumps(witness.texts) and "aaa.lab.test" not in json.dumps(witness.texts)
    assert found["verdict"]["cause"] == "image.tag_unknown", found["verdict"]
    if rung == "image-python":
        assert found["probe"]["rung"] == "api-only" and any(VICTIM in line for line in found["probe"]["whyNot"]), found
    else:
        assert found["probe"]["rung"] == (rung or "host-python"), found["probe"]


@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_an_image_runs_though_it_is_named(cluster: Cluster, loaded: None, way: str, name: str) -> None:
    """Even where the operator names such an image, the host's tools see none of it: all that is told is the probes' own."""
    for rung in ("host-python", "shell"):
        with Witness(cluster, VICTIM) as witness:
            words = ("-n", VICTIM, "--via", rung, "--no-credentials")
            env = {"KUBECTL_IMAGEPULL_PROBE_IMAGES": name_of(way)}
            _, found = cluster.why(f"no-tag-{name}", *words, **env)
        texts = json.dumps(witness.texts)
        assert found["probe"]["rung"] == rung, found["probe"]
        assert found["probe"]["image"] == name_of(way), found["probe"]
        assert MARK not in texts, texts
        assert found["verdict"]["cause"] == "image.tag_unknown", found["verdict"]
