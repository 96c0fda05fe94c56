"""The images of what runs, for `check`: with their pull secrets as the kubelet has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import ApiError, KubeError
from ..image.containers import containers_of, state_of, statuses_of
from ..kube.client import Api, get_object
from ..kube.objects import controller_of, names_of
from ..kube.one_look import OneLook
from ..kube.paths import path_of
from ..kube.workloads import owner_of, read_workload, template_of
from ..model.check import Use
from ..model.runs import of_a_run
from .check import Asked
from .named import Named


def in_cluster(api: Api, named: Sequence[Named], everywhere: bool, unseen: list[str]) -> Iterator[Asked]:
    """The images of workloads, or of all pods of the namespace or (everywhere) the cluster, with their secrets as the kubelet has
    them. unseen: gets what could not be read. Raises KubeError where a named object or the list cannot be had."""
    view = OneLook(api)
    if not named:
        for pod in api.pages(path_of("Pod", "" if everywhere else api.namespace)):
            if not of_a_run("pod", pod):
                yield from _of_pod(view, pod, unseen)
        return
    for one in named:
        namespace = one.namespace or api.namespace
        if one.kind == "Pod":
            yield from _of_pod(view, get_object(view, "Pod", namespace, one.name), unseen)
            continue
        workload = read_workload(view, namespace, one.kind, one.name)
        for found in workload.current:
            yield from _of_pod(view, found, unseen)
        if not workload.current:
            template = template_of(workload.kind, workload.object)
            bare = {**template, "metadata": {"namespace": namespace, "name": one.name}}
            yield from _of_pod(view, bare, unseen, f"{namespace}/{one.kind.lower()}/{one.name}")


def _of_pod(view: OneLook, pod: Mapping[str, Any], unseen: list[str], where: str = "") -> Iterator[Asked]:
    spec, metadata = pod.get("spec") or {}, pod.get("metadata") or {}
    namespace = str(metadata.get("namespace") or "")
    names = names_of(spec.get("imagePullSecrets"))
    if not names and where:  # a template: admission would add those of the account
        names = _of_account(view, namespace, str(spec.get("serviceAccountName") or "default"))
    objects, missing, unreadable = _secrets(view, namespace, names, unseen)
    where = where or f"{namespace}/{_owner(view, namespace, pod)}"
    digests = {str(s.get("name")): str(s.get("imageID") or "") for s in statuses_of(pod)}
    for role, container in containers_of(spec):
        name = str(container.get("name") or "")
        state = state_of(pod, role, name)
        runs = "running" in state
        yield Asked(
            str(container.get("image") or ""),
            Use(where, name, role),
            str(container.get("imagePullPolicy") or ""),
            namespace,
            names,
            objects,
            missing,
            unreadable,
            running=digests.get(name, "").rpartition("@")[2] if runs and "@" in digests.get(name, "") else "",
            nodes=(str(spec["nodeName"]),) if spec.get("nodeName") else (),
            live=True,
        )


def _owner(view: OneLook, namespace: str, pod: Mapping[str, Any]) -> str:
    owner = owner_of(view, namespace, pod) if controller_of(pod) else None
    return owner.slash if owner else f"pod/{(pod.get('metadata') or {}).get('name')}"


def _of_account(view: OneLook, namespace: str, name: str) -> tuple[str, ...]:
    try:
        return names_of(get_object(view, "ServiceAccount", namespace, name).get("imagePullSecrets"))
    except KubeError:
        return ()


def _secrets(
    view: OneLook, namespace: str, names: Sequence[str], unseen: list[str]
) -> tuple[tuple[Mapping[str, Any], ...], tuple[str, ...], tuple[str, ...]]:
    """(those that could be read, names of those that do not exist, names of those that may not be read)."""
    objects, missing, unreadable = [], [], []
    for name in names:
        try:
            objects.append(get_object(view, "Secret", namespace, name))
        except ApiError as error:
            if error.gone:
                missing.append(name)
                continue
            unreadable.append(name)
            unseen.append(f"pull secret {name} of {namespace} (needs get on secrets: {error.short})")
        except KubeError:  # a name that none can have
            missing.append(name)
    return tuple(objects), tuple(missing), tuple(unreadable)
