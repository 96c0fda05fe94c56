"""Staying with a scan: what appears, grows, shrinks and is solved, from one watch of the pods."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from ..errors import KubeError
from ..image.containers import statuses_of
from ..image.messages import classify
from ..kube.client import Api
from ..kube.one_look import OneLook
from ..kube.paths import path_of
from ..kube.pods import read_pod, waits_for_image
from ..kube.search import LIVE, PodName
from ..kube.watch import changes
from ..model.runs import of_a_run
from ..verdict.root_cause import root_of
from .observer import CauseChange, Diagnosis, Observer
from .scan import Scope, Seen, grouped, look


class Followed:
    """Which root causes there are, and what each pod adds to them."""

    def __init__(self, known: Iterable[Diagnosis], observer: Observer) -> None:
        """known: what is no news."""
        self._observer = observer
        self._pods: dict[PodName, list[Diagnosis]] = {}
        self._looks: dict[PodName, object] = {}
        for one in known:
            self._pods.setdefault((one.case.target.namespace, one.case.target.pod), []).append(one)

    def same(self, name: PodName, pod: Mapping[str, Any]) -> bool:
        """Whether a pod fails as it did when it was last seen: its next attempt is no news."""
        look = sorted(
            (str(entry.get("name")), str(entry.get("image")), classify(str(waiting.get("message") or "")).cause)
            for entry in statuses_of(pod)
            if (waiting := (entry.get("state") or {}).get("waiting"))
        )
        before = self._looks.get(name)
        self._looks[name] = look
        return before == look

    def put(self, name: PodName, found: Sequence[Diagnosis]) -> None:
        """What a pod adds now; the observer is told what that changes."""
        last = self._pods.pop(name, [])
        if not found:
            self._looks.pop(name, None)
        if not (last or found):
            return
        before = self._counts(last)
        if found:
            self._pods[name] = list(found)
        after = self._counts(())
        last_of, now_of = ({_root(one): one for one in some} for some in (last, found))
        for root in {**last_of, **now_of}:
            old, new = before[root], after[root]
            if old == new:
                continue
            members = [one for one in itertools.chain(*self._pods.values()) if _root(one) == root]
            [cause] = grouped(members or [last_of[root]])
            if not old:
                self._observer.changed(CauseChange("appeared", cause))
            elif not new:
                self._observer.changed(CauseChange("solved", cause))
            else:
                self._observer.changed(CauseChange("grew" if new > old else "shrank", cause))

    def _counts(self, more: Iterable[Diagnosis]) -> Counter[Hashable]:
        return Counter(_root(one) for one in itertools.chain(*self._pods.values(), more))


def _root(one: Diagnosis) -> Hashable:
    return root_of(one.case, one.verdict)


def watch(api: Api, scope: Scope, observer: Observer) -> None:
    """Scan, tell the observer (`scanned`), then tell it what changes, until Ctrl-C raises KeyboardInterrupt.

    Pods that wait without a word of their own, as for a sandbox image, are told by the scan and followed no further. Raises
    KubeError where pods may not be listed or watched.
    """
    path = path_of("Pod", scope.namespace(api))
    since = str((api.get(path, limit=1).get("metadata") or {}).get("resourceVersion") or "")
    seen = look(OneLook(api), scope, observer)
    observer.scanned(seen.scan(grouped(seen.judged)))
    followed, judging = Followed(seen.judged, observer), Seen()
    for change in changes(api, path, since, labelSelector=scope.selector, fieldSelector=LIVE):
        if change is None:
            continue
        pod, metadata = change.object, change.object["metadata"]
        name = (str(metadata["namespace"]), str(metadata["name"]))
        if change.kind == "DELETED" or of_a_run("pod", pod) or not waits_for_image(pod):
            followed.put(name, ())
        elif not followed.same(name, pod):
            try:
                read = read_pod(OneLook(api), *name, known=dict(pod), to_probe=False)
            except KubeError:
                continue  # it is gone, or told again with its next change
            followed.put(name, judging.judge(read))


__all__ = ["watch"]
