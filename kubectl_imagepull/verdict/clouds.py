"""Registries of clouds and platforms: their pulls are the node's own business, so the fix is a right and not a pasted secret."""

from __future__ import annotations

from .. import catalogue
from ..catalogue.registries import RegistryKind, kind_of, right_ends
from ..catalogue.render import Place, lines
from ..command import Unfit, Value, with_blanks
from ..model import Case, Fix
from .message import message_of
from .platforms import platform_of


def node_pulls(case: Case, cause: str) -> bool:
    """Whether a right of the node, or of a service account, is what such a refusal asks for, and no pull secret.

    The nodes of kind, MicroK8s and the like have no identity at a cloud's registry, unless they stand in that cloud.
    """
    kind = kind_of(case.facts.reference.registry)
    if not takes_right(kind, cause) or message_of(case).address_refused:
        return False
    right, node, platform = kind.right, case.facts.node, platform_of(case)
    if right is None or not right.platforms or platform is None:
        return True
    inside = node is not None and bool(node.provider_id) and node.provider_id.startswith(right.provider)
    return inside or platform.id.startswith(right.platforms)


def takes_right(kind: RegistryKind, cause: str) -> bool:
    """The same for any pull from such a registry."""
    return right_ends(cause) and kind.by_name and kind.right is not None


def node_fixes(case: Case, cause: str, at: Place) -> tuple[Fix, ...]:
    """What gives the right to pull; () for registries that want a pull secret, and where a name may stand in no command.

    Lifetimes of pasted passwords: see catalogue/registries.yaml.
    """
    right = kind_of(case.facts.reference.registry).right
    if right is None or not node_pulls(case, cause):
        return ()
    host = case.facts.reference.registry.partition(":")[0]
    parts = right.fields(host, case.pull.repository if case.pull else "")
    values: dict[str, Value] = {part: with_blanks(f"<{part}>") for part in right.parts}
    values |= {**at.values, "registry": host, **parts}
    try:
        commands = lines(right.fix.actions, Place(at.kind, values))
        text = right.fix.text.format_map(
            {**catalogue.FIELDS, **{n: v for n, v in values.items() if isinstance(v, str)}}
        )
    except (KeyError, Unfit):
        return ()
    return (Fix(text, commands, right.fix.applicability, right.fix.actor, right.note),)
