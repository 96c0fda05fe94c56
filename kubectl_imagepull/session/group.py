"""What several containers have in common: the same trouble is probed once, each node through one pod, each credential once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..image.messages import classify
from ..kube.pods import ContainerRead
from ..model import Case, Facts, Observation, Pull
from ..node.attempt import TrialPullOf
from ..node.plan import Login

Key = tuple[object, ...]


def key_of(container: ContainerRead) -> Key:
    """Containers of one key share a diagnosis: image, node, secrets with what they hold, and the runtime's message."""
    target, facts, pull = container.target, container.facts, container.pull
    # a container of no pod stands for a registry, and has no image
    image = target.image or ((pull.host, pull.port) if pull is not None else "")
    message = classify(facts.said).cause if facts.said else facts.reason
    secrets = (target.namespace, facts.secrets) if facts.secrets else ()
    return (image, target.node, facts.pull_secret_names, secrets, message, facts.failing)


@dataclass(frozen=True)
class Group:
    """The containers of one node that are probed together."""

    containers: tuple[ContainerRead, ...]
    """One a key, each with a pull id of its own."""
    pulls: tuple[Pull, ...]
    """What is probed: each image once for each set of credentials."""
    alias: Mapping[str, str]
    """Pull id of a container -> id of the pull that is probed in its place."""

    def trial_pull(self) -> TrialPullOf:
        """The pulls of these containers, each once, as the kubelet would make them for their pod."""
        mine = [c for c in self.containers if c.target.image]
        images = {c.pull.id: c.target.image for c in mine if c.pull is not None and self.alias[c.pull.id] == c.pull.id}
        facts = mine[0].facts if mine else Facts()
        return TrialPullOf(images, facts.pull_secret_names, facts.service_account)

    def logins(self, tried: set[tuple[str, str, str]]) -> dict[str, tuple[Login, ...]]:
        """Credentials for the workstation by pull id, each once for a host in a run: accounts get locked.

        tried: (host, username, password) of those so far; those that are returned are added.
        """
        logins: dict[str, tuple[Login, ...]] = {}
        for container in self.containers:
            pull = container.pull
            if pull is None or self.alias[pull.id] != pull.id:
                continue
            mine = []
            for one in container.credentials:
                key = (pull.host, one.username, one.password)
                if key not in tried:
                    tried.add(key)
                    mine.append(Login(one.username, one.password, one.secret, one.registry_key))
            logins[pull.id] = tuple(mine)
        return logins


def groups_of(containers: Iterable[ContainerRead]) -> list[Group]:
    """A group a node, in the order in which the nodes come; of several containers of one key, the first stands for all."""
    first: dict[Key, ContainerRead] = {}
    for container in containers:
        first.setdefault(key_of(container), container)
    by_node: dict[str, list[ContainerRead]] = {}
    for number, container in enumerate(first.values()):
        # a pull's id is unique in one pod only
        pull = replace(container.pull, id=f"q{number}") if container.pull else None
        by_node.setdefault(container.target.node, []).append(replace(container, pull=pull))
    return [_group(tuple(mine)) for mine in by_node.values()]


def _group(containers: tuple[ContainerRead, ...]) -> Group:
    """The same image with other credentials is another pull: what they get belongs to the pods that have them."""
    first: dict[Key, Pull] = {}
    alias = {}
    for container in containers:
        pull = container.pull
        if pull is not None:
            kept = first.setdefault((pull.host, pull.port, pull.repository, pull.asked, container.credentials), pull)
            alias[pull.id] = kept.id
    return Group(containers, tuple(first.values()), alias)


def share_credential_answers(cases: Mapping[Key, Case]) -> dict[Key, Case]:
    """The same cases, each with what its pull secrets got from the workstation for another one: each was tried once.

    An accepted credential counts for its image. One that the registry refuses counts for all images of the registry.
    """
    tried: dict[Key, list[Observation]] = {}
    refused: dict[Key, list[Observation]] = {}
    for case in cases.values():
        if case.pull is not None:
            with_login = [o for o in case.observations if o.via]
            tried.setdefault(_image(case, case.pull), []).extend(with_login)
            refused.setdefault(_registry(case, case.pull), []).extend(o for o in with_login if o.outcome == "rejected")
    return {key: _with_answers(case, tried, refused) for key, case in cases.items()}


def _with_answers(
    case: Case, tried: Mapping[Key, Sequence[Observation]], refused: Mapping[Key, Sequence[Observation]]
) -> Case:
    if case.pull is None or not case.facts.secrets:
        return case
    own = {secret.name for secret in case.facts.secrets}
    known = list(case.observations)
    for seen in (*tried[_image(case, case.pull)], *refused[_registry(case, case.pull)]):
        if seen not in known and seen.via in own:
            known.append(seen)
    return replace(case, observations=tuple(known))


def _image(case: Case, pull: Pull) -> Key:
    return (case.target.namespace, pull.host, pull.repository, pull.asked)


def _registry(case: Case, pull: Pull) -> Key:
    return (case.target.namespace, pull.host)
