"""Rules for what the registry and its token host answer: registry, rate, manifest, and the token host's own failures."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Auth, Case, Connect, Finding, Http, Manifest, Observation, Rate, Subject
from .evidence import decisive, found, rule, where

BROKEN = {
    "closed": ("transfer.interrupted", ("net.reset",)),
    "reset": ("transfer.interrupted", ("net.reset",)),
    "timeout": ("net.timeout", ("transfer.timeout",)),
    "slow": ("transfer.timeout", ("transfer.stalled",)),
}
"""What a request that ended without a whole answer means, and what it may be instead."""


def broken_off(case: Case, seen: Observation, hop: str, reason: str) -> Finding:
    """The finding on a request that ended as BROKEN says."""
    cause, also = BROKEN[seen.outcome]
    return found(case, cause, seen.subject, hop, reason, [seen], also)


@rule(
    "registry.server_error",
    "registry.unavailable",
    "registry.not_a_registry",
    "transfer.interrupted",
    "transfer.timeout",
    "net.timeout",
    hop="registry",
)
def greeting(case: Case) -> Iterator[Finding]:
    """GET /v2/ answered with an error, with nothing, or by something that is no registry."""
    for seen in decisive(case, Http):
        reason = f"{where(seen)}, https://{seen.subject.host}/v2/: {seen.summary}"
        cause = status_cause(seen.outcome)
        if cause:
            yield found(case, cause, seen.subject, "registry", reason, [seen])
        elif seen.outcome in BROKEN:
            yield broken_off(case, seen, "registry", reason)
        elif seen.outcome == "garbage" or _no_registry(case, seen):
            yield found(case, "registry.not_a_registry", seen.subject, "registry", reason, [seen], ["net.proxy"])


def status_cause(outcome: str) -> str:
    """The cause that an HTTP status of the 500s names, or ""."""
    if not (outcome.isdigit() and outcome.startswith("5")):
        return ""
    return "registry.unavailable" if outcome == "503" else "registry.server_error"


def _no_registry(case: Case, seen: Observation[Http]) -> bool:
    """HTTP that no registry speaks: a page instead of an API, and a manifest that is a page too, or "not found" without a
    registry's error."""
    if seen.vantage.trust == "none" or seen.outcome == "401" or seen.detail.api_version:
        return False
    answers = [o for o in decisive(case, Manifest) if o.subject == seen.subject]
    is_page = "html" in seen.detail.content_type.lower()
    if not answers:
        return False
    pages = all("html" in o.detail.media_type.lower() and not o.detail.digest for o in answers)
    unlike = all(o.outcome == "404" and not o.detail.errors for o in answers)
    return (unlike and (is_page or seen.outcome == "404")) or (is_page and pages)


@rule(
    "registry.server_error",
    "registry.unavailable",
    "rate.registry_limit",
    "net.timeout",
    "transfer.timeout",
    "transfer.interrupted",
    hop="auth",
)
def token_host(case: Case) -> Iterator[Finding]:
    """The token host fails by itself; that it refuses is a matter of credentials."""
    for seen in decisive(case, Auth):
        reason = f"{where(seen)}, {seen.subject.host}: {seen.summary}"
        token = seen.subject.role == "token"
        if token and (cause := status_cause(seen.outcome)):
            yield found(case, cause, seen.subject, "auth", reason, [seen])
        elif token and seen.outcome == "429":
            yield found(case, "rate.registry_limit", seen.subject, "auth", reason, [seen])
        elif token and seen.outcome in BROKEN:
            yield broken_off(case, seen, "auth", reason)
        elif seen.outcome in ("bad-realm", "no-token", "garbage") or (token and _odd_status(seen.outcome)):
            yield found(case, "registry.server_error", seen.subject, "auth", reason, [seen])
        elif seen.outcome == "no-challenge" and not _greeting_found(case):
            # a registry that wants credentials has to say which: something in front of it answers, or it is broken
            yield found(
                case, "registry.server_error", seen.subject, "auth", reason, [seen], ["auth.no_credentials"], "likely"
            )


def _odd_status(outcome: str) -> bool:
    """A status that no token host has a reason for."""
    return outcome.isdigit() and outcome not in ("200", "401", "403")


def _greeting_found(case: Case) -> bool:
    return any(greeting(case))


@rule("registry.server_error", hop="connect")
def sent_inward(case: Case) -> Iterator[Finding]:
    """A registry that sends the node to the node's own or a link-local address: it was not asked there."""
    registry = Subject("registry", case.pull.authority if case.pull else case.facts.reference.registry)
    for seen in decisive(case, Connect):
        if seen.outcome == "not-asked":
            reason = f"{where(seen)}, {registry.host} sends to {seen.summary}"
            yield found(case, "registry.server_error", registry, "manifest", reason, [seen], ["net.proxy"], "likely")


@rule("rate.registry_limit", hop="rate")
def throttled(case: Case) -> Iterator[Finding]:
    """The registry answers 429, or says that no pull is left."""
    for seen in decisive(case, Rate):
        if seen.outcome != "limited":
            continue
        reason = f"{where(seen)}, {seen.subject.host} says: {seen.summary}"
        refused = seen.detail.status == 429
        yield found(
            case,
            "rate.registry_limit",
            seen.subject,
            "rate",
            reason,
            [seen],
            at_most="confirmed" if refused else "likely",
        )
    for other in (*decisive(case, Manifest), *decisive(case, Http)):
        if other.outcome == "429" and not decisive(case, Rate):
            reason = f"{where(other)}, {other.subject.host}: {other.summary}"
            yield found(case, "rate.registry_limit", other.subject, "rate", reason, [other])


def attempts(case: Case) -> list[Observation[Manifest]]:
    """The manifest answers that count: those of a credential that the kubelet would use, else the anonymous ones."""
    with_login = [o for o in case.seen(Manifest) if o.via]
    return with_login or decisive(case, Manifest)


@rule("image.tag_unknown", "image.name_unknown", "image.digest_unknown", hop="manifest")
def absent(case: Case) -> Iterator[Finding]:
    """The registry answers 404 for the manifest."""
    for seen in attempts(case):
        if seen.outcome != "404" or any(_no_registry(case, o) for o in decisive(case, Http)):
            continue
        codes = {e.code for e in (*seen.detail.errors, *seen.detail.tags_errors)}
        asked = case.pull.asked if case.pull else ""
        subject = seen.subject
        reason = f"{where(seen)}: {seen.summary}"
        if "NAME_UNKNOWN" in codes:
            yield found(case, "image.name_unknown", subject, "manifest", reason, [seen])
        elif ":" in asked:
            yield found(case, "image.digest_unknown", subject, "manifest", reason, [seen], ["image.name_unknown"])
        elif seen.detail.tags_status == 200:
            yield found(case, "image.tag_unknown", subject, "manifest", reason, [seen])
        else:
            yield found(
                case, "image.tag_unknown", subject, "manifest", reason, [seen], ["image.name_unknown"], "likely"
            )


@rule(
    "registry.server_error",
    "registry.unavailable",
    "transfer.interrupted",
    "transfer.timeout",
    "net.timeout",
    hop="manifest",
)
def failing(case: Case) -> Iterator[Finding]:
    """The manifest request fails on the server's side."""
    for seen in attempts(case):
        reason = f"{where(seen)}: {seen.summary}"
        greeted_likewise = any(o.outcome == seen.outcome for o in decisive(case, Http))
        if greeted_likewise:
            continue  # said of /v2/ already
        if cause := status_cause(seen.outcome):
            yield found(case, cause, seen.subject, "manifest", reason, [seen])
        elif seen.outcome in BROKEN:
            yield broken_off(case, seen, "manifest", reason)
        elif seen.outcome in ("redirects", "garbage"):
            yield found(case, "registry.server_error", seen.subject, "manifest", reason, [seen])
