"""Why a way out of the node does not work: errors by name, and the API server's refusals read once."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .. import lazily
from ..errors import ApiError, KubeError

SOON = 5.0
"""Seconds within which a request has to break for something else to be asked after it."""


def worth_a_try(error: KubeError, began: float) -> bool:
    """Whether something else may be asked after this error: not of a server that was silent for long. began: of the request, on
    the monotonic clock."""
    return isinstance(error, ApiError) or time.monotonic() < began + SOON


class RungFailed(Exception):
    """This way out of the node does not work here. str(): why, one line, for ProbeRun.why_not."""


Why = Literal["rights", "dry-run", "pod-security", "quota", "limit-range", "policy", "webhook", "webhook-down", "other"]
"""Who or what refuses: the user's rights, something that takes no dry run, or what the namespace enforces."""


@dataclass(frozen=True)
class Refusal:
    """What the API server said against an object."""

    why: Why
    words: str
    """The same for a person, one line."""

    @property
    def way_out(self) -> str:
        """What would let a pod of ours in, "" where nothing is known to."""
        return WAYS_OUT.get(self.why, "")


WAYS_OUT: Mapping[Why, str] = {
    "rights": "it takes create on jobs.batch or pods; --probe-namespace names a namespace where you have it",
    "quota": "make room in it, or let --probe-namespace name a namespace with some",
    "limit-range": "--probe-namespace names a namespace without such limits",
    "policy": "--probe-label KEY=VALUE sets a label that it asks for, --probe-namespace names a namespace that it spares",
    "webhook": "--probe-label KEY=VALUE sets a label that it asks for, --probe-namespace names a namespace that it spares",
    "webhook-down": "--probe-namespace names a namespace that it spares",
}


class Refused(RungFailed):
    """The API server does not admit the pod; another one it may."""

    def __init__(self, refusal: Refusal, prefix: str = "") -> None:
        way_out = f" ({refusal.way_out})" if refusal.way_out else ""
        super().__init__(f"{prefix}{refusal.words}{way_out}")
        self.why: Why = refusal.why


class NoPodThere(RungFailed):
    """No pod of ours will run on the node, whatever its image."""


class Forced(NoPodThere):
    """Admission makes the node pull every image, and it cannot."""


class NotThere(RungFailed):
    """No image of the pod is on the node any more; another one may be."""


class NoConfigMap(RungFailed):
    """No ConfigMap of ours can be created here, or somebody was first: the probes have to travel as arguments."""


class Missing(RungFailed):
    """The host lacks what was to be mounted. paths: all of it that the kubelet has named."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(f"the node has no such folder or file: {', '.join(paths)}"[:160])
        self.paths = tuple(paths)


class More(RungFailed):
    """The host's configuration names places that are not mounted. paths: with the type of their hostPath."""

    def __init__(self, paths: Sequence[tuple[str, str]]) -> None:
        super().__init__(f"the node's configuration names {', '.join(path for path, _ in paths)}"[:160])
        self.paths = tuple(paths)


_PATTERNS: tuple[tuple[Why, re.Pattern[str], str], ...] = (
    ("dry-run", lazily.pattern(r"dry.?run", re.I), "{text}"),
    ("rights", lazily.pattern(r"cannot create resource"), "{text}"),
    (
        "pod-security",
        lazily.pattern(r'violates PodSecurity "([^"]*)": (.{0,160})'),
        "the namespace enforces PodSecurity {0}: {1}",
    ),
    ("quota", lazily.pattern(r"exceeded quota: (.{0,120})"), "the namespace's quota is used up: {0}"),
    (
        "limit-range",
        lazily.pattern(r"forbidden: (.*(?: usage per | requests per ).*)"),
        "the namespace's LimitRange does not let it in: {0}",
    ),
    (
        "policy",
        lazily.pattern(r"(ValidatingAdmissionPolicy '[^']*') with binding '[^']*' denied request: (.*)"),
        "{0} refuses it: {1}",
    ),
    (
        "webhook",
        lazily.pattern(r'admission webhook ("[^"]*") denied the request: ?(.*)'),
        "webhook {0} refuses it: {1}",
    ),
    (
        "webhook-down",
        lazily.pattern(r'failed calling webhook ("[^"]*"): (?:failed to call webhook: )?(.*)'),
        "webhook {0}, without which no pod is admitted, does not answer: {1}",
    ),
    ("webhook", lazily.pattern("webhook"), "{text}"),
)
"""How those that refuse for the API server say it (kubernetes: apiserver/pkg/admission/plugin, plugin/pkg/admission/limitranger
and resourcequota, pod-security-admission). The first that fits."""
MOST_WORDS = 220


def refusal(message: str) -> Refusal:
    """Who refuses and why, from a message of the API server's."""
    text = " ".join(message.split())
    for why, pattern, words in _PATTERNS:
        found = pattern.search(text)
        if found:
            return Refusal(why, words.format(*found.groups(), text=text)[:MOST_WORDS])
    return Refusal("other", text[:MOST_WORDS])


def refusal_of(error: KubeError) -> Refusal:
    """The same of an error of the client's."""
    return refusal(error.message if isinstance(error, ApiError) else str(error))
