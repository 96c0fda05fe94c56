"""Images as a node sees them: asked anonymously by probes there, or pulled once by its kubelet with the pod's own secrets."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from ..image.pulls import pull_of
from ..kube.client import Api
from ..kube.nodes import read_node
from ..kube.pods import ContainerRead, PodRead
from ..model import Facts, PullSecret, RuntimeConfig, Target, TrialPull, of_kind
from ..model.check import Checked, Problem
from .check import Asked
from .diagnosis import diagnose
from .observer import Diagnosis, Observer
from .options import Options
from .targets import Found

MOST_IMAGES = 50
"""That a node is asked about in one run: each is a few requests there."""


@dataclass(frozen=True)
class ImagesOnNode:
    """Images that no pod pulls, on a node."""

    node: str
    """The node's name."""
    namespace: str
    """Where the probe's pod is made, and the pull secrets are."""
    images: tuple[str, ...]
    """As they are written."""
    secrets: tuple[str, ...] = ()
    """Pull secrets for all of them; used by the kubelet alone."""
    runtime: str = ""
    """The node's configuration is read as this runtime would, such as containerd://2.3.0; "" for the one that it has."""

    def find(self, api: Api, options: Options) -> Found:
        """The images as containers without a pod. Raises KubeError where there is no such node."""
        read = read_node(api, self.node, self.namespace)
        node = replace(read.facts, runtime=self.runtime) if self.runtime else read.facts
        where = Target(self.namespace, "", node=read.facts.name)
        containers = []
        for number, image in enumerate(self.images):
            reference, pull = pull_of(image, f"i{number}")
            facts = Facts(
                policy="Always",
                reference=reference,
                pull_secret_names=self.secrets,
                secrets=tuple(PullSecret(name, "forbidden", "not looked at") for name in self.secrets),
                node=node,
                read_at=time.time(),
            )
            containers.append(ContainerRead(replace(where, image=image), facts, pull))
        errors = tuple(e for e in read.errors if e.kind != "Pod")
        return Found([PodRead(self.namespace, "", node, tuple(containers), read.images, errors)])


def from_node(
    api: Api, node: str, asked: Iterable[Asked], options: Options, observer: Observer | None = None
) -> tuple[list[Diagnosis], tuple[str, ...]]:
    """Diagnose images from a node, those of one namespace and set of secrets together. options.way_out.try_pull: its kubelet
    pulls them. -> (a diagnosis an image, images beyond MOST_IMAGES). Raises KubeError."""
    sets: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    left, count = [], 0
    for one in asked:
        secrets = one.secrets if options.way_out.tries_pull else ()
        mine = sets.setdefault((one.namespace if secrets else api.namespace, secrets), [])
        if one.image in mine or pull_of(one.image, "x")[1] is None:
            continue
        if count == MOST_IMAGES:
            left.append(one.image)
            continue
        count += 1
        mine.append(one.image)
    found: list[Diagnosis] = []
    for (namespace, secrets), images in sets.items():
        if images:
            found += diagnose(api, ImagesOnNode(node, namespace, tuple(images), secrets), options, observer)
    return found, tuple(dict.fromkeys(left))


def after_upgrade(
    api: Api,
    node: str,
    runtime: str,
    diagnoses: Sequence[Diagnosis],
    options: Options,
    observer: Observer | None = None,
) -> dict[str, list[Problem]]:
    """What of a node's registry configuration another version of its runtime would read otherwise, by image. diagnoses: of now;
    runtime: as containerd://2.3.0. Raises KubeError."""
    images = tuple(dict.fromkeys(one.case.target.image for one in diagnoses))
    then = (
        diagnose(api, ImagesOnNode(node, api.namespace, images, runtime=runtime), options, observer) if images else []
    )
    now_of = {one.case.target.image: _configured(one) for one in diagnoses}
    found: dict[str, list[Problem]] = {}
    for one in then:
        image = one.case.target.image
        before, after = now_of[image], _configured(one)
        if before is None or after is None or before == after:
            continue
        lost = f"{runtime.replace('://', ' ')} on {node} would ask {_words(after)} for it, and not {_words(before)}"
        if after.problems != before.problems and after.problems:
            lost = f"{runtime.replace('://', ' ')} on {node}: {after.problems[0].file}: {after.problems[0].problem}"
        found.setdefault(image, []).append(
            Problem(
                "check.setting_lost",
                "warning",
                lost,
                f"change {before.source or 'its configuration'} before the upgrade",
            )
        )
    return found


def _configured(one: Diagnosis) -> RuntimeConfig | None:
    """What the node's configuration makes of an image, without what has nothing to do with its version."""
    seen = next((o.detail for o in of_kind(one.case.observations, RuntimeConfig) if o.vantage.place == "node"), None)
    if seen is None:
        return None
    return RuntimeConfig(endpoints=seen.endpoints, source=seen.source, problems=seen.problems)


def _words(found: RuntimeConfig) -> str:
    return " then ".join(one.host for one in found.endpoints) or "nobody"


def with_node(
    images: Sequence[Checked],
    diagnoses: Sequence[Diagnosis],
    node: str,
    more: Mapping[str, Sequence[Problem]] = MappingProxyType({}),
) -> list[Checked]:
    """The same images with what the node says of them. more: of `after_upgrade`. What a trial pull could do counts for more than
    what this machine could not ask."""
    said: dict[str, list[Problem]] = {}
    pulled: set[str] = set()
    unseen: dict[str, str] = {}
    for one in diagnoses:
        image, case, verdict = one.case.target.image, one.case, one.verdict
        trial = next(iter(of_kind(case.observations, TrialPull)), None)
        if trial is not None and trial.outcome == "pulled":
            pulled.add(image)
        elif trial is not None and trial.outcome == "failed":
            said.setdefault(image, []).append(
                Problem(verdict.cause, "error", f"{node} cannot pull {image}: {verdict.title}")
            )
        elif trial is not None:
            unseen[image] = f"{node} did not end the trial pull of {image}"
        else:
            # nothing fails yet, so what breaks the pull from there is no more than a warning to the rules
            failed = {line.hop for line in verdict.hops if line.status == "fail" and line.vantage == node}
            broken = [f for f in verdict.findings if f.hop in failed and not f.cause.startswith("auth.")]
            said.setdefault(image, []).extend(Problem(f.cause, "error", f.reason) for f in broken)
        if not any(o.vantage.place == "node" for o in case.observations):
            unseen[image] = f"{node} could not be looked out of: {'; '.join(case.probe.why_not)[:200]}"
    return [
        replace(
            one,
            problems=tuple(
                dict.fromkeys(
                    (
                        *(p for p in one.problems if one.image not in pulled or not p.id.startswith("auth.")),
                        *said.get(one.image, ()),
                        *more.get(one.image, ()),
                    )
                )
            ),
            unchecked="" if one.image in pulled else unseen.get(one.image, one.unchecked),
        )
        for one in images
    ]


__all__ = ["ImagesOnNode", "after_upgrade", "from_node", "with_node"]
