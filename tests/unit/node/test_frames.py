"""The log is untrusted: only well-formed frames of this very run count, and nothing in them can move a cursor."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from kubectl_imagepull.model import Vantage
from kubectl_imagepull.node.frames import FrameReader

VANTAGE = Vantage("node", rung="host-python", name="node1")


def line(nonce: str = "n0nce", **frame: object) -> bytes:
    return f"imagepull/1 {nonce} {json.dumps(frame)}".encode()


def seen(**more: object) -> dict[str, object]:
    return {"kind": "seen", "hop": "dns", "role": "registry", "host": "r.example", "outcome": "ok", "pull": "", **more}


def test_an_observation() -> None:
    frame = FrameReader("n0nce", VANTAGE).read(line(**seen(summary="fine", data={"a": [1, "b"]}, ms=1.5, at=7)))
    assert frame is not None and frame.observation is not None
    found = frame.observation
    assert (found.hop, found.subject.host, found.outcome, found.summary) == ("dns", "r.example", "ok", "fine")
    assert (found.data, found.ms, found.vantage) == ({"a": [1, "b"]}, 1.5, VANTAGE)


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
        line(**seen(summary=text, outcome="\x1b[31mred", host="a\x00b", data={"v": value}))
    )
    assert frame is not None and frame.observation is not None
    found = frame.observation

    def texts(item: object) -> list[str]:
        if isinstance(item, str):
            return [item]
        if isinstance(item, dict):
            return [t for k, v in item.items() for t in (*texts(k), *texts(v))]
        return [t for i in item for t in texts(i)] if isinstance(item, list) else []

    for shown in (found.summary, found.outcome, found.subject.host, *texts(found.data)):
        assert shown.isprintable() or not shown


def test_a_flood_ends() -> None:
    reader = FrameReader("n0nce", VANTAGE)
    good = line(**seen())
    assert sum(reader.read(good) is not None for _ in range(5000)) == 2000
