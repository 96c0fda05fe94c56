"""What rules see of a case: the case, and what is worked out of it once."""

from __future__ import annotations

from functools import cached_property
from typing import TypeVar

from ..model import Case, Detail, Observation, Subject
from .evidence import decisive
from .message import Message, message_of, read
from .pull_secrets import registry_subject, sent

K = TypeVar("K", bound=Detail)


class CaseView(Case):
    """A Case with the runtime's message read. Made by `view`."""

    @cached_property
    def message(self) -> Message:
        """What the runtime's newest words say."""
        return message_of(self)

    @cached_property
    def start_message(self) -> Message:
        """What the runtime says of a container that it cannot start."""
        return read(self.facts.message)

    @cached_property
    def registry(self) -> Subject:
        """The registry of the image."""
        return registry_subject(self)

    @cached_property
    def has_credentials(self) -> bool:
        """Whether the kubelet sends credentials of a pull secret for the image."""
        return bool(sent(self))

    def decisive(self, kind: type[K]) -> list[Observation[K]]:
        """See `evidence.decisive`."""
        return decisive(self, kind)


def view(case: Case) -> CaseView:
    """The same case for rules."""
    made = CaseView.__new__(CaseView)
    # a Case was cleaned when it was made: to do that again took most of a judgement
    vars(made).update(vars(case))
    return made
