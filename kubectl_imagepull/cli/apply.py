"""Mending it: one change, shown before it is made, and only where it can be told what it does."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import yaml

from ..image.keyring import BadPullSecret, Keyring
from ..image.reference import InvalidReference, Reference
from ..kube.client import Api
from ..kube.errors import KubeError
from ..kube.paths import path_of
from ..kube.read import _managers
from ..model import Case, Finding, Verdict
from ..report.style import clean
from ..verdict.fixes import set_image, works_now
from ..verdict.names import RESOURCES
from ..verdict.other_image import better_image, existing_tags

GITOPS = ("Argo CD", "Flux")
MANAGER = "kubectl-imagepull"
NOISE = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp")
COUNTING = ("Job", "CronJob")
"""Kinds that count a deleted pod as failed (kubernetes: pkg/controller/job/job_controller.go, isPodFailed)."""
LACKS_SECRET = ("auth.no_credentials", "auth.denied_or_missing")


class Refused(Exception):
    """Why nothing is changed. str(): one line."""


@dataclass(frozen=True)
class Change:
    """One change to the cluster. path and patch: of the object that is changed, "" for none; pod: the pod that is deleted
    afterwards, so that its owner makes a new one; same: it changes no meaning, so it may be made with nobody watching; later:
    what is left to do where no pod of now is mended by it, "" where the pod can be waited for."""

    what: str
    same: bool
    path: str = ""
    patch: Mapping[str, Any] | None = None
    kind: str = "strategic-merge-patch"
    pod: str = ""
    later: str = ""


def plan(api: Api, case: Case, verdict: Verdict, tag: str) -> Change:
    """The change that mends a case. tag: the one that the user asked for. Raises Refused."""
    target, owner = case.target, case.target.owner
    finding = Finding(verdict.cause, verdict.subject, verdict.confidence, verdict.hop, "")
    if owner is None:
        raise Refused(f"pod {target.pod} belongs to no workload: deleting it would lose it, so it is left alone")
    if owner.kind == "Node":
        raise Refused(f"pod {target.pod} is a static pod: its manifest is on node {owner.name}")
    if owner.kind not in RESOURCES:
        raise Refused(f"the pod belongs to {owner.slash}, whose operator would revert the change: change it there")
    lords = [m for m in owner.managed_by if m in GITOPS]
    if lords:
        raise Refused(
            f"{owner.slash} is managed by {' and '.join(lords)}, which would revert the change: change it in Git"
        )
    if tag:
        return _other_image(case, verdict, _tagged(case, verdict, tag), f"tag {tag}, as asked for", True)
    if works_now(case, finding):
        return _new_pod(case, f"what failed works now: delete pod {target.pod}, so that its owner tries again")
    new = better_image(case, finding)
    if new is not None:
        return _other_image(case, verdict, new.image, new.why, new.same)
    if verdict.cause == "auth.secret_added_late":
        return _new_pod(case, f"delete pod {target.pod}: the new one gets the service account's pull secret")
    if verdict.cause in LACKS_SECRET and not case.facts.pull_secret_names and not case.facts.account_secrets:
        return _account(api, case)
    tags = existing_tags(case) if verdict.cause == "image.tag_unknown" else []
    if tags:
        asked = case.facts.reference.asked
        raise Refused(f"no tag is near to {asked}; --tag TAG chooses one (there are {', '.join(tags)})")
    raise Refused(f"{verdict.cause} is not mended by a change that could be made from here")


def _new_pod(case: Case, what: str) -> Change:
    owner = case.target.owner
    if owner is not None and owner.kind in COUNTING:
        raise Refused(
            f"a pod of {owner.slash} that is deleted counts as a failed try; the kubelet tries again by itself"
        )
    return Change(what, True, pod=case.target.pod)


def _tagged(case: Case, verdict: Verdict, tag: str) -> str:
    if not verdict.cause.startswith(("image.", "reference.")):
        raise Refused(f"another tag does not mend {verdict.cause}")
    repository = case.facts.reference.repository
    image = f"{repository}:{tag}"
    try:
        if not repository or Reference.parse(image).tag != tag:
            raise Refused(f'"{tag[:140]}" is no tag')
    except InvalidReference:
        raise Refused(f'"{tag[:140]}" is no tag') from None
    return image


def _other_image(case: Case, verdict: Verdict, image: str, why: str, same: bool) -> Change:
    target, owner = case.target, case.target.owner
    assert owner is not None
    group = {"container": "containers", "init": "initContainers", "sidecar": "initContainers"}.get(target.role)
    if group is None:
        raise Refused(f"the image of {target.role} {target.container} cannot be changed from here")
    if owner.kind == "Job":
        anew = "".join(set_image(case, shlex.quote(image)))
        raise Refused(f"the pod template of {owner.slash} never changes; this makes the job anew: {anew}")
    template: dict[str, Any] = {"spec": {"template": {"spec": {group: [{"name": target.container, "image": image}]}}}}
    later = ""
    if owner.kind == "CronJob":
        template = {"spec": {"jobTemplate": template}}
        where, name = f"kubectl -n {target.namespace}", owner.name
        later = (
            f"the next run of {owner.slash} has the change, the job of now keeps its template; "
            f"to run it at once: {where} create job {name}-now --from=cronjob/{name}"
        )
    # a StatefulSet waits for its broken pod for ever, a ReplicaSet only changes new ones
    pod = target.pod if owner.kind in ("StatefulSet", "ReplicaSet") else ""
    path = path_of(owner.kind, target.namespace, owner.name)
    return Change(f"{owner.slash}, container {target.container}: {why}", same, path, template, pod=pod, later=later)


def _account(api: Api, case: Case) -> Change:
    """The one pull secret of the namespace that is for this image, given to the service account. Contents stay here."""
    target = case.target
    try:
        listed = api.pages(
            f"/api/v1/namespaces/{target.namespace}/secrets", fieldSelector="type=kubernetes.io/dockerconfigjson"
        )
        fitting = [s["metadata"]["name"] for s in listed if _fits(s, target.image)]
        path = f"/api/v1/namespaces/{target.namespace}/serviceaccounts/{case.facts.service_account or 'default'}"
        account = api.get(path)
    except KubeError as error:
        raise Refused(f"needs list on secrets and get on serviceaccounts in {target.namespace} ({error})") from None
    name = account["metadata"]["name"]
    if not fitting:
        raise Refused(f"no pull secret in {target.namespace} is for {case.facts.reference.registry}: create one first")
    if len(fitting) > 1:
        raise Refused(f"several pull secrets are for {case.facts.reference.registry}: {', '.join(sorted(fitting)[:5])}")
    lords = [m for m in _managers(account["metadata"]) if m in GITOPS]
    if lords:
        raise Refused(f"service account {name} is managed by {' and '.join(lords)}: change it in Git")
    kept = list(account.get("imagePullSecrets") or [])
    owner = target.owner
    if owner is not None and owner.kind in COUNTING:
        raise Refused(f"only new pods get it, and a pod of {owner.slash} that is deleted counts as a failed try")
    what = f"service account {name} gets pull secret {fitting[0]}, and pod {target.pod} is made anew with it"
    return Change(what, False, path, {"imagePullSecrets": [*kept, {"name": fitting[0]}]}, "merge-patch", target.pod)


def _fits(secret: Mapping[str, Any], image: str) -> bool:
    try:
        return any(c.username or c.password for c in Keyring.from_secrets([dict(secret)]).lookup(image))
    except BadPullSecret:
        return False


def make(api: Api, case: Case, change: Change, yes: bool, say: TextIO, stdin: TextIO) -> None:
    """Show the change as the server would make it, ask, make it. Raises Refused and KubeError."""
    say.write(clean(f"change: {change.what}") + "\n")
    owner = case.target.owner
    if change.patch is not None and owner is not None and owner.managed_by:
        say.write(
            clean(f"note: {owner.slash} is managed by {', '.join(owner.managed_by)}: change it there as well, ")
            + "or the next upgrade reverts it\n"
        )
    pod = path_of("Pod", case.target.namespace, change.pod) if change.pod else ""
    if change.patch is not None:
        before = api.get(change.path)
        after = api.patch(change.path, change.patch, change.kind, dryRun="All", fieldManager=MANAGER)
        for line in difference(before, after):
            say.write(f"  {clean(line)}\n")
    if pod:
        api.delete(pod, dryRun="All")
        say.write(f"  delete pod/{change.pod}\n")
    if yes and not change.same:
        hint = "; --tag TAG names one" if "containers" in str(change.patch) else "; without --yes you are asked"
        raise Refused(f"with --yes only what changes no meaning is done{hint}")
    if not yes:
        say.write("Apply this change? [y/N] ")
        say.flush()
        if stdin.readline().strip().lower() not in ("y", "yes"):
            raise Refused("you did not say yes")
    if change.patch is not None:
        api.patch(change.path, change.patch, change.kind, fieldManager=MANAGER)
    if pod:
        api.delete(pod)
    say.write("applied\n")
    if change.later:
        say.write(clean(change.later) + "\n")
    say.flush()


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Sequence[str]:
    """The lines in which two versions of an object differ, with a few around them, as `kubectl diff` shows them."""
    now, then = (yaml.safe_dump(_plain(o), sort_keys=False, width=200).splitlines() for o in (before, after))
    return list(difflib.unified_diff(now, then, "now", "then", n=2, lineterm=""))


def _plain(found: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {k: v for k, v in (found.get("metadata") or {}).items() if k not in NOISE}
    return {**{k: v for k, v in found.items() if k != "status"}, "metadata": metadata}


__all__ = ["Change", "Refused", "difference", "make", "plan"]
