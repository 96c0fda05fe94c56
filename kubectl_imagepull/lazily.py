"""What is made on first use: the names of a package, and regular expressions. Who needs one of them does not wait for all."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, AnyStr, cast


def on_first_use(package: str, modules: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """What a package takes as its `__getattr__` (PEP 562). modules: module, as the package imports it -> the names in it.

    It raises AttributeError for any other name.
    """
    module_of = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(module_of[name], package), name)

    return get


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As `re.compile`, but compiled when it is first used: a run needs few of the patterns that it imports, and each costs more
    than the rest of its line. What is wrong with it shows then, as `re.error`.
    """
    return cast("re.Pattern[AnyStr]", _Pattern(text, flags))


METHODS = ("match", "fullmatch", "search", "finditer", "findall", "sub", "subn", "split")
"""Of a compiled pattern."""


class _Pattern:
    """What stands for a pattern until one of its methods is asked for; from then on it has them itself."""

    def __init__(self, text: str | bytes, flags: int) -> None:
        self.pattern, self.flags = text, flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copies and pickles objects asks for more than there is
            raise AttributeError(name)
        compiled = re.compile(self.pattern, self.flags)
        for method in METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)
