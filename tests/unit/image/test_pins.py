"""Digests in place of tags: nothing but the image's own characters changes, whatever the file looks like."""

from __future__ import annotations

import hashlib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubectl_imagepull.image.manifests import read
from kubectl_imagepull.image.pins import SHARED, UNFIT, Edited, Pin, edited, pin_of
from tests.unit.image.test_manifests import POD, VALUES, in_object


def digest_of(name: str) -> str:
    return "sha256:" + hashlib.sha256(name.encode()).hexdigest()


NGINX = digest_of("nginx:1")


def pinned(text: str, name: str = "x.yaml", update: bool = False) -> Edited:
    """The text with a digest for every image that has none, or with `update` for each that has a tag."""
    found = read(text, name)

    def digest_for(pin: Pin) -> str:
        wanted = pin.state == "unpinned" or (update and pin.state == "pinned")
        return digest_of(str(pin.reference)) if wanted else ""

    return edited(found, digest_for, [pin_of(place) for place in found.places])


@pytest.mark.parametrize(
    ("image", "state", "asked"),
    [
        ("nginx", "unpinned", "nginx:latest"),
        ("nginx:1", "unpinned", "nginx:1"),
        ("localhost:5000/a:1", "unpinned", "localhost:5000/a:1"),
        ("localhost:5000/a", "unpinned", "localhost:5000/a:latest"),
        (f"nginx:1@{NGINX}", "pinned", "nginx:1"),
        (f"nginx@{NGINX}", "untagged", None),
        ("${IMAGE}", "invalid", None),
        ("Nginx:1", "invalid", None),
    ],
)
def test_what_is_to_be_done(image: str, state: str, asked: str | None) -> None:
    pin = pin_of(read(in_object(image), "x.yaml").places[0])
    assert (pin.state, pin.reference and str(pin.reference)) == (state, asked)
    assert bool(pin.why) == (state == "invalid")


def test_an_image_that_is_never_pulled_stays() -> None:
    text = in_object("local:1") + "    imagePullPolicy: Never\n"
    assert pin_of(read(text, "x.yaml").places[0]).state == "never" and pinned(text).text == text


def test_all_of_a_pod() -> None:
    done = pinned(POD)
    changed = [line for line in done.text.splitlines() if line not in POD.splitlines()]
    app = digest_of("registry.example.com:5000/team/app:latest")
    assert changed == [
        f'    image: &shell "busybox:1.36@{digest_of("busybox:1.36")}"   # in quotes',
        f"  - {{name: proxy, image: 'envoy:v1@{digest_of('envoy:v1')}', restartPolicy: Always}}",
        f"      busybox:9@{digest_of('busybox:9')}",
        f"    image: {{reference: quay.io/org/model:v2@{digest_of('quay.io/org/model:v2')}, pullPolicy: Always}}",
    ]
    never = pinned(POD.replace("imagePullPolicy: Never", "imagePullPolicy: Always")).text
    assert f"    image: registry.example.com:5000/team/app:latest@{app}   # no tag\n" in never


def test_values_and_what_the_charts_make_of_them() -> None:
    values = yaml.safe_load(pinned(VALUES, "values.yaml").text)
    nginx = digest_of("docker.io/bitnami/nginx:1.27")
    assert values["image"] == {"registry": "docker.io", "repository": "bitnami/nginx", "tag": 1.27, "digest": nginx}
    assert values["sidecar"]["image"]["tag"] == f"v2@{digest_of('quay.io/org/side:v2')}"
    grafana = digest_of("grafana/grafana:11").removeprefix("sha256:")
    assert values["grafana"]["image"] == {"repository": "grafana/grafana", "tag": "11", "sha": grafana}
    assert values["metrics"]["image"] == f"ghcr.io/org/metrics:3@{digest_of('ghcr.io/org/metrics:3')}"
    assert values["old"] == {"image": "org/old", "imageTag": f"v4@{digest_of('org/old:v4')}"}
    assert values["bare"]["digest"] == digest_of("org/bare:v1") and values["empty"]["tag"] is None


def test_again_changes_nothing() -> None:
    for text, name in ((POD, "x.yaml"), (VALUES, "values.yaml")):
        once = pinned(text, name).text
        assert once != text and pinned(once, name) == Edited(once, {}, {})
        assert pinned(once, name, update=True).text == once


def test_update_follows_the_tag() -> None:
    old = digest_of("old")
    for text in (
        in_object(f"nginx:1@{old}"),
        f"image:\n  repository: nginx\n  tag: '1'\n  digest: {old}\n",
        f"image:\n  repository: nginx\n  tag: '1@{old}'\n",
        f"image:\n  repository: nginx\n  tag: '1'\n  sha: {old[7:]}\n",
    ):
        assert pinned(text).text == text
        assert pinned(text, update=True).text == text.replace(old[7:], NGINX[7:])
    untagged = in_object(f"nginx@{old}")
    assert pinned(untagged, update=True).text == untagged


def test_kustomize_reads_tag_and_digest_from_newtag() -> None:
    text = "images:\n- name: nginx\n  newTag: '1'  # keep\n- {name: a, newTag: 1, digest: }\n"
    done = pinned(text, "kustomization.yaml").text
    assert done == text.replace("'1'", f"'1@{NGINX}'").replace("digest: }", f"digest: {digest_of('a:1')}}}")


def test_a_tag_that_two_images_share_is_left_alone() -> None:
    text = "a: {repository: org/a, tag: &t v1}\nb: {repository: org/b, tag: *t}\nc: {repository: org/c, tag: v1}\n"
    done = pinned(text)
    assert done.text == text.replace("org/c, tag: v1", f"org/c, tag: v1@{digest_of('org/c:v1')}")
    assert set(done.refused.values()) == {SHARED} and {p.image for p in done.refused} == {"org/a:v1", "org/b:v1"}


def test_what_cannot_be_written_is_said() -> None:
    text = "a: {repository: org/a, tag: v1}\nb:\n  repository: org/b\n  tag: v1\n  digest: |-\nc: 1\n"
    done = pinned(text)
    assert [p.image for p in done.refused] == ["org/b:v1"] and set(done.refused.values()) == {UNFIT}
    assert done.text == text.replace("org/a, tag: v1", f"org/a, tag: v1@{digest_of('org/a:v1')}")
    long = Edited("", {}, {})
    found = read("image: {repository: a, tag: v1, sha: ''}\n", "x.yaml")
    long = edited(found, lambda pin: "sha512:" + "0" * 128, [pin_of(p) for p in found.places])
    assert list(long.refused.values()) == ["sha512 digests do not fit into this field"]


# ---- any file --------------------------------------------------------------------------------------------------------

IMAGE = st.sampled_from(
    ["nginx:1", "nginx", "quay.io/org/app:v1.2", "r.test:5000/a/b:x", f"nginx:1@{NGINX}", "Bad Image"]
)
SPELLING = st.sampled_from(
    [
        "{}",
        "'{}'",
        '"{}"',
        "{}  # {}",
        "&a{n} {}",
        "!!str '{}'",
        "|-  # {}\n{i}{}",
        ">-\n{i}{}\n",
        "\n{i}{}",
        "# {}\n{i}{}",
    ]
)
NOISE = st.sampled_from(
    [
        "# image: nginx:1\n",
        "\n",
        "note: 'image: nginx:1'\n",
        'text: |\n  image: nginx:1\n  repository: x\n  tag: "y"\n',
        "\u00e9\U0001f600: \u2028x\n",
        "flow: {a: [1, 'b', \"c\"], nginx:1: d}\n",
        '"image ": nginx:1\n',
    ]
)


@st.composite
def document(draw: st.DrawFn) -> str:
    """A document of a shape that people write, with all that YAML lets them."""
    shape = draw(st.sampled_from(["pod", "list", "flow", "json", "values", "kustomization"]))
    lines = [draw(NOISE) for _ in range(draw(st.integers(0, 3)))]
    images = draw(st.lists(IMAGE, min_size=1, max_size=4))
    if shape == "values":
        for n, image in enumerate(images):
            name, _, tag = image.partition(":")
            key = draw(st.sampled_from(["", "  digest:\n", "  digest: ''\n", '  sha: ""\n', "  digest: ~  # none\n"]))
            quote = draw(st.sampled_from(["", "'", '"']))
            lines.append(f"v{n}:\n  repository: {name.lower().replace(' ', '')}\n  tag: {quote}{tag}{quote} # t\n{key}")
    elif shape == "kustomization":
        lines += ["apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nimages:\n"]
        lines += [f'- newTag: "t{n}"\n  name: x{n}\n' for n in range(len(images))]
    elif shape in ("flow", "json"):
        mark = '"' if shape == "json" else "'"
        entries = ", ".join(f"{{{mark}name{mark}: {mark}c{mark}, {mark}image{mark}: {mark}{i}{mark}}}" for i in images)
        lines = [f'{{"kind": "Pod", "spec": {{"containers": [{entries}]}}}}\n']
    else:
        indent = "    " if shape == "list" else "  "
        pod = f"kind: Pod\nmetadata:\n  name: a\nspec:\n{indent[2:]}  containers:\n"
        pod = "kind: List\nitems:\n- kind: Pod\n  spec:\n    containers:\n" if shape == "list" else pod
        lines.append(pod)
        for n, image in enumerate(images):
            spelling = draw(SPELLING).replace("{}", image).replace("{n}", str(n)).replace("{i}", f"{indent}    ")
            lines.append(f"{indent}- name: c{n}\n{indent}  image: {spelling}\n")
    return "".join(lines)


@given(
    st.lists(document(), min_size=1, max_size=3),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff", "# \u00e9\n", "%YAML 1.1\n---\n"]),
    st.booleans(),
)
def test_only_the_images_change(documents: list[str], end: str, head: str, last: bool) -> None:
    text = (head + "---\n".join(documents)).replace("\n", end)
    text = text if last else text.removesuffix(end)
    before = read(text, "x.yaml")
    done = pinned(text)
    after = read(done.text, "x.yaml")
    # the images are what they should be
    assert [p.image for p in after.places] == [done.done.get(p, p.image) for p in before.places]
    assert [*done.done] == [p for p in before.places if pin_of(p).state == "unpinned"] and not done.refused
    assert not any(pin_of(p).state == "unpinned" for p in after.places)
    # and nothing else is different: taking out what was put in gives back the file
    rest, at = "", 0
    other, there = "", 0
    for p, q in sorted(zip(before.places, after.places, strict=True), key=lambda both: both[0].start):
        if p.start < at:
            continue
        rest, other = rest + text[at : p.start], other + done.text[there : q.start]
        at, there = p.end, q.end
        if p.start == p.end and p in done.done and text[p.start - 1] == ":":
            assert other.endswith(": ")
            other = other[:-1]
    assert rest + text[at:] == other + done.text[there:]
    # documents that do not hold an image are read as before
    assert len(after.troubles) == len(before.troubles) and after.objects == before.objects
