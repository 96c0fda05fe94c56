"""Digests in place of tags: in files, in the commands that change live workloads, and for plain references."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import tempfile
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..command import Unfit, argv, is_name, join
from ..errors import KubeError
from ..image.containers import statuses_of
from ..image.manifests import Manifests, Place, Trouble, read
from ..image.pins import FileChange, Pin, Pinning, Row, edited, pin_of, pinned
from ..image.reference import Reference
from ..kube.client import Api, get_object
from ..kube.objects import controller_of, managers_of
from ..kube.workloads import read_workload
from ..reading import reading
from ..registry.client import Answer
from .manifest_files import STDIN, ManifestFile
from .named import Named
from .registries import from_here

SIDE_BY_SIDE = 16
"""Questions to registries at a time, all of them together; each registry has its own bound."""
GIVE_UP = 2
"""Questions that a registry may leave without an answer before it is asked no more."""
SILENT = ("dns.", "net.", "tls.", "transfer.")
"""Causes that are the registry's and not the image's."""

Ask = Callable[[Reference], Answer]
"""What a registry says of a reference. Called from several threads."""


@dataclass(frozen=True)
class Wanted:
    """What is to be done."""

    update: bool = False
    """Also move images that have a digest to the one that their tag has now."""
    check: bool = False
    """Only say what has no digest: without `update` no registry is asked."""

    @property
    def states(self) -> tuple[str, ...]:
        """Those of the images whose digest is asked for."""
        return ("unpinned", "pinned") if self.update else () if self.check else ("unpinned",)


@contextlib.contextmanager
def asking(
    told: Callable[[str], None], token_hosts: Collection[str] = (), plain_http: Collection[str] = ()
) -> Iterator[Ask]:
    """Registries, asked with the logins that docker has here. told: what is wrong with these, a line each, at the end; the others
    as of `Registries`."""
    with from_here(told, token_hosts=token_hosts, plain_http=plain_http) as (registries, logins):
        yield lambda reference: registries.head(reference, logins.of(reference))


def pin_files(
    files: Iterable[ManifestFile], wanted: Wanted, ask: Ask, begun: Callable[[int], None] | None = None
) -> Pinning:
    """Find the images of files and the digests of their tags. begun: told how many references are asked for. Changes nothing."""
    found = Pinning()
    read_ones: list[tuple[Manifests, list[Pin]]] = []
    for file in files:
        if file.error:
            found.troubles.append(Trouble(file.name, 0, "encoding", file.error))
            continue
        one = read(file.data, file.name)
        found.troubles += one.troubles
        found.through = one.text if file.name == STDIN else found.through
        if one.places:
            read_ones.append((one, [pin_of(place) for place in one.places]))
    digests = _digests((pin for _, pins in read_ones for pin in pins), wanted, ask, begun)
    for one, pins in read_ones:
        _into_file(found, one, pins, digests, wanted)
    return found


def pin_references(images: Sequence[str], wanted: Wanted, ask: Ask) -> Pinning:
    """The same for images that are named as they are."""
    found = Pinning()
    places = [Place("", 0, 0, 0, 0, image, "object", "image", "", "", "", "", "", "") for image in images]
    pins = [pin_of(place) for place in places]
    digests = _digests(pins, wanted, ask, None)
    for pin in pins:
        new = _new(pin, digests, wanted)
        found.rows.append(Row(pin.place, "changed", pinned(pin, new)) if new else _stays(pin, digests, wanted, ""))
    return found


SET_IMAGE: Mapping[str, str] = {
    "Pod": "pod",
    "Deployment": "deployment",
    "StatefulSet": "statefulset",
    "DaemonSet": "daemonset",
    "ReplicaSet": "replicaset",
    "CronJob": "cronjob",
}
"""Kind -> its word for `kubectl set image` (kubectl: pkg/polymorphichelpers/updatepodspec.go). A Job's template cannot change."""
BY_SET_IMAGE = ("container", "init", "sidecar")
"""Roles that `kubectl set image` changes (kubectl: pkg/cmd/set/set_image.go)."""


def pin_live(
    api: Api, names: Sequence[Named], wanted: Wanted, ask: Ask, begun: Callable[[int], None] | None = None
) -> Pinning:
    """The same for objects of a cluster, as commands; nothing is changed. Raises KubeError where one cannot be read."""
    found = Pinning()
    read_ones: list[tuple[Named, str, list[Pin], Mapping[str, set[str]] | None]] = []
    for named in names:
        namespace = named.namespace or api.namespace
        got = get_object(api, named.kind, namespace, named.name)
        shown = f"{named.kind.lower()}/{named.name}"
        one = read(json.dumps({**got, "kind": named.kind, "apiVersion": ""}), shown)
        found.troubles += one.troubles
        # what was read has lines, the object has none
        pins = [pin_of(replace(place, line=0, column=0)) for place in one.places]
        read_ones.append((named, namespace, pins, None if wanted.check else _running(api, named, namespace, got)))
        owner, managers = controller_of(got), managers_of(got)
        if owner:
            found.notes.append(f"{shown} belongs to {owner.get('kind')}/{owner.get('name')}: pin that one")
        if managers:
            found.notes.append(
                f"{shown} is managed by {', '.join(managers)}: change it there, or the next upgrade reverts it"
            )
    digests = _digests((pin for _, _, pins, _ in read_ones for pin in pins), wanted, ask, begun)
    for named, namespace, pins, runs in read_ones:
        words = []
        for pin in pins:
            new, place = _new(pin, digests, wanted), pin.place
            if not new:
                found.rows.append(_stays(pin, digests, wanted, ""))
                continue
            image = pinned(pin, new)
            why = ""
            if named.kind not in SET_IMAGE:
                why = f"the template of a {named.kind} cannot be changed: pin it in the manifest"
            elif place.role not in BY_SET_IMAGE or not is_name(place.container):
                why = f"kubectl set image changes no {place.role}: pin it in the manifest"
            else:
                words.append(f"{place.container}={image}")
            elsewhere = sorted(runs.get(place.container, set()) - {new}) if runs is not None else []
            if elsewhere and not why:
                found.notes.append(
                    f"{place.file}: container {place.container} runs {elsewhere[0][:19]}..., its tag has {new[:19]}... now: "
                    "the command changes what runs, unless that is the part of one platform"
                )
            found.rows.append(Row(place, "failed" if why else "changed", image, why))
        if words and runs is None and not wanted.check:
            found.notes.append(
                f"{named.kind.lower()}/{named.name}: what runs could not be read, so it may be another digest"
            )
        if words:
            target = f"{SET_IMAGE[named.kind]}/{named.name}"
            try:
                found.commands.append(join(argv("kubectl", "-n", namespace, "set", "image", target, *words)))
            except Unfit as error:
                found.notes.append(f"no command for {target}: {error}")
    return found


def _running(api: Api, named: Named, namespace: str, got: Mapping[str, Any]) -> Mapping[str, set[str]] | None:
    """Container -> the digests that its nodes name for what runs now; None where that may not be read."""
    try:
        pods = [got] if named.kind == "Pod" else read_workload(api, namespace, named.kind, named.name).current
    except KubeError:
        return None
    found: dict[str, set[str]] = {}
    for status in (status for pod in pods for status in statuses_of(pod, *BY_SET_IMAGE)):
        # an ID without a name is that of the unpacked image, which no registry knows
        name, at, digest = str(status.get("imageID") or "").rpartition("@")
        if name and at:
            found.setdefault(str(status.get("name") or ""), set()).add(digest)
    return found


# ---- digests ---------------------------------------------------------------------------------------------------------


def _digests(
    pins: Iterable[Pin], wanted: Wanted, ask: Ask, begun: Callable[[int], None] | None
) -> Mapping[str, Answer]:
    """What registries say of each reference that needs a digest, each asked once."""
    asked = {str(p.reference): p.reference for p in pins if p.state in wanted.states and p.reference is not None}
    if not asked:
        return {}
    if begun is not None:
        begun(len(asked))
    silent: dict[str, list[Answer]] = {}
    lock = threading.Lock()

    def once(reference: Reference) -> Answer:
        with lock:
            before = silent.get(reference.registry_host, [])
            if len(before) >= GIVE_UP:
                return before[0]
        answer = ask(reference)
        if answer.cause.startswith(SILENT):
            with lock:
                silent.setdefault(reference.registry_host, []).append(answer)
        return answer

    with reading(SIDE_BY_SIDE) as pool:
        waiting = {name: pool.submit(once, reference) for name, reference in asked.items()}
        return {name: answer() for name, answer in waiting.items()}


def _new(pin: Pin, digests: Mapping[str, Answer], wanted: Wanted) -> str:
    """The digest that an image gets; "" where it stays as it is."""
    answer = digests.get(str(pin.reference)) if pin.state in wanted.states else None
    return answer.digest if answer is not None and answer.digest != pin.digest else ""


NO_DIGEST = "the registry does not say its digest"
NOT_PULLED = "imagePullPolicy Never: it is not pulled, and a digest would name an image that is not on the node"
NO_TAG = "it has no tag that says which digest comes next"


def _stays(pin: Pin, digests: Mapping[str, Answer], wanted: Wanted, refused: str) -> Row:
    """An image that does not change, and why."""
    place = pin.place
    if refused:
        return Row(place, "failed", why=refused)
    if pin.state == "invalid":
        return Row(place, "unpinned" if wanted.check else "failed", why=pin.why)
    if pin.state == "never":
        return Row(place, "kept", why=NOT_PULLED)
    if pin.state == "untagged":
        return Row(place, "pinned", why=NO_TAG)
    answer = digests.get(str(pin.reference)) if pin.state in wanted.states else None
    if answer is None:
        return Row(place, pin.state)
    if answer.cause:
        return Row(place, "failed", why=answer.summary, cause=answer.cause)
    if not answer.digest:
        return Row(place, "failed", why=NO_DIGEST)
    return Row(place, "pinned")


def _into_file(
    found: Pinning, one: Manifests, pins: Sequence[Pin], digests: Mapping[str, Answer], wanted: Wanted
) -> None:
    done = edited(one, lambda pin: _new(pin, digests, wanted), pins)
    for pin in pins:
        image = done.done.get(pin.place)
        if image is not None:
            found.rows.append(Row(pin.place, "changed", image))
        else:
            found.rows.append(_stays(pin, digests, wanted, done.refused.get(pin.place, "")))
    if done.text != one.text:
        found.changes.append(FileChange(one.name, one.text, done.text))
        found.through = done.text if one.name == STDIN else found.through


# ---- writing ---------------------------------------------------------------------------------------------------------


def write(change: FileChange) -> None:
    """Put the new text in the place of the file, all of it or nothing; its mode stays. Raises OSError, and ValueError where the
    file is no longer what was read."""
    path = pathlib.Path(os.path.realpath(change.name))
    if path.read_bytes() != change.before.encode():
        raise ValueError(f"{change.name} has changed since it was read: it is left as it is")
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(change.after.encode())
        pathlib.Path(beside).chmod(path.stat().st_mode & 0o7777)
        pathlib.Path(beside).replace(path)
    except BaseException:
        pathlib.Path(beside).unlink(missing_ok=True)
        raise


__all__ = [
    "Ask",
    "FileChange",
    "Pinning",
    "Row",
    "Wanted",
    "asking",
    "pin_files",
    "pin_live",
    "pin_references",
    "write",
]
