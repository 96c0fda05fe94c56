"""What a run makes, and what cleaning up takes: only what bears name, label and owner of a run, and only when it is over."""

from __future__ import annotations

import dataclasses
import datetime
import threading
from typing import Any

import pytest

from kubectl_imagepull.errors import ApiError, Unreachable
from kubectl_imagepull.node import created_objects as module
from kubectl_imagepull.node.created_objects import CreatedObjects, Interrupted, jobs, leftovers, remove
from kubectl_imagepull.node.job import Run, bare_pod, config_map, holder, job
from kubectl_imagepull.node.run_pod import pod_of, start
from tests.unit.node.fake import Cluster, Object

NAME = "imagepull-n1-0a1b2c"
RUN = Run(NAME, "ns", "n1", 60)
PODS, JOBS, MAPS = "/api/v1/namespaces/ns/pods", "/apis/batch/v1/namespaces/ns/jobs", "/api/v1/namespaces/ns/configmaps"
SPEC: Object = {"containers": [{"name": "probe-0", "image": "pause"}]}
BORN = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.timezone.utc).timestamp()
DONE = {"conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": "2026-11-28T12:00:10Z"}]}


def served() -> Any:
    return Cluster()


def left(cluster: Cluster, after: float) -> list[tuple[str, str]]:
    api: Any = cluster
    return [(one.kind, one.name) for one in leftovers(api, "ns", BORN + after).left]


def put(cluster: Cluster, path: str, body: Object, **status: Any) -> Object:
    return cluster.put(path, {**body, "status": status} if status else body)


def test_a_job_that_is_over() -> None:
    cluster = served()
    put(cluster, JOBS, job(RUN, SPEC), **DONE)
    assert left(cluster, 20) == [], "somebody may still read its log"
    assert left(cluster, 41) == [("job", NAME)]


def test_what_runs_share_is_left_alone_while_it_may_be_used() -> None:
    """It has ended as soon as it is made."""
    cluster: Any = served()
    put(cluster, JOBS, holder(RUN), **DONE)
    assert left(cluster, 100) == [] and left(cluster, 200) == [("job", NAME)]


def test_a_job_that_runs_is_somebodys() -> None:
    cluster: Any = served()
    made = cluster.put(JOBS, job(RUN, SPEC))
    cluster.put(MAPS, config_map(RUN, made, {}))
    found = leftovers(cluster, None, BORN + 300)
    assert found.left == () and [(one.kind, one.name) for one in found.running] == [("job", NAME)]
    assert left(cluster, 901) == [("job", NAME), ("configmap", NAME)]


def test_a_bare_pod_that_is_over() -> None:
    cluster: Any = served()
    cluster.put(PODS, bare_pod(RUN, SPEC))
    assert left(cluster, 60) == [] and leftovers(cluster, "ns", BORN + 60).running[0].kind == "pod"
    over = {"terminated": {"exitCode": 0, "finishedAt": "2026-11-28T12:00:30Z"}}
    cluster.objects[f"{PODS}/{NAME}"]["status"] = {"phase": "Succeeded", "containerStatuses": [{"state": over}]}
    assert left(cluster, 59) == [] and left(cluster, 61) == [("pod", NAME)]


def test_a_config_map_whose_owner_is_gone() -> None:
    cluster = served()
    owner = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": NAME, "uid": "gone"}}
    cluster.put(MAPS, config_map(RUN, owner, {}))
    assert left(cluster, 20) == [] and left(cluster, 31) == [("configmap", NAME)]


def labelled(name: str, label: str = NAME, owners: list[Object] | None = None) -> Object:
    labels = {"app.kubernetes.io/managed-by": "kubectl-imagepull", "imagepull.dev/run": label}
    metadata = {"name": name, "namespace": "ns", "labels": labels, "ownerReferences": owners or []}
    return {"kind": "Pod", "metadata": metadata, "spec": SPEC}


def by(kind: str, name: str) -> list[Object]:
    return [{"kind": kind, "name": name, "uid": "u", "controller": True}]


@pytest.mark.parametrize(
    "item",
    [
        labelled("web-0", owners=by("StatefulSet", "web")),
        labelled(f"{NAME}-abcde", owners=by("StatefulSet", NAME)),
        labelled("web-0"),
        labelled("web", "web"),
        labelled(NAME, owners=by("ReplicaSet", NAME)),
        labelled(f"{NAME}-abcdef", owners=by("Job", NAME)),
        labelled("other-abcde", owners=by("Job", NAME)),
        labelled(f"{NAME}-abcde", owners=by("Job", "another")),
        labelled("imagepull-n1-0a1b2c", "imagepull-n1-ffffff"),
    ],
    ids=lambda item: item["metadata"]["name"],
)
def test_what_merely_wears_the_label_is_left_alone(item: Object) -> None:
    cluster: Any = served()
    cluster.put(PODS, item)["status"] = {"phase": "Failed"}
    found = leftovers(cluster, "ns", BORN + 1e6)
    assert found.left == () and found.running == ()


def test_removing_takes_only_what_was_found() -> None:
    """Another that has the name by now stays."""
    cluster: Any = served()
    put(cluster, JOBS, job(RUN, SPEC), **DONE)
    (found,) = leftovers(cluster, "ns", BORN + 100).left
    cluster.objects[f"{JOBS}/{NAME}"]["metadata"]["uid"] = "another"
    remove(cluster, found)
    assert f"{JOBS}/{NAME}" in cluster.objects and cluster.deletions[0][1]["preconditions"]["uid"] == found.uid
    cluster.objects[f"{JOBS}/{NAME}"]["metadata"]["uid"] = found.uid
    remove(cluster, found)
    remove(cluster, found)
    assert f"{JOBS}/{NAME}" not in cluster.objects


def test_a_pod_of_another_owner_is_not_the_runs() -> None:
    """Its label can be worn by anybody who may make pods there; such a pod is neither read nor deleted."""
    cluster: Any = served()
    created = CreatedObjects(cluster)
    cluster.put(PODS, labelled("a-forged", owners=by("Job", NAME)))
    run, _ = start(created, RUN, SPEC)
    found = pod_of(cluster, run)
    assert found is not None and found["metadata"]["name"] == f"{NAME}-abcde"
    assert pod_of(cluster, RUN) is None, "a run without an owner has no pod"
    assert created.clear() == []
    assert list(cluster.objects) == [f"{PODS}/a-forged"]


def test_a_bare_pod_is_its_own_owner() -> None:
    cluster: Any = Cluster(refuse=lambda verb, path, body: ApiError(403, "", "no") if path.endswith("/jobs") else None)
    created = CreatedObjects(cluster)
    run, owner = start(created, RUN, SPEC)
    found = pod_of(cluster, run)
    assert found is not None and owner["metadata"]["uid"] == run.owner == found["metadata"]["uid"]
    assert created.clear() == [] and not cluster.objects


def test_clearing_spares_what_took_the_name() -> None:
    cluster: Any = served()
    created = CreatedObjects(cluster)
    start(created, RUN, SPEC)
    cluster.objects[f"{JOBS}/{NAME}"]["metadata"]["uid"] = "another"
    assert created.clear() == [] and f"{JOBS}/{NAME}" in cluster.objects


def test_nothing_is_made_once_it_is_closed() -> None:
    cluster: Any = served()
    created = CreatedObjects(cluster)
    created.clear(close=True)
    with pytest.raises(Interrupted):
        start(created, RUN, SPEC)
    assert not cluster.made


def test_what_is_kept_stays_and_what_failed_goes() -> None:
    cluster: Any = served()
    created = CreatedObjects(cluster)
    created.kept = True
    start(created, RUN, SPEC)
    created.clear(failed=True)
    assert not cluster.objects
    start(created, RUN, SPEC)
    created.clear()
    assert f"{JOBS}/{NAME}" in cluster.objects


def test_an_answer_that_got_lost_is_cleared_up_too() -> None:
    """The object may be there though nobody said so: its name is known."""
    cluster: Any = served()
    created, stored = CreatedObjects(cluster), cluster.post

    def lost(path: str, body: Any, **query: Any) -> Object:
        stored(path, body)
        raise Unreachable("gone")

    cluster.post = lost
    with pytest.raises(Unreachable):
        created.create(RUN, "job", jobs("ns"), job(RUN, SPEC))
    assert created.clear() == [] and not cluster.objects


def test_a_deletion_that_is_refused_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    cluster: Any = Cluster(refuse=lambda verb, path, body: ApiError(403, "", "no") if verb == "delete" else None)
    created = CreatedObjects(cluster)
    start(created, RUN, SPEC)
    told = [error.message for error in created.clear()]
    assert len(told) == 1 and f"could not delete job {NAME}" in told[0]


@pytest.mark.parametrize(("broken", "left"), [(2, []), (3, ["could not delete job"])])
def test_a_deletion_that_breaks_is_tried_again(monkeypatch: pytest.MonkeyPatch, broken: int, left: list[str]) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    errors = iter([Unreachable("reset")] * broken)
    jobs_only = lambda verb, path: verb == "delete" and "/jobs/" in path  # noqa: E731
    cluster: Any = Cluster(refuse=lambda verb, path, body: next(errors, None) if jobs_only(verb, path) else None)
    created = CreatedObjects(cluster)
    start(created, RUN, SPEC)
    told = [error.message for error in created.clear()]
    assert [message.partition(" imagepull-")[0] for message in told] == left


def test_an_answer_that_is_no_object_is_cleared_up_too() -> None:
    """A proxy answers 200 with a page or {}: what was made, if anything was, is known by its name."""
    cluster: Any = served()
    stored = cluster.post
    cluster.post = lambda path, body, **query: stored(path, body) and {}
    created = CreatedObjects(cluster)
    with pytest.raises(Unreachable, match="the job that was made is none"):
        created.create(RUN, "job", jobs("ns"), job(RUN, SPEC))
    assert created.clear() == [] and not cluster.objects


class SlowAtMaps(Cluster):
    """Takes its time to delete a ConfigMap, and its garbage collector does not help."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.may = threading.Event(), threading.Event()

    def delete(self, path: str, body: Any = None, **query: Any) -> Object:
        kept = {at: o for at, o in self.objects.items() if at.startswith(MAPS)}
        if path.startswith(MAPS):
            self.asked.set()
            assert self.may.wait(10)
        found = super().delete(path, body, **query)
        if not path.startswith(MAPS):
            self.objects.update(kept)
        return found


def test_who_interrupts_a_removal_waits_for_it() -> None:
    """Its ConfigMap is asked for last: whoever stops it meanwhile returns when that is gone, too."""
    cluster: Any = SlowAtMaps()
    created = CreatedObjects(cluster)
    owner = created.create(RUN, "job", JOBS, job(RUN, SPEC))
    created.create(RUN, "configmap", MAPS, config_map(RUN, owner, {}))
    removal = threading.Thread(target=created.delete)
    removal.start()
    assert cluster.asked.wait(10)
    stopped = threading.Thread(target=created.clear, kwargs={"close": True})
    stopped.start()
    stopped.join(0.3)
    assert stopped.is_alive() and f"{MAPS}/{NAME}" in cluster.objects
    cluster.may.set()
    removal.join(10)
    stopped.join(10)
    assert not stopped.is_alive() and f"{MAPS}/{NAME}" not in cluster.objects


class SlowAtFirst(Cluster):
    """The first deletion does not come back before it may."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.hangs, self.may = threading.Event(), threading.Event()

    def delete(self, path: str, body: Any = None, **query: Any) -> Object:
        self.asked.append(path)
        if len(self.asked) == 1:
            self.hangs.set()
            assert self.may.wait(10)
        return super().delete(path, body, **query)


def test_who_interrupts_deletes_what_is_not_deleted_yet() -> None:
    cluster: Any = SlowAtFirst()
    created = CreatedObjects(cluster)
    for number in range(3):
        run = dataclasses.replace(RUN, name=f"{NAME}{number}")
        created.create(run, "pod", PODS, bare_pod(run, SPEC))
    removal = threading.Thread(target=created.delete)
    removal.start()
    try:
        assert cluster.hangs.wait(10)
        interruption = threading.Thread(target=created.delete, kwargs={"close": True})
        interruption.start()
        interruption.join(10)
        assert len(set(cluster.asked)) == 3 and not interruption.is_alive()
    finally:
        cluster.may.set()
        removal.join(10)
    assert cluster.objects == {}


def test_what_could_not_be_deleted_is_raised_by_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "worth_a_try", lambda error, began: False)
    cluster: Any = Cluster(refuse=lambda verb, path, body: Unreachable("refused") if verb == "delete" else None)
    created = CreatedObjects(cluster)
    created.close()
    created = CreatedObjects(cluster)
    created.create(RUN, "job", JOBS, job(RUN, SPEC))
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    with pytest.raises(Unreachable, match="refused"):
        created.close()
