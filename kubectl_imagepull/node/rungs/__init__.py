"""The ways out of a node, a module each, named like its rung in `vocabulary.RUNGS`, which has their order too."""

from __future__ import annotations

import importlib

from ...model.vocabulary import API_ONLY, RUNGS
from ...model.vocabulary import TRIAL_PULL as ON_REQUEST
from .rung import Rung


def rung_of(name: str) -> Rung:
    """What the module of this name offers as RUNG. Raises LookupError that says what is missing."""
    module = f"{__name__}.{name.replace('-', '_')}"
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise LookupError(f"vocabulary.RUNGS names {name}, but there is no module {module}") from None
    if not hasattr(found, "RUNG"):
        raise LookupError(f"{module} offers no RUNG")
    rung: Rung = found.RUNG
    if rung.name != name:
        raise LookupError(f"the RUNG of {module} calls itself {rung.name}")
    return rung


ALL: tuple[Rung, ...] = tuple(rung_of(name) for name in RUNGS if name not in (API_ONLY, ON_REQUEST))
"""Best first."""
TRIAL_PULL = rung_of(ON_REQUEST)
"""On request only, and after the others."""

__all__ = ["ALL", "TRIAL_PULL", "Rung"]
