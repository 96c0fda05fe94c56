"""Which registries a cluster's images come from, as a proposal for a policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ..image.admission import EXEMPT, Rules
from ..image.containers import containers_of
from ..image.reference import registry_of
from ..kube.client import Api
from ..kube.paths import path_of
from ..model.runs import of_a_run


@dataclass(frozen=True)
class Running:
    """The images of a cluster's pods."""

    images: Mapping[str, int]
    """Image as written -> pods that have it."""

    registries: Mapping[str, int]
    """Registry in small letters -> pods that have an image of it, the most first. What is no reference has none."""

    def refused(self, rules: Rules) -> Mapping[str, tuple[int, int]]:
        """Which rule -> (images, pods) that it would refuse."""
        found: dict[str, tuple[int, int]] = {}
        for image, pods in self.images.items():
            for rule in rules.refuses(image):
                images, there = found.get(rule, (0, 0))
                found[rule] = (images + 1, there + pods)
        return found


def running(api: Api, exempt: tuple[str, ...] = ()) -> Running:
    """The images of every pod, ephemeral containers and image volumes too, but those of runs and of namespaces that the policy
    spares.

    Raises KubeError where pods may not be listed in all namespaces.
    """
    images: Counter[str] = Counter()
    registries: Counter[str] = Counter()
    spared = {*EXEMPT, *exempt}
    for pod in api.pages(path_of("Pod")):
        if pod["metadata"]["namespace"] not in spared and not of_a_run("pod", pod):
            named = {str(container.get("image") or "") for _, container in containers_of(pod.get("spec") or {})} - {""}
            images.update(named)
            registries.update({registry_of(image).lower() for image in named} - {""})
    return Running(images, dict(sorted(registries.items(), key=lambda one: (-one[1], one[0]))))
