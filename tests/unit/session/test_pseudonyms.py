"""Cases for strangers: judged the same, and none of the names is left."""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kubectl_imagepull.case import CaseFile, dump, parse
from kubectl_imagepull.catalogue.registries import kind_of
from kubectl_imagepull.image.pulls import pull_of
from kubectl_imagepull.model import Case, Detail
from kubectl_imagepull.session import pseudonyms
from kubectl_imagepull.session.pseudonyms import FIELDS, KEPT_NAMES, NotTheSame, known, pseudonymous
from kubectl_imagepull.verdict import judge

CASES = Path(__file__).parents[2] / "cases"
FILES = sorted(CASES.glob("*.json"))


def read(file: Path) -> tuple[Case, ...]:
    return parse(file.read_bytes(), file.name).cases


def texts(value: object, at: str = "") -> Iterator[tuple[str, str]]:
    """(field, text) of every text of a JSON value; field: the key it stands under."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item, at)


def names(case: Case) -> set[str]:
    """What a stranger could recognise: objects, users, hosts and repositories that are not public."""
    found = {
        case.target.namespace,
        case.target.pod,
        case.target.container,
        case.target.node,
        case.facts.service_account,
    }
    found |= {
        case.target.owner.name if case.target.owner else "",
        *case.facts.pull_secret_names,
        *case.facts.account_secrets,
    }
    found |= {case.probe.node, case.probe.namespace, case.probe.pod, *(event.container for event in case.facts.events)}
    for secret in (*case.facts.secrets, *case.facts.late_secrets):
        found |= {secret.name, *secret.usernames, *secret.registry_keys}
    reference = case.facts.reference
    hosts = {reference.registry, *(o.subject.host for o in case.observations), *(o.attempt for o in case.observations)}
    hosts |= {case.pull.host} if case.pull else set()
    found |= {host.partition(":")[0] for host in hosts if not kind_of(host).by_name}
    path = reference.repository.removeprefix(reference.registry).strip("/")
    found |= {case.target.image, reference.normalised} if path else set()
    found |= {path, path.rpartition("/")[2]} if path else set()
    return {name for name in found if name and name not in KEPT_NAMES and not pseudonyms._public().hosts & {name}}


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_case(file: Path) -> None:
    before = read(file)
    after = pseudonymous(before)
    for one, other in zip(map(judge, before), map(judge, after), strict=True):
        assert (one.cause, one.confidence, one.exit_code) == (other.cause, other.confidence, other.exit_code)
        assert (one.subject.role, one.actor) == (other.subject.role, other.actor)
        assert [(f.actor, f.applicability, len(f.commands)) for f in one.fixes] == [
            (f.actor, f.applicability, len(f.commands)) for f in other.fixes
        ]
        assert [(h.hop, h.status) for h in one.hops] == [(h.hop, h.status) for h in other.hops]
    text = dump(CaseFile(after))
    assert parse(text.encode(), "again").cases == after
    left = {name for case in before for name in names(case) if stands(name, text)}
    assert not left, left


def stands(name: str, text: str) -> bool:
    """Whether a name is left in a file. One that is a word of errors too (app, shop) counts where it stands as a name."""
    own = {field for fields in FIELDS.values() for field, kind in fields.items() if kind == "word"}
    found = [(at, value) for at, value in texts(json.loads(text)["cases"]) if at not in ("hop", "id", "pull")]
    values = [value for at, value in found if at not in own or value != name]
    word = rf"(?<![^\W_]){re.escape(name)}(?![^\W_])"
    if name.lower() in known().words:
        word = rf"(?<=[\"/'=@]){re.escape(name)}(?![\w-])|\A{re.escape(name)}\Z"
    return any(re.search(word, value, re.IGNORECASE) for value in values)


def test_every_text_of_the_model_has_a_kind() -> None:
    """A field that is new cannot be forgotten."""
    shapes: set[type] = set()
    queue: list[type] = [Case, *details(Detail)]
    while queue:
        shape = queue.pop()
        if shape in shapes:
            continue
        shapes.add(shape)
        hints = typing.get_type_hints(shape)
        has_text = set()
        for one in dataclasses.fields(shape):
            inner = typing.get_args(hints[one.name]) or (hints[one.name],)
            queue += [part for part in inner if dataclasses.is_dataclass(part) and isinstance(part, type)]
            queue += [typing.get_origin(part) for part in inner if dataclasses.is_dataclass(typing.get_origin(part))]
            if str in inner or "Literal" in str(hints[one.name]):
                has_text.add(one.name)
        if shape is not Detail:
            assert set(FIELDS[shape]) == has_text, shape.__name__


def details(kind: type[Detail]) -> list[type[Detail]]:
    return [one for below in kind.__subclasses__() for one in (below, *details(below))]


BASE = read(CASES / "image.tag_unknown.json")[0]


def with_image(image: str, said: str) -> Case:
    """A case of another image, and of what is known of it alone."""
    reference, pull = pull_of(image, "q0")
    facts = replace(BASE.facts, reference=reference, said=said, message=said, events=())
    return replace(BASE, target=replace(BASE.target, image=image), facts=facts, pull=pull, observations=())


def image_of(image: str, said: str = "") -> tuple[str, str]:
    (after,) = pseudonymous([with_image(image, said)])
    return after.target.image, after.facts.said


@pytest.mark.parametrize(
    ("image", "shape"),
    [
        # the account and the repository go, region and service stay
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/acme/billing:1.2",
            r"\d{12}\.dkr\.ecr\.eu-west-1\.amazonaws\.com/x\d+/x\d+:1\.2",
        ),
        ("acmecorp.azurecr.io/billing:1.2", r"x\d+\.azurecr\.io/x\d+:1\.2"),
        (
            "europe-west1-docker.pkg.dev/acme-prod/images/billing:1",
            r"europe-west1-docker\.pkg\.dev/x\d+-x\d+/x\d+/x\d+:1",
        ),
        ("ghcr.io/acme/billing:v1.2.3-rc1", r"ghcr\.io/x\d+/x\d+:v1\.2\.3-(rc1|x\d+)"),
        ("docker.io/acme/billing", r"docker\.io/x\d+/x\d+"),
        ("billing:latest", r"x\d+:latest"),
        ("acme/billing:latest", r"x\d+/x\d+:latest"),
        # whose it is, and that it has moved, are public
        ("docker.io/library/acmething:1", r"docker\.io/library/x\d+:1"),
        ("bitnami/redis:7.2", r"bitnami/x\d+:7\.2"),
        ("gcr.io/kubebuilder/kube-rbac-proxy:v0.1.0", r"gcr\.io/kubebuilder/kube-rbac-proxy:v0\.1\.0"),
        ("k8s.gcr.io/acmething:3.1", r"k8s\.gcr\.io/x\d+:3\.1"),
        # one's own
        (
            "harbor.acme.example:8443/billing/api@sha256:" + "ab12" * 16,
            r"harbor\.x\d+\.example:8443/x\d+/x\d+@sha256:[0-9a-f]{64}",
        ),
        ("registry:5000/billing", r"x\d+:5000/x\d+"),
        ("10.20.30.40:5000/billing", r"10\.\d+\.\d+\.\d+:5000/x\d+"),
        # mistakes stay mistakes
        ("Acme/Billing:1", r"X\d+/X\d+:1"),
        ("https://registry.acme.example/billing:1", r"https://registry\.x\d+\.example/x\d+:1"),
        ("registry.acme.example/billing:1:2", r"registry\.x\d+\.example/x\d+:1:2"),
    ],
)
def test_images(image: str, shape: str) -> None:
    new, said = image_of(image, f'Failed to pull image "{image}": pull access denied')
    assert re.fullmatch(shape, new), new
    assert said == f'Failed to pull image "{new}": pull access denied'
    assert not re.search("acme|billing|123456789012|ab12ab12|10.20.30.40", new + said, re.IGNORECASE)


def test_texts_lose_every_word_that_is_not_known() -> None:
    """Of what no field names: a registry's own words, hosts behind a redirect, addresses, people."""
    said = (
        'failed to do request: Head "https://cdn.acme.example/v2/acme/blobs/x?ns=acme": proxyconnect tcp: dial tcp '
        "[2a01:db9::17]:3128: connect: connection refused; ask Wilhelmina at +49-30-555, wilhelmina.k@acme.example, node "
        "ip-10-77-3-4.eu-west-1.compute.internal (10.77.3.4), pod uid 0f3c2a11-77aa-4e0e-9d1c-1d2e3f4a5b6c"
    )
    new = image_of("registry.acme.example/billing:1", said)[1]
    assert not re.search("acme|wilhelmina|2a01|10.77|0f3c2a11|77aa", new, re.IGNORECASE), new
    assert "connect: connection refused" in new and "failed to do request: Head" in new and ":3128" in new


def test_what_only_looks_like_a_host_stays() -> None:
    said = "unknown service runtime.v1alpha2.ImageService in config.toml of v1.34.1: x509"
    assert image_of("registry.acme.example/billing:1", said)[1] == said


def test_addresses_stay_in_their_networks() -> None:
    said = "10.1.2.3 10.1.2.4 10.9.2.3 10.0.0.0/8 192.168.7.9 172.20.1.1 127.0.0.1 169.254.169.254 8.8.8.8 52.1.2.3 52.1.2.9 ::1"
    one, two, three, net, home, shared, loop, link, known_, far, near, loop6 = image_of("a/b", said)[1].split()
    assert one.rpartition(".")[0] == two.rpartition(".")[0] != three.rpartition(".")[0] and one != two
    assert net == "10.0.0.0/8" and home.startswith("192.168.") and shared.startswith("172.20.")
    assert (loop, link, known_, loop6) == ("127.0.0.1", "169.254.169.254", "8.8.8.8", "::1")
    assert far.rpartition(".")[0] == near.rpartition(".")[0] and far != near and "52." not in far


@pytest.mark.parametrize("name", ["timeout", "connection", "image", "not", "x509", "node1", "web", "failed"])
def test_a_name_that_is_a_word_too(name: str) -> None:
    """It goes where it is a name, and errors are read as before."""
    target = replace(BASE.target, namespace=name, pod=f"{name}-0", container=name)
    said = f'failed to pull image "registry.lab.test/{name}:1": dial tcp: i/o timeout: connection failed, not found (pod {name})'
    case = replace(BASE, target=target, facts=replace(BASE.facts, said=said))
    (after,) = pseudonymous([case])
    assert (
        name not in (after.target.namespace, after.target.container)
        and after.target.pod == f"{after.target.namespace}-0"
    )
    assert ": dial tcp: i/o timeout: connection failed, not found (pod x" in after.facts.said
    assert f"/{name}:" not in after.facts.said


def test_the_same_name_has_one_pseudonym_in_a_file_and_none_is_a_name_of_it() -> None:
    one = replace(BASE, target=replace(BASE.target, namespace="acme", pod="x1-x2"))
    two = replace(BASE, target=replace(BASE.target, namespace="Acme-prod", pod="acme-1"))
    after, other = pseudonymous([one, two])
    assert other.target.pod == f"{after.target.namespace}-1"
    assert (
        other.target.namespace
        == f"{after.target.namespace.upper()[:1]}{after.target.namespace[1:]}-"
        + (other.target.namespace.partition("-")[2])
    )
    assert not {"x1", "x2"} & set(re.findall(r"\w+", after.target.pod))


def test_what_would_be_judged_otherwise_is_not_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_name(case: Case) -> object:
        found = judge(case)
        return found if case.target.namespace == BASE.target.namespace else replace(found, cause="dns.timeout")

    monkeypatch.setattr(pseudonyms, "judge", by_name)
    with pytest.raises(NotTheSame, match=r"under pseudonyms the verdict would be dns\.timeout"):
        pseudonymous([BASE])
