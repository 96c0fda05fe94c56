"""What the table of settings says of containerd's registry configuration, held to the two real containerds of the lab.

A setting that is in force lets an image be pulled whose registry does not exist: a mirror has it.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping

import pytest

from probes.host.settings import Version, effect
from probes.plan import Node
from tests.e2e.cluster import Cluster, pod, wait_for
from tests.lab import faults
from tests.lab.settings import NODES

pytestmark = pytest.mark.lab

NUMBER = itertools.count()
GOOD = '[host."https://registry.lab.test"]\n'
CERTS_D = 'config_path = "/etc/containerd/certs.d"'
LOCAL = "use_local_image_pull = true\n  "
REGISTRY = {
    "1": '[plugins."io.containerd.grpc.v1.cri".registry',
    "2": '[plugins."io.containerd.cri.v1.images".registry',
}


def version_of(cluster: Cluster, node: str) -> Version:
    """The node's containerd."""

    def told() -> Version:
        return Node(cluster.get("node", node)["status"]["nodeInfo"]["containerRuntimeVersion"]).release

    # a kubelet that asks while containerd starts anew writes that it is unknown, and mends it with its next status
    wait_for(lambda: any(told()), 60)
    return told()


def mirrors(version: Version, tls: bool) -> str:
    """`registry.mirrors` in place of config_path; with `tls`, its mirror has an unknown CA and `configs` says not to check."""
    table = REGISTRY[str(version[0])]
    host = "unknownca" if tls else "registry"
    lines = [f'{table}.mirrors."one.lab.test"]', f'endpoint = ["https://{host}.lab.test"]']
    lines += [f'{table}.configs."unknownca.lab.test".tls]', "insecure_skip_verify = true"] if tls else []
    return "\n".join(["", *lines])


@contextlib.contextmanager
def configured(cluster: Cluster, node: str, change: Callable[[str], str], hosts: Mapping[str, str]) -> Iterator[None]:
    """The node with another config.toml and with these hosts.toml, if any."""
    with contextlib.ExitStack() as stack:
        for host, text in hosts.items():
            stack.enter_context(faults.hosts_toml(cluster.lab, node, host, text))
        before = cluster.lab.machine(node).path("/etc/containerd/config.toml").read_text()
        if change(before) != before:
            stack.enter_context(faults.containerd_config(cluster.lab, node, change(before)))
        yield


def pulled(cluster: Cluster, namespace: str, node: str, image: str) -> bool:
    """Whether the node's containerd gets the image."""
    name = f"s-{next(NUMBER)}"  # never twice: events tell a pod by its name
    always = pod(namespace, name, node, image)
    always["spec"]["containers"][0]["imagePullPolicy"] = "Always"
    cluster.apply(always)
    return cluster.ends_pulled(namespace, name)


@pytest.mark.parametrize("node", sorted(NODES))
def test_hosts_toml(cluster: Cluster, namespace: str, node: str) -> None:
    version = version_of(cluster, node)
    hosts = {
        "nohosts.lab.test": 'server = "https://registry.lab.test"\n',
        "referrers.lab.test": GOOD + 'capabilities = ["pull", "resolve", "referrers"]\n',
        "dial.lab.test": GOOD + 'dial_timeout = "soon"\n',
    }
    with configured(cluster, node, str, hosts):
        found = {host: pulled(cluster, namespace, node, f"{host}/busybox:1.35") for host in hosts}
    assert found == {
        "nohosts.lab.test": effect("containerd", "hosts.toml without hosts", version) == "in force",
        "referrers.lab.test": effect("containerd", "capability referrers", version) == "in force",
        # a word that is no duration is refused where the setting counts
        "dial.lab.test": effect("containerd", "dial_timeout", version) == "ignored",
    }


@pytest.mark.parametrize("node", sorted(NODES))
@pytest.mark.parametrize("local", [False, True], ids=["as it comes", "local pull"])
def test_config_path(cluster: Cluster, namespace: str, node: str, local: bool) -> None:
    """A list of folders, and none at all: what the version and the way of pulling make of them."""
    version = version_of(cluster, node)
    if local and version < (2, 1, 0):
        pytest.skip("it knows no other way of pulling")
    mode = "local" if local or effect("containerd", "transfer service", version) == "no" else "transfer"
    splits = effect("containerd", "config_path list", version, mode) == "split"
    hosts = {"one.lab.test": GOOD}
    found = {}
    for name, path in (("list", 'config_path = "/etc/nowhere:/etc/containerd/certs.d"'), ("none", "")):

        def change(text: str, path: str = path) -> str:
            text = text.replace(CERTS_D, path)
            at = '[plugins."io.containerd.cri.v1.images"]\n'
            return text.replace(at, f"{at}  {LOCAL}") if local else text

        with configured(cluster, node, change, hosts):
            found[name] = pulled(cluster, namespace, node, "one.lab.test/busybox:1.35")
        cluster.run("-n", namespace, "delete", "pod", "--all", "--wait=true")
    by_default = effect("containerd", "no config_path", version) == "default list"
    assert found == {"list": splits, "none": by_default and splits}


@pytest.mark.parametrize("node", sorted(NODES))
@pytest.mark.parametrize("tls", [False, True], ids=["mirrors", "mirrors and configs.tls"])
def test_mirrors(cluster: Cluster, namespace: str, node: str, tls: bool) -> None:
    version = version_of(cluster, node)

    def change(text: str) -> str:
        return text.replace(CERTS_D, "") + mirrors(version, tls)

    image = "one.lab.test/team/app:1.0" if tls else "one.lab.test/busybox:1.35"
    with configured(cluster, node, change, {}):
        found = pulled(cluster, namespace, node, image)
    unchecked = not tls or effect("containerd", "configs tls", version) == "in force"
    assert found == (effect("containerd", "mirrors", version) == "in force" and unchecked)
