"""Make the cases that the lab cannot: `python -m tests.cases.construct` writes them.

Most take a real message of the corpora, with the place it was found at as source; nobody looked
out of the node, so their verdicts rest on the runtime's words. The few others have their texts from the program that
writes them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from kubectl_imagepull.case import CaseFile, dump
from kubectl_imagepull.image.messages import classify
from kubectl_imagepull.kube.read import pull_of
from kubectl_imagepull.model import Case, Event, Facts, NodeFacts, Owner, ProbeRun, Target

CASES = Path(__file__).parent
CORPUS = CASES.parent / "corpus"
NOW = 1795407000.0
"""When the constructed cases were "read": any moment, as long as it stays the same."""

FROM_MESSAGES = (
    "auth.expired",
    "auth.forbidden",
    "auth.credential_provider",
    "content.corrupt",
    "image.blob_unknown",
    "image.format_unsupported",
    "net.proxy",
    "net.reset",
    "policy.signature",
    "policy.registry_blocked",
    "rate.kubelet_qps",
    "reference.short_name",
    "registry.server_error",
    "registry.unavailable",
    "registry.not_a_registry",
    "runtime.unavailable",
    "runtime.config_invalid",
    "storage.no_space",
    "storage.extract_failed",
    "storage.other",
    "tls.not_yet_valid",
    "tls.handshake",
    "transfer.interrupted",
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
    lost = "Kubelet stopped posting node status."
    events = (Event("Normal", "Pulling", f'Pulling image "{image}"', 1, NOW - 20, NOW - 20, "app"),)
    quiet: dict[str, Any] = {
        "reason": "ContainerCreating", "message": "", "said": "", "said_at": 0.0, "failing": False, "since": 0.0,
        "attempts": 0,
    }  # fmt: skip
    made = {
        "backoff.only": (
            case(back_off, image, reason="ImagePullBackOff", events=()),
            "kubernetes: pkg/kubelet/images/image_manager.go (the text of the back-off)",
        ),
        "node.not_ready": (
            case("", image, **quiet, node=node(ready=False, ready_message=lost), events=()),
            "kubernetes: pkg/controller/nodelifecycle/node_lifecycle_controller.go (the message of the condition)",
        ),
        "pull.in_progress": (
            case("", image, **quiet, pulling=True, events=events),
            "kubernetes: pkg/kubelet/images/puller.go, pkg/kubelet/events/event.go (Pulling)",
        ),
    }
    return {
        cause: CaseFile((one,), {"provenance": "constructed", "source": source})
        for cause, (one, source) in made.items()
    }


def main() -> int:
    """Write them all."""
    files = {cause: from_corpus(cause) for cause in FROM_MESSAGES}
    for cause, file in {**files, **others()}.items():
        (CASES / f"{cause}.json").write_text(dump(file), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
