"""What is wrong with how an image is named and meant to be pulled, before any registry is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..model.check import Problem
from .policy import IF_NOT_PRESENT, default_pull_policy
from .reference import InvalidReference, Reference

MOVING = frozenset(
    {"latest", "main", "master", "develop", "dev", "edge", "nightly", "stable", "testing", "staging", "canary"}
)
"""Tags that are moved by habit: their names say so."""
NEVER = "Never"


def problems_of(image: str, policy: str = "") -> Iterator[Problem]:
    """What a reader should know of an image and its pull policy ("" for the API server's default). Never raises."""
    try:
        reference = Reference.parse(image)
    except InvalidReference as error:
        fix = f"write {error.suggestion}" if error.suggestion else ""
        yield Problem("reference.invalid", "error", str(error), fix)
        return
    first, slash, _ = image.partition("/")
    if slash and reference.domain == "docker.io" and first not in ("docker.io", "index.docker.io", "library"):
        yield Problem(
            "check.implied_registry",
            "note",
            f"{image} names no registry: it is {reference.normalised}",
            "write docker.io/ in front, or the registry that is meant",
        )
    policy = policy or default_pull_policy(image)
    moving = not reference.digest and (reference.tag or "latest") in MOVING
    if moving:
        tag = f"the tag {reference.tag}" if reference.tag else "no tag, which means latest,"
        yield Problem(
            "check.moving_tag",
            "warning",
            f"{image}: {tag} names another image whenever it is pushed",
            "name a version, or pin it: kubectl imagepull pin",
        )
    if policy == NEVER:
        yield Problem(
            "check.never_pulled",
            "note",
            f"{image} is never pulled (imagePullPolicy Never): it has to be on each node already",
        )
    elif moving and policy == IF_NOT_PRESENT:
        yield Problem(
            "check.stale_copy",
            "warning",
            f"{image} is pulled only where a node has no copy: nodes run different images under one name",
            "imagePullPolicy: Always, or a name that does not move",
        )


def of_secrets(
    named: Sequence[str], known: Sequence[str], elsewhere: Sequence[str], namespace: str
) -> Iterator[Problem]:
    """Pull secrets that are named and are not in the namespace. known: those that are; elsewhere: those of other namespaces."""
    for name in named:
        if name in known:
            continue
        if name in elsewhere:
            yield Problem(
                "auth.secret_missing",
                "error",
                f"the pull secret {name} is in another namespace than {namespace or 'the pod'}, where it counts for nothing",
                f"make it in {namespace or 'the namespace of the pod'} too",
            )


__all__ = ["MOVING", "of_secrets", "problems_of"]
