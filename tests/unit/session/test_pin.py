"""What `pin` does: each reference is asked for once, nothing that fails is lost, and files change whole or not at all."""

from __future__ import annotations

import io
import stat
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from kubectl_imagepull.errors import KubeError
from kubectl_imagepull.image.manifests import MOST_BYTES
from kubectl_imagepull.image.reference import Reference
from kubectl_imagepull.kube.client import Api
from kubectl_imagepull.registry.client import Answer
from kubectl_imagepull.session.manifest_files import ManifestFile, manifest_files
from kubectl_imagepull.session.named import Named
from kubectl_imagepull.session.pin import GIVE_UP, FileChange, Wanted, pin_files, pin_live, pin_references, write
from tests.cost import here
from tests.unit.fake_cluster import FakeCluster
from tests.unit.image.test_manifests import in_object
from tests.unit.image.test_pins import digest_of

pytestmark = pytest.mark.alone


class Registry:
    """Answers with a digest of the reference's text, unless a test wants something else."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.says: dict[str, Answer] = {}
        self._lock = threading.Lock()

    def __call__(self, reference: Reference) -> Answer:
        with self._lock:
            self.asked.append(str(reference))
        host = reference.registry_host
        return self.says.get(str(reference)) or self.says.get(host) or Answer(digest=digest_of(str(reference)))


@pytest.fixture
def registry() -> Registry:
    return Registry()


def nothing(most: int) -> bytes:
    return b""


def file(text: str, name: str = "x.yaml") -> ManifestFile:
    return ManifestFile(name, text.encode())


def test_each_reference_is_asked_for_once(registry: Registry) -> None:
    files = [file(in_object(image), f"{n}.yaml") for n, image in enumerate(["nginx", "nginx:latest", "a:1"] * 20)]
    counts: list[int] = []
    found = pin_files(files, Wanted(), registry, counts.append)
    assert sorted(registry.asked) == ["a:1", "nginx:latest"] and counts == [2]
    assert len(found.changes) == 60 and {row.outcome for row in found.rows} == {"changed"}
    assert found.changes[0].after == in_object(f"nginx:latest@{digest_of('nginx:latest')}")
    assert found.exit_code(False) == 0 and found.exit_code(True) == 1


def test_check_asks_nobody(registry: Registry) -> None:
    old = digest_of("old")
    files = [file(in_object("a:1")), file(in_object(f"b:1@{old}"), "y.yaml")]
    found = pin_files(files, Wanted(check=True), registry)
    assert registry.asked == [] and [row.outcome for row in found.rows] == ["unpinned", "pinned"]
    assert found.exit_code(True) == 1
    moved = pin_files(files[1:], Wanted(check=True, update=True), registry)
    assert registry.asked == ["b:1"] and [row.outcome for row in moved.rows] == ["changed"]
    assert moved.exit_code(True) == 1


def test_update(registry: Registry) -> None:
    old = digest_of("old")
    text = in_object(f"a:1@{old}") + "---\n" + in_object(f"b@{old}") + "---\n" + in_object("c:1")
    assert [row.outcome for row in pin_files([file(text)], Wanted(), registry).rows] == ["pinned", "pinned", "changed"]
    found = pin_files([file(text)], Wanted(update=True), registry)
    assert [row.outcome for row in found.rows] == ["changed", "pinned", "changed"] and "no tag" in found.rows[1].why
    assert found.changes[0].after.count(old) == 1


RATE = Answer("rate.registry_limit", "r.test wants fewer requests (HTTP 429)", status=429)


def test_what_fails_is_named_and_the_rest_is_done(registry: Registry) -> None:
    registry.says = {
        "r.test/a:1": RATE,
        "r.test/b:1": Answer("image.tag_unknown", "r.test: HTTP 404"),
        "r.test/c:1": Answer(digest=""),
    }
    names = ["r.test/a:1", "r.test/b:1", "r.test/c:1", "d:1", "Bad", "${X}"]
    found = pin_files([file("---\n".join(map(in_object, names)))], Wanted(), registry)
    assert [row.outcome for row in found.rows] == ["failed", "failed", "failed", "changed", "failed", "failed"]
    assert [row.cause for row in found.rows[:2]] == ["rate.registry_limit", "image.tag_unknown"]
    assert all(row.why for row in found.rows if row.outcome == "failed")
    assert found.exit_code(False) == 2 and found.changes[0].after.count("@sha256:") == 1
    checked = pin_files([file(in_object("Bad"))], Wanted(check=True), registry)
    assert (
        checked.exit_code(True) == 1 and checked.rows[0].outcome == "unpinned" and "lower case" in checked.rows[0].why
    )


def test_a_silent_registry_is_not_asked_for_ever(registry: Registry) -> None:
    registry.says = {"dead.test": Answer("net.timeout", "dead.test: timed out")}
    names = [f"dead.test/a{n}:1" for n in range(200)] + ["live.test/a:1"]
    found = pin_files([file("---\n".join(map(in_object, names)))], Wanted(), registry)
    dead = [name for name in registry.asked if name.startswith("dead")]
    # those that are under way already are waited for
    assert GIVE_UP <= len(dead) <= 40
    assert [row.outcome for row in found.rows] == ["failed"] * 200 + ["changed"]
    assert {row.why for row in found.rows[:200]} == {"dead.test: timed out"}


def test_bad_files_among_good_ones(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "a.yaml").write_text(in_object("a:1"))
    (tmp_path / "b.yaml").write_text("kind: Pod\nspec: [\n")
    (tmp_path / "c.yml").write_text("image: {{ .Values.image }}\n")
    (tmp_path / "d.json").write_text('{"kind": "Pod", "spec": {"containers": [{"name": "a", "image": "d:1"}]}}')
    with (tmp_path / "e.yaml").open("wb") as big:
        big.truncate(100 << 20)
    (tmp_path / "f.yaml").write_text("a: {repository: x, tag: ''}\n")
    (tmp_path / "g.yaml").symlink_to("nowhere")
    (tmp_path / "h.txt").write_text(in_object("h:1"))
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "i.yaml").write_text(in_object("i:1"))
    begun = time.monotonic()
    found = pin_files(manifest_files([str(tmp_path)], False, nothing), Wanted(), registry)
    assert time.monotonic() - begun < 2
    assert sorted(registry.asked) == ["a:1", "d:1"] and len(found.changes) == 2
    names = {Path(t.file).name: (t.what, t.line) for t in found.troubles}
    assert names == {
        "b.yaml": ("yaml", 3),
        "c.yml": ("template", 1),
        "e.yaml": ("size", 0),
        "f.yaml": ("no-tag", 1),
        "g.yaml": ("encoding", 0),
    }
    assert found.exit_code(False) == found.exit_code(True) == 2
    deep = pin_files(manifest_files([str(tmp_path)], True, nothing), Wanted(), registry)
    assert "i:1" in [row.place.image for row in deep.rows]


def test_an_image_that_the_chart_names_counts_for_check_alone(registry: Registry) -> None:
    files = [file("a: {repository: x, tag: ''}\n")]
    found = pin_files(files, Wanted(), registry)
    assert (found.exit_code(False), found.exit_code(True)) == (0, 1)


def test_paths(tmp_path: Path) -> None:
    good = tmp_path / "a.yaml"
    good.write_text("a: 1\n")
    for wrong in (str(tmp_path / "none"), "a\x00b", "x" * 5000):
        with pytest.raises(KubeError, match="does not exist"):
            list(manifest_files([str(good), wrong], False, nothing))
    stdin = io.BytesIO(b"b: 1\n").read
    found = list(manifest_files([str(good), "-", str(good)], False, stdin))
    assert [(f.name, f.data) for f in found] == [(str(good), b"a: 1\n"), ("-", b"b: 1\n")]
    endless = io.BytesIO(b"a" * (MOST_BYTES + 10)).read
    assert len(next(iter(manifest_files(["-"], False, endless))).data) == MOST_BYTES + 1


def test_a_thousand_files(tmp_path: Path, registry: Registry) -> None:
    """Under 3 s apart from the network, and linear."""
    chart = "".join(
        f"# container {n}\n---\n" + in_object(f"r{n % 9}.test/team/app{n}:1").replace("kind", "apiVersion: v1\nkind")
        for n in range(4)
    )
    for n in range(1000):
        (tmp_path / f"{n}.yaml").write_text(chart)

    def seconds(count: int) -> float:
        begun = time.process_time()
        paths = [str(tmp_path / f"{n}.yaml") for n in range(count)]
        found = pin_files(manifest_files(paths, False, nothing), Wanted(), registry)
        assert len(found.changes) == count
        return time.process_time() - begun

    seconds(20)
    small, large = seconds(100), seconds(1000)
    assert large < here(3) and large < 20 * small


# ---- writing ---------------------------------------------------------------------------------------------------------


def test_a_file_is_written_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a: 1\r\n")
    path.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    write(FileChange(str(link), "a: 1\r\n", "a: 2\r\n"))
    assert path.read_bytes() == b"a: 2\r\n" and stat.S_IMODE(path.stat().st_mode) == 0o640 and link.is_symlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.yaml", "link.yaml"]


def test_a_file_that_somebody_has_changed_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("other: 1\n")
    with pytest.raises(ValueError, match="has changed since"):
        write(FileChange(str(path), "a: 1\n", "a: 2\n"))

    def fails(self: Path, mode: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "chmod", fails)
    with pytest.raises(OSError, match="No space"):
        write(FileChange(str(path), "other: 1\n", "a: 2\n"))
    assert path.read_text() == "other: 1\n" and [p.name for p in tmp_path.iterdir()] == ["a.yaml"]


# ---- live ------------------------------------------------------------------------------------------------------------


def template(*images: str) -> dict[str, Any]:
    containers = [{"name": f"c{n}", "image": image} for n, image in enumerate(images)]
    init = [{"name": "first", "image": "init:1"}]
    volumes = [{"name": "model", "image": {"reference": "model:1"}}]
    return {"template": {"spec": {"containers": containers, "initContainers": init, "volumes": volumes}}}


def test_commands_for_workloads(cluster: FakeCluster, api: Api, registry: Registry) -> None:
    old = digest_of("old")
    cluster.add("Deployment", "default", "web", spec=template("a:1", f"b:1@{old}"))
    managed = {"labels": {"app.kubernetes.io/managed-by": "Helm"}}
    cluster.add("CronJob", "shop", "nightly", spec={"jobTemplate": {"spec": template("a:1")}}, metadata=managed)
    cluster.add("Job", "default", "once", spec=template("a:1"))
    names = [Named("Deployment", "web"), Named("CronJob", "nightly", "shop"), Named("Job", "once")]
    found = pin_live(api, names, Wanted(), registry)
    a, init = f"a:1@{digest_of('a:1')}", f"first=init:1@{digest_of('init:1')}"
    assert found.commands == [
        f"kubectl -n default set image deployment/web c0={a} {init}",
        f"kubectl -n shop set image cronjob/nightly c0={a} {init}",
    ]
    assert sorted(registry.asked) == ["a:1", "init:1", "model:1"]
    volumes = [row for row in found.rows if row.place.role == "volume"]
    assert [row.outcome for row in volumes] == ["failed"] * 3 and "changes no volume" in volumes[0].why
    once = [row.why for row in found.rows if row.place.file == "job/once"]
    assert "the template of a Job cannot be changed" in once[0]
    assert found.notes == ["cronjob/nightly is managed by Helm: change it there, or the next upgrade reverts it"]
    assert {row.place.line for row in found.rows} == {0} and found.exit_code(False) == 2


def test_what_runs_is_another_digest(cluster: FakeCluster, api: Api, registry: Registry) -> None:
    """Whoever pins by the tag of now learns that this changes what runs; where pods may not be listed, that it is not known."""
    owner = cluster.add("StatefulSet", "default", "db", spec=template("a:1", "b:1", "c:1"))
    ids = {"c0": f"a@{digest_of('a:1')}", "c1": f"b@{digest_of('before')}", "c2": digest_of("an image's own ID")}
    owners = [{"kind": "StatefulSet", "name": "db", "uid": owner["metadata"]["uid"], "controller": True}]
    status = {"containerStatuses": [{"name": name, "imageID": one} for name, one in ids.items()]}
    cluster.add("Pod", "default", "db-0", spec={"containers": []}, status=status, metadata={"ownerReferences": owners})
    found = pin_live(api, [Named("StatefulSet", "db")], Wanted(), registry)
    before, now = digest_of("before")[:19], digest_of("b:1")[:19]
    (note,) = found.notes
    assert note.startswith(f"statefulset/db: container c1 runs {before}..., its tag has {now}... now: ")
    cluster.refuse["/api/v1/namespaces/default/pods"] = 403
    found = pin_live(api, [Named("StatefulSet", "db")], Wanted(), registry)
    assert (
        found.notes == ["statefulset/db: what runs could not be read, so it may be another digest"] and found.commands
    )
    assert pin_live(api, [Named("StatefulSet", "db")], Wanted(check=True), registry).notes == []


def test_a_container_name_that_is_none_makes_no_command(cluster: FakeCluster, api: Api, registry: Registry) -> None:
    spec = {"containers": [{"name": "$(reboot)", "image": "a:1"}]}
    owners = [{"kind": "ReplicaSet", "name": "web-1", "uid": "u", "controller": True}]
    cluster.add("Pod", "default", "web", spec=spec, metadata={"ownerReferences": owners})
    found = pin_live(api, [Named("Pod", "web")], Wanted(), registry)
    assert found.commands == [] and found.rows[0].outcome == "failed"
    assert found.notes == ["pod/web belongs to ReplicaSet/web-1: pin that one"]


def test_references(registry: Registry) -> None:
    found = pin_references(["nginx", f"a:1@{digest_of('old')}", "Bad"], Wanted(), registry)
    assert [(row.outcome, row.image) for row in found.rows] == [
        ("changed", f"nginx:latest@{digest_of('nginx:latest')}"),
        ("pinned", ""),
        ("failed", ""),
    ]
