"""A fix as it is shown to a reader without a case: the same in `explain`, in its JSON and on the pages of docs/causes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..command import Unfit
from ..model import Applicability
from . import Entry, FixTemplate, fill, fitting, stand_ins
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


def fixes_of(entry: Entry, values: Mapping[str, str] | None = None) -> tuple[FixView, ...]:
    """The fixes of a cause in their order. values: what is known of the fields, from a message that may come from anywhere."""
    return tuple(_view(entry, template, values or {}) for template in entry.fixes)


def _view(entry: Entry, template: FixTemplate, values: Mapping[str, str]) -> FixView:
    unfilled = stand_ins()
    known = {name: value for name, value in fitting(values).items() if name in values}
    try:
        commands = lines(template.actions, Place(ANY, {**unfilled, **known}))
    except Unfit:
        commands = lines(template.actions, Place(ANY, unfilled))
    return FixView(
        fill(template.text, values), commands, template.applicability, template.actor or entry.actor, template.condition
    )
