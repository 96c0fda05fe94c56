"""What a probe's pod may do and see: the least that works, whatever the image is."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_imagepull.node.job import CLEAR, HOST, NO_HOST, Run, Shape, probe_spec, trial_pull_spec
from kubectl_imagepull.node.mounts import FILE, FOLDER, HostPath, added, families, mounted

RUN = Run("imagepull-n1-0a1b2c", "ns", "n1", 60)
DEBIAN = mounted("Debian GNU/Linux 12 (bookworm)", "containerd://2.4.2", "v1.37.2")


def borrowed(absent: frozenset[str] = frozenset(), paths: tuple[HostPath, ...] = DEBIAN) -> dict[str, Any]:
    shape = Shape(("pause",), host_tools=True, paths=paths, absent=absent)
    return probe_spec(RUN, shape, ["/usr/bin/env"], files=True)


def mounts(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    volumes = {v["name"]: v for v in spec["volumes"]}
    return {m["mountPath"]: {**m, "volume": volumes[m["name"]]} for m in spec["containers"][0]["volumeMounts"]}


def test_an_empty_etc_and_no_more_of_the_hosts_than_is_read() -> None:
    found = mounts(borrowed())
    assert "emptyDir" in found["/etc"]["volume"]
    host = {at: m for at, m in found.items() if "hostPath" in m["volume"]}
    assert set(host) == {"/usr", "/lib", "/lib64", *(f"{HOST}{p.path}" for p in DEBIAN)}
    assert all(m["readOnly"] for m in host.values())
    assert f"{HOST}/etc" not in host and not any("rancher" in at or "kubernetes" in at for at in host)


def test_every_path_of_the_host_has_a_type() -> None:
    """One without would be made on the host."""
    for spec in (borrowed(), borrowed(paths=mounted("?", "cri-o://1.30", "v1.30.0+k3s1"))):
        assert {v["hostPath"]["type"] for v in spec["volumes"] if "hostPath" in v} <= {FILE, FOLDER}


def test_what_is_absent_is_not_mounted_and_lets_nothing_of_the_image_through() -> None:
    found = mounts(borrowed(frozenset({"/lib64", "/etc/containerd"})))
    assert f"{HOST}/etc/containerd" not in found
    assert "emptyDir" in found["/lib64"]["volume"], "the image's own libraries would be found there"


def test_the_environment_is_the_probes() -> None:
    (container,) = borrowed()["containers"]
    given = {entry["name"]: entry["value"] for entry in container["env"]}
    assert given == dict(CLEAR) and container["workingDir"] == "/"
    for name in ("LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "OPENSSL_CONF", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        assert given[name] == ""
    assert all(folder.startswith("/usr/") for folder in given["PATH"].split(":"))


def test_an_image_with_tools_of_its_own_gets_nothing_of_the_host() -> None:
    spec = probe_spec(RUN, Shape(("python",), host_network=False), ["python3"], files=True)
    assert not any("hostPath" in volume for volume in spec["volumes"]) and "hostNetwork" not in spec
    assert Shape(("python",)).root == NO_HOST, "an image could bring a folder of any other name"


def test_the_trial_pull_runs_nothing() -> None:
    spec = trial_pull_spec(RUN, {"pull-0": "a", "pull-1": "b"}, ["s"], "")
    commands = {container["command"][0] for container in spec["containers"]}
    assert len(commands) == 2 and all(len(command) > 60 for command in commands)


@pytest.mark.parametrize(
    ("runtime", "kubelet", "expected"),
    [
        ("containerd://2.4.2", "v1.37.2", ("containerd",)),
        ("containerd://1.7.1-k3s1", "v1.30.0+k3s1", ("k3s",)),
        ("containerd://1.7.1", "v1.30.0+rke2r1", ("rke2",)),
        ("cri-o://1.30.0", "v1.30.0", ("cri-o",)),
        # of one that may not be read
        ("containerd://", "", ("containerd", "k3s", "rke2")),
        ("cri-o://", "", ("cri-o",)),
        ("", "", ("containerd", "cri-o", "k3s", "rke2")),
    ],
)
def test_families(runtime: str, kubelet: str, expected: tuple[str, ...]) -> None:
    assert families(runtime, kubelet) == expected


@pytest.mark.parametrize("kubelet", ["v1.30.0+k3s1", "v1.30.0+rke2r1"])
def test_no_kubeconfig_of_an_administrator(kubelet: str) -> None:
    paths = [p.path for p in mounted("Ubuntu 22.04.3 LTS", "containerd://1.7", kubelet)]
    assert not any(path.endswith((".kubeconfig", "k3s.yaml", "rke2.yaml", "/k3s", "/rke2")) for path in paths), paths
    assert any(path.endswith("registries.yaml") for path in paths)


def test_where_bundles_are() -> None:
    for system, path in (("Amazon Linux 2023", "/etc/pki/tls/certs"), ("Ubuntu 24.04", "/etc/ssl/certs")):
        assert HostPath(path) in mounted(system, "containerd://2", "v1")
    assert {"/etc/ssl/certs", "/etc/pki/tls/certs"} <= {p.path for p in mounted("Unknown OS", "containerd://2", "v1")}


@pytest.mark.parametrize(
    "pair",
    [
        ("/", FOLDER),
        ("/etc", FOLDER),
        ("/root/.ssh", FOLDER),
        ("/etc/../root", FOLDER),
        ("/etc/./shadow", FILE),
        ("/etc//shadow", FILE),
        ("etc/x", FILE),
        ("/etc/x", "DirectoryOrCreate"),
        ("/etc/x", ""),
        ("/etc/a b", FILE),
        ("/etc/x\n", FILE),
    ],
)
def test_what_is_never_added(pair: tuple[str, str]) -> None:
    assert added([pair]) == ()


def test_what_a_configuration_names_is_added() -> None:
    pairs = [("/etc/docker/certs.d", FOLDER), ("/etc/proxy.env", FILE), ("/etc/docker/certs.d", FOLDER)]
    assert added(pairs) == (HostPath("/etc/docker/certs.d"), HostPath("/etc/proxy.env", FILE))
    assert len(added([(f"/etc/x{n}", FILE) for n in range(100)])) == 20
