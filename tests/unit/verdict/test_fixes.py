"""Fixes are commands that work: on the object that owns the pod, for the kind of registry, with values that stay one word."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubectl_imagepull import catalogue
from kubectl_imagepull.case import parse
from kubectl_imagepull.catalogue import platforms
from kubectl_imagepull.catalogue.helpers import in_the_way
from kubectl_imagepull.model import (
    Case,
    Facts,
    Finding,
    NodeFacts,
    Observation,
    Owner,
    Place,
    Pull,
    PullSecret,
    ReadError,
    ReferenceFacts,
    Subject,
    Target,
    Vantage,
)
from kubectl_imagepull.verdict import judge
from kubectl_imagepull.verdict.fixes import CONDITIONS, actor_of, fixes_for
from tests.build import observed

REGISTRY = "registry.example.com"
DEPLOYMENT = Owner("Deployment", "web")
PLAIN = ("kubeadm.alpha.kubernetes.io/cri-socket",)
"""Of a node that kubeadm has set up."""


def case(owner: Owner | None = DEPLOYMENT, registry: str = REGISTRY, path: str = "shop/web", **more: Any) -> Case:
    """A failing pod of shop; more: fields of Facts, target__x of Target, seen: the manifest's data, errors."""
    target = {k.removeprefix("target__"): more.pop(k) for k in list(more) if k.startswith("target__")}
    seen, errors = more.pop("seen", None), more.pop("errors", ())
    reference = ReferenceFacts(
        f"{registry}/{path}:1.0", registry=registry, repository=f"{registry}/{path}", asked="1.0", normalised=""
    )
    names = {"namespace": "shop", "pod": "web-1", "container": "app", "node": "node1"}
    fields = {**names, "image": f"{registry}/{path}:1.0", **target}
    facts: dict[str, Any] = {
        "reference": reference,
        "failing": True,
        "service_account": "builder",
        "node": NodeFacts("node1", os="linux", arch="arm64", annotations=PLAIN),
        **more,
    }
    observation = observed("manifest", Subject("registry", registry), Vantage("node"), "404", **(seen or {}))
    return Case(
        Target(owner=owner, **fields),
        Facts(**facts),
        Pull("p0", registry, 443, path, "1.0"),
        (observation,),
        errors=tuple(errors),
    )


def finding(cause: str, role: str = "registry", host: str = REGISTRY) -> Finding:
    return Finding(cause, Subject(role, host), "confirmed", "auth", "")


def commands(of: Case, cause: str, role: str = "registry") -> str:
    return "\n".join(c for fix in fixes_for(of, finding(cause, role)) for c in fix.commands)


OWNERS = {
    "bare": None,
    "deployment": DEPLOYMENT,
    "statefulset": Owner("StatefulSet", "web"),
    "daemonset": Owner("DaemonSet", "web"),
    "replicaset": Owner("ReplicaSet", "web"),
    "job": Owner("Job", "web"),
    "cronjob": Owner("CronJob", "web"),
    "static": Owner("Node", "node1"),
    "operator": Owner("Rollout", "web"),
}


@pytest.mark.parametrize("cause", catalogue.load())
@pytest.mark.parametrize("kind", OWNERS)
def test_commands_fit_the_owner(kind: str, cause: str) -> None:
    """What each kind can take: no template in pods, none in Jobs, nothing at all in static pods."""
    secret = PullSecret("regcred", "unused", cause=cause, from_service_account=True)
    text = commands(case(OWNERS[kind], secrets=(secret,), account_secrets=("regcred",)), cause)
    assert not re.search(r"\{[a-z_]+\}", text), text
    if kind in ("bare", "job", "static", "operator"):
        assert '"template"' not in text
        assert "rollout restart" not in text
    if kind == "bare":
        # but where the node cannot end it, and after it was saved
        assert ("delete pod" in text) == (cause == "node.not_ready")
        assert text.find("> web-1.json") < text.find("delete pod") or "delete pod" not in text
    if kind in ("job", "static", "operator"):
        assert "set image" not in text
    if kind == "static":
        assert "delete pod" not in text and "replace --force" not in text
    if kind == "cronjob" and '"template"' in text:
        assert '{"spec":{"jobTemplate":{"spec":{"template":' in text
    if kind in ("replicaset", "cronjob"):
        assert "rollout restart" not in text
    for line in text.splitlines():
        shlex.split(line)


def test_image_commands_of_each_kind() -> None:
    seen = {"closest": ["v1.0"], "tag_count": 1}
    image = f"{REGISTRY}/shop/web:v1.0"
    said = {k: fixes_for(case(o, seen=seen), finding("image.tag_unknown"))[0].commands for k, o in OWNERS.items()}
    for kind, name in (("deployment", "web"), ("daemonset", "web"), ("cronjob", "web")):
        assert said[kind] == (f"kubectl -n shop set image {kind}/{name} app={image}",)
    assert said["bare"] == (f"kubectl -n shop set image pod/web-1 app={image}",)
    for kind in ("statefulset", "replicaset"):
        assert said[kind] == (
            f"kubectl -n shop set image {kind}/web app={image}",
            "kubectl -n shop delete pod web-1",
        )
    assert "replace --force" in said["job"][0] and f'.image = "{image}"' in said["job"][0]
    assert said["static"] == said["operator"] == ()
    fix = fixes_for(case(OWNERS["static"], seen=seen), finding("image.tag_unknown"))[0]
    assert "manifest on node node1" in fix.note and fix.applicability == "manual"


@pytest.mark.parametrize(
    ("tags", "applicability"),
    [(["v1.0", "1.1"], "safe"), (["1.0-alpine"], "review"), (["v1.0", "V1.0"], "review"), (["1.1"], None), ([], None)],
)
def test_only_a_unique_equal_tag_is_safe(tags: list[str], applicability: str | None) -> None:
    fixes = fixes_for(case(seen={"closest": tags, "tag_count": len(tags)}), finding("image.tag_unknown"))
    found = [f.applicability for f in fixes if f.title.startswith("use tag")]
    assert found == ([applicability] if applicability else [])


@pytest.mark.parametrize(
    ("asked", "tag", "near"),
    [
        ("1.8.2", "1.8.3", True),
        ("1.8.2", "1.9.2", False),
        ("1.8.2-alpine", "1.8.3-alpine", True),
        ("1.8.2-alpine", "1.8.3", False),
        ("1.8.2", "1.8.2-alpine", True),
        ("1.8", "1.8.2", True),
        ("1.8", "1.80", False),
        ("9.9", "1.35", False),
        ("latset", "latest", True),
        ("latest", "stable", False),
        ("v2", "2", False),
        ("bookworm", "bookwrm", True),
    ],
)
def test_only_a_near_tag_is_offered(asked: str, tag: str, near: bool) -> None:
    """Two versions that look alike are two versions; a tag that is not near is listed, and the choice left open."""
    pull = Pull("p0", REGISTRY, 443, "shop/web", asked)
    of = replace(case(seen={"closest": [tag], "tag_count": 1}), pull=pull)
    first = fixes_for(of, finding("image.tag_unknown"))[0]
    if near or tag == asked.removeprefix("v"):
        assert first.title.startswith(f"use tag {tag},") and first.commands[0].endswith(f"={REGISTRY}/shop/web:{tag}")
    else:
        assert first.title == f"use a tag that exists: {tag}"
        assert first.commands[0].endswith(f"={REGISTRY}/shop/web:<tag>") and first.applicability == "review"


MERGED = re.compile(r"get secret (\S+) -o json \| jq --arg user (\S+) .*\.auths\[\"([^\"]+)\"\]")


def test_other_entries_of_a_secret_are_kept() -> None:
    """A secret for several registries is not written anew: the others' pulls would break."""
    alone = PullSecret("mine", "used", usernames=("ci",), registry_keys=(REGISTRY,), entries=1)
    text = commands(case(secrets=(alone,)), "auth.bad_credentials")
    assert "create secret docker-registry mine" in text and "jq" not in text
    text = commands(case(secrets=(replace(alone, entries=3),)), "auth.bad_credentials")
    assert MERGED.findall(text) == [("mine", "ci", REGISTRY)] and "create secret" not in text
    other = PullSecret("theirs", "unused", cause="auth.secret_wrong_registry", registry_keys=("quay.io",), entries=1)
    text = commands(case(secrets=(other,)), "auth.secret_wrong_registry")
    assert MERGED.findall(text) == [("theirs", "<username>", REGISTRY)] and "create secret" not in text
    evil = replace(alone, entries=3, registry_keys=('x"] | del(.)',))
    assert "jq" not in commands(case(secrets=(evil,)), "auth.bad_credentials")


def looked(hop: str, outcome: str, place: Place, host: str = REGISTRY, **detail: Any) -> Observation:
    vantage = Vantage(place, network="host", resolver="host", trust="host", name="node1" if place == "node" else "")
    return observed(hop, Subject("registry", host), vantage, outcome, **detail)


@pytest.mark.parametrize(
    ("cause", "hop", "node", "here", "role", "actor"),
    [
        ("net.refused", "connect", "refused", "open", "registry", "network"),
        ("net.refused", "connect", "refused", "refused", "registry", "registry"),
        ("net.refused", "connect", "refused", "", "registry", "registry"),
        ("dns.nxdomain", "dns", "nxdomain", "ok", "registry", "network"),
        ("dns.nxdomain", "dns", "nxdomain", "nxdomain", "registry", "you"),
        ("dns.nxdomain", "dns", "nxdomain", "nxdomain", "token", "network"),
        ("tls.handshake", "tls", "handshake-failed", "handshake-failed", "registry", "registry"),
        ("tls.handshake", "tls", "handshake-failed", "ok", "registry", "network"),
        ("tls.handshake", "tls", "timeout", "timeout", "registry", "network"),
    ],
)
def test_one_acts(cause: str, hop: str, node: str, here: str, role: str, actor: str) -> None:
    """Of two that a cause may belong to, the one that the other vantage points to."""
    seen = (looked(hop, node, "node"), *([looked(hop, here, "workstation")] if here else []))
    of = replace(case(), observations=seen)
    assert actor_of(of, Finding(cause, Subject(role, REGISTRY), "confirmed", hop, "", (0,))) == actor


@pytest.mark.parametrize(
    ("said", "actor"),
    [
        ("failed to register layer: Container ID 243184 cannot be mapped to a host ID", "you"),
        ("failed to extract layer: lchown /x: invalid argument", "you"),
        ("failed to extract layer: archive/tar: invalid tar header", "you"),
        ("failed to extract layer: setxattr /x: permission denied", "cluster"),
    ],
)
def test_who_acts_on_a_layer(said: str, actor: str) -> None:
    assert actor_of(case(said=said), finding("storage.extract_failed", "node")) == actor


def test_who_gives_credentials() -> None:
    assert actor_of(case(), finding("auth.no_credentials")) == "you"
    ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    assert actor_of(case(registry=ecr), finding("auth.no_credentials", host=ecr)) == "cluster"


def test_every_verdict_names_one_actor() -> None:
    for cause in catalogue.load():
        assert actor_of(case(), finding(cause)) in ("you", "cluster", "network", "registry", "nobody", "")


RUNTIMES = {
    "containerd://1.7.27": (
        "/etc/containerd/certs.d",
        'plugins."io.containerd.grpc.v1.cri"',
        "systemctl restart containerd",
    ),
    "containerd://2.1.4": (
        "/etc/containerd/certs.d",
        "plugins.'io.containerd.cri.v1.images'",
        "systemctl restart containerd",
    ),
    "containerd://2.2.0": ("/etc/containerd/certs.d", "names it alone", "systemctl restart containerd"),
    "cri-o://1.31.0": ("/etc/containers/certs.d", "", "systemctl restart crio"),
    "docker://27.0.1": ("/etc/docker/certs.d", "", "systemctl restart docker"),
}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_steps_for_the_nodes_runtime_and_version(runtime: str) -> None:
    directory, table, restart = RUNTIMES[runtime]
    of = case(node=NodeFacts("node1", os="linux", arch="arm64", runtime=runtime, annotations=PLAIN))
    fixes = fixes_for(of, finding("tls.unknown_authority"))
    text = "\n".join(c for f in fixes for c in (f.title, *f.commands))
    assert directory in text and restart in text
    assert table in text
    assert not [d for d, _, _ in RUNTIMES.values() if d != directory and d in text]


def test_nobody_is_sent_where_we_have_been() -> None:
    """What was asked from the node is not asked for again."""
    assert "probe-node node1" in commands(replace(case(), observations=()), "net.refused")
    seen = (looked("connect", "refused", "node"),)
    assert "probe-node" not in commands(replace(case(), observations=seen), "net.refused")


@pytest.mark.parametrize("role", ["token", "blob", "mirror", "proxy", "dns-server"])
def test_another_image_mends_no_other_host(role: str) -> None:
    assert "set image" in commands(case(), "dns.nxdomain")
    assert "set image" not in commands(case(), "dns.nxdomain", role)


@pytest.mark.parametrize(
    ("registry", "server"),
    [
        ("docker.io", "https://index.docker.io/v1/"),
        ("index.docker.io", "https://index.docker.io/v1/"),
        ("r.io:5000",) * 2,
    ],
)
def test_docker_server(registry: str, server: str) -> None:
    text = commands(case(registry=registry), "auth.no_credentials")
    assert f"--docker-server={server} --docker-username=<username>" in text


def test_user_name_and_secret_where_known() -> None:
    secrets = (
        PullSecret("other", "unused"),
        PullSecret("mine", "used", usernames=("ci-pull",), registry_keys=(REGISTRY,), entries=1),
    )
    text = commands(case(secrets=secrets), "auth.bad_credentials")
    assert "docker-registry mine " in text and "--docker-username=ci-pull" in text and "other" not in text
    evil = PullSecret("mine", "used", usernames=("a b;$(reboot)",), entries=1)
    assert "'--docker-username=a b;$(reboot)' " in commands(case(secrets=(evil,)), "auth.bad_credentials")


def test_a_secret_that_was_not_counted_keeps_its_entries() -> None:
    unread = PullSecret("mine", "used", usernames=("ci-pull",), registry_keys=(REGISTRY,))
    text = commands(case(secrets=(unread,)), "auth.bad_credentials")
    assert "create secret" not in text and ".auths[" in text


def account_lists(text: str) -> list[list[str]]:
    found = re.findall(r"patch serviceaccount \S+ .*-p '(.*)'", text)
    return [[e["name"] for e in json.loads(f)["imagePullSecrets"]] for f in found]


def test_account_keeps_its_other_secrets() -> None:
    """The list is replaced as a whole by a patch."""
    added = case(account_secrets=("one", "two"))
    assert account_lists(commands(added, "auth.no_credentials")) == [["one", "two", "regcred"]]
    mine = PullSecret("one", "used", from_service_account=True)
    off = case(secrets=(mine,), account_secrets=("one", "two"))
    assert account_lists(commands(off, "auth.bad_credentials")) == [["two"]]
    own = case(secrets=(PullSecret("one", "used"),), account_secrets=("two",))
    assert account_lists(commands(own, "auth.bad_credentials")) == []
    unread = case(errors=(ReadError("api", "cannot get serviceaccounts (forbidden)", "ServiceAccount"),))
    assert account_lists(commands(unread, "auth.no_credentials")) == []
    assert "edit serviceaccount builder" in commands(unread, "auth.no_credentials")


@pytest.mark.parametrize(
    ("registry", "path", "command", "limit"),
    [
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "shop/web",
            "--registry-id 123456789012 --region eu-west-1 --repository-name shop/web",
            "12 hours",
        ),
        ("shop.azurecr.io", "web", "--attach-acr shop", "3 hours"),
        (
            "europe-docker.pkg.dev",
            "proj/repo/web",
            "add-iam-policy-binding repo --project=proj --location=europe",
            "an hour",
        ),
        (
            "image-registry.openshift-image-registry.svc:5000",
            "tools/web",
            "system:image-puller system:serviceaccount:shop:builder --namespace=tools",
            "renewed",
        ),
    ],
    ids=["ecr", "acr", "gar", "openshift"],
)
@pytest.mark.parametrize("cause", ["auth.no_credentials", "auth.expired", "auth.denied_or_missing"])
def test_clouds_want_a_right_not_a_password(cause: str, registry: str, path: str, command: str, limit: str) -> None:
    fixes = fixes_for(case(registry=registry, path=path), finding(cause, host=registry))
    assert any(command in c for c in fixes[0].commands) and limit in fixes[0].note
    assert not [c for f in fixes for c in f.commands if "--docker-password" in c]


def test_architecture_is_the_images() -> None:
    made_for = observed(
        "platform",
        Subject("registry", REGISTRY),
        Vantage("node"),
        "index",
        platforms=[{"os": "linux", "architecture": "s390x"}],
    )
    text = commands(replace(case(), observations=(made_for,)), "image.platform_mismatch")
    assert (
        '"kubernetes.io/arch":"s390x"' in text and "--platform linux/s390x,linux/arm64 " in text and "amd64" not in text
    )
    assert '"kubernetes.io/arch":"<architecture>"' in commands(case(), "image.platform_mismatch")


def test_unsafe_values_never_stand_in_quotes() -> None:
    """A container's name is restricted by the API server; a case file may hold anything."""
    evil = "a'; reboot; '"
    text = commands(case(target__container=evil), "image.never_pull_absent")
    assert "reboot" not in text
    assert all(evil in shlex.split(c) or "reboot" not in c for c in text.splitlines())
    text = commands(case(target__image=evil, target__node=evil), "image.never_pull_absent")
    for line in text.splitlines():
        assert "reboot" not in line or evil in shlex.split(line)


def test_late_secret_needs_a_new_pod() -> None:
    assert "delete pod web-1" in commands(case(), "auth.secret_added_late")
    bare = fixes_for(case(None), finding("auth.secret_added_late"))
    assert bare[0].commands == ("kubectl -n shop get pod web-1 -o json | kubectl replace --force -f -",)
    assert bare[0].applicability == "review"


def test_each_fix_names_one_actor() -> None:
    for cause in catalogue.load():
        for fix in fixes_for(case(), finding(cause)):
            assert fix.actor in ("you", "cluster", "network", "registry", "nobody", ""), (cause, fix)


def test_owners_beyond_kubernetes_are_named() -> None:
    managed = Owner("Deployment", "web", ("Argo CD",))
    fixes = fixes_for(case(managed), finding("image.tag_unknown"))
    assert all("deployment/web is managed by Argo CD" in f.note for f in fixes)


def test_every_condition_is_told() -> None:
    """What the catalogue may tie a way to, and what is worked out of a case."""
    assert set(CONDITIONS) == set(catalogue.WHEN)
    entries = catalogue.load().values()
    own = [way for platform in platforms.load().values() for ways in platform.details.fixes.values() for way in ways]
    used = {condition for entry in entries for way in (*entry.fixes, *own) for condition in way.when}
    used |= {condition for entry in entries for _, when in entry.actors for condition in when}
    assert used == set(catalogue.WHEN)


@pytest.mark.parametrize("kind", ["Job", "CronJob"])
def test_deleting_a_jobs_pod_is_not_harmless(kind: str) -> None:
    fix = fixes_for(case(Owner(kind, "web")), finding("auth.secret_added_late"))[0]
    assert "delete pod web-1" in fix.commands[0] and fix.applicability == "review"
    assert fix.note == f"a deleted pod counts as a failed try of {kind.lower()}/web"
    other = fixes_for(case(), finding("auth.secret_added_late"))[0]
    assert (other.applicability, other.note) == ("safe", "")


def saw(of: Case, cause: str, seen: Observation) -> tuple[Case, Finding]:
    """A case where this was seen, and the finding that rests on it."""
    return replace(of, observations=(seen,)), replace(finding(cause), subject=seen.subject, because=(0,))


def test_a_missing_intermediate_is_the_registrys() -> None:
    """Nobody is sent to trust an authority where the server only leaves out a certificate."""
    for missing, actor in ((True, "registry"), (False, "cluster")):
        seen = looked("tls", "unknown-authority", "node", intermediate_missing=missing)
        of, found = saw(case(), "tls.unknown_authority", seen)
        assert actor_of(of, found) == actor
        text = "\n".join(c for fix in fixes_for(of, found) for c in fix.commands)
        assert ("-showcerts" in text) == missing and ("ca.crt" in text) != missing


def test_a_bare_pod_leaves_a_dead_node() -> None:
    """What is read of it names the node, and the node's kubelet ends nothing any more."""
    text = commands(case(None), "node.not_ready").splitlines()
    assert [line.split()[:2] for line in text[-3:]] == [["kubectl", "-n"], ["kubectl", "-n"], ["kubectl", "create"]]
    assert "del(.spec.nodeName" in text[-3] and "--grace-period=0 --force" in text[-2] and "web-1.json" in text[-1]
    assert "--force" not in commands(case(), "node.not_ready")


def test_who_is_to_let_the_pull_through() -> None:
    used = PullSecret("regcred", "used", usernames=("alice",))
    assert actor_of(case(), finding("auth.forbidden")) == "you"
    assert actor_of(case(), finding("auth.forbidden", "blob")) == "registry"
    assert actor_of(case(secrets=(used,)), finding("auth.forbidden")) == "registry"
    assert actor_of(case(secrets=(replace(used, state="forbidden"),)), finding("auth.forbidden")) == "registry"
    named = fixes_for(case(secrets=(used,)), finding("auth.forbidden"))
    assert named[0].title == f"Grant alice the right to pull {REGISTRY}/shop/web"
    assert "blob store" in fixes_for(case(), finding("auth.forbidden", "blob", "s3.example.com"))[0].title


def test_a_mirror_is_in_the_way_by_the_nodes_configuration() -> None:
    of = finding("net.refused", "mirror", "mirror.example.com")
    assert actor_of(case(), of) == "cluster"
    assert "mirror.example.com" in fixes_for(case(), of)[1].title
    assert "certs.d" in commands(case(), "net.refused", "mirror") and "certs.d" not in commands(case(), "net.refused")


def test_the_address_that_fails_is_looked_at() -> None:
    for ip, six in (("192.0.2.7", False), ("2001:db8::7", True)):
        seen = looked("connect", "no-route", "node", tried=[{"ip": ip, "outcome": "no-route"}])
        fixes = fixes_for(*saw(case(), "net.unreachable", seen))
        assert any(f"ip route get {ip}" in fix.commands for fix in fixes)
        assert any("only IPv6" in fix.title for fix in fixes) == six
        assert any("has no IPv4" in fix.title for fix in fixes) != six
    assert "ip route show default" in commands(case(), "net.unreachable")
    said = "dial tcp [2001:db8::7]:443: connect: no route to host"
    assert "ip route get 2001:db8::7" in commands(case(said=said), "net.unreachable")


def test_a_file_that_sets_the_proxy_is_not_written_over() -> None:
    source = "/etc/systemd/system/containerd.service.d/http-proxy.conf"
    proxied = looked("runtime", "default", "node", proxy={"source": source})
    of = case(node=NodeFacts("node1", os="linux", runtime="containerd://2.1.4", annotations=PLAIN))
    text = commands(replace(of, observations=(proxied,)), "net.proxy")
    assert f"cat {source}" in text and ">" not in text
    assert "> /etc/systemd/system/containerd.service.d/zz-proxy.conf" in commands(of, "net.proxy")


def test_the_name_that_a_certificate_holds() -> None:
    seen = looked("tls", "hostname-mismatch", "node", chain=[{"names": ["r.example.org"]}])
    of, found = saw(case(), "tls.hostname_mismatch", seen)
    assert any("app=r.example.org/shop/web:1.0" in c for fix in fixes_for(of, found) for c in fix.commands)
    several = looked("tls", "hostname-mismatch", "node", chain=[{"names": ["*.example.org", "example.org"]}])
    of, found = saw(case(), "tls.hostname_mismatch", several)
    assert "set image" not in "\n".join(c for fix in fixes_for(of, found) for c in fix.commands)


EVIL = "app=$(touch X) #"


@pytest.mark.parametrize(
    "change",
    [
        {"owner": Owner("Deployment", EVIL)},
        {"owner": Owner("Job", EVIL)},
        {"owner": Owner("CronJob", EVIL)},
        {"owner": None, "target__pod": EVIL},
        {"target__namespace": EVIL},
        {"target__container": EVIL},
        {"service_account": EVIL},
        {"service_account": "--all"},
        {"account_secrets": ("x'; touch X; '",)},
        {"account_secrets": ("one\nline",)},
        {"secrets": (PullSecret(EVIL, "used", from_service_account=True, entries=1),)},
        {"target__node": EVIL},
        {"errors": (ReadError("api", "cannot get serviceaccounts (forbidden)"),), "service_account": EVIL},
    ],
)
@pytest.mark.parametrize("cause", [c for c in catalogue.load() if catalogue.entry(c).fixes])
def test_what_is_no_name_is_in_no_command(cause: str, change: dict[str, Any]) -> None:
    """Kubernetes takes none of these as names: they come from a file, or from somebody who means harm."""
    of = case(**change, seen={"closest": ["v1.0"], "tag_count": 1})
    text = commands(of, cause)
    assert "touch" not in text and "one\n" not in text and "--all" not in text
    for line in text.splitlines():
        assert line.isprintable() and shlex.split(line)


def test_a_name_that_is_none_leaves_out_its_fix_only() -> None:
    fixes = fixes_for(case(service_account=EVIL), finding("auth.denied_or_missing"))
    assert [fix.title for fix in fixes] == [f"Check the spelling of {REGISTRY}/shop/web:1.0 first"]


def test_an_init_containers_policy_is_changed_where_it_stands() -> None:
    text = commands(case(target__role="init"), "image.never_pull_absent")
    assert '{"initContainers":[{"name":"app","imagePullPolicy":"IfNotPresent"}]}' in text


FOREIGN = ["registry.k8s.io/pause", "mcr.microsoft.com/dotnet/runtime", "docker.io/library/nginx"]
TAKES_NONE = ["registry.k8s.io/pause", "mcr.microsoft.com/dotnet/runtime", "registry.access.redhat.com/ubi9/ubi"]


@pytest.mark.parametrize("name", FOREIGN)
def test_nobody_pushes_what_is_not_theirs(name: str) -> None:
    registry, _, path = name.partition("/")
    of = case(registry=registry, path=path)
    for cause in catalogue.load():
        for fix in fixes_for(of, finding(cause, host=registry)):
            text = "\n".join((fix.title, *fix.commands))
            assert not re.search(r"\b[Pp]ush the image|--push|crane copy|cosign sign|push the image to it", text), (
                cause,
                text,
            )


@pytest.mark.parametrize("name", TAKES_NONE)
def test_nobody_signs_in_where_nobody_can(name: str) -> None:
    registry, _, path = name.partition("/")
    of = case(registry=registry, path=path)
    for cause in catalogue.load():
        if cause in ("auth.secret_ignored", "auth.secret_malformed", "auth.secret_missing"):
            continue  # such a secret may be for another image of the pod
        assert "docker-registry" not in commands(of, cause), cause
    assert "takes no credentials" in fixes_for(of, finding("auth.no_credentials", host=registry))[0].title


def test_what_has_moved_is_named_first() -> None:
    first = fixes_for(case(registry="docker.io", path="bitnami/redis"), finding("image.tag_unknown", host="docker.io"))[
        0
    ]
    assert "2025-08-28" in first.title and "docker.io/bitnamilegacy/redis:1.0" in first.commands[0]


@pytest.mark.parametrize(
    ("path", "named"),
    [("bitnami/redis", "docker.io/bitnamilegacy/redis:1.0"), ("library/mine", "podman load -i image.tar")],
)
def test_what_is_known_of_docker_hub_holds_where_its_images_are_asked_for(path: str, named: str) -> None:
    """A reference of docker.io is resolved to registry-1.docker.io (distribution/reference, containerd: remotes/docker)."""
    asked = case(registry="registry-1.docker.io", path=path)
    of = replace(asked.facts.reference, normalised=f"docker.io/{path}:1.0", repository=f"docker.io/{path}")
    resolved = replace(asked, facts=replace(asked.facts, reference=of))
    fixes = fixes_for(resolved, finding("image.name_unknown", host="registry-1.docker.io"))
    assert any(named in "\n".join((fix.title, *fix.commands)) for fix in fixes), fixes


OF_WINDOWS = "a Windows version 10.0.20348-based image is incompatible with a 10.0.19045 host"
HAS = {
    ("image.tag_unknown", "stands for"): {"harbor.corp.example", "nexus.corp.example"},
    ("image.digest_unknown", "stands for"): {"harbor.corp.example", "nexus.corp.example"},
    ("dns.nxdomain", "managementState"): {"image-registry.openshift-image-registry.svc:5000"},
    ("auth.no_credentials", "anybody could pull"): {"quay.io", "harbor.corp.example", "nexus.corp.example"},
}


@pytest.mark.parametrize(("cause", "words"), HAS)
def test_an_advice_about_a_kind_of_registry_is_given_there_alone(cause: str, words: str) -> None:
    hosts = (
        *("quay.io", "harbor.corp.example", "nexus.corp.example", "registry.digitalocean.com", "cp.icr.io"),
        *("registry.k8s.io", "image-registry.openshift-image-registry.svc:5000"),
    )
    given = {
        host
        for host in hosts
        if any(words in fix.title for fix in fixes_for(case(registry=host), finding(cause, host=host)))
    }
    assert given == HAS[cause, words]


@pytest.mark.parametrize(
    ("said", "given"), [("no match for platform in manifest", True), ("", True), (OF_WINDOWS, False)]
)
def test_who_cannot_build_an_image_gets_a_way_out(said: str, given: bool) -> None:
    """A Windows image differs by its build, and no architecture helps."""
    titles = [fix.title for fix in fixes_for(case(said=said), finding("image.platform_mismatch"))]
    assert any("not yours to build" in title for title in titles) == given, titles


def test_the_node_itself_is_no_registry() -> None:
    local = case(registry="localhost:5000")
    fixes = fixes_for(local, finding("net.refused", host="localhost:5000"))
    assert any("is the node itself" in fix.title for fix in fixes) and any("load" in fix.title.lower() for fix in fixes)
    assert not any("is the node itself" in fix.title for fix in fixes_for(case(), finding("net.refused")))


def test_the_permission_and_who_lacks_it_are_named() -> None:
    role = "arn:aws:sts::1:assumed-role/node/i-1"
    said = f"User: {role} is not authorized to perform: ecr:BatchGetImage on resource: r: 403 Forbidden"
    titles = [fix.title for fix in fixes_for(case(said=said), finding("auth.forbidden"))]
    wanted = f"Grant ecr:BatchGetImage on {REGISTRY}/shop/web to {role}"
    assert wanted in titles
    google = (
        'denied: Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "x": 403 Forbidden'
    )
    titles = [fix.title for fix in fixes_for(case(said=google), finding("auth.forbidden"))]
    assert any("artifactregistry.repositories.downloadArtifacts" in title for title in titles)


def test_an_image_that_something_rewrites_is_not_fixed_by_another() -> None:
    owner = Owner("Deployment", "web", images=("app=docker.io/shop/web:1.0", "side=x"))
    fixes = fixes_for(case(owner), finding("image.tag_unknown"))
    assert any("rewrites images on admission" in fix.note and "docker.io/shop/web:1.0" in fix.note for fix in fixes)
    same = Owner("Deployment", "web", images=(f"app={REGISTRY}/shop/web:1.0",))
    assert not any("rewrites" in fix.note for fix in fixes_for(case(same), finding("image.tag_unknown")))


def test_a_secret_that_something_writes_is_changed_there() -> None:
    made = PullSecret("mine", "used", entries=1, registry_keys=(REGISTRY,), managed_by="ExternalSecret/mine")
    first = fixes_for(case(secrets=(made,)), finding("auth.bad_credentials"))[0]
    assert "docker-registry mine" in first.commands[0]
    assert first.note == "mine is written by ExternalSecret/mine: change it there, or it is reverted"
    own = fixes_for(case(secrets=(replace(made, managed_by=""),)), finding("auth.bad_credentials"))[0]
    assert own.note == ""


@pytest.mark.parametrize(
    ("said", "labels", "title"),
    [
        (
            'Head "http://127.0.0.1:30020/v2/a/manifests/1?ns=r.io": dial tcp 127.0.0.1:30020: connect: connection refused',
            (),
            "Spegel",
        ),
        ("dfdaemon: failed", (), "Dragonfly"),
        ("unexpected status", ("cloud.google.com/gke-image-streaming=true",), "GKE image streaming"),
        ("failed to prepare: soci-snapshotter: x", (), "SOCI"),
        ("stargz: failed to resolve layer", (), "stargz"),
        ("unexpected status", (), ""),
    ],
)
def test_what_stands_in_between_is_named(said: str, labels: tuple[str, ...], title: str) -> None:
    named = [one.title for one in in_the_way(said, labels)]
    assert (len(named) == 1 and title in named[0]) if title else named == []


@pytest.mark.parametrize(
    ("labels", "provider_id", "by_node"),
    [
        (("microk8s.io/cluster=true",), "", False),
        (("microk8s.io/cluster=true",), "aws:///eu-west-1a/i-1", True),
        (("eks.amazonaws.com/nodegroup=blue",), "aws:///eu-west-1a/i-1", True),
        ((), "", True),
    ],
)
def test_an_identity_that_the_node_has(labels: tuple[str, ...], provider_id: str, by_node: bool) -> None:
    """MicroK8s on somebody's desk pulls from ECR by a pull secret; in that cloud, or where nothing is known, a right may do."""
    case = parse((Path(__file__).parents[2] / "cases" / "auth.no_credentials-ecr.json").read_bytes(), "case").cases[0]
    assert case.facts.node is not None
    node = replace(case.facts.node, labels=labels, provider_id=provider_id, annotations=())
    verdict = judge(replace(case, facts=replace(case.facts, node=node)))
    assert ("node's role" in verdict.fixes[0].title) == by_node, verdict.fixes[0]
