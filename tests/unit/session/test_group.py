"""Pods of one image and different credentials, looked at in one run: what one gets is not what another gets."""

from __future__ import annotations

from kubectl_imagepull.cli.diagnose import _distinct, _logins, _share_logins
from kubectl_imagepull.image.keyring import Credential
from kubectl_imagepull.kube.read import ContainerRead
from kubectl_imagepull.model import Case, Facts, Observation, Pull, PullSecret, Subject, Target, Vantage

HOST = "private.lab.test"


def container(number: int, *passwords: str, repository: str = "team/app") -> ContainerRead:
    pull = Pull(f"q{number}", HOST, 443, repository, "1.0")
    credentials = tuple(Credential("alice", password, f"of-{password}", HOST) for password in passwords)
    return ContainerRead(Target("shop", f"web-{number}", "app"), Facts(), pull, credentials)


def test_pulls_differ_by_credentials() -> None:
    containers = [container(0), container(1, "good"), container(2, "bad"), container(3, "bad")]
    pulls, alias = _distinct(containers)
    assert [pull.id for pull in pulls] == ["q0", "q1", "q2"]
    assert alias["q3"] == "q2"
    logins = _logins(containers, alias, set())
    assert {name: [login.password for login in tried] for name, tried in logins.items()} == {
        "q0": [],
        "q1": ["good"],
        "q2": ["bad"],
    }


def case(number: int, secret: str, *observations: Observation, repository: str = "team/app") -> Case:
    read = container(number, repository=repository)
    return Case(read.target, Facts(secrets=(PullSecret(secret, "used"),)), read.pull, observations)


def answer(outcome: str, secret: str, hop: str = "auth") -> Observation:
    return Observation(hop, Subject("registry", HOST), Vantage("workstation"), outcome, data={"secret": secret})


def test_answers_are_shared_by_those_who_have_the_secret() -> None:
    refused, accepted = answer("refused", "of-bad"), answer("accepted", "of-good")
    cases: dict[tuple[object, ...], Case] = {
        ("bad",): case(1, "of-bad", refused),
        ("good",): case(2, "of-good", accepted),
        ("bad elsewhere",): case(3, "of-bad", repository="team/other"),
        ("good elsewhere",): case(4, "of-good", repository="team/other"),
    }
    _share_logins(cases.values(), cases)
    shared = {key[0]: [o.outcome for o in one.observations] for key, one in cases.items()}
    # a refused password is refused for every image of the registry; one that is accepted may not be enough for another
    assert shared == {"bad": ["refused"], "good": ["accepted"], "bad elsewhere": ["refused"], "good elsewhere": []}
