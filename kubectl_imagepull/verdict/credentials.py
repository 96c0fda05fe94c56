"""Rules for credentials: what the API knows of the pull secrets, joined with whom the registry refuses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .. import catalogue
from ..image.messages import Classified, classify
from ..image.registries import NODE_ROLE, kind_of
from ..model import HOPS, Auth, Case, Confidence, Finding, Manifest, Observation, PullSecret, Subject
from .evidence import decisive, errors_of, found, rule, weakest, where

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


OF_A_SECRET = frozenset(
    {
        "auth.secret_missing",
        "auth.secret_malformed",
        "auth.secret_ignored",
        "auth.secret_wrong_registry",
        "auth.secret_empty",
    }
)


def contrary_to_the_secrets(case: Case) -> set[str]:
    """Causes about pull secrets that what was read of them excludes."""
    facts = case.facts
    if any(s.state == "forbidden" for s in facts.secrets) or len(facts.secrets) < len(facts.pull_secret_names):
        return set()
    excluded = set(OF_A_SECRET) - {s.cause for s in facts.secrets}
    account_read = facts.service_account and not any("serviceaccounts" in error.message for error in case.errors)
    if facts.pull_secret_names or (account_read and not facts.account_secrets):
        excluded.add("auth.secret_added_late")
    return excluded


def nobody_sends(case: Case) -> bool:
    """Whether the pull goes without credentials as far as can be read: none from the pod, and no cloud's registry, for which
    nodes bring their own."""
    facts = case.facts
    named = facts.pull_secret_names or facts.secrets
    return bool(facts.service_account) and not named and NODE_ROLE not in kind_of(facts.reference.registry).credentials


@rule("auth.secret_malformed", hop="credentials")
def malformed(case: Case) -> Iterator[Finding]:
    """A pull secret that cannot be decoded fails every image of the pod, whatever the registry thinks.

    kubernetes: pkg/credentialprovider/secrets/secrets.go; the kubelet gives up before it asks the runtime.
    """
    for secret in case.facts.secrets:
        if secret.state == "malformed":
            subject = Subject("pod", f"secret {secret.name}")
            yield found(
                case, "auth.secret_malformed", subject, "credentials", f"pull secret {secret.name}: {secret.why}"
            )


@rule(
    "auth.no_credentials",
    "auth.denied_or_missing",
    "auth.secret_missing",
    "auth.secret_ignored",
    "auth.secret_wrong_registry",
    "auth.secret_empty",
    "auth.secret_added_late",
    hop="auth",
)
def nothing_sent(case: Case) -> Iterator[Finding]:
    """The registry refuses anonymous pulls and the kubelet has nothing to send: the reason is in the pod's secrets."""
    if sent(case) or any(s.state == "malformed" for s in case.facts.secrets):
        return
    refused = refusals(case)
    message = classify(case.facts.said) if case.facts.said else None
    by_message = message is not None and message.cause.startswith("auth.") and not _reached_auth(case)
    if not refused and not by_message:
        return
    if any(o.outcome == "200" for o in decisive(case, Manifest)):
        return
    if _got_in(case, message):
        return
    # what a node's role or a provider plugin of the kubelet sends for a cloud's registry is not to be seen
    by_node = NODE_ROLE in kind_of(case.facts.reference.registry).credentials
    subject, at_most = registry_subject(case), weakest((_sure(refused), "likely" if by_node else "confirmed"))
    reason = (
        f"{where(refused[0])}, {refused[0].subject.host}: {refused[0].summary}"
        if refused
        else "the runtime was refused"
    )
    named = case.facts.secrets
    missing = [s for s in named if s.state == "missing"]
    unused = [s for s in named if s.state == "unused" and s.cause]
    if case.facts.pod_reason == "Gone":
        text = f"{reason}; which pull secrets the pod had is not known any more"
        also = ["auth.bad_credentials", "auth.denied_or_missing"]
        yield found(case, "auth.no_credentials", subject, "auth", text, refused, also, "possible")
    elif any(s.state == "forbidden" for s in named):
        why = "the pod's pull secrets cannot be read by you"
        also = ["auth.bad_credentials", "auth.secret_wrong_registry", "auth.secret_ignored"]
        yield found(case, "auth.no_credentials", subject, "auth", f"{reason}; {why}", refused, also, "possible")
    elif missing:
        names = ", ".join(s.name for s in missing)
        text = f"{reason}; the pod names pull secret {names}, which does not exist in {case.target.namespace}"
        yield found(case, "auth.secret_missing", subject, "auth", text, refused, at_most=at_most)
    elif unused:
        text = f"{reason}; pull secret {unused[0].name}: {unused[0].why}"
        yield found(case, unused[0].cause, subject, "auth", text, refused, at_most=at_most)
    elif not case.facts.pull_secret_names and case.facts.account_secrets:
        yield _late(case, reason, refused, at_most)
    elif _tells_apart(refused):
        text = f"{reason}; the pod has no pull secret"
        yield found(case, "auth.no_credentials", subject, "auth", text, refused, at_most=at_most)
    elif refused and (words := _by_words(refused)) is not None:
        sure = weakest((at_most, "likely" if words.also else "confirmed"))
        text = f"{reason}; the pod has no pull secret"
        yield found(case, words.cause, subject, "auth", text, refused, words.also, sure)
    elif refused:
        text = f"{reason}; the pod has no pull secret"
        yield found(case, "auth.denied_or_missing", subject, "auth", text, refused, at_most=at_most)


def _got_in(case: Case, message: Classified | None) -> bool:
    """True where the runtime speaks of what comes after the registry has let it in: then the node has credentials of its own.

    Not where there are mirrors: a mirror's 404 proves no login at the registry.
    """
    hop = catalogue.entry(message.cause).hop if message is not None else ""
    if hop not in HOPS[HOPS.index("manifest") : HOPS.index("runtime")]:
        return False
    return not any(o.attempt for o in case.observations)


def _late(case: Case, reason: str, refused: Sequence[Observation], at_most: Confidence) -> Finding:
    """The pod has no pull secret and a new one would get its account's: whether that helps is in those secrets."""
    facts, subject = case.facts, registry_subject(case)
    names = ", ".join(facts.account_secrets)
    text = f"{reason}; the pod has no pull secret, but its service account {facts.service_account} has {names} now"
    read = [s for s in facts.late_secrets if s.state != "forbidden"]
    if any(s.state == "used" for s in read):
        return found(case, "auth.secret_added_late", subject, "auth", text, refused, at_most=at_most)
    if read and len(read) == len(facts.account_secrets):
        text += f"; a new pod would not pull either: {'; '.join(f'{s.name}: {s.why}' for s in read[:3])}"
        return found(case, "auth.no_credentials", subject, "auth", text, refused, at_most=at_most)
    text += f"; whether {'they are' if len(facts.account_secrets) > 1 else 'it is'} for {subject.host} was not read"
    return found(case, "auth.secret_added_late", subject, "auth", text, refused, at_most=weakest((at_most, "likely")))


def _by_words(refused: Sequence[Observation]) -> Classified | None:
    """What a registry's 403 means by its own words, read as the runtime's are; None for what says no more than "no"."""
    for seen in refused:
        if seen.outcome == "403" and seen.subject.role == "registry":
            told = errors_of(seen)
            words = "".join(f"\n{e.code.lower()}: {e.message}" for e in told[:1])
            read = classify(f"unexpected status from HEAD request to https://{seen.subject.host}: 403 Forbidden{words}")
            plain = read.cause != "auth.forbidden" or not told or len(read.also) < 2
            if plain and read.cause in ("auth.forbidden", "auth.expired", "auth.no_credentials"):
                return read
    return None


def _reached_auth(case: Case) -> bool:
    return bool(decisive(case, Manifest) or decisive(case, Auth))


def _sure(refused: Sequence[Observation]) -> Confidence:
    """The secrets are plain in the API; that they matter is seen only where a refusal was seen."""
    return "confirmed" if refused else "likely"


def _tells_apart(refused: Sequence[Observation]) -> bool:
    """A Basic challenge comes before anybody looks for the repository, so it says no more than "credentials, please"."""
    return any(o.outcome == "basic" for o in refused)


@rule("auth.bad_credentials", "auth.forbidden", "auth.denied_or_missing", hop="auth")
def sent_and_refused(case: Case) -> Iterator[Finding]:
    """Credentials were sent. Those tried from the workstation tell whether the registry takes them."""
    used = sent(case)
    if not used:
        return
    tried = [o for o in case.seen(Auth) if o.via]
    refused = [o for o in tried if o.outcome in ("rejected", *REFUSED)]
    readings = [o for o in case.seen(Manifest) if o.via]
    if any(o.outcome == "200" for o in readings):
        return
    names = ", ".join(f"{s.name} (user {', '.join(s.usernames) or 'unknown'})" for s in used)
    denied = [o for o in readings if o.outcome in REFUSED]
    if refused and len(refused) >= len({(o.via, o.detail.registry_key) for o in tried}):
        open_to_all = any(o.outcome == "200" for o in decisive(case, Manifest))
        extra = "; without any credentials the image could be pulled" if open_to_all else ""
        reason = f"{where(refused[0])}, {refused[0].subject.host}: {refused[0].summary}{extra}"
        subject = refused[0].subject
        if all(o.outcome == "403" for o in refused):
            # a token host that says 403 may know who asks and refuse the repository, or the address that we ask from
            also = ["auth.denied_or_missing", "auth.bad_credentials", "auth.expired"]
            yield found(case, "auth.forbidden", subject, "auth", reason, refused, also, "likely")
            return
        yield found(case, "auth.bad_credentials", subject, "auth", reason, refused, ["auth.expired"])
    elif denied:
        codes = {e.code for o in denied for e in o.detail.errors}
        cause = "auth.forbidden" if denied[0].outcome == "403" or "DENIED" in codes else "auth.denied_or_missing"
        reason = f"{where(denied[0])}, with the credentials of {names}: {denied[0].summary}"
        words = _by_words(denied)
        if words is not None and words.cause == "auth.expired":
            yield found(case, words.cause, registry_subject(case), "auth", reason, denied, words.also)
            return
        yield found(case, cause, registry_subject(case), "auth", reason, denied, ["image.name_unknown"], "likely")
    elif not tried and refusals(case):
        message = classify(case.facts.said) if case.facts.said else None
        if message is not None and message.cause.startswith("auth."):
            reason = f"the kubelet sends the credentials of {names} and is refused; they were not tried from here"
            also = ["auth.expired", "auth.forbidden", "auth.denied_or_missing"]
            yield found(
                case, "auth.bad_credentials", registry_subject(case), "auth", reason, refusals(case), also, "likely"
            )
