"""What the API knows of the pull secrets, and whom the registry refuses."""

from __future__ import annotations

from ..catalogue.registries import NODE_ROLE, kind_of
from ..model import Auth, Case, Manifest, Observation, PullSecret, Subject
from ..model.vocabulary import SECRET_CAUSES
from .evidence import decisive

REFUSED = ("401", "403")


def refusals(case: Case) -> list[Observation]:
    """Where the registry or its token host refused somebody without credentials."""
    answers = [o for o in decisive(case, Manifest) if o.outcome in REFUSED]
    asked = [o for o in decisive(case, Auth) if o.outcome in (*REFUSED, "basic")]
    return [o for o in (*asked, *answers) if not o.attempt]  # a mirror's refusal has a rule of its own


def registry_subject(case: Case) -> Subject:
    """The registry of the case's image."""
    return Subject("registry", case.pull.authority if case.pull else case.facts.reference.registry)


def sent(case: Case) -> list[PullSecret]:
    """The pull secrets whose credentials the kubelet sends for this image."""
    return [s for s in case.facts.secrets if s.state == "used"]


def unread(case: Case) -> list[PullSecret]:
    """The pod's pull secrets that may not be read, or could not be: what is sent of them is not known."""
    return [s for s in case.facts.secrets if s.state == "forbidden"]


def contrary_to_the_secrets(case: Case) -> set[str]:
    """Causes about pull secrets that what was read of them excludes."""
    facts = case.facts
    if unread(case) or len(facts.secrets) < len(facts.pull_secret_names):
        return set()
    excluded = set(SECRET_CAUSES) - {s.cause for s in facts.secrets}
    account_read = facts.service_account and not any(error.kind == "ServiceAccount" for error in case.errors)
    if facts.pull_secret_names or (account_read and not facts.account_secrets):
        excluded.add("auth.secret_added_late")
    return excluded


def nobody_sends(case: Case) -> bool:
    """Whether the pull goes without credentials as far as can be read: none from the pod, and no cloud's registry, for which
    nodes bring their own."""
    facts = case.facts
    named = facts.pull_secret_names or facts.secrets
    return bool(facts.service_account) and not named and NODE_ROLE not in kind_of(facts.reference.registry).credentials
