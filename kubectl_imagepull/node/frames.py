"""Reads the framed JSON lines that a vantage writes (the other end is `probes/frames.py`).

A log is untrusted: anything on the node may write to it, and what a registry said is quoted in it. So a line counts only
with the run's own nonce, every string of it is bounded, freed of control characters and of secrets here, once, and its data has
to fit the detail of its hop.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from ..model import Observation, Subject, Vantage, detail_of
from ..model.strict import Misfit, build
from ..model.vocabulary import PROBED_ROLES
from ..redaction import hide
from ..text import printable

PROTOCOL = "imagepull/1"
MOST_LINE = 64 << 10
MOST_FRAMES = 6000
"""A dozen for each image and endpoint, of at most some hundred images."""
MOST_TEXT = 4000
MOST_ITEMS = 200
CUT = {"cut": True}


@dataclass(frozen=True)
class Frame:
    """A line that the probes have written."""

    kind: str
    """hello, seen, more or end."""
    observation: Observation | None = None
    """Of a "seen" frame."""
    complete: bool = False
    """Of the "end" frame: the plan was walked to its end."""
    paths: tuple[tuple[str, str], ...] = ()
    """Of a "more" frame: what the host's configuration names besides what is mounted, with the type of its hostPath."""


WEAKER = {"resolver": ("host", "kubelet"), "trust": ("host", "image", "none")}
"""Strongest first: what a probe may say of itself, which can only make it prove less."""


class FrameReader:
    """Turns lines into frames; counts what it drops.

    vantage is stamped on every observation: a frame cannot choose it, the first one can only say that it is weaker.
    """

    def __init__(self, nonce: str, vantage: Vantage) -> None:
        self._start = f"{PROTOCOL} {nonce} ".encode()
        self._vantage = vantage
        self.frames = 0
        self.foreign = 0

    def read(self, line: bytes) -> Frame | None:
        """One line of the log -> its frame, None for anything that is not a well-formed frame of this run."""
        if not line.startswith(self._start) or len(line) > MOST_LINE or self.frames >= MOST_FRAMES:
            self.foreign += 1
            return None
        try:
            document = json.loads(line[len(self._start) :])
        except (ValueError, RecursionError):
            self.foreign += 1
            return None
        if not isinstance(document, dict):
            return None
        kind = document.get("kind")
        if kind == "seen":
            observation = self._observation(document)
            if observation is None:
                self.foreign += 1
                return None
            self.frames += 1
            return Frame("seen", observation)
        if kind == "end":
            return Frame("end", complete=document.get("complete") is True)
        if kind == "more":
            listed = document.get("paths")
            pairs = [p for p in listed if isinstance(p, list) and len(p) == 2] if isinstance(listed, list) else []
            return Frame("more", paths=tuple((_text(path, 300), _text(of, 20)) for path, of in pairs[:MOST_ITEMS]))
        if kind == "hello":
            self._weaken(document)
            return Frame("hello")
        return None

    def _weaken(self, document: dict[str, Any]) -> None:
        for name, order in WEAKER.items():
            said, mine = document.get(name), getattr(self._vantage, name)
            if said in order and mine in order and order.index(said) > order.index(mine):
                self._vantage = replace(self._vantage, **{name: said})

    def _observation(self, document: dict[str, Any]) -> Observation | None:
        hop, role = document.get("hop"), document.get("role")
        if not isinstance(hop, str) or not isinstance(role, str) or role not in PROBED_ROLES:
            return None
        outcome = _text(document.get("outcome"), 60)
        kind = detail_of(hop, outcome)
        if kind is None:
            return None
        data = document.get("data") or {}
        try:
            # a frame that was too large says no more than its summary
            detail = kind() if data == CUT else build(kind, _clean(data, 0), "data")
        except Misfit:
            return None
        return Observation(
            detail,
            Subject(role, _text(document.get("host"), 300)),
            self._vantage,
            outcome,
            _text(document.get("summary"), 600),
            attempt=_text(document.get("attempt"), 300),
            via=_text(document.get("via"), 253),
            pull=_text(document.get("pull"), 40),
            ms=_number(document.get("ms")),
            at=_number(document.get("at")),
        )


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and abs(value) < 1e12 else 0.0


def _text(value: Any, most: int) -> str:
    text = value if isinstance(value, str) else ""
    return printable(hide(text)[:most])


def _clean(value: Any, depth: int) -> Any:
    """A JSON value bounded in depth, length and text."""
    if isinstance(value, str):
        return _text(value, MOST_TEXT)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float)):
        return _number(value) if isinstance(value, float) else max(-(10**15), min(10**15, value))
    if depth >= 5:
        return None
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value[:MOST_ITEMS]]
    if isinstance(value, dict):
        return {_text(str(k), 100): _clean(v, depth + 1) for k, v in list(value.items())[:MOST_ITEMS]}
    return None
