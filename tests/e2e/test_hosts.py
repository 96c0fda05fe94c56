"""Each kind of host of a pull failing in each way, odd contents, secrets, mirrors, and two faults at once: on both nodes, all
pods at once, looked at by one `why` a node.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import jsonschema
import pytest

from kubectl_imagepull.report.machine import schema
from tests.cases.record import objects
from tests.e2e.cluster import Cluster, pod, wait_for
from tests.lab import faults
from tests.lab.settings import NODES

pytestmark = pytest.mark.lab

APP = "team/app:1.0"


@dataclass(frozen=True)
class Row:
    """One failure and what must be said of it. secret: a pull secret of tests.cases.record; mirror: the URL that the nodes ask
    before this registry, alone: in its place; beside: a cause that must be among the findings; slow: the runtime may take
    minutes for its first word, `why` must not need it."""

    id: str
    image: str
    cause: str
    role: str
    host: str
    confidence: str = "confirmed"
    secret: str = ""
    mirror: str = ""
    alone: bool = False
    beside: str = ""
    slow: bool = False
    policy: str = ""
    spec: dict[str, Any] = field(default_factory=dict)

    def expected(self, node: str) -> tuple[str, str, str, str]:
        """Cause, role and host of the subject, confidence."""
        if self.alone and node == "node1":
            # containerd 1.6 takes no hosts.toml that has a server and no host, and asks the registry itself
            return "runtime.config_invalid", "node", "NODE", "confirmed"
        return self.cause, self.role, self.host, self.confidence

    @property
    def registry(self) -> str:
        return self.image.partition("/")[0]


# host -> what it does to whoever asks it, in whichever role
HOSTS = {
    "ghost": "dns.nxdomain",
    "silent": "dns.timeout",
    "refused": "net.refused",
    "dropped": "net.timeout",
    "expired": "tls.expired",
    "unknownca": "tls.unknown_authority",
    "plain": "tls.http_on_https",
    "hush": "tls.handshake",
    "e500": "registry.server_error",
    "e503": "registry.unavailable",
}
SLOW = ("silent", "dropped", "hush")


def of_role(role: str, name: str) -> Row:
    """A registry that is fine and sends to a token host or a blob host which is not."""
    resolver = HOSTS[name] == "dns.timeout"
    subject = ("dns-server", "DNS") if resolver else (role, f"{name}.lab.test")
    kind = {"token": "token", "blob": "blobs"}[role]
    return Row(f"{kind}-{name}", f"{kind}-{name}.lab.test/{APP}", HOSTS[name], *subject, slow=name in SLOW)


def mirrored(name: str) -> tuple[Row, Row]:
    """The same host as mirror: in the registry's place, and before a registry that lacks the tag."""
    resolver = HOSTS[name] == "dns.timeout"
    subject = ("dns-server", "DNS") if resolver else ("mirror", f"{name}.lab.test")
    url = f"https://{name}.lab.test"
    first = f"alone-{name}.lab.test"
    behind = f"behind-{name}.lab.test"
    slow = name in SLOW
    return (
        Row(f"alone-{name}", f"{first}/{APP}", HOSTS[name], *subject, mirror=url, alone=True, slow=slow),
        Row(
            f"behind-{name}",
            f"{behind}/team/app:9.9",
            "image.tag_unknown",
            "registry",
            behind,
            mirror=url,
            beside=HOSTS[name],
            slow=slow,
        ),
    )


MIRRORS = ("ghost", "refused", "dropped", "expired", "e503")
TOKEN = (
    *(of_role("token", name) for name in HOSTS),
    Row("token-e403", f"token-e403.lab.test/{APP}", "auth.denied_or_missing", "registry", "token-e403.lab.test"),
    Row("token-e429", f"token-e429.lab.test/{APP}", "rate.registry_limit", "token", "e429.lab.test"),
)
BLOBS = (
    *(of_role("blob", name) for name in HOSTS),
    Row("blobs-e403", f"blobs-e403.lab.test/{APP}", "auth.forbidden", "blob", "e403.lab.test", "likely"),
    Row("blobs-e404", f"blobs-e404.lab.test/{APP}", "image.blob_unknown", "blob", "e404.lab.test"),
    Row("blobs-e429", f"blobs-e429.lab.test/{APP}", "rate.registry_limit", "blob", "e429.lab.test"),
)
ODD = "odd.lab.test"
CONTENT = (
    Row("blob-gone", f"{ODD}/gone:1.0", "image.blob_unknown", "registry", ODD),
    Row("config-gone", f"{ODD}/gone-config:1.0", "image.blob_unknown", "registry", ODD),
    Row("blob-short", f"{ODD}/short:1.0", "transfer.interrupted", "registry", ODD),
    Row("config-wrong", f"{ODD}/wrong:1.0", "content.corrupt", "registry", ODD),
    # wrong where only the runtime reads: its words have to do
    Row("layer-wrong", f"{ODD}/wrong-end:1.0", "content.corrupt", "blob", ODD, "likely"),
    Row("not-a-tar", f"{ODD}/nottar:1.0", "storage.extract_failed", "node", "NODE", "likely"),
    Row("stalled", f"{ODD}/hang:1.0", "transfer.stalled", "registry", ODD, slow=True),
    Row("creeping", f"{ODD}/slow/{secrets.token_hex(4)}:1.0", "pull.in_progress", "node", "NODE", "likely", slow=True),
    # containerd 1.6 still reads schema 1, and neither takes this one
    Row("schema-1", f"{ODD}/old:1.0", "image.format_unsupported", "registry", ODD, "likely"),
    Row("no-image", f"{ODD}/thing:1.0", "image.format_unsupported", "registry", ODD),
    Row("empty-index", f"{ODD}/empty-index:1.0", "image.platform_mismatch", "registry", ODD),
    Row("permission", f"{ODD}/denied/app:1.0", "auth.forbidden", "registry", ODD, "likely"),
)


def of_registry(name: str, cause: str, confidence: str = "confirmed", slow: bool = False) -> Row:
    """The registry itself fails."""
    return Row(name, f"{name}.lab.test/{APP}", cause, "registry", f"{name}.lab.test", confidence, slow=slow)


REGISTRY = (
    of_registry("e403", "auth.forbidden", "likely"),
    of_registry("e404", "registry.not_a_registry"),
    of_registry("e429", "rate.registry_limit"),
    of_registry("e500", "registry.server_error"),
    of_registry("e502", "registry.server_error"),
    of_registry("e503", "registry.unavailable"),
    of_registry("website", "registry.not_a_registry"),
    of_registry("reset", "transfer.interrupted"),
    of_registry("future", "tls.not_yet_valid"),
    of_registry("lone", "tls.unknown_authority"),
    of_registry("wrongname", "tls.hostname_mismatch"),
    of_registry("alert", "tls.handshake"),
    of_registry("cutoff", "tls.handshake"),
    of_registry("hush", "tls.handshake", slow=True),
    # node and workstation agree that it has expired, the server's clock does not: which is wrong cannot be seen
    of_registry("skewed", "tls.expired", "likely"),
    of_registry("v6only", "dns.no_usable_address"),
    Row("servfail", f"servfail.lab.test/{APP}", "dns.server_failure", "dns-server", "DNS"),
    Row("platform", "registry.lab.test/armonly:1.0", "image.platform_mismatch", "registry", "registry.lab.test"),
    Row(
        "digest",
        "registry.lab.test/busybox@sha256:" + "0123456789abcdef" * 4,
        "image.digest_unknown",
        "registry",
        "registry.lab.test",
    ),
    Row("never", "registry.lab.test/busybox:never", "image.never_pull_absent", "node", "NODE", policy="Never"),
)
PRIVATE = "private.lab.test"
SECRETS = (
    Row("ignored", f"{PRIVATE}/{APP}", "auth.secret_ignored", "registry", PRIVATE, secret="opaque"),
    Row("malformed", f"{PRIVATE}/{APP}", "auth.secret_malformed", "pod", "secret malformed", secret="malformed"),
    Row("empty", f"{PRIVATE}/{APP}", "auth.secret_empty", "registry", PRIVATE, secret="empty"),
    Row("elsewhere", f"{PRIVATE}/{APP}", "auth.secret_wrong_registry", "registry", PRIVATE, secret="right-bearer"),
    Row("late", f"{PRIVATE}/{APP}", "auth.secret_added_late", "registry", PRIVATE, spec={"serviceAccountName": "late"}),
    Row("stale", f"stale.lab.test/{APP}", "auth.expired", "registry", "stale.lab.test", secret="stale"),
)
FAILURES = (*TOKEN, *BLOBS, *CONTENT, *REGISTRY, *SECRETS, *(row for name in MIRRORS for row in mirrored(name)))

PAIRS = (
    Row("tag+none", f"{PRIVATE}/team/app:9.9", "auth.no_credentials", "registry", PRIVATE),
    Row("expired+tag", "expired.lab.test/team/app:9.9", "tls.expired", "registry", "expired.lab.test"),
    Row(
        "mirror+password",
        f"{PRIVATE}/team/app:1.0",
        "auth.bad_credentials",
        "registry",
        PRIVATE,
        secret="wrong-basic",
        mirror="https://refused.lab.test",
        beside="net.refused",
    ),
    Row("token+tag", "token-ghost.lab.test/team/app:9.9", "dns.nxdomain", "token", "ghost.lab.test"),
    Row(
        "secret+refused",
        f"refused.lab.test/{APP}",
        "net.refused",
        "registry",
        "refused.lab.test",
        secret="right-bearer",
    ),
    Row(
        "password+rate",
        "hub.lab.test/limited/app:1.0",
        "auth.bad_credentials",
        "token",
        "auth-hub.lab.test",
        secret="hub",
    ),
    Row(
        "ca+secret",
        f"unknownca.lab.test/{APP}",
        "tls.unknown_authority",
        "registry",
        "unknownca.lab.test",
        secret="nowhere",
    ),
    Row(
        "blob+secret",
        "blobs-refused.lab.test/team/app:1.0",
        "net.refused",
        "blob",
        "refused.lab.test",
        secret="nowhere",
    ),
    Row(
        "platform+secret",
        "registry.lab.test/armonly:1.0",
        "image.platform_mismatch",
        "registry",
        "registry.lab.test",
        secret="opaque",
    ),
    Row(
        "malformed+tag",
        f"{PRIVATE}/team/app:9.9",
        "auth.secret_malformed",
        "pod",
        "secret malformed",
        secret="malformed",
    ),
    Row("token+password", f"token-e503.lab.test/{APP}", "registry.unavailable", "token", "e503.lab.test", secret="odd"),
    Row("scheme+host", "http://missing.lab.test/app:1.0", "reference.invalid", "pod", "POD"),
)
ALL = (*FAILURES, *PAIRS)


@pytest.fixture(scope="module")
def looked(cluster: Cluster, namespace: str) -> Iterator[dict[str, dict[str, Any]]]:
    """What `why` says of each pod, by the pod's name."""
    cluster.apply(*objects(cluster, namespace))
    cluster.make_secret(namespace, "hub", "hub.lab.test", "not-the-password")
    cluster.make_secret(namespace, "odd", "token-e503.lab.test", "not-the-password")
    rows = {name_of(row, node): (row, node) for row in ALL for node in NODES}
    with contextlib.ExitStack() as mirrors:
        # a pull goes on when its pod is deleted
        mirrors.callback(cluster.lab.end_stalls)
        for row in (r for r in ALL if r.mirror):
            for node in NODES:
                mirrors.enter_context(faults.mirror(cluster.lab, node, row.registry, row.mirror, alone=row.alone))
        # containerd 2 fetches three layers at a time for all pulls together: what is slow would hold up the rest
        quick, slow = ({n: r for n, r in rows.items() if r[0].slow is late} for late in (False, True))
        cluster.apply(*(pod_of(namespace, n, *r) for n, r in quick.items()), two_faults(namespace))
        wait_for(lambda: quick.keys() <= failing(cluster, namespace), 300)
        cluster.apply(*(pod_of(namespace, n, *r) for n, r in slow.items()))
        wait_for(lambda: slow.keys() <= asked_for(cluster, namespace), 300)
        cluster.run("-n", namespace, "patch", "sa", "late", "-p", '{"imagePullSecrets":[{"name":"right-basic"}]}')
        with ThreadPoolExecutor(len(NODES)) as pool:
            asked = [[n for n, (_, at) in rows.items() if at == node] for node in NODES]
            answers = list(pool.map(lambda names: from_the_node(cluster, namespace, names), asked))
        yield {item["target"]["pod"]: item for document in answers for item in document["items"]}


def from_the_node(cluster: Cluster, namespace: str, names: Sequence[str]) -> dict[str, Any]:
    """What `why` says of pods of one node; again where the node had too much to do to start the first rung's pod in time."""
    for _ in range(3):
        words = ("-n", namespace, "--timeout", "120s", "--token-host", "auth-hub.lab.test")
        code, document = cluster.why(*names, *words, timeout=300)
        jsonschema.validate(document, schema())
        probes = [item["probe"] for item in document["items"] if item["probe"]["rung"] != "api-only"]
        if all(probe["rung"] == "host-python" for probe in probes) and not any(i["errors"] for i in document["items"]):
            break
    assert code == 1
    return document


def name_of(row: Row, node: str) -> str:
    return f"{row.id.replace('+', '-and-')}-{node}"


def pod_of(namespace: str, name: str, row: Row, node: str) -> dict[str, Any]:
    made = pod(namespace, name, node, row.image, [row.secret] if row.secret else [], **row.spec)
    if not row.secret:
        del made["spec"]["imagePullSecrets"]  # that of the service account, where there is one
    if row.policy:
        made["spec"]["containers"][0]["imagePullPolicy"] = row.policy
    return made


def two_faults(namespace: str) -> dict[str, Any]:
    """A pod of two containers that fail for different reasons."""
    made = pod(namespace, "two", "node1", "registry.lab.test/busybox:9.9")
    made["spec"]["containers"].append({"name": "side", "image": f"{PRIVATE}/{APP}"})
    return made


def failing(cluster: Cluster, namespace: str) -> set[str]:
    """The pods that the kubelet has said something of."""
    return {
        item["metadata"]["name"]
        for item in cluster.listed(namespace, "pods")
        for status in item["status"].get("containerStatuses", [])
        if status["state"].get("waiting", {}).get("reason", "ContainerCreating") != "ContainerCreating"
    }


def asked_for(cluster: Cluster, namespace: str) -> set[str]:
    """The pods whose pull has begun."""
    listed = cluster.listed(namespace, "events", fieldSelector="reason=Pulling")
    return {event["involvedObject"]["name"] for event in listed}


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("row", ALL, ids=lambda row: row.id)
def test_verdict(cluster: Cluster, looked: dict[str, dict[str, Any]], row: Row, node: str) -> None:
    name = name_of(row, node)
    found = looked[name]
    verdict = found["verdict"]
    cause, role, host, confidence = row.expected(node)
    host = {"POD": name, "NODE": node, "DNS": cluster.address_of_resolver()}.get(host, host)
    said = (verdict["cause"], verdict["subject"]["role"], verdict["subject"]["host"], verdict["confidence"])
    if row.id == "never" and "does not list it" not in json.dumps(verdict["explanation"]):
        # what other tests have pulled has so many names there that the node's list is cut off
        confidence = "likely"
    assert said == (cause, role, host, confidence), json.dumps(found, indent=1)
    if row.beside:
        assert row.beside in {f["cause"] for f in found["findings"]}, json.dumps(found, indent=1)


def test_two_containers(cluster: Cluster, looked: dict[str, dict[str, Any]], namespace: str) -> None:
    code, found = cluster.why("two", "-n", namespace)
    said = {i["target"]["container"]: (i["verdict"]["cause"], i["verdict"]["confidence"]) for i in found["items"]}
    expected = {"app": ("image.tag_unknown", "confirmed"), "side": ("auth.no_credentials", "confirmed")}
    assert (code, said) == (1, expected)


def test_there_are_enough() -> None:
    """Different failures, and pairs of them (two containers are one more)."""
    assert len({row.id for row in FAILURES}) >= 40 and len({row.id for row in PAIRS}) >= 9
