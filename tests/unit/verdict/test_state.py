"""What is said of a pull by its state alone: moving, queued, stalled, passed, refused on the node, no room."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubectl_imagepull.image.containers import containers_of
from kubectl_imagepull.image.messages import classify
from kubectl_imagepull.kube.events import concerns, sandbox_image
from kubectl_imagepull.kube.pods import _pulling
from kubectl_imagepull.model import (
    Case,
    Event,
    Facts,
    NodeFacts,
    Observation,
    Owner,
    Pull,
    PullSecret,
    ReferenceFacts,
    Subject,
    Target,
    Vantage,
)
from kubectl_imagepull.verdict import judge
from tests.build import observed

HOST = "registry.example.com"
NODE = NodeFacts("node1", kubelet="v1.37.0", runtime="containerd://2.4.2", os="linux", arch="amd64")


def case(seen: tuple[Observation, ...] = (), **facts: Any) -> Case:
    target = Target("shop", "web-1", "app", image=f"{HOST}/web:1.0", node="node1", owner=Owner("Deployment", "web"))
    reference = ReferenceFacts(target.image, registry=HOST, repository=f"{HOST}/web", asked="1.0")
    fields = {"state": "waiting", "reference": reference, "node": NODE, "read_at": 10_000.0, **facts}
    return Case(target, Facts(**fields), Pull("p0", HOST, 443, "web", "1.0"), seen)


@pytest.mark.parametrize(
    ("facts", "cause", "confidence", "code"),
    [
        ({"pulling_since": 9_900.0}, "pull.in_progress", "likely", 0),
        ({"pulling_since": 9_600.0}, "transfer.stalled", "possible", 1),
        ({"pulling_since": 9_600.0, "older_pulls": ("a/b c",), "one_at_a_time": True}, "pull.queued", "likely", 0),
        ({"pulling_since": 9_990.0, "older_pulls": ("a/b c",)}, "pull.queued", "possible", 0),
        (
            {"pulling_since": 9_600.0, "older_pulls": ("a/b c",), "one_at_a_time": False},
            "transfer.stalled",
            "possible",
            1,
        ),
    ],
)
def test_a_pull_without_an_end(facts: dict[str, Any], cause: str, confidence: str, code: int) -> None:
    found = judge(case(pulling=True, **facts))
    assert (found.cause, found.confidence, found.exit_code) == (cause, confidence, code)
    assert not facts.get("older_pulls") or cause != "pull.queued" or "a/b c" in found.explanation[0]
    assert cause != "pull.in_progress" or "1 min 40 s" in found.explanation[0]


@pytest.mark.parametrize(
    ("on_node", "kubelet", "cause"),
    [
        (True, "v1.37.0", "auth.cached_image_denied"),
        (True, "v1.32.4", "image.never_pull_absent"),
        (False, "v1.37.0", "image.never_pull_absent"),
        (False, "v1.30.0", "image.never_pull_absent"),
    ],
)
def test_never_pull(on_node: bool, kubelet: str, cause: str) -> None:
    node = replace(NODE, kubelet=kubelet)
    found = judge(case(failing=True, reason="ErrImageNeverPull", on_node=on_node, node=node))
    assert found.cause == cause
    open_question = cause == "image.never_pull_absent" and kubelet == "v1.37.0"
    assert ("auth.cached_image_denied" in found.alternatives) == open_question
    assert not open_question or found.confidence == "likely"
    whole = replace(node, lists_all=True)
    found = judge(case(failing=True, reason="ErrImageNeverPull", on_node=on_node, node=whole))
    assert found.cause == cause and "auth.cached_image_denied" not in found.alternatives
    assert cause != "image.never_pull_absent" or found.confidence == "confirmed"


FULL = "failed to pull and unpack image: failed to copy: write /var/lib/containerd/x: no space left on device"


def test_disk_pressure_settles_a_storage_message() -> None:
    full = replace(NODE, disk_pressure=True)
    said = judge(case(failing=True, reason="ErrImagePull", said=FULL, node=full))
    assert (said.cause, said.confidence) == ("storage.no_space", "confirmed")
    assert judge(case(failing=True, reason="ErrImagePull", said=FULL)).confidence == "likely"
    other = judge(
        case(failing=True, said=f"failed to resolve reference: dial tcp: lookup {HOST}: no such host", node=full)
    )
    assert other.cause == "dns.nxdomain"
    assert [f.cause for f in other.findings if f.level == "warning"] == ["storage.no_space"]


def seen(hop: str, outcome: str, **data: Any) -> Observation:
    return observed(hop, Subject("registry", HOST), Vantage("node", network="host", trust="host"), outcome, **data)


REFUSED = f'failed to do request: Head "https://{HOST}/v2/web/manifests/1.0": dial tcp 10.0.0.1:443: connect: connection refused'
GOOD = (seen("dns", "ok"), seen("connect", "open"), seen("tls", "ok"), seen("registry", "200"))


def test_a_fault_that_has_passed() -> None:
    """Named as what the runtime said, with the next attempt; the fix is to retry, and nothing else."""
    found = judge(case((*GOOD, seen("manifest", "200")), failing=True, said=REFUSED, next_retry=80.0))
    assert (found.cause, found.confidence) == ("net.refused", "likely")
    assert any("passed" in line and "80 s" in line for line in found.explanation)
    assert [(f.commands, f.applicability) for f in found.fixes] == [(("kubectl -n shop delete pod web-1",), "safe")]


@pytest.mark.parametrize(
    "observations",
    [(), GOOD, (*GOOD, seen("manifest", "404")), (*GOOD[:1], seen("connect", "refused"))],
    ids=["nothing", "no-manifest", "absent", "refused"],
)
def test_a_fault_that_stands_is_no_matter_of_retrying(observations: tuple[Observation, ...]) -> None:
    found = judge(case(observations, failing=True, said=REFUSED, next_retry=80.0))
    assert not [f for f in found.fixes if "works now" in f.title]


def test_an_untried_secret_proves_no_success() -> None:
    secret = PullSecret("mine", "used", usernames=("ci",))
    observations = (*GOOD, seen("manifest", "200"))
    found = judge(case(observations, failing=True, said=REFUSED, secrets=(secret,)))
    assert not [f for f in found.fixes if "works now" in f.title]


SANDBOX = (
    'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox image "registry.k8s.io/pause:3.9": '
    "failed to pull image: dial tcp: lookup registry.k8s.io: no such host"
)


def test_the_sandbox_image() -> None:
    events = [Event("Warning", "FailedCreatePodSandBox", SANDBOX, first=1.0, last=5.0)]
    state = {"waiting": {"reason": "ContainerCreating"}}
    assert sandbox_image(events) == "registry.k8s.io/pause:3.9"
    facts = _pulling(state, events, "x", 10.0)
    assert facts["failing"] and "sandbox image" in facts["said"]
    cni = [
        Event("Warning", "FailedCreatePodSandBox", "Failed to create pod sandbox: cni plugin not initialized", last=5.0)
    ]
    assert not sandbox_image(cni) and not _pulling(state, cni, "x", 10.0)["failing"]
    later = [*events, Event("Normal", "Pulling", 'Pulling image "x"', last=9.0)]
    assert not sandbox_image(later)


def test_image_volumes() -> None:
    spec = {
        "containers": [{"name": "app", "image": "a:1"}],
        "volumes": [{"name": "data", "image": {"reference": "b:2"}}, {"name": "x", "emptyDir": {}}],
    }
    assert [(role, c["name"], c["image"]) for role, c in containers_of(spec)] == [
        ("container", "app", "a:1"),
        ("volume", "data", "b:2"),
    ]
    event = Event("Warning", "Failed", 'Failed to pull image "b:2": no')
    assert concerns(event, "b:2") and not concerns(event, "a:1")
    assert concerns(Event("Warning", "FailedScheduling", "0/2 nodes"), "a:1")


IPV6 = f'failed to do request: Head "https://{HOST}/v2/web/manifests/1.0": dial tcp [fd00::1]:443: connect: connection refused'


@pytest.mark.parametrize(
    ("said", "runtime", "end"),
    [
        (IPV6, "containerd://2.4.2", "(net.refused), but from node1 that works now"),
        (
            f'failed to do request: Head "https://{HOST}/v2/web/manifests/1.0": EOF',
            "containerd://2.4.2",
            "but from node1 it is the above: of several tries containerd may report the one that got furthest",
        ),
        (
            f'failed to do request: Head "https://{HOST}/v2/web/manifests/1.0": EOF',
            "cri-o://1.31.0",
            "(transfer.interrupted), but that was the last attempt, and from node1 the above is seen now",
        ),
    ],
)
def test_a_message_that_a_probe_contradicts(said: str, runtime: str, end: str) -> None:
    """Both are said, and why the probe is believed."""
    now = replace(NODE, runtime=runtime)
    looked = tuple(replace(o, vantage=replace(o.vantage, name="node1")) for o in (*GOOD[:2], seen("tls", "expired")))
    found = judge(case(looked, failing=True, said=said, node=now))
    assert (found.cause, found.confidence) == ("tls.expired", "confirmed")
    (line,) = [line for line in found.explanation if "reports that" in line]
    assert line.startswith(f"{runtime.partition(':')[0]} reports that ") and line.endswith(end)


def test_a_refusal_at_an_address_that_no_probe_tried() -> None:
    """That another address of the name works says nothing about it."""
    for ip, known in (("10.0.0.9", False), ("fd00:0::1", True)):
        opened = seen("connect", "open", tried=[{"ip": ip, "port": 443, "outcome": "open"}])
        resolved = seen("dns", "ok", addresses=[ip])
        found = judge(case((resolved, opened, seen("tls", "expired")), failing=True, said=IPV6))
        (line,) = [line for line in found.explanation if "reports that" in line]
        assert line.endswith("that works now") == known
        assert ("at fd00::1, an address that the resolver of " in line) != known
        assert any("net.refused" in one.causes for one in found.ruled_out) == known


NO_BASIC = (
    "pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth "
    "credentials"
)


@pytest.mark.parametrize(
    ("proxy", "left"),
    [({}, False), ({"state": "none"}, False), ({"state": "unknown"}, True), ({"elsewhere": {}}, True)],
)
def test_alternatives_that_the_node_excludes(proxy: dict[str, Any], left: bool) -> None:
    """What the node's runtime says of its proxy and what this machine meets as well leave fewer of them."""
    blob = Subject("blob", "blobs.example.com")
    refused = replace(seen("blobs", "403"), subject=blob)
    runtime = replace(seen("runtime", "default", proxy=proxy), subject=Subject("node", "node1"))
    looked = (*GOOD, runtime, refused)
    found = judge(case(looked, failing=True, reason="ErrImagePull"))
    assert (found.cause, "net.proxy" in found.alternatives) == ("auth.forbidden", left)
    assert "node.clock_skew" in found.alternatives
    here = replace(refused, vantage=replace(refused.vantage, place="workstation"))
    assert "node.clock_skew" not in judge(case((*looked, here), failing=True, reason="ErrImagePull")).alternatives


@pytest.mark.parametrize(
    ("registry", "account", "left"),
    [(HOST, "default", False), (HOST, "", True), ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "default", True)],
)
def test_credentials_that_nobody_sends(registry: str, account: str, left: bool) -> None:
    """They are neither wrong nor out of date, unless the node may have some of its own."""
    reference = ReferenceFacts(f"{registry}/web:1.0", registry=registry, repository=f"{registry}/web", asked="1.0")
    said = f"unexpected status from HEAD request to https://{registry}/v2/web/manifests/1.0: 403 Forbidden"
    found = judge(case(failing=True, said=said, service_account=account, reference=reference))
    assert found.cause == "auth.forbidden"
    assert bool({"auth.bad_credentials", "auth.expired"} & set(found.alternatives)) == left


def test_alternatives_that_the_secrets_exclude() -> None:
    """A pod without pull secrets has none that is missing, malformed or for another registry."""
    none_named = judge(case(failing=True, said=NO_BASIC, service_account="default"))
    assert none_named.cause == "auth.no_credentials"
    assert not [a for a in none_named.alternatives if a.startswith("auth.secret_")]
    late = judge(case(failing=True, said=NO_BASIC, service_account="default", account_secrets=("regcred",)))
    assert late.cause == "auth.secret_added_late"
    unread = (PullSecret("regcred", "forbidden"),)
    hidden = judge(case(failing=True, said=NO_BASIC, secrets=unread, pull_secret_names=("regcred",)))
    assert "auth.secret_wrong_registry" in (hidden.cause, *hidden.alternatives)


def test_what_works_is_not_left_open() -> None:
    """Credentials that the registry accepts are neither wrong nor expired."""
    secret = PullSecret("regcred", "used", usernames=("ci",), registry_keys=(HOST,))
    here = Vantage("workstation", network="local", trust="local")
    asked = Subject("registry", HOST)
    told = [{"code": "DENIED"}]
    looked = (
        observed("auth", asked, here, "accepted", "accepted", via="regcred", registry_key=HOST),
        observed("manifest", asked, here, "403", "HTTP 403", via="regcred", errors=told),
    )
    said = f"unexpected status from HEAD request to https://{HOST}/v2/web/manifests/1.0: 403 Forbidden"
    found = judge(case(looked, failing=True, said=said, secrets=(secret,), pull_secret_names=("regcred",)))
    assert found.cause == "auth.forbidden"
    assert not {"auth.bad_credentials", "auth.expired"} & set(found.alternatives)
    assert ("auth.bad_credentials", "auth.expired") in [r.causes for r in found.ruled_out]


@pytest.mark.parametrize(
    ("here", "told"),
    [
        ("open", "this machine gets through, so what differs is node1"),
        ("refused", "this machine meets the same, so it is not node1 alone"),
        ("timeout", ""),
    ],
)
def test_the_second_vantage(here: str, told: str) -> None:
    node = replace(seen("connect", "refused"), vantage=Vantage("node", network="host", trust="host", name="node1"))
    local = observed("connect", Subject("registry", HOST), Vantage("workstation", network="local"), here)
    found = judge(case((GOOD[0], node, local), failing=True, said=REFUSED))
    lines = [line for line in found.explanation if line.startswith("this machine")]
    assert lines == [] if not told else lines[0].startswith(told)


def test_a_web_servers_not_found_contradicts_nothing() -> None:
    """What answers "not found" to everything reads like a missing tag in the runtime's words."""
    page = seen("registry", "404", api_version="", content_type="text/html", errors=[])
    looked = (*GOOD[:3], page, seen("manifest", "404", errors=[]))
    found = judge(case(looked, failing=True, said=f"failed to resolve image: {HOST}/web:1.0: not found"))
    assert found.cause == "registry.not_a_registry"
    assert not [line for line in found.explanation if "reports that" in line]


@pytest.mark.parametrize(
    ("media_type", "cause"),
    [
        ("application/vnd.oci.image.layer.v1.tar+gzip", "image.blob_unknown"),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", "image.blob_unknown"),
        ("application/vnd.oci.image.config.v1+json", "image.blob_unknown"),
        ("application/vnd.docker.container.image.v1+json", "image.blob_unknown"),
        ("application/vnd.oci.image.manifest.v1+json", "image.digest_unknown"),
        ("application/vnd.docker.distribution.manifest.v2+json", "image.digest_unknown"),
    ],
)
def test_what_could_not_be_fetched_by_its_digest(media_type: str, cause: str) -> None:
    said = f"failed to copy: httpReadSeeker: failed open: could not fetch content descriptor sha256:{'0' * 64} ({media_type})"
    assert classify(f"{said} from remote: not found").cause == cause


def test_a_node_whose_clock_is_ahead_waits_no_longer() -> None:
    """Its events lie in the future."""
    failed = Event("Warning", "Failed", 'Failed to pull image "a:1": no', 3, 43_200.0, 43_200.0)
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "a:1"'}}
    assert _pulling(waiting, (failed,), "a:1", 0.0)["next_retry"] <= 300.0


def test_what_a_runtime_meets_without_its_configuration_is_no_contradiction() -> None:
    """A hosts.toml that does not parse is left out, and the registry itself is asked (containerd: docs/hosts.md)."""
    problem = {"file": "/etc/containerd/certs.d/x/hosts.toml", "problem": "does not parse", "fatal": False}
    at = Vantage("node", network="host", trust="host", resolver="host", name="node1")
    broken = observed("runtime", Subject("node", "node1"), at, "invalid", problems=[problem])
    looked = (broken, replace(seen("dns", "nxdomain"), vantage=at))
    said = f'failed to do request: Head "https://{HOST}/v2/web/manifests/1.0": dial tcp: lookup {HOST}: no such host'
    found = judge(case(looked, failing=True, said=said))
    assert found.cause == "runtime.config_invalid" and "dns.nxdomain" in {f.cause for f in found.findings}
    assert not [line for line in found.explanation if "reports that" in line]


@pytest.mark.parametrize(
    ("late", "cause", "confidence", "told"),
    [
        ((), "auth.secret_added_late", "likely", "was not read"),
        ((PullSecret("regcred", "forbidden"),), "auth.secret_added_late", "likely", "was not read"),
        ((PullSecret("regcred", "used"),), "auth.secret_added_late", "confirmed", "has regcred now"),
        ((PullSecret("regcred", "unused", "for ghcr.io"),), "auth.no_credentials", "confirmed", "regcred: for ghcr.io"),
    ],
)
def test_secrets_that_came_late(late: tuple[PullSecret, ...], cause: str, confidence: str, told: str) -> None:
    """They help a new pod only where they are for the registry."""
    asked = (*GOOD[:3], seen("registry", "401"), seen("auth", "basic"))
    facts = {"service_account": "default", "account_secrets": ("regcred",), "late_secrets": late}
    found = judge(case(asked, failing=True, said=NO_BASIC, **facts))
    assert (found.cause, found.confidence) == (cause, confidence)
    assert told in found.explanation[0]
