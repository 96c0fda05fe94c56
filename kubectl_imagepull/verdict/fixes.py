"""How to mend it: commands with the real names, fitted to the object that owns the pod and to the registry."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .. import catalogue
from ..catalogue import Mend
from ..model import HOPS, Applicability, Case, Finding, Fix, Http, Manifest, Tls
from .actor import IN_THE_IMAGE, actor_of, nothing_sent, same_here, silent
from .clock import by_date
from .clouds import node_fixes
from .credentials import sent
from .evidence import grounds
from .hops import status_of
from .names import RESOURCES, Known, chain_short, failed_addresses, proxy_file, runtime_of, secret_of, values
from .other_image import better_image, existing_tags
from .rehearsal import rehearsed

RESTARTABLE = frozenset({"deployment", "statefulset", "daemonset"})
"""Kinds that `kubectl rollout restart` takes (kubernetes/kubectl: pkg/polymorphichelpers/objectrestarter.go)."""
ELSEWHERE = frozenset({"token", "blob", "mirror", "proxy", "dns-server"})
"""Roles of a host that another image name does not mend."""
LOST = frozenset({"node.not_ready", "runtime.unavailable"})
"""Causes where the node's kubelet may not be there to end a pod."""
PLAIN = re.compile(r"[A-Za-z0-9._:/@%+=,<>-]+")
"""A value that means the same inside of quotes and outside of them."""
DAMAGED = "invalid tar header"
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
PATCHED = re.compile(r" -p '(\{.*\})'")


def fixes_for(case: Case, finding: Finding, passed: bool = False) -> tuple[Fix, ...]:
    """What can be said about this very case first, then the catalogue's ways, without those whose names are not known.

    passed: the pull would work now, so a new attempt is all that is needed.
    """
    if passed:
        return tuple(_noted(case, [_retry(case)]))
    entry, actor = catalogue.entry(finding.cause), actor_of(case, finding)
    names = {**{name: catalogue.FIELDS[name] for name in catalogue.OPTIONAL}, **values(case, finding)}
    fixes = [*_image_fixes(case, finding), *node_fixes(case, finding.cause)]
    for way in entry.mend:
        if not all(CONDITIONS[condition](case, finding) for condition in way.when):
            continue
        try:
            text = Known().format(way.text, **{"node": "the node", **names})
            commands = tuple(_command(c, names) for c in way.commands)
            fitted = tuple(x for c in commands for x in _fitted(case, c, names, finding.cause))
        except KeyError:
            continue
        if commands and not fitted:
            continue
        fixes.append(Fix(text, fitted, _applicability(case, way, fitted), way.actor or actor))
    return tuple(_noted(case, fixes))


def _is(case: Case, runtime: str) -> bool:
    """Whether the node has this runtime, as far as is known."""
    return runtime_of(case)[0] in (runtime, "")


def _entries(case: Case, finding: Finding) -> int:
    secret = secret_of(case, finding.cause)
    return secret.entries if secret is not None else 0


def _from_account(case: Case, finding: Finding) -> bool:
    secret = secret_of(case, finding.cause)
    return secret is not None and secret.from_service_account


def _looked(case: Case, finding: Finding) -> bool:
    """Whether the host that the finding is about was asked for from the node."""
    node = [o for o in case.observations if o.vantage.place == "node"]
    if finding.subject.role == "node":
        return bool(node)
    return finding.subject.role == "dns-server" or any(o.subject.host == finding.subject.host for o in node)


def _of_hosts_file(case: Case, finding: Finding) -> bool:
    return "hosts.toml" in " ".join([case.facts.said, *(case.observations[i].summary for i in finding.because)])


CONDITIONS: Mapping[str, Callable[[Case, Finding], bool]] = {
    "explain": lambda case, finding: False,
    "pull-secret": lambda case, finding: not node_fixes(case, finding.cause),
    # how many there are may not be known, and then they are kept
    "one-entry": lambda case, finding: _entries(case, finding) == 1,
    "several-entries": lambda case, finding: _entries(case, finding) != 1,
    "from-account": _from_account,
    "from-pod": lambda case, finding: not _from_account(case, finding),
    "server-clock": lambda case, finding: any(by_date(o) for o in grounds(case, finding, Tls)),
    "public": lambda case, finding: any(o.outcome == "200" and not o.via for o in case.seen(Manifest)),
    # another name mends no other host of the path, and the right one may be known
    "other-image": lambda case, finding: (
        finding.subject.role not in ELSEWHERE
        and not _image_fixes(case, finding)
        and not node_fixes(case, finding.cause)
    ),
    "silent": silent,
    "answered": lambda case, finding: not silent(case, finding),
    "registry-host": lambda case, finding: finding.subject.role not in ("token", "blob"),
    "blob-host": lambda case, finding: finding.subject.role == "blob",
    "token-host": lambda case, finding: finding.subject.role == "token",
    "not-blob": lambda case, finding: finding.subject.role != "blob",
    "mirror": lambda case, finding: finding.subject.role == "mirror",
    "nothing-sent": lambda case, finding: nothing_sent(case),
    "user-sent": lambda case, finding: any(name for secret in sent(case) for name in secret.usernames),
    "chain-short": chain_short,
    "chain-whole": lambda case, finding: not chain_short(case, finding),
    "proxy-file": lambda case, finding: bool(proxy_file(case)),
    "no-proxy-file": lambda case, finding: not proxy_file(case),
    "direct": lambda case, finding: any(o.outcome in ("200", "401") for o in case.seen(Http, "registry", "node")),
    "address": lambda case, finding: bool(failed_addresses(case, finding)),
    "no-address": lambda case, finding: not failed_addresses(case, finding),
    "ipv6-failed": lambda case, finding: any(":" in address for address in failed_addresses(case, finding)),
    "same-here": same_here,
    "not-same-here": lambda case, finding: not same_here(case, finding),
    "hosts-file": lambda case, finding: _of_hosts_file(case, finding),
    "not-hosts-file": lambda case, finding: not _of_hosts_file(case, finding),
    "damaged-archive": lambda case, finding: DAMAGED in case.facts.said,
    "numbers-in-image": lambda case, finding: (
        bool(IN_THE_IMAGE.search(case.facts.said)) and DAMAGED not in case.facts.said
    ),
    "not-in-image": lambda case, finding: not IN_THE_IMAGE.search(case.facts.said),
    "not-looked": lambda case, finding: not _looked(case, finding),
    "not-compared": lambda case, finding: (
        bool(case.target.pod) and not any(o.vantage.place == "peer-node" for o in case.observations)
    ),
    "not-rehearsed": lambda case, finding: bool(case.target.node) and rehearsed(case) is None,
    "containerd": lambda case, finding: _is(case, "containerd"),
    "containerd-1": lambda case, finding: runtime_of(case)[0] == "containerd" and runtime_of(case)[1] < (2, 0),
    # from 2.2 on the directory is read without being named (containerd: docs/cri/registry.md)
    "containerd-2.1": lambda case, finding: (
        runtime_of(case)[0] == "containerd" and (2, 0) <= runtime_of(case)[1] < (2, 2)
    ),
    "cri-o": lambda case, finding: _is(case, "cri-o"),
    "docker": lambda case, finding: _is(case, "docker"),
}
"""When a way of the catalogue that is tied to a condition is one for the case."""


def works_now(case: Case, finding: Finding) -> bool:
    """Whether what the runtime complained of has passed: as seen from the node, the very pull would get its manifest now.

    Only for what shows on the way to the manifest; a credential that was not tried proves nothing.
    """
    if not case.facts.failing or finding.hop not in HOPS[HOPS.index("dns") : HOPS.index("platform")]:
        return False
    node = [o for o in case.observations if o.vantage.place == "node"]
    if not node or any(status_of(case, o) == "fail" for o in node):
        return False
    got = [o for o in case.seen(Manifest) if o.outcome == "200"]
    return any(o.via for o in got) if sent(case) else bool(got)


def _retry(case: Case) -> Fix:
    retry = case.facts.next_retry
    when = f"; the kubelet tries again by itself in about {retry:.0f} s" if retry else ""
    owner = case.target.owner
    pod = shlex.quote(case.target.pod)
    if owner is not None and owner.kind == "Node":
        return Fix(f"what failed works now{when}", (), "safe", "nobody")
    commands = (f"kubectl -n {shlex.quote(case.target.namespace)} delete pod {pod}",) if owner else (anew(case),)
    return Fix(f"what failed works now{when}: retry at once", commands, "safe" if owner else "review", "you")


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
        stand_in = catalogue.FIELDS.get(name, "")
        shown = value.startswith(stand_in) and PLAIN.fullmatch(value) if stand_in.startswith("<") else value == stand_in
        quoted[name] = value if name in inside or shown else shlex.quote(value)
    return Known().format(template, **quoted)


def _fitted(case: Case, command: str, names: dict[str, str], cause: str) -> tuple[str, ...]:
    """A command as the object that owns the pod takes it; () where it takes none of the kind."""
    owner, kind = case.target.owner, names.get("owner_kind", "")
    static = owner is not None and owner.kind == "Node"
    changes_pod = any(
        word in command for word in (" set image ", " rollout restart ", " delete pod ", '"template"', " patch pod ")
    )
    if static:
        return () if changes_pod else (command,)
    if case.facts.pod_reason == "Gone" and (" delete pod " in command or " patch pod " in command):
        return ()
    if " set image " in command:
        return set_image(case, command.partition(f"{shlex.quote(case.target.container)}=")[2])
    if " rollout restart " in command:
        return (command,) if kind in RESTARTABLE else ()
    if " delete pod " in command and owner is None:
        return elsewhere(case) if cause in LOST else (anew(case),)
    if '"template"' in command:
        return _template_patch(case, command, kind)
    if " patch serviceaccount " in command:
        return (_account_patch(case, command, names),)
    return (command,)


def anew(case: Case) -> str:
    """The command that makes a bare pod anew: deleting it would lose it."""
    where, pod = shlex.quote(case.target.namespace), shlex.quote(case.target.pod)
    return f"kubectl -n {where} get pod {pod} -o json | kubectl replace --force -f -"


def elsewhere(case: Case) -> tuple[str, ...]:
    """The commands that make a bare pod anew on another node: its own cannot end it, and what was read of it still names that."""
    where, pod = shlex.quote(case.target.namespace), shlex.quote(case.target.pod)
    kept = "del(.spec.nodeName, .status, .metadata.uid, .metadata.resourceVersion)"
    return (
        f"kubectl -n {where} get pod {pod} -o json | jq '{kept}' > {pod}.json",
        f"kubectl -n {where} delete pod {pod} --grace-period=0 --force",
        f"kubectl create -f {pod}.json",
    )


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
    if not case.facts.service_account or any("serviceaccounts" in error.message for error in case.errors):
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
        counts = owner.kind in ("Job", "CronJob") and any(" delete pod " in command for command in fix.commands)
        said = filter(
            None, (fix.note, note, f"a deleted pod counts as a failed try of {owner.slash}" if counts else "")
        )
        applicability: Applicability = "review" if counts and fix.applicability == "safe" else fix.applicability
        yield dataclasses.replace(fix, applicability=applicability, note="; ".join(said))


def _image_fixes(case: Case, finding: Finding) -> list[Fix]:
    new = better_image(case, finding)
    if new is None:
        tags = existing_tags(case) if finding.cause == "image.tag_unknown" else []
        if not tags:
            return []
        image = f"{shlex.quote(case.facts.reference.repository)}:<tag>"
        return [Fix(f"use a tag that exists: {', '.join(tags)}", set_image(case, image), "review", "you")]
    commands = set_image(case, shlex.quote(new.image))
    applicability: Any = "safe" if new.same and commands else "review" if commands else "manual"
    return [Fix(new.why, commands, applicability, "you")]
