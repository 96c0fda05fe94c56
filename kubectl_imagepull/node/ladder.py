"""Choosing a way out of the node: the best rung that really works, proven by trying it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from ..errors import ApiError, KubeError
from ..model import Observation, Place, ProbeRun, ReadError
from ..model.vocabulary import API_ONLY, HOST_PYTHON
from . import rungs
from .attempt import Attempt, NodeAsked, Seen, TrialPullOf
from .created_objects import Client, CreatedObjects
from .failures import MOST_WORDS, NoPodThere, RungFailed, worth_a_try
from .plan import Plan
from .probe_log import Taken
from .rungs import Rung
from .wanted import Wanted

WITHOUT_A_POD = ("the network as the node sees it",)
"""What is not seen where no pod runs."""
ALLOW_MOUNTS = (
    "the node's own resolver, hosts file and CA bundle: "
    "a namespace that allows host mounts shows them (--probe-namespace)"
)
USUAL = Wanted()


def climb(
    api: Client,
    created: CreatedObjects,
    node: NodeAsked,
    plan: Plan,
    seen: Seen,
    wanted: Wanted = USUAL,
    place: Place = "node",
) -> tuple[ProbeRun, list[ReadError]]:
    """Take the first rung that works and tell `seen` each observation. -> what was done and what went wrong.

    place: node, or peer-node for one that is only compared with. Never raises for what does not work, the API server included.
    """
    started = time.monotonic()
    way = Attempt(api, created, node, plan, _once(seen), wanted, place)
    created.kept = wanted.kept
    done, errors = ProbeRun(rung=API_ONLY, node=node.name), []
    hindrance = _hindrance(node, wanted)
    if hindrance:
        way.why_not.append(hindrance)
    else:
        for rung in rungs.ALL:
            taken, over = _tried(way, rung) if wanted.via in ("", rung.name) else (None, False)
            if taken is not None:
                done = _done(way, rung, taken, way.namespace)
                if not taken.complete:
                    errors.append(ReadError("node", "the probes ran out of time; what they saw until then is shown"))
            if taken is not None or over:
                break
    cannot = (*(done.cannot_see if done.created else WITHOUT_A_POD), *way.cannot_see)
    elsewhere = (ALLOW_MOUNTS,) if way.enforced and done.rung != HOST_PYTHON else ()
    done = dataclasses.replace(
        done,
        seconds=round(time.monotonic() - started, 2) if done.created else 0.0,
        why_not=_merged(way.why_not),
        cannot_see=tuple(dict.fromkeys((*cannot, *elsewhere))),
    )
    return done, errors


def pull_again(
    api: Client, created: CreatedObjects, node: NodeAsked, plan: Plan, seen: Seen, wanted: Wanted = USUAL
) -> ProbeRun:
    """Let the kubelet pull `node.trial_pull` again and tell `seen` what became of each image. -> what was done.

    Never raises where it does not work.
    """
    started = time.monotonic()
    way = Attempt(api, created, node, plan, seen, wanted, "node")
    created.kept = wanted.kept
    done = ProbeRun(rung=API_ONLY, node=node.name, cannot_see=WITHOUT_A_POD)
    hindrance = _hindrance(node, wanted)
    if hindrance:
        return dataclasses.replace(done, why_not=(hindrance,))
    taken, _ = _tried(way, rungs.TRIAL_PULL)
    if taken is not None:
        done = _done(way, rungs.TRIAL_PULL, taken, node.namespace)
    seconds = round(time.monotonic() - started, 2) if done.created else 0.0
    return dataclasses.replace(done, seconds=seconds, why_not=tuple(way.why_not))


def _hindrance(node: NodeAsked, wanted: Wanted) -> str:
    """Why no pod is to be made at all, "" where one may."""
    if wanted.via == API_ONLY:
        return "no pod was asked for"
    if node.no_pod:
        return f"{node.name}: {node.no_pod}"
    if node.os not in ("linux", ""):
        what = "no probe pod can run there, so names, ports and certificates are not seen from it"
        return f"{node.name} runs {node.os}: {what}"
    if not node.ready:
        return f"{node.name} is not ready, so its kubelet starts no probe pod ({node.why_not_ready})"[:300]
    return ""


def _tried(way: Attempt, rung: Rung) -> tuple[Taken | None, bool]:
    """-> (what was taken, None where the rung does not work here, and whether no other will either)."""
    began = time.monotonic()
    try:
        return rung.attempt(way), False
    except RungFailed as error:
        way.failed(rung.name, error)
        return None, isinstance(error, NoPodThere)
    except KubeError as error:
        way.failed(rung.name, RungFailed(f"the probe cannot be made or followed: {error}"[:MOST_WORDS]))
        forbidden = isinstance(error, ApiError) and error.forbidden
        return None, forbidden or not worth_a_try(error, began)


def _done(way: Attempt, rung: Rung, taken: Taken, namespace: str) -> ProbeRun:
    return ProbeRun(
        rung=rung.name,
        node=way.node.name,
        namespace=namespace,
        pod=taken.pod,
        image=taken.image,
        created=True,
        cannot_see=taken.cannot_see,
        owner=taken.owner,
    )


def _merged(lines: Sequence[str]) -> tuple[str, ...]:
    """The same, with ways out that fail for one reason in one line: "host-python, shell: why"."""
    found: dict[str, list[str]] = {}
    for line in lines:
        who, colon, why = line.partition(": ")
        found.setdefault(why if colon else line, []).append(who if colon else "")
    return tuple(f"{', '.join(dict.fromkeys(who))}: {why}" if any(who) else why for why, who in found.items())


def _once(seen: Seen) -> Seen:
    """The same, without what is told again of a host: a shell asks hosts side by side, and several may lead to one."""
    told: set[tuple[object, ...]] = set()

    def first(observation: Observation) -> None:
        o = observation
        key = (o.hop, o.subject, o.outcome, o.attempt, o.vantage.rung)
        if o.pull or key not in told:
            told.add(key)
            seen(o)

    return first


__all__ = ["NodeAsked", "TrialPullOf", "Wanted", "climb", "pull_again"]
