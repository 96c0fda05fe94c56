"""The answer to GET /v2/: what is no registry, or one that fails."""

from __future__ import annotations

from collections.abc import Iterator

from ...model import Connect, Finding, Http, Manifest, Observation, Subject
from ...model.vocabulary import causes_of
from ..confidence import found
from ..evidence import decisive, where
from ..rule import rule
from ..view import CaseView


@rule(*causes_of("registry"), needs=(Http,))
def greeting_fails(case: CaseView) -> Iterator[Finding]:
    """GET /v2/ answered with an error, with nothing, or by something that is no registry."""
    for seen in decisive(case, Http):
        reason = f"{where(seen)}, https://{seen.subject.host}/v2/: {seen.summary}"
        means = seen.means
        if means.cause and means.status == "fail":
            yield found(case, means.cause, seen.subject, "registry", reason, [seen], means.also)
        elif no_registry(case, seen):
            yield found(case, "registry.not_a_registry", seen.subject, "registry", reason, [seen], ["net.proxy"])


def no_registry(case: CaseView, seen: Observation[Http]) -> bool:
    """HTTP that no registry speaks: a page instead of an API, and a manifest that is a page too, or "not found" without a
    registry's error."""
    if seen.vantage.trust == "none" or seen.outcome == "401" or seen.detail.api_version:
        return False
    answers = [o for o in decisive(case, Manifest) if o.subject == seen.subject]
    is_page = seen.detail.is_page
    if not answers:
        return False
    pages = all(o.detail.is_page for o in answers)
    unlike = all(o.outcome == "404" and not o.detail.errors for o in answers)
    return (unlike and (is_page or seen.outcome == "404")) or (is_page and pages)


@rule("registry.server_error", needs=(Connect,))
def registry_sends_inward(case: CaseView) -> Iterator[Finding]:
    """A registry that sends the node to the node's own or a link-local address: it was not asked there."""
    registry = Subject("registry", case.pull.authority if case.pull else case.facts.reference.registry)
    for seen in decisive(case, Connect):
        if seen.outcome == "not-asked":
            reason = f"{where(seen)}, {registry.host} sends to {seen.summary}"
            yield found(case, "registry.server_error", registry, "manifest", reason, [seen], ["net.proxy"], "likely")


RULES = (greeting_fails, registry_sends_inward)
