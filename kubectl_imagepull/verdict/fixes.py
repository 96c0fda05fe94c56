"""How to mend it: commands with the real names, fitted to the object that owns the pod and to the registry."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import string
from collections.abc import Iterable, Sequence
from typing import Any

from .. import catalogue
from ..catalogue import Mend
from ..image.registries import kind_of
from ..model import HOPS, Case, Finding, Fix, PullSecret
from .clouds import node_fixes
from .credentials import sent
from .hops import status_of

RESOURCES = {
    "Deployment": "deployment",
    "StatefulSet": "statefulset",
    "DaemonSet": "daemonset",
    "ReplicaSet": "replicaset",
    "CronJob": "cronjob",
    "Job": "job",
}
RESTARTABLE = frozenset({"deployment", "statefulset", "daemonset"})
"""Kinds that `kubectl rollout restart` takes (kubernetes/kubectl: pkg/polymorphichelpers/objectrestarter.go)."""
DOCKER_HUB_KEY = "https://index.docker.io/v1/"
"""The key under which the kubelet looks for Docker Hub (kubernetes: pkg/credentialprovider/keyring.go)."""
ELSEWHERE = frozenset({"token", "blob", "mirror", "proxy", "dns-server"})
"""Roles of a host that another image name does not mend."""
PLAIN = re.compile(r"[A-Za-z0-9._:/@%+=,<>-]+")
"""A value that means the same inside of quotes and outside of them."""
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
PATCHED = re.compile(r" -p '(\{.*\})'")


def values(case: Case, finding: Finding) -> dict[str, str]:
    """The names that titles and commands may use; those that are not known are left out."""
    target, facts = case.target, case.facts
    owner = target.owner
    kind = RESOURCES.get(owner.kind, "") if owner else "pod"
    host = finding.subject.host or (case.pull.authority if case.pull else facts.reference.registry)
    if finding.subject.role == "dns-server":
        # the name that was asked for, not the server that was asked
        asked = [case.observations[i].subject.host for i in finding.because]
        host = next(iter(asked), case.pull.host if case.pull else facts.reference.registry)
    port = host.rpartition(":")[2] if ":" in host else "443"
    secret = secret_of(case, finding.cause)
    registry = kind_of(facts.reference.registry)
    node = facts.node
    usernames = secret.usernames if secret is not None else ()
    names = {
        "namespace": target.namespace,
        "pod": target.pod,
        "owner_kind": kind,
        "owner_name": owner.name if owner and kind else target.pod if kind == "pod" else "",
        "container": target.container,
        "image": target.image,
        "repository": facts.reference.repository,
        "registry": facts.reference.registry,
        "tag": facts.reference.asked,
        "host": host,
        "port": port,
        "node": target.node,
        "secret": secret.name if secret is not None else ", ".join(facts.account_secrets),
        "service_account": facts.service_account or "default",
        "server": DOCKER_HUB_KEY if registry.id == "docker-hub" else facts.reference.registry,
        "username": next((u for u in usernames if u), "") or registry.username,
        "architecture": image_architecture(case),
        "platform": f"{node.os}/{node.arch}" if node is not None and node.arch else "",
    }
    return {k: v for k, v in names.items() if v}


def secret_of(case: Case, cause: str) -> PullSecret | None:
    """The pull secret that a cause is about: the one that shows it, else the one that is sent, else the first."""
    named = case.facts.secrets
    shows = [s for s in named if s.cause == cause]
    used = [s for s in named if s.state == "used"]
    others = [s for s in named if s.state != "used"]
    order = [*shows, *used, *others] if cause in ("auth.bad_credentials", "auth.expired") else [*shows, *others, *used]
    return order[0] if order else None


def image_architecture(case: Case) -> str:
    """An architecture that the image has, as a node's label names it; "" where none was seen."""
    for seen in case.seen("platform") + case.seen("manifest"):
        for offered in seen.data.get("platforms") or []:
            parts = str(offered).split("/")
            if len(parts) >= 2 and parts[0] == "linux" and parts[1].isalnum():
                return parts[1]
    return ""


class _Known(string.Formatter):
    """Formats {name} fields; raises KeyError for a name without a value."""

    def get_value(self, key: Any, args: Any, kwargs: Any) -> Any:
        return kwargs[key]


def title_of(case: Case, finding: Finding) -> str:
    """The catalogue's title with the names in it."""
    text = catalogue.entry(finding.cause).title
    names = values(case, finding)
    fields = {name for _, name, _, _ in string.Formatter().parse(text) if name}
    fallback = {
        "host": "the registry",
        "secret": "the pull secret",
        "node": "the node",
        "tag": "the tag",
        "port": "443",
    }
    return _Known().format(text, **{**{f: fallback.get(f, f"the {f}") for f in fields}, **names})


def fixes_for(case: Case, finding: Finding) -> tuple[Fix, ...]:
    """What can be said about this very case first, then the catalogue's ways, without those whose names are not known."""
    entry = catalogue.entry(finding.cause)
    names = {**{k: f"<{k}>" for k in catalogue.OPTIONAL}, **values(case, finding)}
    if works_now(case, finding):
        return tuple(_noted(case, [_retry(case)]))
    cloud = node_fixes(case, finding.cause)
    fixes = [*_image_fixes(case, finding), *cloud]
    for way in entry.mend:
        if not _applies(case, finding, way, bool(fixes), bool(cloud)):
            continue
        try:
            text = _Known().format(way.text, **names)
            commands = tuple(_command(c, names) for c in way.commands)
            fitted = tuple(x for c in commands for x in _fitted(case, c, names))
        except KeyError:
            continue
        if commands and not fitted:
            continue
        fixes.append(Fix(text, fitted, _applicability(case, way, fitted), _actor(entry.actor, way)))
    return tuple(_noted(case, fixes))


def works_now(case: Case, finding: Finding) -> bool:
    """Whether what the runtime complained of has passed: as seen from the node, the very pull would get its manifest now.

    Only for what shows on the way to the manifest; a credential that was not tried proves nothing.
    """
    if not case.facts.failing or finding.hop not in HOPS[HOPS.index("dns") : HOPS.index("platform")]:
        return False
    node = [o for o in case.observations if o.vantage.place == "node"]
    if not node or any(status_of(case, o) == "fail" for o in node):
        return False
    got = [o for o in case.seen("manifest") if o.outcome == "200"]
    return any(o.data.get("via") not in (None, "", "anonymous") for o in got) if sent(case) else bool(got)


def _retry(case: Case) -> Fix:
    retry = case.facts.next_retry
    when = f"; the kubelet tries again by itself in about {retry:.0f} s" if retry else ""
    owner = case.target.owner
    pod = shlex.quote(case.target.pod)
    if owner is not None and owner.kind == "Node":
        return Fix(f"what failed works now{when}", (), "safe", "nobody")
    commands = (f"kubectl -n {shlex.quote(case.target.namespace)} delete pod {pod}",) if owner else (anew(case),)
    return Fix(f"what failed works now{when}: retry at once", commands, "safe" if owner else "review", "you")


def _applies(case: Case, finding: Finding, way: Mend, better: bool, cloud: bool) -> bool:
    """Whether a way of the catalogue is one for this case."""
    line = "\n".join(way.commands)
    if " set image " in line:
        # the same with the right image in it stands above; and a new name mends no other host of the path
        return not better and finding.subject.role not in ELSEWHERE
    if "--docker-password" in line or "ecr get-login" in line:
        return not cloud
    if "On a cloud's own registry" in way.text or "For ECR" in way.text:
        return False
    if '"imagePullSecrets":[]' in line.replace("\\", "").replace("{{", "{"):
        secret = secret_of(case, finding.cause)
        return secret is not None and secret.from_service_account
    return True


def _command(template: str, names: dict[str, str]) -> str:
    """A command with its values, each one word of the shell. KeyError: unknown, or unsafe inside of the template's quotes."""
    inside = {
        name
        for part in QUOTED.findall(template)
        for _, name, _, _ in string.Formatter().parse(part.replace("{{", "").replace("}}", ""))
        if name
    }
    quoted = {}
    for name, value in names.items():
        if name in inside and not PLAIN.fullmatch(value):
            continue
        quoted[name] = value if name in inside or value == f"<{name}>" else shlex.quote(value)
    return _Known().format(template, **quoted)


def _fitted(case: Case, command: str, names: dict[str, str]) -> tuple[str, ...]:
    """A command as the object that owns the pod takes it; () where it takes none of the kind."""
    owner, kind = case.target.owner, names.get("owner_kind", "")
    static = owner is not None and owner.kind == "Node"
    changes_pod = any(
        word in command for word in (" set image ", " rollout restart ", " delete pod ", '"template"', " patch pod ")
    )
    if static:
        return () if changes_pod else (command,)
    if " set image " in command:
        return set_image(case, command.partition(f"{shlex.quote(case.target.container)}=")[2])
    if " rollout restart " in command:
        return (command,) if kind in RESTARTABLE else ()
    if " delete pod " in command and owner is None:
        return (anew(case),)
    if '"template"' in command:
        return _template_patch(case, command, kind)
    if " patch serviceaccount " in command:
        return (_account_patch(case, command, names),)
    return (command,)


def anew(case: Case) -> str:
    """The command that makes a bare pod anew: deleting it would lose it."""
    where, pod = shlex.quote(case.target.namespace), shlex.quote(case.target.pod)
    return f"kubectl -n {where} get pod {pod} -o json | kubectl replace --force -f -"


def set_image(case: Case, image: str) -> tuple[str, ...]:
    """The commands that give the pod's owner another image, as its kind takes it. image: quoted for the shell.

    A Job's template never changes, a ReplicaSet's only concerns new pods, and a StatefulSet waits for its broken pod for ever
    (kubernetes.io: StatefulSets, "Forced rollback").
    """
    target, owner = case.target, case.target.owner
    kind = RESOURCES.get(owner.kind, "") if owner else "pod"
    if not kind or target.role not in ("container", "init", "sidecar"):
        return ()
    where, name = shlex.quote(target.namespace), shlex.quote(owner.name if owner else target.pod)
    container = shlex.quote(target.container)
    if kind == "job":
        if not PLAIN.fullmatch(target.container) or not PLAIN.fullmatch(image):
            return ()
        select = f'select(.name=="{target.container}")'
        own = ["controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name"]
        labels = ", ".join(f'.spec.template.metadata.labels["{label}"]' for label in own)
        script = (
            f"del(.spec.selector, {labels}) | "
            f'((.spec.template.spec | .containers[], .initContainers[]?) | {select}).image = "{image}"'
        )
        return (f"kubectl -n {where} get job {name} -o json | jq '{script}' | kubectl replace --force -f -",)
    first = f"kubectl -n {where} set image {kind}/{name} {container}={image}"
    if kind in ("replicaset", "statefulset"):
        return first, f"kubectl -n {where} delete pod {shlex.quote(target.pod)}"
    return (first,)


def _template_patch(case: Case, command: str, kind: str) -> tuple[str, ...]:
    """A patch of the pod template for this kind: one level deeper in a CronJob; bare pods and Jobs take none."""
    found = PATCHED.search(command)
    if kind in ("pod", "job", "") or found is None:
        return ()
    patch = json.loads(found[1])
    if kind == "cronjob":
        patch = {"spec": {"jobTemplate": {"spec": patch["spec"]}}}
    line = command[: found.start()] + f" -p '{_compact(patch)}'" + command[found.end() :]
    if kind in ("replicaset", "statefulset"):
        return line, f"kubectl -n {shlex.quote(case.target.namespace)} delete pod {shlex.quote(case.target.pod)}"
    return (line,)


def _account_patch(case: Case, command: str, names: dict[str, str]) -> str:
    """A service account's list of pull secrets is replaced as a whole (core/v1 types.go: listType=atomic): keep the others."""
    found = PATCHED.search(command)
    if found is None:
        return command
    if any("serviceaccounts" in error.message for error in case.errors):
        # what it has is not known, and a patch would drop it
        return f"kubectl -n {shlex.quote(case.target.namespace)} edit serviceaccount {names['service_account']}"
    added = [entry["name"] for entry in json.loads(found[1])["imagePullSecrets"]]
    kept = [s for s in case.facts.account_secrets if s not in added and (added or s != names.get("secret"))]
    patch = {"imagePullSecrets": [{"name": name} for name in (*kept, *added)]}
    return command[: found.start()] + f" -p '{_compact(patch)}'" + command[found.end() :]


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _applicability(case: Case, way: Mend, commands: Sequence[str]) -> Any:
    """A bare pod is made anew under the same name: look before."""
    return (
        "review" if way.applicability == "safe" and any("replace --force" in c for c in commands) else way.applicability
    )


def _actor(actor: str, way: Mend) -> str:
    """One of two actors: a command on the cluster's objects is for you, one on nodes or none at all for the other."""
    first, either, second = actor.partition(" or ")
    if not either:
        return actor
    mine = any(c.startswith(("kubectl", "docker", "crane", "oc ")) for c in way.commands)
    return "you" if "you" in (first, second) and mine else second if first == "you" else first


def _noted(case: Case, fixes: Iterable[Fix]) -> Iterable[Fix]:
    """Who else writes the object, said with each fix that would change it."""
    owner = case.target.owner
    if owner is None:
        yield from fixes
        return
    note = ""
    if owner.kind == "Node":
        note = f"a static pod: change its manifest on node {owner.name} (usually in /etc/kubernetes/manifests)"
    elif owner.managed_by:
        note = f"{owner.slash} is managed by {', '.join(owner.managed_by)}: change it there, or it is reverted"
    elif owner.kind not in RESOURCES:
        note = f"the pod belongs to {owner.slash}: change it there, or it is reverted"
    for fix in fixes:
        yield dataclasses.replace(fix, note="; ".join(filter(None, (fix.note, note))))


@dataclasses.dataclass(frozen=True)
class NewImage:
    """An image that exists or parses in the place of the pod's. same: it surely is the one that was meant."""

    image: str
    same: bool
    why: str


def better_image(case: Case, finding: Finding) -> NewImage | None:
    """Another image, where one is known that is surely or probably the one that was meant."""
    suggestion = case.facts.reference.suggestion
    if finding.cause == "reference.invalid" and suggestion:
        return NewImage(suggestion, _only_written_otherwise(case.target.image, suggestion), f"use {suggestion}")
    if finding.cause != "image.tag_unknown":
        return None
    for seen in case.seen("manifest"):
        closest = [t for t in seen.data.get("closest") or [] if isinstance(t, str)]
        if not closest:
            continue
        asked = case.pull.asked if case.pull else ""
        same = [t for t in closest if _plain(t) == _plain(asked)]
        best = same[0] if same else closest[0]
        why = f"the closest of {seen.data.get('tag_count', len(closest))} tags"
        if len(same) == 1:
            why = "differs only in spelling"
        elif same:
            why = f"{', '.join(same)} differ only in spelling: choose one"
        image = f"{case.facts.reference.repository}:{best}"
        return NewImage(image, len(same) == 1, f"use tag {best}, which exists ({why})")
    return None


def _image_fixes(case: Case, finding: Finding) -> list[Fix]:
    new = better_image(case, finding)
    if new is None:
        return []
    commands = set_image(case, shlex.quote(new.image))
    applicability: Any = "safe" if new.same and commands else "review" if commands else "manual"
    return [Fix(new.why, commands, applicability, "you")]


def _only_written_otherwise(image: str, suggestion: str) -> bool:
    """Whether a reference differs from what was written only by a scheme, white space or case in its name."""
    written = re.sub(r"\A[a-z]+://", "", "".join(image.split()), flags=re.IGNORECASE)
    return written.lower() == suggestion.lower()


def _plain(tag: str) -> str:
    """A tag without what is often mistyped: case, a leading v, white space."""
    return tag.strip().lower().removeprefix("v")
