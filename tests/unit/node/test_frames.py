"""The log is untrusted: only well-formed frames of this very run count, and nothing in them can move a cursor."""

from __future__ import annotations

import json
import os
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kubectl_imagepull.model import Dns, Vantage, to_json
from kubectl_imagepull.node.frames import MOST_FRAMES, FrameReader

VANTAGE = Vantage("node", rung="host-python", name="node1")


def line(nonce: str = "n0nce", **frame: object) -> bytes:
    return f"imagepull/1 {nonce} {json.dumps(frame)}".encode()


def seen(**more: object) -> dict[str, object]:
    return {"kind": "seen", "hop": "dns", "role": "registry", "host": "r.example", "outcome": "ok", "pull": "", **more}


def test_an_observation() -> None:
    frame = FrameReader("n0nce", VANTAGE).read(
        line(**seen(summary="fine", data={"addresses": ["10.0.0.1"]}, attempt="m.example", via="regcred", ms=1.5, at=7))
    )
    assert frame is not None and frame.observation is not None
    found = frame.observation
    assert (found.hop, found.subject.host, found.outcome, found.summary) == ("dns", "r.example", "ok", "fine")
    assert (found.detail, found.ms, found.vantage) == (Dns(addresses=("10.0.0.1",)), 1.5, VANTAGE)
    assert (found.attempt, found.via) == ("m.example", "regcred")


def test_forged_lines_are_dropped() -> None:
    reader = FrameReader("n0nce", VANTAGE)
    for forged in (
        line("other", **seen()),
        b"imagepull/1 " + json.dumps(seen()).encode(),
        b"x " + line(**seen()),
        line(**seen(hop="nonsense")),
        line(**seen(role="admin")),
        b"imagepull/1 n0nce not json",
        b"imagepull/1 n0nce " + b"[" * 70000,
        b"imagepull/1 n0nce " + b"[" * 5000,
        b"\xff\xfe",
    ):
        assert reader.read(forged) is None


def test_the_vantage_cannot_be_chosen() -> None:
    frame = FrameReader("n0nce", VANTAGE).read(line(**seen(vantage={"place": "api"}, place="api")))
    assert frame is not None and frame.observation is not None and frame.observation.vantage == VANTAGE


@given(
    st.recursive(
        st.text() | st.integers() | st.none() | st.booleans() | st.floats(),
        lambda kids: st.lists(kids) | st.dictionaries(st.text(), kids),
        max_leaves=30,
    )
)
def test_nothing_unprintable_gets_through(value: object) -> None:
    text = json.dumps(value)
    frame = FrameReader("n0nce", VANTAGE).read(
        line(**seen(summary=text, outcome="\x1b[31mred", host="a\x00b", data={"name": text}))
    )
    assert frame is not None and frame.observation is not None
    found = frame.observation

    def texts(item: object) -> list[str]:
        if isinstance(item, str):
            return [item]
        if isinstance(item, dict):
            return [t for k, v in item.items() for t in (*texts(k), *texts(v))]
        return [t for i in item for t in texts(i)] if isinstance(item, list) else []

    for shown in (found.summary, found.outcome, found.subject.host, *texts(to_json(found))):
        assert shown.isprintable() or not shown


def test_a_flood_ends() -> None:
    reader = FrameReader("n0nce", VANTAGE)
    good = line(**seen())
    assert sum(reader.read(good) is not None for _ in range(MOST_FRAMES + 500)) == MOST_FRAMES


ODD: tuple[Any, ...] = (
    None,
    True,
    [],
    {},
    [[]],
    {"a": {}},
    -1,
    10**400,
    1e308,
    "",
    "\x00\u202e",
    "\ud800",
    ["dns"],
    {"dns": 1},
    [None] * 300,
)
MUTATIONS = int(os.environ.get("IMAGEPULL_MUTATIONS", "8000"))
WHOLE = seen(
    summary="fine",
    ms=1.5,
    at=7,
    data={"servers": [{"server": "10.0.0.1", "outcome": "ok"}], "name": "r.example", "addresses": ["a"]},
)


def mutated(value: Any, chance: random.Random) -> Any:
    """The value with one part of it, at any depth, turned into something that does not belong there."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        key = chance.choice(list(value))
        kept = {k: v for k, v in value.items() if k != key or chance.random() < 0.9}
        return {**kept, key: mutated(value[key], chance)} if key in kept else kept
    if isinstance(value, list) and value and chance.random() < 0.7:
        at = chance.randrange(len(value))
        return [*value[:at], mutated(value[at], chance), *value[at + 1 :]]
    return chance.choice(ODD)


def test_odd_types_raise_nothing() -> None:
    """Frames with a part that is of another type, missing, huge or cut off in the middle."""
    chance, taken = random.Random(0), 0
    kinds = (WHOLE, {"kind": "hello", "resolver": "host", "trust": "host"}, {"kind": "end", "complete": True})
    for number in range(MUTATIONS):
        whole = mutated(kinds[number % 3], chance)
        data = f"imagepull/1 n0nce {json.dumps(whole)}".encode()
        if number % 5 == 0:
            data = data[: chance.randrange(len(data))]
        frame = FrameReader("n0nce", VANTAGE).read(data)
        taken += frame is not None
        if frame is not None and frame.observation is not None:
            hash((frame.observation.hop, frame.observation.subject, frame.observation.outcome, frame.observation.pull))
    assert MUTATIONS / 8 < taken < MUTATIONS
