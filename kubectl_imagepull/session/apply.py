"""Fixing it: one change, shown before it is made, and only where it can be told what it does."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from ..catalogue.actions import Action, AddPullSecret, RecreatePod, SetImage
from ..catalogue.render import CONTAINERS, KINDS, NotAsTaken, Place, Step, kind_of, lines, patch, recreates
from ..command import Unfit, argv, join
from ..errors import ApiError, KubeError
from ..image.keyring import BadPullSecret, Keyring
from ..image.reference import InvalidReference, Reference
from ..kube.client import Api
from ..kube.objects import managers_of, names_of, uid_of
from ..kube.paths import is_name, path_of
from ..kube.pods import has_image
from ..kube.workloads import owner_of
from ..model import Case, Finding, Verdict
from ..node.job import Run, bare_pod, trial_pull_spec
from ..verdict.fixes import job_anew, place_of, works_now
from ..verdict.other_image import NewImage, better_image, existing_tags

GITOPS = ("Argo CD", "Flux")
MANAGER = "kubectl-imagepull"
NOISE = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp")
LACKS_SECRET = ("auth.no_credentials", "auth.denied_or_missing")


class Refused(Exception):
    """Why nothing is changed. str(): one line."""


@dataclass(frozen=True)
class Ref:
    """One object of the cluster, and no other that may have its name later."""

    kind: str
    namespace: str
    name: str
    uid: str

    @property
    def path(self) -> str:
        """Its API path. Raises BadName."""
        return path_of(self.kind, self.namespace, self.name)

    @property
    def slash(self) -> str:
        return f"{self.kind.lower()}/{self.name}"


@dataclass(frozen=True)
class Change:
    """One change to the cluster: the actions of a fix, for one pod."""

    what: str
    """In words, one line."""
    same: bool
    """It changes no meaning, so it may be made with nobody watching."""
    actions: tuple[Action, ...]
    """What is done, in order: what the printed fix has, too."""
    place: Place
    """For what; `commands` shows the same for kubectl."""
    object: Ref | None = None
    """What is changed, None where only the pod is made anew."""
    image: str = ""
    """The image that the container must still have, where it gets another."""
    pod: str = ""
    """Name of the pod that is deleted afterwards, so that its owner makes a new one; "" for none."""
    later: str = ""
    """What is left to do where it fixes no pod of now, "" where the pod can be waited for."""

    @property
    def edit(self) -> SetImage | AddPullSecret | None:
        """The action that changes `object`."""
        return next((a for a in self.actions if isinstance(a, (SetImage, AddPullSecret))), None)

    @property
    def commands(self) -> tuple[str, ...]:
        """The same by hand, a line each."""
        return lines(self.actions, self.place)


@dataclass(frozen=True)
class Preview:
    """A change as the server would make it now."""

    change: Change
    notes: tuple[str, ...]
    """What to know beside it, a line each."""
    difference: tuple[str, ...]
    """The lines in which the object would differ."""


def plan(api: Api, case: Case, verdict: Verdict, tag: str) -> Change:
    """The change that fixes a case. tag: the one that the user asked for. Raises Refused."""
    target, owner = case.target, case.target.owner
    finding = Finding(verdict.cause, verdict.subject, verdict.confidence, verdict.hop, "")
    if owner is None:
        raise Refused(f"pod {target.pod} belongs to no workload: deleting it would lose it, so it is left alone")
    if owner.kind == "Node":
        raise Refused(f"pod {target.pod} is a static pod: its manifest is on node {owner.name}")
    if owner.kind not in KINDS:
        raise Refused(f"the pod belongs to {owner.slash}, whose operator would revert the change: change it there")
    _refuse_gitops(owner.slash, owner.managed_by)
    if not owner.uid:
        raise Refused(f"{owner.slash} could not be read, so nothing proves that the pod is its own")
    if tag:
        chosen = NewImage(_tagged(case, verdict, tag), True, f"tag {tag}, as asked for")
        return _other_image(case, finding, chosen)
    if works_now(case, finding):
        return _new_pod(case, finding, f"what failed works now: delete pod {target.pod}, so that its owner tries again")
    new = better_image(case, finding)
    if new is not None:
        return _other_image(case, finding, new)
    if verdict.cause == "auth.secret_added_late":
        return _new_pod(case, finding, f"delete pod {target.pod}: the new one gets the service account's pull secret")
    if verdict.cause in LACKS_SECRET and not case.facts.pull_secret_names and not case.facts.account_secrets:
        return _account(api, case, finding)
    tags = existing_tags(case) if verdict.cause == "image.tag_unknown" else []
    if tags:
        asked = case.facts.reference.asked
        raise Refused(f"no tag is near to {asked}; --tag TAG chooses one (there are {', '.join(tags)})")
    raise Refused(f"{verdict.cause} is fixed by no change that could be made from here")


def _new_pod(case: Case, finding: Finding, what: str) -> Change:
    owner = case.target.owner
    if owner is not None and kind_of(owner.kind).counts:
        raise Refused(
            f"a pod of {owner.slash} that is deleted counts as a failed try; the kubelet tries again by itself"
        )
    return Change(what, True, (RecreatePod(),), place_of(case, finding), pod=case.target.pod)


def _tagged(case: Case, verdict: Verdict, tag: str) -> str:
    if not verdict.cause.startswith(("image.", "reference.")):
        raise Refused(f"another tag does not fix {verdict.cause}")
    repository = case.facts.reference.repository
    image = f"{repository}:{tag}"
    try:
        if not repository or Reference.parse(image).tag != tag:
            raise Refused(f'"{tag[:140]}" is no tag')
    except InvalidReference:
        raise Refused(f'"{tag[:140]}" is no tag') from None
    return image


def _other_image(case: Case, finding: Finding, new: NewImage) -> Change:
    target, owner = case.target, case.target.owner
    assert owner is not None
    if owner.kind == "Job":
        anew = job_anew(case, finding, new)
        raise Refused(f"the pod template of {owner.slash} never changes{anew and f'; this makes the job anew: {anew}'}")
    if target.role not in CONTAINERS:
        raise Refused(f"the image of {target.role} {target.container} cannot be changed from here")
    later = ""
    if owner.kind == "CronJob":
        later = f"the next run of {owner.slash} has the change, the job of now keeps its template"
        if is_name(owner.name) and is_name(target.namespace):
            source, where = f"--from=cronjob/{owner.name}", ("-n", target.namespace)
            run = argv("kubectl", *where, "create", "job", f"{owner.name}-now", source)
            later += f"; to run it at once: {join(run)}"
    place, action = place_of(case, finding), new.action
    which = Ref(owner.kind, target.namespace, owner.name, owner.uid)
    pod = target.pod if recreates(action, place) else ""
    what = f"{owner.slash}, container {target.container}: {new.why}"
    return Change(what, new.same, (action,), place, which, target.image, pod, later)


def _refuse_gitops(what: str, managed_by: Sequence[str]) -> None:
    lords = [m for m in managed_by if m in GITOPS]
    if lords:
        raise Refused(f"{what} is managed by {' and '.join(lords)}, which would revert the change: change it in Git")


def _account(api: Api, case: Case, finding: Finding) -> Change:
    """The one pull secret of the namespace that is for this image, given to the service account. Contents stay here."""
    target = case.target
    name = case.facts.service_account or "default"
    try:
        listed = api.pages(path_of("Secret", target.namespace), fieldSelector="type=kubernetes.io/dockerconfigjson")
        fitting = [n for s in listed if is_name(n := str(s["metadata"].get("name") or "")) and _fits(s, target.image)]
        account = api.get(path_of("ServiceAccount", target.namespace, name))
    except KubeError as error:
        raise Refused(f"needs list on secrets and get on serviceaccounts in {target.namespace} ({error})") from None
    if not fitting:
        raise Refused(f"no pull secret in {target.namespace} is for {case.facts.reference.registry}: create one first")
    if len(fitting) > 1:
        raise Refused(f"several pull secrets are for {case.facts.reference.registry}: {', '.join(sorted(fitting)[:5])}")
    owner = target.owner
    if owner is not None and kind_of(owner.kind).counts:
        raise Refused(f"only new pods get it, and a pod of {owner.slash} that is deleted counts as a failed try")
    what = f"service account {name} gets pull secret {fitting[0]}, and pod {target.pod} is made anew with it"
    which = Ref("ServiceAccount", target.namespace, name, uid_of(account))
    actions = (AddPullSecret((fitting[0],)), RecreatePod())
    return Change(what, False, actions, place_of(case, finding), which, pod=target.pod)


def _fits(secret: Mapping[str, Any], image: str) -> bool:
    try:
        return any(c.username or c.password for c in Keyring.from_secrets([dict(secret)]).lookup(image))
    except BadPullSecret:
        return False


def make(
    api: Api, case: Case, change: Change, show: Callable[[Preview], None], agree: Callable[[], bool] | None
) -> None:
    """Show the change as the server would make it, ask, make it as it was shown.

    Where somebody changes the object in between, it is read, shown and asked again. agree None: nobody is asked, and only what
    changes no meaning is done. Raises Refused where nothing was changed, and KubeError.
    """
    for _ in range(TRIES):
        steps: list[Step] = []
        try:
            shown = preview(api, case, change, steps)
            show(shown)
            if agree is None and not change.same:
                named = isinstance(change.edit, SetImage)
                hint = "; --tag TAG names one" if named else "; without --yes you are asked"
                raise Refused(f"with --yes only what changes no meaning is done{hint}")
            if agree is not None and not agree():
                raise Refused("you did not say yes")
            which = change.object
            if which is not None:
                made = api.patch(which.path, steps, "json-patch", fieldManager=MANAGER)
        except ApiError as error:
            if not _overtaken(api, change, steps, error):
                raise
            continue
        if change.pod:
            if which is not None and which.kind == "ServiceAccount":
                _await_account(api, case, which, made)
            _delete_pod(api, case, change)
        return
    raise Refused(f"{change.object.slash if change.object else change.pod} is changed by somebody else again and again")


TRIES = 3
"""How often a change is shown before giving up on an object that others keep changing."""


def preview(api: Api, case: Case, change: Change, steps: list[Step]) -> Preview:
    """The change as the server would make it now, by dry runs. steps: gets the JSON patch. Raises Refused and KubeError."""
    notes: tuple[str, ...] = ()
    lines: Sequence[str] = ()
    which = change.object
    if which is not None:
        before = api.get(which.path)
        _same_object(before, which)
        managers = managers_of(before)
        _refuse_gitops(which.slash, managers)
        if managers:
            notes = (
                f"{which.slash} is managed by {', '.join(managers)}: change it there as well, "
                "or the next upgrade reverts it",
            )
        steps += _steps(before, change)
        after = api.patch(which.path, steps, "json-patch", dryRun="All", fieldManager=MANAGER)
        _same_object(after, which)
        lines = difference(before, after)
    if change.pod:
        pod = _pod_to_delete(api, case, change)
        if isinstance(pod, str):
            raise Refused(pod)
        answer = api.delete(path_of("Pod", case.target.namespace, change.pod), {**_only(pod), "dryRun": ["All"]})
        about = answer.get("details") if answer.get("kind") == "Status" else answer.get("metadata")
        for key, value in (("name", change.pod), ("uid", uid_of(pod))):
            if isinstance(about, Mapping) and about.get(key) not in (None, "", value):
                raise Refused(f"asked to delete pod {change.pod}, the server would delete another object")
    return Preview(change, notes, tuple(lines))


def _same_object(found: Mapping[str, Any], which: Ref) -> None:
    """Raises Refused where an answer is about another object than the one that was asked for."""
    metadata = found.get("metadata") or {}
    asked = {"name": which.name, "namespace": which.namespace, "uid": which.uid}
    for key, value in asked.items():
        if not value or metadata.get(key) != value:
            raise Refused(f"{which.slash} in {which.namespace} is another object by now (its {key} differs)")
    if found.get("kind") not in (None, which.kind):
        raise Refused(f"asked for {which.slash}, the server answers with a {str(found.get('kind'))[:60]}")


def _steps(found: Mapping[str, Any], change: Change) -> list[Step]:
    """The JSON patch of a change to an object as it was read, which applies to nothing else. Raises Refused."""
    assert change.edit is not None and change.object is not None
    try:
        return patch(change.edit, change.place, found, change.image)
    except NotAsTaken as error:
        raise Refused(f"{change.object.slash} {error}") from None
    except Unfit as error:
        raise Refused(f"{change.object.slash}: {error}") from None


def _overtaken(api: Api, change: Change, steps: list[Step], error: ApiError) -> bool:
    """Whether a refusal means that the object was changed after it was read. Raises Refused where it is another one now.

    A `test` that fails is a 422, like every other fault of a patch (kubernetes: apiserver pkg/endpoints/handlers/patch.go).
    """
    if error.status == 409:
        return True
    if error.status != 422 or change.object is None or not steps:
        return False
    found = api.get(change.object.path)
    _same_object(found, change.object)
    return _steps(found, change) != steps


def _pod_to_delete(api: Api, case: Case, change: Change) -> Mapping[str, Any] | str:
    """The pod as it is now, or why it is not to be deleted: gone, another one's, or with its image by now."""
    target = case.target
    try:
        pod = api.get(path_of("Pod", target.namespace, change.pod))
    except ApiError as error:
        if not error.gone:
            raise
        return f"pod {change.pod} does not exist any more"
    owner = owner_of(api, target.namespace, pod)
    if owner is None or target.owner is None or owner.uid != target.owner.uid:
        return f"pod {change.pod} does not belong to {target.owner.slash if target.owner else 'it'} any more"
    if has_image(pod, target.role, target.container):
        return f"pod {change.pod} has its image by now"
    return pod


def _only(pod: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteOptions that are for this pod alone, as it was read."""
    return {"preconditions": {"uid": uid_of(pod), "resourceVersion": str(pod["metadata"].get("resourceVersion") or "")}}


def _delete_pod(api: Api, case: Case, change: Change) -> None:
    """Delete the pod that fails, and no other that has its name by now.

    Its status changes with every attempt of its kubelet, so a conflict is met by another look. Raises Refused.
    """
    path = path_of("Pod", case.target.namespace, change.pod)
    for _ in range(DELETE_TRIES):
        pod = _pod_to_delete(api, case, change)
        if isinstance(pod, str):
            if change.object is not None:
                return  # the change was made, and its owner has been quicker
            raise Refused(pod)
        try:
            api.delete(path, _only(pod))
            return
        except ApiError as error:
            if error.gone:
                return
            if error.status != 409:
                raise
    raise Refused(f"pod {change.pod} changes faster than it can be deleted: delete it by hand")


DELETE_TRIES = 10
TOO_MANY = 429
ADMISSION_SECONDS = 3.0
"""For the API server's copy of an account to follow."""


def _await_account(api: Api, case: Case, which: Ref, account: Mapping[str, Any]) -> None:
    """Wait until the server that answers would give a new pod the pull secrets that a service account has now.

    It gives what its own copy of the account has, which follows a moment later (kubernetes: plugin/pkg/admission/serviceaccount/
    admission.go), and a pod that came too early never gets the rest. Where no such pod may be made, nobody can see it.
    """
    wanted = set(names_of(account.get("imagePullSecrets")))
    run = Run.on(case.target.node, which.namespace, 60)
    asked = bare_pod(run, trial_pull_spec(run, {"app": case.target.image}, (), which.name))
    deadline = time.monotonic() + ADMISSION_SECONDS
    while time.monotonic() < deadline:
        try:
            made = api.post(path_of("Pod", which.namespace), asked, dryRun="All")
        except ApiError as error:
            if 400 <= error.status < 500 and error.status != TOO_MANY:
                return
        except KubeError:
            pass  # a request that breaks says nothing of the account
        else:
            if wanted <= set(names_of((made.get("spec") or {}).get("imagePullSecrets"))):
                return
        time.sleep(0.1)


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Sequence[str]:
    """The lines in which two versions of an object differ, with a few around them, as `kubectl diff` shows them."""
    now, then = (yaml.safe_dump(_plain(o), sort_keys=False, width=200).splitlines() for o in (before, after))
    return list(difflib.unified_diff(now, then, "now", "then", n=2, lineterm=""))


def _plain(found: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {k: v for k, v in (found.get("metadata") or {}).items() if k not in NOISE}
    return {**{k: v for k, v in found.items() if k != "status"}, "metadata": metadata}


__all__ = [
    "Change",
    "Preview",
    "Ref",
    "Refused",
    "difference",
    "make",
    "plan",
    "preview",
]
