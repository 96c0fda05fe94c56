"""Pods of one image and different credentials, probed in one run: what one gets is not what another gets."""

from __future__ import annotations

from dataclasses import replace

from kubectl_imagepull.image.keyring import Credential
from kubectl_imagepull.kube.pods import ContainerRead
from kubectl_imagepull.model import Case, Facts, Observation, Pull, PullSecret, Subject, Target, Vantage
from kubectl_imagepull.session.group import Key, groups_of, key_of, share_credential_answers
from tests.build import observed

HOST = "private.lab.test"


def container(number: int, *passwords: str, repository: str = "team/app", node: str = "node-1") -> ContainerRead:
    """A container of its own pod, with a secret for each password."""
    pull = Pull("p0", HOST, 443, repository, "1.0")
    credentials = tuple(Credential("alice", password, f"of-{password}", HOST) for password in passwords)
    secrets = tuple(PullSecret(f"of-{password}", "used") for password in passwords)
    target = Target("shop", f"web-{number}", "app", image=f"{HOST}/{repository}:1.0", node=node)
    names = tuple(secret.name for secret in secrets)
    return ContainerRead(target, Facts(pull_secret_names=names, secrets=secrets), pull, credentials)


def test_pulls_differ_by_credentials() -> None:
    [group] = groups_of([container(0), container(1, "good"), container(2, "bad"), container(3, "bad")])
    assert [pull.id for pull in group.pulls] == ["q0", "q1", "q2"]
    logins = group.logins(set())
    assert {name: [login.password for login in tried] for name, tried in logins.items()} == {
        "q0": [],
        "q1": ["good"],
        "q2": ["bad"],
    }


def test_the_same_trouble_is_probed_once() -> None:
    same = [container(0, "good"), container(1, "good")]
    [group] = groups_of(same)
    assert len(group.containers) == 1 and group.containers[0].target.pod == "web-0"
    other_words = replace(same[1], facts=replace(same[1].facts, said="no such host", failing=True))
    assert len(groups_of([same[0], other_words])[0].containers) == 2
    assert key_of(same[0]) == key_of(same[1]) != key_of(other_words)


def test_a_pull_that_two_containers_share_has_one_id() -> None:
    said = replace(container(1).facts, said="no such host", failing=True)
    [group] = groups_of([container(0), replace(container(1), facts=said)])
    assert [pull.id for pull in group.pulls] == ["q0"] and group.alias == {"q0": "q0", "q1": "q0"}
    assert list(group.trial_pull().images) == ["q0"]
    assert list(group.logins(set())) == ["q0"]


def test_a_group_a_node_and_each_credential_once_for_all() -> None:
    first, second = groups_of([container(0, "good"), container(1, "good", node="node-2")])
    assert [g.containers[0].target.node for g in (first, second)] == ["node-1", "node-2"]
    tried: set[tuple[str, str, str]] = set()
    assert [login.password for login in first.logins(tried)["q0"]] == ["good"]
    assert second.logins(tried) == {"q1": ()} and tried == {(HOST, "alice", "good")}


def test_a_registry_that_no_pod_asks_for_is_not_pulled_from() -> None:
    registries = [
        ContainerRead(Target("shop", "", node="node-1"), Facts(), Pull(f"r{n}", f"reg{n}.test", 443, "x", "1"))
        for n in (0, 1)
    ]
    image = replace(container(3, "good"), target=Target("shop", "", image="reg0.test/y:1", node="node-1"))
    [group] = groups_of([*registries, image])
    assert len(group.containers) == 3
    trial = group.trial_pull()
    assert dict(trial.images) == {"q2": "reg0.test/y:1"} and trial.secrets == ("of-good",)
    assert not groups_of(registries)[0].trial_pull().images


def test_a_container_without_a_pull_asks_nobody() -> None:
    [group] = groups_of([replace(container(0, "good"), pull=None)])
    assert (group.pulls, dict(group.alias), group.logins(set())) == ((), {}, {})


def case(number: int, secret: str, *observations: Observation, repository: str = "team/app") -> Case:
    read = container(number, repository=repository)
    return Case(read.target, Facts(secrets=(PullSecret(secret, "used"),)), read.pull, observations)


def answer(outcome: str, secret: str, hop: str = "auth") -> Observation:
    return observed(hop, Subject("registry", HOST), Vantage("workstation"), outcome, via=secret)


def outcomes(cases: dict[Key, Case]) -> dict[object, list[str]]:
    return {key[0]: [o.outcome for o in one.observations] for key, one in share_credential_answers(cases).items()}


def test_answers_are_shared_by_those_who_have_the_secret() -> None:
    refused, accepted = answer("rejected", "of-bad"), answer("accepted", "of-good")
    # a refused password is refused for every image of the registry; one that is accepted may not be enough for another
    assert outcomes(
        {
            ("bad",): case(1, "of-bad", refused),
            ("good",): case(2, "of-good", accepted),
            ("bad elsewhere",): case(3, "of-bad", repository="team/other"),
            ("good elsewhere",): case(4, "of-good", repository="team/other"),
            ("good again",): case(5, "of-good"),
        }
    ) == {
        "bad": ["rejected"],
        "good": ["accepted"],
        "bad elsewhere": ["rejected"],
        "good elsewhere": [],
        "good again": ["accepted"],
    }


def test_what_is_seen_without_a_secret_is_not_shared() -> None:
    anonymous = observed("auth", Subject("registry", HOST), Vantage("node"), "basic")
    by_token = observed("manifest", Subject("registry", HOST), Vantage("workstation"), "200", via="of-good")
    without = replace(case(3, "of-good"), pull=None)
    assert outcomes(
        {
            ("seen",): case(1, "of-good", anonymous, by_token),
            ("other",): case(2, "of-good"),
            ("public",): replace(case(4, ""), facts=Facts()),
            ("unreadable",): without,
        }
    ) == {"seen": ["basic", "200"], "other": ["200"], "public": [], "unreadable": []}
