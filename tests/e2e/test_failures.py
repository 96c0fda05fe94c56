"""Every failure that the first issue names, on both nodes, through the real kubectl: cause, subject, confidence, exit code.

With every verdict: the report fits its schema, nothing of ours is left, and the lab's credential is nowhere to be found.
"""

from __future__ import annotations

import base64
import json
import urllib.parse
from dataclasses import dataclass

import jsonschema
import pytest

from kubectl_imagepull.catalogue import FIELDS
from kubectl_imagepull.report.machine import schema
from tests.e2e.cluster import TRIES, Cluster, Witness, pod
from tests.lab.settings import NODES

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Failure:
    """What a pod asks for, and what must be said. secret: (name, registry, right password?) made beforehand; "" = not made."""

    id: str
    image: str
    cause: str
    role: str
    host: str
    secret: str = ""
    confidence: str = "confirmed"
    exit_code: int = 1


FAILURES = (
    Failure("tag-missing", "registry.lab.test/busybox:9.9", "image.tag_unknown", "registry", "registry.lab.test"),
    Failure(
        "repository-missing", "registry.lab.test/nosuch/app:1.0", "image.name_unknown", "registry", "registry.lab.test"
    ),
    Failure("no-secret", "private.lab.test/team/app:1.0", "auth.no_credentials", "registry", "private.lab.test"),
    Failure(
        "no-secret-bearer", "bearer.lab.test/team/app:1.0", "auth.denied_or_missing", "registry", "bearer.lab.test"
    ),
    Failure(
        "wrong-password",
        "private.lab.test/team/app:1.0",
        "auth.bad_credentials",
        "registry",
        "private.lab.test",
        "wrong-basic",
    ),
    Failure(
        "wrong-password-bearer",
        "bearer.lab.test/team/app:1.0",
        "auth.bad_credentials",
        "token",
        "auth.lab.test",
        "wrong-bearer",
    ),
    Failure(
        "wrong-on-public",
        "bearer.lab.test/public/app:1.0",
        "auth.bad_credentials",
        "token",
        "auth.lab.test",
        "wrong-bearer",
    ),
    Failure(
        "secret-missing",
        "private.lab.test/team/app:1.0",
        "auth.secret_missing",
        "registry",
        "private.lab.test",
        "nowhere",
    ),
    Failure(
        "tag-behind-secret",
        "private.lab.test/team/app:9.9",
        "image.tag_unknown",
        "registry",
        "private.lab.test",
        "right-basic",
        # a Basic credential is sent once, so nobody lists the tags to see that there are some
        "likely",
    ),
    Failure(
        "tag-behind-token",
        "bearer.lab.test/team/app:9.9",
        "image.tag_unknown",
        "registry",
        "bearer.lab.test",
        "right-bearer",
    ),
    Failure("name-unknown", "missing.lab.test/team/app:1.0", "dns.nxdomain", "registry", "missing.lab.test"),
    Failure("dns-silent", "silent.lab.test/team/app:1.0", "dns.timeout", "dns-server", "DNS"),
    Failure("refused", "refused.lab.test/team/app:1.0", "net.refused", "registry", "refused.lab.test"),
    Failure("dropped", "dropped.lab.test/team/app:1.0", "net.timeout", "registry", "dropped.lab.test"),
    Failure("unreachable", "noroute.lab.test/team/app:1.0", "net.unreachable", "registry", "noroute.lab.test"),
    Failure("unknown-ca", "unknownca.lab.test/team/app:1.0", "tls.unknown_authority", "registry", "unknownca.lab.test"),
    Failure("expired", "expired.lab.test/team/app:1.0", "tls.expired", "registry", "expired.lab.test"),
    Failure("plain-http", "plain.lab.test/team/app:1.0", "tls.http_on_https", "registry", "plain.lab.test"),
    Failure("token-host", "orphan.lab.test/team/app:1.0", "dns.nxdomain", "token", "ghost-auth.lab.test"),
    Failure("rate-limit", "hub.lab.test/limited/app:1.0", "rate.registry_limit", "registry", "hub.lab.test"),
    Failure("scheme", "https://registry.lab.test/busybox:1.35", "reference.invalid", "pod", "POD"),
    Failure("healthy", "registry.lab.test/busybox:1.35", "none", "pod", "POD", exit_code=0),
    Failure("healthy-secret", "private.lab.test/team/app:1.0", "none", "pod", "POD", "right-basic", exit_code=0),
    Failure("healthy-token", "bearer.lab.test/team/app:1.0", "none", "pod", "POD", "right-bearer", exit_code=0),
)
TOKEN_HOST = ("--token-host", "auth.lab.test")
"""Its credentials go to a host of another name only where the operator says so."""
SILENT = ("dropped", "dns-silent")
OBJECTS = {"Job", "Pod", "ConfigMap"}
SECRETS = {
    "wrong-basic": ("private.lab.test", "not-the-password"),
    "wrong-bearer": ("bearer.lab.test", "not-the-password"),
    "right-basic": ("private.lab.test", None),
    "right-bearer": ("bearer.lab.test", None),
}


@pytest.fixture(scope="module")
def broken(cluster: Cluster, namespace: str) -> str:
    """A namespace with all the pods, each in the state that its failure leads to."""
    for name, (host, password) in SECRETS.items():
        cluster.make_secret(namespace, name, host, password)
    names = {f"{f.id}-{node}": (f, node) for f in FAILURES for node in NODES}
    pods = [pod(namespace, name, node, f.image, [f.secret] if f.secret else []) for name, (f, node) in names.items()]
    for one in pods:
        one["spec"]["containers"][0]["imagePullPolicy"] = "Always"  # another test's pod may have brought the image
    cluster.apply(*pods)
    # containerd 2 may try for minutes before it says a word about silence: `why` must not need it
    cluster.wait_failing(namespace, [n for n, (f, _) in names.items() if f.exit_code and f.id not in SILENT])
    cluster.wait_running(namespace, [n for n, (f, _) in names.items() if not f.exit_code])
    return namespace


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("failure", FAILURES, ids=lambda f: f.id)
def test_verdict(cluster: Cluster, broken: str, failure: Failure, node: str) -> None:
    name = f"{failure.id}-{node}"
    words = ("-n", broken, "-o", "json", "-v", "9", *TOKEN_HOST)
    for _ in range(TRIES):
        with Witness(cluster, broken) as witness:
            ran = cluster.run("imagepull", "why", name, *words, check=False)
        found = json.loads(ran.stdout)
        seen = {key.partition("/")[0] for key in witness.texts}
        if failure.cause == "reference.invalid" or (found["probe"]["rung"] == "host-python" and seen >= OBJECTS):
            break
    verdict = found["verdict"]
    host = {"POD": name, "DNS": cluster.address_of_resolver()}.get(failure.host, failure.host)
    said = (
        verdict["cause"],
        verdict["confidence"],
        verdict["subject"]["role"],
        verdict["subject"]["host"],
        ran.returncode,
    )
    expected = (failure.cause, failure.confidence, failure.role, host, failure.exit_code)
    assert said == expected, json.dumps(found, indent=1)
    jsonschema.validate(found, schema())
    if failure.cause != "reference.invalid":
        assert found["probe"]["rung"] == "host-python"
        assert found["probe"]["created"] and found["probe"]["deleted"]
        assert seen >= OBJECTS
        # the pod's log as the command read it; the witness often comes too late for its own copy
        assert '"kind":"seen"' in ran.stderr
    assert found["errors"] == []
    if not failure.exit_code:
        assert found["findings"] == []
        assert {h["status"] for h in found["hops"]} <= {"pass", "skipped"}, found["hops"]
    else:
        assert found["fixes"], "a verdict without a fix"
        text = " ".join(c for f in found["fixes"] for c in (f["title"], *f["commands"]))
        assert not [field for field in FIELDS if f"{{{field}}}" in text], text
    texts = {**witness.texts, "output": ran.stdout, "log": ran.stderr}
    for password in (cluster.lab.password, "not-the-password"):
        for form in disguises(password):
            assert not [key for key, text in texts.items() if form in text], form


def test_a_credential_goes_to_no_host_that_only_the_registry_names(cluster: Cluster, broken: str) -> None:
    """Without the operator's word it is not tried, and then nobody says that what failed has passed."""
    _, found = cluster.why("wrong-password-bearer-node1", "-n", broken)
    verdict = found["verdict"]
    assert (verdict["cause"], verdict["confidence"]) == ("auth.bad_credentials", "possible")
    assert not [h for h in found["hops"] if h["hop"] == "auth" and "granted as" in h["summary"]]
    untried = "secret wrong-bearer not tried: auth.lab.test is not known to be a token host of bearer.lab.test"
    assert untried in " ".join(verdict["explanation"]) and "passed" not in " ".join(verdict["explanation"])


def test_the_text_report_shows_no_credential(cluster: Cluster, broken: str) -> None:
    for name in ("wrong-password-node1", "wrong-on-public-node2", "healthy-token-node1"):
        ran = cluster.run("imagepull", "why", name, "-n", broken, "-v", "9", *TOKEN_HOST, check=False)
        for password in (cluster.lab.password, "not-the-password"):
            assert not [form for form in disguises(password) if form in ran.stdout + ran.stderr]


def disguises(credential: str) -> set[str]:
    """The forms in which a credential may slip out."""
    pairs = [credential, f"alice:{credential}"]
    encoded = [base64.b64encode(pair.encode()).decode() for pair in pairs]
    return {
        credential,
        *encoded,
        *(form.rstrip("=") for form in encoded),
        *(form.rstrip("=").replace("+", "-").replace("/", "_") for form in encoded),
        urllib.parse.quote(credential, safe=""),
        urllib.parse.quote_plus(credential),
        json.dumps(credential)[1:-1],
        json.dumps(json.dumps(credential)[1:-1])[1:-1],
    }


def test_disguises_are_found() -> None:
    """The scan itself: it would see a credential in each of its forms."""
    password = 'p+/&="w'
    for text in (
        password,
        base64.b64encode(f"alice:{password}".encode()).decode(),
        urllib.parse.quote(password, safe=""),
        json.dumps({"auths": json.dumps({"password": password})}),
    ):
        assert any(form in text for form in disguises(password)), text
