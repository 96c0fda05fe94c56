"""What people meet beyond a registry that fails: things that are no image, transfers that creep or stop, a client's certificate,
and configuration that lies where no probe looks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, pod, wait_for
from tests.lab import faults
from tests.lab.images import ARTIFACTS
from tests.lab.settings import NODES

pytestmark = pytest.mark.lab
ODD = "odd.lab.test"
WHAT = {"chart": "Helm chart", "signature": "signature", "sbom": "SBOM", "module": "WebAssembly"}


def named(*names: str) -> list[str]:
    """The pods of these names on both nodes."""
    return [f"{name}-{node}" for name in names for node in NODES]


def verdicts(cluster: Cluster, namespace: str, *names: str) -> dict[str, dict[str, Any]]:
    """The diagnosis of each."""
    _, document = cluster.why(*names, "-n", namespace, "--timeout", "60s", timeout=300)
    return {item["target"]["pod"]: item for item in document.get("items", [document])}


def on_each(namespace: str, name: str, image: str, **spec: Any) -> list[dict[str, Any]]:
    """The same pod on every node."""
    return [pod(namespace, f"{name}-{node}", node, image, **spec) for node in NODES]


def not_started(cluster: Cluster, namespace: str) -> set[str]:
    """The pods whose image is there, and whose container is none."""
    wrong = {"CreateContainerError", "RunContainerError", "CrashLoopBackOff"}
    return {
        p["metadata"]["name"]
        for p in cluster.listed(namespace, "pods")
        for s in p["status"].get("containerStatuses", [])
        if s["state"].get("waiting", {}).get("reason") in wrong
    }


def begun(cluster: Cluster, namespace: str) -> set[str]:
    """The pods whose pull has begun."""
    listed = cluster.listed(namespace, "events", fieldSelector="reason=Pulling")
    return {event["involvedObject"]["name"] for event in listed}


def test_what_is_no_image(cluster: Cluster, namespace: str) -> None:
    """It is pulled, and no container comes of it: that is no "no pull problem"."""
    cluster.apply(*(p for kind in ARTIFACTS for p in on_each(namespace, kind, f"{ODD}/{kind}:1.0")))
    wait_for(lambda: set(named(*ARTIFACTS)) <= not_started(cluster, namespace), 240)
    for name, found in verdicts(cluster, namespace, *named(*ARTIFACTS)).items():
        verdict = found["verdict"]
        said = (verdict["cause"], verdict["confidence"], verdict["actor"], verdict["subject"]["host"])
        assert said == ("image.format_unsupported", "confirmed", "you", ODD), (name, verdict)
        assert WHAT[name.partition("-")[0]] in " ".join(verdict["explanation"]), verdict
        assert "does not start" in " ".join(verdict["explanation"])


def test_a_clients_certificate(cluster: Cluster, namespace: str) -> None:
    cluster.apply(*on_each(namespace, "mtls", "mtls.lab.test/team/app:1.0"))
    cluster.wait_failing(namespace, named("mtls"))
    for name, found in verdicts(cluster, namespace, *named("mtls")).items():
        verdict = found["verdict"]
        said = (verdict["cause"], verdict["confidence"], verdict["actor"], verdict["subject"]["host"])
        assert said == ("tls.handshake", "confirmed", "cluster", "mtls.lab.test"), (name, verdict)


def test_slow_and_stalled(cluster: Cluster, namespace: str) -> None:
    """A layer that creeps has a rate and a time; one of which nothing comes is asked for twice."""
    with contextlib.ExitStack() as stack:
        stack.callback(cluster.lab.end_stalls)
        rows = {f"{kind}-{node}": f"{ODD}/{kind}/field-{node}:1.0" for kind in ("creep", "hang") for node in NODES}
        cluster.apply(*(pod(namespace, name, name.rpartition("-")[2], image) for name, image in rows.items()))
        wait_for(lambda: rows.keys() <= begun(cluster, namespace), 120)
        found = verdicts(cluster, namespace, *rows)
        for node in NODES:
            creeping, hanging = found[f"creep-{node}"]["verdict"], found[f"hang-{node}"]["verdict"]
            assert (creeping["cause"], creeping["confidence"]) == ("pull.in_progress", "likely"), creeping
            assert "a second: about" in " ".join(creeping["explanation"]), creeping
            assert (hanging["cause"], hanging["confidence"]) == ("transfer.stalled", "confirmed"), hanging
            assert "twice" in " ".join(hanging["explanation"]), hanging


MIRRORS = {
    "dead": ("https://dropped.lab.test", "net.timeout", "dropped.lab.test"),
    "refuses": ("https://refused.lab.test", "net.refused", "refused.lab.test"),
    "unknownca": ("https://unknownca.lab.test", "tls.unknown_authority", "unknownca.lab.test"),
    "lacks": ("https://registry.lab.test", "image.tag_unknown", ""),
}
"""Mirror -> its URL, the cause in the runtime's words, the host that they name."""


@pytest.fixture(scope="module")
def elsewhere(cluster: Cluster) -> Iterator[None]:
    """containerd of both nodes reads its registries from a folder that no probe knows of, by a --config of its own."""
    with contextlib.ExitStack() as stack:
        for node in NODES:
            texts = {f"hidden-{name}.lab.test": f'[host."{url}"]\n' for name, (url, _, _) in MIRRORS.items()}
            stack.enter_context(faults.config_elsewhere(cluster.lab, node, texts))
        yield


@pytest.mark.parametrize("mirror", MIRRORS)
def test_configuration_elsewhere(cluster: Cluster, namespace: str, elsewhere: None, mirror: str) -> None:
    """The upstream's name does not exist, and the runtime has asked a mirror that no probe was told of."""
    _, cause, host = MIRRORS[mirror]
    upstream = f"hidden-{mirror}.lab.test"
    cluster.apply(*on_each(namespace, mirror, f"{upstream}/team/app:9.9"))
    cluster.wait_failing(namespace, named(mirror))
    for name, found in verdicts(cluster, namespace, *named(mirror)).items():
        verdict, said = found["verdict"], found["state"]["kubeletMessage"]
        if f"lookup {upstream}" in said:
            # after a mirror that lacks the tag it asks the upstream, and says so: that is the probe's finding as well
            assert mirror == "lacks" and verdict["cause"] == "dns.nxdomain", (name, verdict, said)
            continue
        sure = [f for f in found["findings"] if f["confidence"] == "confirmed" and f["subject"]["host"] == upstream]
        assert not sure, (name, found["findings"])
        if host in said:
            assert (verdict["cause"], verdict["confidence"]) in ((cause, "likely"), (cause, "possible")), (
                name,
                verdict,
                said,
            )
            assert "did not see" in " ".join(verdict["explanation"]), (name, verdict)
