"""Credentials: whom the registry and its token host refuse, joined with what the API knows of the pull secrets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...catalogue.registries import NODE_ROLE, kind_of
from ...model import HOPS, Auth, Confidence, Finding, Manifest, Observation, Subject, TrialPull
from ...model.vocabulary import SECRET_CAUSES, causes_of
from ..confidence import found, weakest
from ..evidence import decisive, errors_of, where
from ..message import Message, read_refusal
from ..pull_secrets import REFUSED, refusals, registry_subject, sent
from ..rule import rule
from ..trial_pull import trial_pull, without_late_secrets
from ..view import CaseView
from .registry import greeting_fails

NO_TOKEN_HOST = frozenset({"bad-realm", "no-token", "garbage"})
"""What a registry itself may say in the place of its token host."""


@rule(
    "auth.no_credentials",
    "auth.denied_or_missing",
    "auth.secret_missing",
    "auth.secret_ignored",
    "auth.secret_wrong_registry",
    "auth.secret_empty",
    "auth.secret_added_late",
    "auth.forbidden",
    "auth.expired",
)
def credentials_missing(case: CaseView) -> Iterator[Finding]:
    """The registry refuses anonymous pulls and the kubelet has nothing to send: the reason is in the pod's secrets."""
    if sent(case) or any(s.state == "malformed" for s in case.facts.secrets):
        return
    refused = refusals(case)
    by_message = case.message.is_about("auth") and not _reached_auth(case)
    if not refused and not by_message:
        return
    if any(o.outcome == "200" for o in decisive(case, Manifest)):
        return
    if _got_in(case):
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
    unused = [s for s in named if s.state == "unused" and s.cause in SECRET_CAUSES]
    if case.facts.pod_reason == "Gone":
        text = f"{reason}; which pull secrets the pod had is not known any more"
        also = ["auth.bad_credentials", "auth.denied_or_missing"]
        yield found(case, "auth.no_credentials", subject, "auth", text, refused, also, "possible")
    elif any(s.state == "forbidden" for s in named):
        # what is sent of them is not known, and the registry says no more than that it refuses whoever sends nothing
        names = ", ".join(s.name for s in named if s.state == "forbidden")
        text = f"{reason}; what the kubelet sends is not known: pull secret {names} could not be read"
        also = ["auth.bad_credentials", "auth.secret_wrong_registry", "auth.secret_ignored"]
        yield found(case, "auth.denied_or_missing", subject, "auth", text, refused, also, "possible")
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
        sure = weakest((at_most, "likely" if words.alternatives else "confirmed"))
        text = f"{reason}; the pod has no pull secret"
        yield found(case, words.cause, subject, "auth", text, refused, words.alternatives, sure)
    elif refused:
        text = f"{reason}; the pod has no pull secret"
        yield found(case, "auth.denied_or_missing", subject, "auth", text, refused, at_most=at_most)


def _got_in(case: CaseView) -> bool:
    """True where the runtime speaks of what comes after the registry has let it in: then the node has credentials of its own.

    Not where there are mirrors: a mirror's 404 proves no login at the registry.
    """
    after = case.message.hop in HOPS[HOPS.index("manifest") : HOPS.index("runtime")]
    return after and not any(o.attempt for o in case.observations)


def _late(case: CaseView, reason: str, refused: Sequence[Observation], at_most: Confidence) -> Finding:
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


def _by_words(refused: Sequence[Observation]) -> Message | None:
    """What a registry's 403 means by its own words; None for what says no more than "no"."""
    for seen in refused:
        if seen.outcome == "403" and seen.subject.role == "registry":
            read = read_refusal(seen.subject.host, errors_of(seen))
            if read is not None:
                return read
    return None


def _reached_auth(case: CaseView) -> bool:
    return bool(case.decisive(Manifest) or case.decisive(Auth))


def _sure(refused: Sequence[Observation]) -> Confidence:
    """The secrets are plain in the API; that they matter is seen only where a refusal was seen."""
    return "confirmed" if refused else "likely"


def _tells_apart(refused: Sequence[Observation]) -> bool:
    """A Basic challenge comes before anybody looks for the repository, so it says no more than "credentials, please"."""
    return any(o.outcome == "basic" for o in refused)


@rule("auth.bad_credentials", "auth.forbidden", "auth.denied_or_missing", "auth.expired", needs=(Auth, Manifest))
def credentials_refused(case: CaseView) -> Iterator[Finding]:
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
        cause = "auth.forbidden" if denied[0].outcome == "403" or codes & {"DENIED"} else "auth.denied_or_missing"
        reason = f"{where(denied[0])}, with the credentials of {names}: {denied[0].summary}"
        words = _by_words(denied)
        if words is not None and words.cause == "auth.expired":
            yield found(case, words.cause, registry_subject(case), "auth", reason, denied, words.alternatives)
            return
        yield found(case, cause, registry_subject(case), "auth", reason, denied, ["image.name_unknown"], "likely")
    elif not tried and refusals(case) and case.message.is_about("auth"):
        reason = f"the kubelet sends the credentials of {names} and is refused; they were not tried from here"
        also = ["auth.expired", "auth.forbidden", "auth.denied_or_missing"]
        yield found(
            case, "auth.bad_credentials", registry_subject(case), "auth", reason, refusals(case), also, "likely"
        )


@rule("auth.no_credentials", needs=(Auth, Manifest))
def mirror_wants_credentials(case: CaseView) -> Iterator[Finding]:
    """A mirror that wants credentials. containerd shows it the pod's, which are the registry's and mostly not the mirror's."""
    told: set[str] = set()
    for seen in (*case.seen(Auth, place="node"), *case.seen(Manifest, "mirror", "node")):
        mirror = seen.attempt
        if mirror and mirror not in told and seen.outcome in ("basic", "401", "403"):
            told.add(mirror)
            reason = f"{where(seen)}, mirror {mirror}: {seen.summary}"
            subject = Subject("mirror", mirror)
            yield found(
                case, "auth.no_credentials", subject, "auth", reason, [seen], ["auth.bad_credentials"], "likely"
            )


@rule(*causes_of("auth"), needs=(Auth,))
def token_host_fails(case: CaseView) -> Iterator[Finding]:
    """The token host fails by itself, or a challenge leads to none; that it refuses is a matter of credentials."""
    for seen in decisive(case, Auth):
        means, reason = seen.means, f"{where(seen)}, {seen.subject.host}: {seen.summary}"
        if seen.outcome == "no-challenge":
            # a registry that wants credentials has to say which: something in front of it answers, or it is broken
            if not _greeting_found(case):
                also = ["auth.no_credentials"]
                yield found(case, means.cause, seen.subject, "auth", reason, [seen], also, "likely")
        elif means.cause and (seen.subject.role == "token" or seen.outcome in NO_TOKEN_HOST):
            yield found(case, means.cause, seen.subject, "auth", reason, [seen], means.also)


def _greeting_found(case: CaseView) -> bool:
    return any(greeting_fails.look(case))


@rule("auth.secret_added_late", needs=(TrialPull,))
def new_pod_gets_late_secret(case: CaseView) -> Iterator[Finding]:
    """A new pod can pull and this one, without the secrets that its account has by now, cannot."""
    again = trial_pull(case)
    facts = case.facts
    if again is None or again.outcome != "pulled" or not facts.failing or not without_late_secrets(case):
        return
    names = ", ".join(facts.account_secrets)
    reason = (
        f"a new pod of service account {facts.service_account} pulled the image just now; it was given {names}, "
        "which this pod was admitted without"
    )
    subject = Subject("registry", case.pull.authority if case.pull else "")
    yield found(case, "auth.secret_added_late", subject, "auth", reason, [again])


RULES = (
    credentials_missing,
    credentials_refused,
    mirror_wants_credentials,
    token_host_fails,
    new_pod_gets_late_secret,
)
