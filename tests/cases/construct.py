"""Make the cases that the lab cannot: `python -m tests.cases.construct` writes them.

Most take a real message of the corpora, with the place it was found at as source; nobody looked
out of the node, so their verdicts rest on the runtime's words. The few others have their texts from the program that
writes them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kubectl_imagepull.case import CaseFile, dump, parse
from kubectl_imagepull.image.messages import classify
from kubectl_imagepull.image.pulls import pull_of
from kubectl_imagepull.model import (
    HOPS,
    Case,
    Detail,
    Event,
    Facts,
    NodeFacts,
    Owner,
    ProbeRun,
    Subject,
    Target,
    detail_of,
    to_json,
)
from kubectl_imagepull.model.strict import build

CASES = Path(__file__).parent
CORPUS = CASES.parent / "corpus"
NOW = 1795407000.0
"""When the constructed cases were "read": any moment, as long as it stays the same."""

FROM_MESSAGES = (
    "auth.credential_provider",
    "net.reset",
    "policy.signature",
    "policy.registry_blocked",
    "rate.kubelet_qps",
    "reference.short_name",
    "storage.other",
    "transfer.timeout",
    "unknown.insufficient",
)
"""The causes whose case is a message of the corpora."""
AS_IF: Mapping[str, tuple[str, str]] = {
    "policy.registry_blocked": ("quay.io/team/app:1.0", "cri-o://1.31.3"),
    "policy.signature": ("", "cri-o://1.31.3"),
    "reference.short_name": ("team/app:1.0", "cri-o://1.31.3"),
    "transfer.timeout": ("nginx", "docker://24.0.7"),
}
"""Cause -> the image and the node's runtime that its message is of, where it does not name them itself."""
CORPORA = ("captured", "messages", "heldout")
KUBELET = ("failed to pull image", "rpc error", "failed to pull and unpack")
"""How a message begins that has come by way of a kubelet."""


def chosen(cause: str) -> tuple[str, dict[str, Any]]:
    """(corpus, message): the one that shows the cause best: read so, surely, in the words of a kubelet, not too long."""
    fitting = []
    for corpus in CORPORA:
        for line in (CORPUS / f"{corpus}.jsonl").read_text().splitlines():
            one = json.loads(line)
            found = classify(one["message"])
            if one["cause"] == found.cause == cause and len(one["message"]) < 1000:
                by_kubelet = one["message"].lower().startswith(KUBELET)
                fitting.append((corpus != "captured", not by_kubelet, bool(found.also), len(fitting), corpus, one))
    return min(fitting)[-2:]


def node(**facts: Any) -> NodeFacts:
    usual = {"os_image": "Debian GNU/Linux 12", "runtime": "containerd://2.1.4", "kubelet": "v1.34.1"}
    usual |= {"annotations": ("kubeadm.alpha.kubernetes.io/cri-socket",)}
    return NodeFacts("worker-1", os="linux", arch="amd64", **{**usual, **facts})


def case(text: str, image: str, **facts: Any) -> Case:
    """A pod of a Deployment whose kubelet says this of this image."""
    reference, pull = pull_of(image, "p0")
    message = text.removeprefix(f'Failed to pull image "{image}": ')
    target = Target(
        "shop", "web-6d5f9c7b8d-x2x7k", "app", image=image, node="worker-1", owner=Owner("Deployment", "web")
    )
    events = (
        Event("Normal", "Pulling", f'Pulling image "{image}"', 4, NOW - 160, NOW - 45, "app"),
        Event("Warning", "Failed", f'Failed to pull image "{image}": {message}', 4, NOW - 158, NOW - 44, "app"),
    )
    usual: dict[str, Any] = {
        "phase": "Pending", "state": "waiting", "reason": "ErrImagePull", "message": message, "said": message,
        "said_at": NOW - 44, "failing": True, "since": NOW - 158, "attempts": 4, "policy": "IfNotPresent",
        "reference": reference, "service_account": "default", "node": node(), "events": events, "created": NOW - 160,
        "read_at": NOW,
    }  # fmt: skip
    return Case(target, Facts(**{**usual, **facts}), pull, probe=ProbeRun())


def from_corpus(cause: str) -> CaseFile:
    """The case of one message."""
    corpus, one = chosen(cause)
    as_if, runtime = AS_IF.get(cause, ("", ""))
    named = one.get("image") or (one.get("images") or [""])[0]
    made = case(one["message"], as_if or named or f"{one.get('host') or 'registry.example'}/team/app:1.0")
    if runtime:
        made = replace(made, facts=replace(made.facts, node=replace(node(), runtime=runtime)))
    if corpus == "captured":
        seen_on = replace(node(), runtime=one["runtime"], kubelet=one["kubelet"])
        made = replace(made, facts=replace(made.facts, node=seen_on))
    source = one.get("source") or f"a two-node cluster, scenario {one.get('scenario')}"
    return CaseFile((made,), {"provenance": "constructed", "source": f"tests/corpus/{corpus}.jsonl: {source}"})


ECR_REFUSAL = (
    'failed to pull and unpack image "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:1.8.2": failed to resolve image: '
    "pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials"
)


def others() -> dict[str, CaseFile]:
    """What no message shows."""
    image = "registry.example/shop/web:1.8.2"
    back_off = f'Back-off pulling image "{image}"'
    made = {
        "backoff.only": (
            case(back_off, image, reason="ImagePullBackOff", events=()),
            "kubernetes: pkg/kubelet/images/image_manager.go (the text of the back-off)",
        ),
        "auth.no_credentials-ecr": (
            case(ECR_REFUSAL, "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:1.8.2"),
            "containerd: core/remotes/docker/authorizer.go (no basic auth credentials)",
        ),
    }  # fmt: skip
    return {
        cause: CaseFile((one,), {"provenance": "constructed", "source": source})
        for cause, (one, source) in made.items()
    }


@dataclass(frozen=True)
class Look:
    """What a probe would have seen in place of what it saw on the lab, and the runtime's words for the same."""

    hop: str
    outcome: str
    summary: str
    said: str
    source: str
    data: Mapping[str, Any] = field(default_factory=dict)


def told(look: Look, before: Detail | None) -> Detail:
    """The detail of an answer: what is given for it over what was there."""
    kind = detail_of(look.hop, look.outcome)
    given = json.loads(json.dumps({**(to_json(before) if before is not None else {}), **look.data}))
    detail = build(kind, given, look.hop)
    assert isinstance(detail, Detail)
    return detail


@dataclass(frozen=True)
class Answer(Look):
    """Within a pull that fails on the lab. login: it is the answer to the one with credentials."""

    base: str = "image.tag_unknown"
    login: bool = False


HEAD = 'failed to do request: Head "https://registry.lab.test/v2/busybox/manifests/9.9"'
STATUS = "unexpected status from HEAD request to https://{}: {}"
MANIFEST = "registry.lab.test/v2/busybox/manifests/9.9"
PROBES = {
    "net.reset": Answer(
        "connect", "reset", "10.89.0.20:443 connection reset", f"{HEAD}: read tcp: connection reset by peer",
        "go: syscall/zerrors_linux_amd64.go (ECONNRESET)",
    ),
    "auth.forbidden": Answer(
        "manifest", "403", "team/app:9.9: HTTP 403 DENIED requested access to the resource is denied",
        STATUS.format("private.lab.test/v2/team/app/manifests/9.9", "403 Forbidden"),
        "distribution: registry/api/errcode/register.go (DENIED)",
        {"status": 403, "errors": [{"code": "DENIED", "message": "requested access to the resource is denied"}]},
        "image.tag_unknown-private", True,
    ),
}  # fmt: skip
"""Cause -> the one answer that differs from a case of the lab: for rules whose failure the lab's servers do not have."""


def seen(cause: str, answer: Answer) -> CaseFile:
    """A recorded case in which one hop answered otherwise, and nothing behind it was reached."""
    file = parse((CASES / f"{answer.base}.json").read_bytes(), answer.base)
    base = file.cases[0]
    kept = []
    for one in base.observations:
        position, last = HOPS.index(one.hop), HOPS.index(answer.hop)
        mine = one.hop == answer.hop and (not answer.login or bool(one.via))
        if mine:
            detail = told(answer, one.detail)
            kept.append(replace(one, outcome=answer.outcome, summary=answer.summary, detail=detail))
        elif position < last:
            kept.append(one)
        elif cause == "registry.not_a_registry" and one.hop == "manifest":
            kept.append(replace(one, summary="busybox:9.9: HTTP 404", detail=replace(one.detail, errors=())))
    facts = replace(base.facts, said=answer.said, message=answer.said, reason="ErrImagePull", next_retry=None)
    source = f"{answer.source}; tests/cases/{answer.base}.json with another answer of hop {answer.hop}"
    made = replace(base, observations=tuple(kept), facts=facts)
    return CaseFile((made,), {"provenance": "constructed", "source": source})


@dataclass(frozen=True)
class FromOne(Look):
    """From one hop on, for a pod that is healthy on the lab. both: this machine sees the same; image: of the pod, if another."""

    role: str = "registry"
    host: str = "registry.lab.test"
    both: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)
    image: str = ""


DIGEST = "sha256:9e7937b22618f63a8fa5b5bbbf8dcebf8a81772728082ac5bda56492ad3ffda7"
GOT = "sha256:f7e8b832fef1ca8d694bd8b2a1fc58154020f7e99c7ae0e927a908176e84d6e9"
COPY = 'failed to pull and unpack image "registry.lab.test/busybox:1.35": failed to copy: httpReadSeeker: failed open: '
HEAD_135 = 'failed to do request: Head "https://registry.lab.test/v2/busybox/manifests/1.35"'
LOOKS = {
    "transfer.timeout-seen": FromOne(
        "blobs", "slow", f"layer {DIGEST[:19]}…: 14336 bytes in 8 s",
        f"{COPY}context canceled: pull progress timeout",
        "containerd: internal/cri/server/images/image_pull.go (image_pull_progress_timeout)",
        {"kind": "layer", "digest": DIGEST, "status": 206, "bytes": 14336, "errors": []}, both=False,
    ),
    "policy.registry_blocked-seen": FromOne(
        "runtime", "blocked", "/etc/containers/registries.conf.d/50-corp.conf: registry.lab.test is blocked",
        "pinging container registry registry.lab.test: registry registry.lab.test is blocked in "
        "/etc/containers/registries.conf or /etc/containers/registries.conf.d",
        "containers/image: docker/docker_image_src.go (is blocked in)",
        {"problems": [{"file": "/etc/containers/registries.conf.d/50-corp.conf", "problem": "registry.lab.test is blocked"}]},
        "node", "node2", False, {"node": {"runtime": "cri-o://1.31.3"}},
    ),
    "reference.short_name-seen": FromOne(
        "runtime", "short-name", "/etc/containers/registries.conf: no alias for team/app and no search registries",
        'short-name "team/app:1.0" did not resolve to an alias and no unqualified-search registries are defined in '
        '"/etc/containers/registries.conf"', "containers/image: pkg/shortnames/shortnames.go (did not resolve to an alias)",
        {"problems": [{"file": "/etc/containers/registries.conf", "problem": "no alias for team/app and no search registries"}]},
        "node", "node2", False, {"node": {"runtime": "cri-o://1.31.3"}}, "team/app:1.0",
    ),
    "storage.no_space-pressure": FromOne(
        "", "", "", f"{COPY[:-len('httpReadSeeker: failed open: ')]}write /var/lib/containerd/io.containerd.content.v1.content"
        "/ingest/3f/data: no space left on device", "kubernetes: pkg/kubelet/eviction/eviction_manager.go (DiskPressure)",
        facts={"node": {"disk_pressure": True}},
    ),
    "net.refused-passed": FromOne(
        "", "", "", f"{HEAD_135}: dial tcp 10.89.11.20:443: connect: connection refused",
        "go: net/dial.go (connection refused); tests/cases/none.json: by then the registry answers again",
        facts={"next_retry": 34.0},
    ),
    "tls.expired-contradicted": FromOne(
        "tls", "expired", "the certificate expired on 2026-11-13 04:06 UTC",
        f"{HEAD_135}: dial tcp [fd00:1ab::20]:443: connect: connection refused",
        "go: net/dial.go (connection refused); of two addresses the runtime names the one that it tried last",
        {"chain": [{"subject": "registry.lab.test", "issuer": "registry-ca", "begins": 1786766785, "ends": 1794542785,
                    "not_before": "2026-08-15 04:06 UTC", "not_after": "2026-11-13 04:06 UTC"}]},
    ),
}  # fmt: skip
"""Name of a case -> the one answer by which it differs from a healthy pod of the lab."""


def looked(look: FromOne) -> CaseFile:
    """The case of a healthy pod, as if its pull had failed and the node had seen this."""
    base = parse((CASES / "none.json").read_bytes(), "none").cases[0]
    last = HOPS.index(look.hop) if look.hop else len(HOPS)
    kept = [o for o in base.observations if HOPS.index(o.hop) < last or (o.vantage.place != "node" and not look.both)]
    if look.role in ("proxy", "node"):
        kept = [o for o in base.observations if o.vantage.place != "node"]
    for place in ("node", "workstation") if look.both and look.hop else ("node",) if look.hop else ():
        like = next(o for o in base.observations if o.vantage.place == place and o.hop == "tls")
        detail = told(look, like.detail if look.hop == "tls" else None)
        if "skew" in look.data:
            like = replace(like, at=like.at + look.data["skew"])
        kept.append(
            replace(
                like,
                detail=detail,
                outcome=look.outcome,
                summary=look.summary,
                subject=Subject(look.role, look.host),
            )
        )
    asked = Event(
        "Normal", "Pulling", f'Pulling image "{base.target.image}"', 4, base.facts.read_at - 90, base.facts.read_at - 21
    )
    on_node = look.facts.get("node", {})
    assert base.facts.node is not None
    facts = replace(
        base.facts, state="waiting", phase="Pending", reason="ImagePullBackOff", message=look.said, said=look.said,
        said_at=base.facts.read_at - 20, failing=True, pulled=False, since=base.facts.read_at - 89, attempts=4,
        events=(asked,), node=replace(base.facts.node, **on_node),
        **{k: v for k, v in look.facts.items() if k != "node"},
    )  # fmt: skip
    target = replace(base.target, pod="web-6d5f9c7b8d-x2x7k", owner=Owner("Deployment", "web"))
    if look.image:
        reference, pull = pull_of(look.image, base.pull.id if base.pull else "p0")
        base = replace(base, pull=pull)
        facts, target = replace(facts, reference=reference), replace(target, image=look.image)
        kept = [o for o in kept if o.vantage.place == "node"]
    source = look.source if "none.json" in look.source else f"{look.source}; tests/cases/none.json with another answer"
    made = replace(base, target=target, facts=facts, observations=tuple(kept))
    return CaseFile((made,), {"provenance": "constructed", "source": source})


def main() -> int:
    """Write them all."""
    files = {cause: from_corpus(cause) for cause in FROM_MESSAGES}
    probed = {f"{cause}-seen": seen(cause, answer) for cause, answer in PROBES.items()}
    from_looks = {name: looked(look) for name, look in LOOKS.items()}
    for name, file in {**files, **others(), **probed, **from_looks}.items():
        (CASES / f"{name}.json").write_text(dump(file), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
