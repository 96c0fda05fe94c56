"""Would these images pull? Of manifests, plain references and what runs now: one HEAD for each image and credential."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..catalogue.registries import kind_of, moved_values
from ..image.keyring import BadPullSecret, Keyring
from ..image.manifests import AccountSeen, Manifests, Place, SecretSeen
from ..image.naming import of_secrets, problems_of
from ..image.platform import Platform, choose
from ..image.reference import InvalidReference, Reference, registry_of
from ..image.secrets import explain_secrets
from ..model.check import SEVERITIES, Checked, CheckReport, Problem, Severity, Use
from ..reading import reading
from ..registry.client import Answer, Login, Registries
from ..registry.logins import Logins

SIDE_BY_SIDE = 16
"""Questions at a time, to all registries together; each registry has its own bound."""
NO_ANSWER = ("rate.registry_limit", "registry.unavailable")
"""Causes that say nothing about the image."""


@dataclass(frozen=True)
class Wanted:
    """How a check is made."""

    platforms: tuple[str, ...] = ()
    """os/arch that the images have to run on; then manifests are read, which Docker Hub counts as pulls."""
    fail_on: str = "error"
    """The least severity that fails the check, or never."""


@dataclass(frozen=True)
class Asked:
    """An image as it is named somewhere, with what its pull would use."""

    image: str
    """As it is written."""
    use: Use
    """Where."""
    policy: str = ""
    """imagePullPolicy as written."""
    namespace: str = ""
    """The pod's, "" where it names none."""
    secrets: tuple[str, ...] = ()
    """Names of pull secrets, the service account's among them."""
    objects: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    """Those of the secrets that could be read."""
    missing: tuple[str, ...] = ()
    """Those that do not exist."""
    unreadable: tuple[str, ...] = ()
    """Those that may not be read."""
    elsewhere: tuple[str, ...] = ()
    """Names of secrets that are in other namespaces."""
    running: str = ""
    """The digest that runs, "" where nothing runs or it is not known."""
    nodes: tuple[str, ...] = ()
    """Where it runs."""
    live: bool = False
    """It is of a cluster, where nodes may pull with an identity of their own."""


# ---- where images are named ------------------------------------------------------------------------------------------


def in_manifests(files: Iterable[Manifests]) -> Iterator[Asked]:
    """The images of manifests, with the pull secrets and service accounts that stand beside them."""
    read = list(files)
    secrets = [secret for one in read for secret in one.secrets]
    accounts = [account for one in read for account in one.accounts]
    for one in read:
        for place in one.places:
            yield _of_place(place, secrets, accounts)


def _of_place(place: Place, secrets: Sequence[SecretSeen], accounts: Sequence[AccountSeen]) -> Asked:
    own = place.pull_secrets
    if not own and place.role:
        account = place.service_account or "default"
        own = next(
            (a.pull_secrets for a in accounts if a.name == account and _together(a.namespace, place.namespace)), ()
        )
    mine = [s for s in secrets if s.name in own and _together(s.namespace, place.namespace)]
    elsewhere = {s.name for s in secrets} - {s.name for s in mine}
    return Asked(
        place.image,
        Use(place.where, place.container, place.role, place.file, place.line),
        place.pull_policy,
        place.namespace,
        tuple(own),
        tuple(s.object for s in mine),
        elsewhere=tuple(elsewhere & set(own)),
    )


def _together(one: str, other: str) -> bool:
    """Whether two namespaces of manifests are the same as far as they say: what names none goes where it is applied."""
    return not one or not other or one == other


def in_references(images: Iterable[str]) -> Iterator[Asked]:
    """Plain references."""
    for image in images:
        yield Asked(image, Use(""))


# ---- what registries say ---------------------------------------------------------------------------------------------


def check(
    asked: Iterable[Asked],
    wanted: Wanted,
    registries: Registries,
    logins: Logins,
    begun: Callable[[int], None] = lambda count: None,
) -> CheckReport:
    """Ask about each image with each set of credentials once. begun: told how many questions there are. Never raises for what a
    registry answers: what could not be asked is listed."""
    groups: dict[tuple[object, ...], list[Asked]] = {}
    for one in asked:
        groups.setdefault(_key(one), []).append(one)
    questions = {key: _Question(mine, wanted, registries, logins) for key, mine in groups.items()}
    begun(len(questions))
    hosts = {registry_of(mine[0].image) for mine in groups.values()}
    # those that only wait for their turn cost those that have it
    with reading(min(SIDE_BY_SIDE, registries.per_registry * max(1, len(hosts)))) as pool:
        answers = [(question, pool.submit(question.ask)) for question in questions.values()]
        images = [question.checked(answer()) for question, answer in answers]
    return CheckReport(tuple(images), time.time(), notes=tuple(_together_problems(groups)), fail_on=wanted.fail_on)


def _key(one: Asked) -> tuple[object, ...]:
    """What is one question: the image, who asks, and what would be said of it."""
    objects = tuple((o["metadata"].get("namespace"), o["metadata"].get("name")) for o in one.objects)
    return (one.image, one.policy, one.namespace if one.secrets else "", one.secrets, objects, one.elsewhere, one.live)


class _Question:
    """One image with one set of credentials."""

    def __init__(self, mine: Sequence[Asked], wanted: Wanted, registries: Registries, logins: Logins) -> None:
        self._mine, self._wanted, self._registries = mine, wanted, registries
        self._first = mine[0]
        try:
            self._reference: Reference | None = Reference.parse(self._first.image)
        except InvalidReference:
            self._reference = None
        self._broken: BadPullSecret | None = None
        self._logins = self._found(logins)

    def _found(self, logins: Logins) -> list[Login | None]:
        """The credentials in the order in which the kubelet would try them; [None] for none."""
        if self._reference is None:
            return []
        try:
            found = Keyring.from_secrets(self._first.objects).lookup(self._reference)
        except BadPullSecret as error:
            self._broken = error
            return []
        mine = [Login(c.username, c.password, f"pull secret {c.secret}") for c in found if c.usable]
        if mine or self._first.live:
            return [*mine] or [None]
        return [logins.of(self._reference)]

    def ask(self) -> tuple[Answer | None, Login | None]:
        """The first answer that is a success, else the first. None where there is nothing to ask."""
        first: tuple[Answer | None, Login | None] = (None, None)
        for login in self._logins:
            assert self._reference is not None
            ask = self._registries.get if self._wanted.platforms else self._registries.head
            answer = ask(self._reference, login)
            if answer.found:
                return answer, login
            first = first if first[0] is not None else (answer, login)
        return first

    def checked(self, told: tuple[Answer | None, Login | None]) -> Checked:
        """What is wrong with it."""
        answer, login = told
        one = self._first
        problems = [*problems_of(one.image, one.policy), *self._of_secrets(answer)]
        unchecked = ""
        if answer is not None:
            unchecked = self._unchecked(answer)
            if not unchecked:
                problems += self._of_answer(answer, login)
        uses = tuple(dict.fromkeys(a.use for a in self._mine))
        in_order = sorted(dict.fromkeys(problems), key=lambda p: SEVERITIES.index(p.severity))
        source = login.source if login is not None else ""
        digest = answer.digest if answer is not None else ""
        return Checked(one.image, uses, source, digest, tuple(in_order), unchecked)

    def _unchecked(self, answer: Answer) -> str:
        """Why an answer says nothing of the image, "" where it does."""
        if answer.cause in NO_ANSWER:
            return answer.summary
        if not answer.cause.startswith("auth.") or self._reference is None:
            return ""
        kind = kind_of(self._reference.domain)
        if self._first.unreadable:
            return f"the pull secret {self._first.unreadable[0]} may not be read ({answer.summary})"
        if self._first.live and not self._logins[0] and kind.credentials and kind.credentials[0] != "pull-secret":
            return f"{kind.title}: nodes pull with an identity of their own, which is not here (--try-pull asks a node)"
        return ""

    def _of_secrets(self, answer: Answer | None) -> Iterator[Problem]:
        one = self._first
        works = answer is not None and answer.found
        if self._broken is not None:
            yield Problem(
                "auth.secret_malformed",
                "error",
                str(self._broken),
                "make the secret anew: no image of the pod is pulled",
            )
            return
        for name in one.missing:
            text = f"the pull secret {name} does not exist in {one.namespace}"
            yield Problem("auth.secret_missing", "warning" if works else "error", text, "make it, or name another")
        known = [str(o["metadata"].get("name")) for o in one.objects]
        yield from of_secrets(one.secrets, known, one.elsewhere, one.namespace)
        if self._reference is None or works:
            return
        for use in explain_secrets(one.objects, one.image):
            if not use.applies and use.cause:
                yield Problem(use.cause, "error", f"pull secret {use.secret}: {use.why}")

    def _of_answer(self, answer: Answer, login: Login | None) -> Iterator[Problem]:
        one, reference = self._first, self._reference
        assert reference is not None
        kind = kind_of(reference.domain)
        moved = moved_values(kind, f"{reference.domain}/{reference.path}")
        if moved:
            severity: Severity = "warning" if answer.found else "error"
            to = f"take {moved['moved_to']}" if "moved_to" in moved else ""
            yield Problem("check.moved", severity, moved["moved"], to)
        if not answer.found:
            text = f"{_title(one.image, answer)} ({answer.summary})"
            yield Problem(answer.cause, "error", text, "" if login is None else f"asked with {login.source}")
            return
        for running in dict.fromkeys(a.running for a in self._mine if a.running):
            if answer.digest and not reference.digest and running != answer.digest:
                text = f"{one.image} names {answer.digest[:19]}… now, and {running[:19]}… runs: the next pull runs another image"
                yield Problem("check.tag_moved", "warning", text, "pin the one that is meant: kubectl imagepull pin")
        yield from self._of_platforms(answer, login)

    def _of_platforms(self, answer: Answer, login: Login | None) -> Iterator[Problem]:
        reference = self._reference
        assert reference is not None
        for text in self._wanted.platforms if answer.body else ():
            system, _, rest = text.partition("/")
            architecture, _, variant = rest.partition("/")
            node = Platform(system, architecture, variant or {"arm64": "v8", "arm": "v7"}.get(architecture, ""))
            why = ""
            if "manifests" in answer.body:
                choice = choose(answer.body, node)
                why = choice.why if choice.descriptor is None else ""
            else:
                config = answer.body.get("config")
                digest = str(config.get("digest") or "") if isinstance(config, Mapping) else ""
                found = self._registries.blob(reference, digest, login) if digest else {}
                here = (found.get("os"), found.get("architecture"))
                if all(isinstance(part, str) for part in here) and here != (system, architecture):
                    why = f"it is for {here[0]}/{here[1]} alone"
            if why:
                yield Problem("image.platform_mismatch", "error", f"{self._first.image} does not run on {text}: {why}")


def _title(image: str, answer: Answer) -> str:
    """The catalogue's words for a cause."""
    from ..image.pulls import pull_of  # not above: most images are in order
    from ..model import Case, Facts, Finding, Subject, Target
    from ..verdict.names import title_of

    facts, pull = pull_of(image, "c0")
    case = Case(Target("", "", image=image), Facts(reference=facts), pull)
    subject = Subject("registry", pull.authority if pull is not None else "")
    return title_of(case, Finding(answer.cause, subject, "confirmed", "", ""))


def _together_problems(groups: Mapping[tuple[object, ...], Sequence[Asked]]) -> Iterator[Problem]:
    """What is about all images together: how many a node that starts pulls without a login, where a registry counts these."""
    images: dict[str, set[str]] = {}
    nodes: set[str] = set()
    for mine in groups.values():
        nodes.update(node for one in mine for node in one.nodes)
        if mine[0].live and not mine[0].secrets:
            images.setdefault(registry_of(mine[0].image), set()).add(mine[0].image)
    for registry, names in images.items():
        kind = kind_of(registry) if registry else None
        count = len(names) * max(1, len(nodes))
        if kind is None or not kind.pulls_without_login or count <= kind.pulls_without_login:
            continue
        text = (
            f"{len(names)} images of {kind.title} are pulled without a login: {len(nodes)} nodes that start together behind one "
            f"address make up to {count} pulls, and {kind.title} lets {kind.pulls_without_login} through in six hours"
        )
        yield Problem("rate.registry_limit", "note", text, f"a pull secret for {registry}, or a mirror of it")


__all__ = ["Asked", "Wanted", "check", "in_manifests", "in_references"]
