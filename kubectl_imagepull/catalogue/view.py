"""A fix as it is shown to a reader without a case: the same in `explain`, in its JSON and on the pages of docs/causes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from ..command import Unfit, Value, with_blanks
from ..model.vocabulary import Applicability
from . import FIELDS, Entry, FixTemplate, fill, fitting, stand_ins
from .platforms import Platform, load
from .registries import Right
from .render import ANY, Place, lines


@dataclass(frozen=True)
class FixView:
    """One way to fix a cause."""

    title: str
    """What to do; what is not known is written `<name>`."""
    commands: tuple[str, ...]
    """One line each, `<name>` where something is left to fill in."""
    applicability: Applicability
    """safe, review or manual."""
    actor: str
    """Who does it: of catalogue.ACTORS, two joined by "or", or "" for nobody in particular."""
    condition: str
    """When it is a way, "" where the title says it."""


PLAIN = "kubeadm"
"""The platform whose ways are shown beside the general one where none is known: what is made by hand is like it."""


Settle = Callable[[FixTemplate], FixTemplate | None]
"""What is known of a fix's conditions: the fix without those that hold, None where one does not."""


def fixes_of(
    entry: Entry,
    values: Mapping[str, str] | None = None,
    platform: Platform | None = None,
    settle: Settle = lambda fix: fix,
) -> tuple[FixView, ...]:
    """The fixes of a cause in their order. values: what is known of the fields, from a message that may come from anywhere;
    platform: where it happened, None where that is not known."""
    return tuple(_views(entry, values or {}, platform, settle))


def view_of_right(right: Right, parts: Mapping[str, str], values: Mapping[str, str]) -> FixView:
    """How a right is granted. parts: what is known of host and path (`Right.fields`); values: of catalogue.FIELDS."""
    named = {part: f"<{part}>" for part in right.parts} | {**FIELDS, **values, **parts}
    known: dict[str, Value] = {name: with_blanks(text) for name, text in named.items()}
    commands = lines(right.fix.actions, Place(ANY, known))
    return FixView(right.fix.text.format_map(named), commands, right.fix.applicability, right.fix.actor, right.note)


def ways_of(platform: Platform, topic: str) -> tuple[FixView, ...]:
    """A platform's ways of a topic."""
    return tuple(_view(way, way.actor, {}, way.condition) for way in platform.ways(topic))


def _views(entry: Entry, values: Mapping[str, str], platform: Platform | None, settle: Settle) -> Iterator[FixView]:
    for template in filter(None, map(settle, entry.fixes)):
        general = _view(template, entry.actor, values, template.condition)
        if not template.topic:
            yield general
            continue
        # what none is known of may be like what is made by hand
        ways = (platform or load()[PLAIN]).ways(template.topic)
        if platform is None:
            yield replace(general, commands=(*general.commands, "kubectl imagepull explain <platform>"))
        elif not ways:
            yield general
        for way in filter(None, map(settle, ways)):
            on = "" if platform is not None else f"on a plain node{_runtime(way)}"
            condition = ", ".join(filter(None, (template.condition, on, way.condition)))
            actor = template.actor or entry.actor
            yield _view(replace(way, text=way.text or template.text), actor, values, condition)


def _runtime(way: FixTemplate) -> str:
    """The runtime that a way is tied to, to be said of it."""
    names = {"containerd": "containerd", "cri-o": "CRI-O", "docker": "Docker"}
    return "".join(f" with {names[one]}" for one in way.when if one in names)


def _view(template: FixTemplate, actor: str, values: Mapping[str, str], condition: str) -> FixView:
    unfilled = stand_ins()
    known = {name: value for name, value in fitting(values).items() if name in values}
    try:
        commands = lines(template.actions, Place(ANY, {**unfilled, **known}))
    except Unfit:
        commands = lines(template.actions, Place(ANY, unfilled))
    return FixView(fill(template.text, values), commands, template.applicability, template.actor or actor, condition)
