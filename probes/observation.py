"""What a probe says that it saw, and how text from outside is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict


@dataclass(frozen=True)
class Observation:
    """One answer to one question."""

    outcome: str
    """A word of its hop's list (kubectl_imagepull: model/vocabulary.py)."""
    summary: str
    """One line for a person."""
    data: Dict[str, Any] = field(default_factory=dict)
    """JSON values, named as the fields of the hop's detail (kubectl_imagepull: model/observation.py)."""
    ms: float = 0.0
    """Milliseconds that it took."""
    attempt: str = ""
    """The mirror that was being tried, "" at the registry's own turn."""
    via: str = ""
    """The secret whose credential was shown, "" for nobody's."""


def printable(text: Any, at_most: int = 300) -> str:
    """Text from outside as one line: control characters escaped, cut at at_most characters."""
    text = text if isinstance(text, str) else str(text)
    cut = text[: at_most + 1]
    shown = "".join(c if c.isprintable() else " " if c in "\r\n\t" else repr(c)[1:-1] for c in cut)
    return shown[:at_most] + ("…" if len(text) > at_most else "")
