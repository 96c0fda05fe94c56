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
from kubectl_imagepull.kube.read import pull_of
from kubectl_imagepull.model import HOPS, Case, Event, Facts, NodeFacts, Owner, ProbeRun, Target

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
    return NodeFacts(
        "worker-1", os="linux", arch="amd64", os_image="Debian GNU/Linux 12", runtime="containerd://2.1.4",
        kubelet="v1.34.1", **facts,
    )  # fmt: skip


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
    image = (
        one.get("image") or (one.get("images") or [""])[0] or f"{one.get('host') or 'registry.example'}/team/app:1.0"
    )
    made = case(one["message"], image)
    if corpus == "captured":
        runtime = replace(node(), runtime=one["runtime"], kubelet=one["kubelet"])
        made = replace(made, facts=replace(made.facts, node=runtime))
    source = one.get("source") or f"a two-node cluster, scenario {one.get('scenario')}"
    return CaseFile((made,), {"provenance": "constructed", "source": f"tests/corpus/{corpus}.jsonl: {source}"})


def others() -> dict[str, CaseFile]:
    """What no message shows."""
    image = "registry.example/shop/web:1.8.2"
    back_off = f'Back-off pulling image "{image}"'
    made = {
        "backoff.only": (
            case(back_off, image, reason="ImagePullBackOff", events=()),
            "kubernetes: pkg/kubelet/images/image_manager.go (the text of the back-off)",
        ),
    }
    return {
        cause: CaseFile((one,), {"provenance": "constructed", "source": source})
        for cause, (one, source) in made.items()
    }


@dataclass(frozen=True)
class Answer:
    """What a probe would have seen in place of what it saw on the lab, and the runtime's words for the same."""

    hop: str
    outcome: str
    summary: str
    said: str
    source: str
    data: Mapping[str, Any] = field(default_factory=dict)
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
        mine = one.hop == answer.hop and (not answer.login or one.data.get("via") not in (None, "", "anonymous"))
        if mine:
            kept.append(replace(one, outcome=answer.outcome, summary=answer.summary, data={**one.data, **answer.data}))
        elif position < last:
            kept.append(one)
    facts = replace(base.facts, said=answer.said, message=answer.said, reason="ErrImagePull", next_retry=None)
    source = f"{answer.source}; tests/cases/{answer.base}.json with another answer of hop {answer.hop}"
    made = replace(base, observations=tuple(kept), facts=facts)
    return CaseFile((made,), {"provenance": "constructed", "source": source})


def main() -> int:
    """Write them all."""
    files = {cause: from_corpus(cause) for cause in FROM_MESSAGES}
    probed = {f"{cause}-seen": seen(cause, answer) for cause, answer in PROBES.items()}
    for name, file in {**files, **others(), **probed}.items():
        (CASES / f"{name}.json").write_text(dump(file), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
