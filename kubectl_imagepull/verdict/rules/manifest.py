"""The manifest: what the registry does not have, and requests that fail."""

from __future__ import annotations

from collections.abc import Iterator

from ...model import Finding, Http, Manifest, Observation
from ...model.vocabulary import causes_of
from ..confidence import found
from ..evidence import decisive, where
from ..rule import rule
from ..view import CaseView
from .registry import no_registry


def attempts(case: CaseView) -> list[Observation[Manifest]]:
    """The manifest answers that count: those of a credential that the kubelet would use, else the anonymous ones."""
    with_login = [o for o in case.seen(Manifest) if o.via]
    return with_login or decisive(case, Manifest)


@rule("image.tag_unknown", "image.name_unknown", "image.digest_unknown", needs=(Manifest,))
def image_is_unknown(case: CaseView) -> Iterator[Finding]:
    """The registry answers 404 for the manifest."""
    for seen in attempts(case):
        if seen.outcome != "404" or any(no_registry(case, o) for o in decisive(case, Http)):
            continue
        codes = {e.code for e in (*seen.detail.errors, *seen.detail.tags_errors)}
        asked = case.pull.asked if case.pull else ""
        subject = seen.subject
        reason = f"{where(seen)}: {seen.summary}"
        if codes & {"NAME_UNKNOWN"}:
            yield found(case, "image.name_unknown", subject, "manifest", reason, [seen])
        elif ":" in asked:
            yield found(case, "image.digest_unknown", subject, "manifest", reason, [seen], ["image.name_unknown"])
        elif seen.detail.tags_status == 200:
            yield found(case, "image.tag_unknown", subject, "manifest", reason, [seen])
        else:
            yield found(
                case, "image.tag_unknown", subject, "manifest", reason, [seen], ["image.name_unknown"], "likely"
            )


@rule(*(c for c in causes_of("manifest") if c != "rate.registry_limit"), needs=(Manifest,))
def manifest_request_fails(case: CaseView) -> Iterator[Finding]:
    """The manifest request fails on the server's side."""
    for seen in attempts(case):
        if any(o.outcome == seen.outcome for o in decisive(case, Http)):
            continue  # said of /v2/ already
        means, reason = seen.means, f"{where(seen)}: {seen.summary}"
        if means.cause and means.cause != "rate.registry_limit":
            yield found(case, means.cause, seen.subject, "manifest", reason, [seen], means.also)


RULES = (image_is_unknown, manifest_request_fails)
