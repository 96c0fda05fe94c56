"""The node and its runtime: configuration that cannot be used, and nodes that pull nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from ...model import Finding, Http, Observation, RuntimeConfig, Subject, Tls
from ..confidence import found
from ..evidence import where
from ..message import runtime_is_down
from ..rule import rule
from ..view import CaseView


@rule("node.not_ready", "runtime.unavailable")
def node_pulls_nothing(case: CaseView) -> Iterator[Finding]:
    """A node that is gone or not Ready pulls nothing. Its kubelet says so itself where the runtime is what is missing
    (kubernetes: pkg/kubelet/runtime.go)."""
    node = case.facts.node
    if node is not None and not node.ready and not case.facts.pulled:
        what = "does not exist any more" if not node.found else f"is not Ready: {node.ready_message}"
        cause = "runtime.unavailable" if runtime_is_down(node.ready_message) else "node.not_ready"
        yield found(case, cause, Subject("node", node.name), "runtime", f"node {node.name} {what}"[:300])


@rule("runtime.config_invalid", needs=(RuntimeConfig,))
def config_cannot_be_used(case: CaseView) -> Iterator[Finding]:
    """Registry configuration that the runtime cannot use.

    A hosts.toml that does not parse is logged and left out, so the registry is asked directly: that breaks the pull only
    where the registry cannot be reached. So it is with registries.yaml of k3s, which is read at its start only. A CA or a
    client key that is missing breaks every pull (containerd: docs/hosts.md), as does whatever is wrong in registries.conf.
    """
    for seen in case.seen(RuntimeConfig, "node", "node"):
        problems = seen.detail.problems
        if seen.outcome != "invalid" or not problems:
            continue
        said = "; ".join(f"{p.file}: {p.problem}" for p in problems[:3])
        subject = Subject("node", case.target.node or seen.vantage.name)
        finding = found(case, "runtime.config_invalid", subject, "runtime", f"{where(seen)}, {said}", [seen])
        fatal = any(p.fatal for p in problems)
        yield finding if fatal or not _reached(case) else dataclasses.replace(finding, level="warning")


def _reached(case: CaseView) -> list[Observation]:
    """Answers to /v2/ from the node: the path to that endpoint is open."""
    return [o for o in case.seen(Http, place="node") if o.outcome.isdigit()]


@rule("runtime.config_invalid", needs=(RuntimeConfig,))
def ca_bundle_is_not_loaded(case: CaseView) -> Iterator[Finding]:
    """The runtime says "unknown authority" of a certificate that the node's bundle vouches for, and the bundle is newer than
    the node's boot: a Go program loads it once (crypto/x509), so this one has the old bundle until it is started anew.

    When the runtime started cannot be seen from a pod; that it is not older than the kernel is sure.
    """
    if case.message.cause != "tls.unknown_authority":
        return
    host = case.message.host or (case.pull.authority if case.pull else "")
    for seen in case.seen(RuntimeConfig, "node", "node"):
        bundle, changed = seen.detail.bundle, seen.detail.bundle_changed
        if not bundle or changed <= seen.detail.booted:
            continue
        good = [
            o
            for o in case.seen(Tls, place="node")
            if o.outcome == "ok" and o.subject.host in (host, f"{host}:443") and o.detail.trust == bundle
        ]
        if good:
            when = "before" if case.facts.said_at and changed <= case.facts.said_at else "after"
            reason = (
                f"{where(seen)}, {bundle} vouches for {host}; {seen.detail.bundle_newest or bundle} was changed {when} "
                f"the last failure and after the node's boot, and the runtime loads the bundle at its start only"
            )
            subject = Subject("node", case.target.node or seen.vantage.name)
            also = ["tls.unknown_authority"]
            yield found(case, "runtime.config_invalid", subject, "runtime", reason, [seen, good[0]], also, "likely")
            return


RULES = (node_pulls_nothing, config_cannot_be_used, ca_bundle_is_not_loaded)
