"""`policy` on the command line."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.unit.cli.conftest import Ran
from tests.unit.fake_cluster import FakeCluster
from tests.unit.image.test_pins import digest_of
from tests.unit.kube import objects


def test_no_cluster_is_asked(ran: Ran, cluster: FakeCluster) -> None:
    code, out, err = ran("policy", "--allow-registry", "ghcr.io,quay.io/org", "--require-digest", "--no-latest")
    found, binding = yaml.safe_load_all(out)
    assert (code, err, cluster.asked) == (0, "", [])
    assert [found["kind"], binding["kind"]] == ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]
    assert found["metadata"]["name"] == "imagepull-images" and '["ghcr.io", "quay.io/org"]' in out
    assert json.loads(ran("policy", "--no-latest", "-o", "json")[1])["kind"] == "List"
    audit = ran("policy", "--no-latest", "--audit", "--name", "x", "--except-namespace", "ci")[1]
    assert "- Warn" in audit and "- ci" in audit and "  name: x" in audit


def test_from_what_runs(ran: Ran, cluster: FakeCluster) -> None:
    cluster.objects.clear()
    for n, image in enumerate(["nginx", "nginx:1", "ghcr.io/a/b:1", f"GHCR.io/a/c@{digest_of('c')}", "Bad Image"]):
        containers = [{"name": "a", "image": image}, {"name": "b", "image": image}]
        volumes = [{"name": "v", "image": {"reference": "r.test:5000/model:1"}}] if n == 0 else []
        cluster.add("Pod", "shop", f"p{n}", spec={"containers": containers, "volumes": volumes})
    cluster.add("Pod", "shop", "probe", metadata=objects.OF_A_RUN, spec=objects.pod_spec("probe.test/pause:1"))
    cluster.add("Pod", "kube-system", "dns", spec={"containers": [{"name": "a", "image": "registry.k8s.io/dns:1"}]})
    code, out, err = ran("policy", "--from-cluster", "--require-digest", "--allow-registry", "quay.io")
    assert code == 0 and '["quay.io", "docker.io", "ghcr.io", "r.test:5000"]' in out
    assert err.splitlines() == [
        "docker.io: 2 pods",
        "ghcr.io: 2 pods",
        "r.test:5000: 1 pod",
        "1 image of 1 pod from another registry: would be refused when a pod is made anew",
        "5 images of 5 pods without a digest: would be refused when a pod is made anew",
    ]
    assert "would be warned of" in ran("policy", "--from-cluster", "--require-digest", "--audit")[2]
    cluster.refuse["/api/v1/pods"] = 403
    assert ran("policy", "--from-cluster")[:2] == (2, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say what is demanded"),
        (["--audit"], "say what is demanded"),
        (["--allow-registry", "team"], '"team": without a dot or port it is a name on Docker Hub: docker.io/team'),
        (["--allow-registry", "a b"], "it is no registry"),
        (["--no-latest", "--name", "A B"], "is no name of an object"),
        (["--no-latest", "--except-namespace", "A"], "is no name of a namespace"),
        (["--no-latest", "x"], "extra arguments"),
        (["--no-latest", "-o", "text"], "json,yaml"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(ran: Ran, words: list[str], said: str) -> None:
    code, out, err = ran("policy", *words)
    assert (code, out) == (2, "") and said in err


def test_a_cluster_without_pods(ran: Ran, cluster: FakeCluster) -> None:
    cluster.objects.clear()
    code, out, err = ran("policy", "--from-cluster")
    assert (code, out) == (2, "") and "no pod names an image" in err
