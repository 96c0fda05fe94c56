"""Where images stand in YAML: which are found, what is known of them, and what is said of files that cannot be read."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator

import pytest
import yaml

from kubectl_imagepull.image import manifests
from kubectl_imagepull.image.keyring import Keyring
from kubectl_imagepull.image.manifests import Manifests, read

pytestmark = pytest.mark.alone

POD = """\
# a comment
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  serviceAccountName: builder
  imagePullSecrets:
  - name: one
  - name: two
  nodeSelector:
    kubernetes.io/arch: arm64
  os: {name: linux}
  initContainers:
  - name: first
    image: &shell "busybox:1.36"   # in quotes
  - {name: proxy, image: 'envoy:v1', restartPolicy: Always}
  containers:
  - name: app
    image: registry.example.com:5000/team/app   # no tag
    imagePullPolicy: Never
  - name: again
    image: *shell
  ephemeralContainers:
  - name: debug
    image: |-  # busybox:9 is too new
      busybox:9
  volumes:
  - name: model
    image: {reference: quay.io/org/model:v2, pullPolicy: Always}
  - name: none
    emptyDir: {}
"""


def images(found: Manifests) -> list[str]:
    return [place.image for place in found.places]


def written(found: Manifests) -> list[str]:
    """What stands at each place."""
    return [found.text[place.start : place.end] for place in found.places]


def in_object(image: str) -> str:
    """A pod with this scalar as its image."""
    return f"kind: Pod\nmetadata: {{name: a}}\nspec:\n  containers:\n  - name: a\n    image: {image}\n"


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With libyaml, and with PyYAML's own parser where there is none."""
    monkeypatch.setattr(manifests, "LOADER", getattr(yaml, request.param))


def test_every_container_of_a_pod() -> None:
    found = read(POD, "pod.yaml")
    assert not found.troubles
    shell = "busybox:1.36"
    assert [(p.container, p.role, p.image, p.line) for p in found.places] == [
        ("first", "init", shell, 15),
        ("again", "container", shell, 15),
        ("proxy", "sidecar", "envoy:v1", 16),
        ("app", "container", "registry.example.com:5000/team/app", 19),
        ("debug", "ephemeral", "busybox:9", 25),
        ("model", "volume", "quay.io/org/model:v2", 29),
    ]
    assert written(found) == images(found)
    app = next(p for p in found.places if p.container == "app")
    assert (app.kind, app.name, app.namespace, app.where) == ("Pod", "web", "shop", "pod.yaml:19")
    assert (app.field, app.pull_policy, app.service_account) == ("spec.containers[0].image", "Never", "builder")
    assert (app.pull_secrets, app.os) == (("one", "two"), "linux")
    assert {p.pull_policy for p in found.places if p.role == "volume"} == {"Always"}
    assert found.places[-1].field == "spec.volumes[0].image.reference"


TEMPLATE = "{metadata: {}, spec: {containers: [{name: a, image: a:1}], volumes: [{name: v, image: {reference: v:1}}]}}"


@pytest.mark.parametrize(
    ("kind", "spec", "field"),
    [
        ("apps/v1/Deployment", f"spec: {{template: {TEMPLATE}}}", "spec.template.spec."),
        ("apps/v1/StatefulSet", f"spec: {{template: {TEMPLATE}}}", "spec.template.spec."),
        ("apps/v1/DaemonSet", f"spec: {{template: {TEMPLATE}}}", "spec.template.spec."),
        ("apps/v1/ReplicaSet", f"spec: {{template: {TEMPLATE}}}", "spec.template.spec."),
        ("v1/ReplicationController", f"spec: {{template: {TEMPLATE}}}", "spec.template.spec."),
        ("v1/PodTemplate", f"template: {TEMPLATE}", "template.spec."),
        ("batch/v1/Job", f"spec: {{template: {TEMPLATE}}}", "spec.template.spec."),
        (
            "batch/v1/CronJob",
            f"spec: {{jobTemplate: {{spec: {{template: {TEMPLATE}}}}}}}",
            "spec.jobTemplate.spec.template.spec.",
        ),
        ("serving.knative.dev/v1/Service", f"spec: {{template: {TEMPLATE}}}", "spec.template.spec."),
        (
            "batch.volcano.sh/v1alpha1/Job",
            f"spec: {{tasks: [{{name: x, template: {TEMPLATE}}}]}}",
            "spec.tasks[0].template.spec.",
        ),
    ],
)
def test_every_kind_with_a_pod_template(kind: str, spec: str, field: str) -> None:
    version, _, kind = kind.rpartition("/")
    text = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\n{spec}\n"
    wrapped = f"kind: List\napiVersion: v1\nitems:\n- {text}".replace("\n", "\n  ").replace(
        "\n  items:\n  -", "\nitems:\n-"
    )
    for source, prefix in ((text, ""), (wrapped.replace("\n  apiVersion: v1\nitems", "\nitems"), "items[0].")):
        found = read(source, "x.yaml")
        assert images(found) == ["a:1", "v:1"], source
        assert found.places[0].field == f"{prefix}{field}containers[0].image"
        assert (found.places[0].kind, found.places[0].name) == (kind, "a")


def test_what_is_no_pod_template() -> None:
    schema = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec: {containers: {type: array}}\n"
    config = "apiVersion: v1\nkind: ConfigMap\ndata: {image: 'nginx:1'}\n"
    other = "apiVersion: x.io/v1\nkind: Ship\nspec: {containers: [{size: 40, image: 'photo.jpg'}]}\n"
    found = read("---\n".join((schema, config, other)), "x.yaml")
    assert (images(found), found.troubles, found.objects) == ([], [], 3)


@pytest.mark.parametrize(
    ("spelling", "start"),
    [
        ("nginx:1", 0),
        ("nginx:1 # nginx:1", 0),
        ("'nginx:1'", 1),
        ('"nginx:1"', 1),
        ('"nginx\\x3a1"', 1),
        ("&a nginx:1", 3),
        ("!!str nginx:1", 6),
        ("&nginx nginx:1", 7),
        ("!!str 'nginx:1'", 7),
        ("|-\n      nginx:1", 9),
        (">- # nginx:1\n      nginx:1\n", 19),
        ("\n      nginx:1", 7),
    ],
)
def test_where_the_value_begins(spelling: str, start: int) -> None:
    text = in_object(spelling)
    for changed in (text, text.replace("\n", "\r\n"), f"\ufeff{text}", f"# \u00e9 \U0001f600\n{text}"):
        found = read(changed.encode(), "x.yaml")
        (place,) = found.places
        if "\n" not in spelling:
            assert place.start == changed.index(spelling) + start
        assert place.image == "nginx:1" and found.text.encode() == changed.encode()
        then = f"{changed[: place.start]}other:2{changed[place.end :]}"
        assert images(read(then, "x.yaml")) == ["other:2"], then


def test_a_value_that_is_no_text_of_an_image_is_as_the_api_server_gets_it() -> None:
    assert images(read(in_object("|\n      nginx:1"), "x.yaml")) == ["nginx:1\n"]
    assert images(read(in_object("${IMAGE}"), "x.yaml")) == ["${IMAGE}"]
    assert images(read(in_object("~"), "x.yaml")) == []


def test_kustomizations() -> None:
    text = """\
images:
- name: nginx
  newTag: "1.27"
- {name: app, newName: registry.example.com/app, digest: sha256:00}
- name: both
  newTag: v1
  digest: sha256:11
- name: renamed
  newName: elsewhere/renamed
- name: pinned
  newTag: v1@sha256:22
"""
    for found in (
        read(text, "overlay/kustomization.yaml"),
        read(f"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n{text}", "k.yaml"),
        read(f"apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n{text}", "k.yaml"),
    ):
        assert [(p.image, p.part, found.text[p.start : p.end]) for p in found.places] == [
            ("nginx:1.27", "tag", "1.27"),
            ("registry.example.com/app@sha256:00", "digest", "sha256:00"),
            ("both:v1@sha256:11", "digest", "sha256:11"),
            ("pinned:v1@sha256:22", "tag", "v1@sha256:22"),
        ]
        assert {p.shape for p in found.places} == {"kustomization"} and not found.troubles
    flux = (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec:\n  images:\n  - {name: a, newTag: v1}\n"
    )
    assert [p.field for p in read(flux, "f.yaml").places] == ["spec.images[0].newTag"]


VALUES = """\
image:
  registry: docker.io
  repository: bitnami/nginx
  tag: 1.27
  digest: ""
sidecar:
  image: {repository: quay.io/org/side, tag: v2, pullPolicy: Always}
grafana:
  image:
    repository: grafana/grafana
    tag: "11"
    sha: ""
metrics: {image: "ghcr.io/org/metrics:3"}
old:
  image: org/old
  imageTag: v4
empty:
  repository: org/chart
  tag:
bare:
  repository: org/bare
  tag: v1
  digest:
chart: {repository: "https://charts.example.com", tag: v1}
"""


def test_helm_values() -> None:
    found = read(VALUES, "values.yaml")
    assert [(p.image, p.part, found.text[p.start : p.end]) for p in found.places] == [
        ("docker.io/bitnami/nginx:1.27", "digest", ""),
        ("quay.io/org/side:v2", "tag", "v2"),
        ("grafana/grafana:11", "hex", ""),
        ("ghcr.io/org/metrics:3", "image", "ghcr.io/org/metrics:3"),
        ("org/old:v4", "tag", "v4"),
        ("org/bare:v1", "digest", ""),
    ]
    assert [(t.what, t.line) for t in found.troubles] == [("no-tag", 19)] and "org/chart" in found.troubles[0].message
    assert found.text[found.places[-1].start - 1] == ":"
    release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: r}\nspec:\n  values:\n    "
    nested = read(release + VALUES.replace("\n", "\n    "), "r.yaml")
    assert images(nested) == images(found)
    assert (nested.places[0].kind, nested.places[0].field) == ("HelmRelease", "spec.values.image.digest")


def test_secrets_and_accounts() -> None:
    text = """\
kind: Secret
apiVersion: v1
metadata: {name: regcred, namespace: shop}
type: kubernetes.io/dockerconfigjson
stringData:
  .dockerconfigjson: '{"auths": {"r.test": {"username": "u", "password": "hidden-word"}}}'
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: default}
imagePullSecrets: [{name: regcred}]
"""
    found = read(text, "x.yaml")
    (secret,), (account,) = found.secrets, found.accounts
    assert (secret.name, secret.namespace, secret.type, secret.line) == (
        "regcred", "shop", "kubernetes.io/dockerconfigjson", 1,
    )  # fmt: skip
    assert Keyring.from_secrets([secret.object]).lookup("r.test/a")[0].username == "u"
    assert "hidden" not in repr(secret)
    assert (account.name, account.namespace, account.pull_secrets) == ("default", "", ("regcred",))
    assert read("kind: Secret\napiVersion: v1\nmetadata: {}\n", "x.yaml").secrets[0].type == "Opaque"


def test_what_is_broken_is_named_and_the_rest_is_read() -> None:
    good = in_object("a:1")
    bad = "kind: Pod\nspec:\n  containers: [\n"
    quote = 'kind: Pod\nmetadata:\n  name: "a\nspec: {}\n'
    alias = "kind: Pod\nspec: *nowhere\n"
    found = read("---\n".join((good, bad, good, quote, good, alias, good)), "x.yaml")
    assert images(found) == ["a:1"] * 4
    assert {t.what for t in found.troubles} == {"yaml"}
    lines = found.text.splitlines()
    assert [lines[t.line - 1] for t in found.troubles][1:] == ['  name: "a', "spec: *nowhere"]
    assert 10 <= found.troubles[0].line <= 12
    assert all(t.message.startswith("broken YAML: ") for t in found.troubles)
    assert [p.line for p in found.places] == [i for i, line in enumerate(lines, 1) if "a:1" in line]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("kind: Pod\nspec:\n  containers:\n  - name: a\n    image: {{ .Values.image }}\n", 5),
        (in_object('"{{ .Values.image }}:{{ .Values.tag }}"'), 6),
        ("{{- if .Values.on }}\nkind: Pod\n{{- end }}\n", 1),
        ("kind: Pod\nmetadata:\n  labels:\n    {{- include \"x\" . | nindent 4 }}\n", 4),
        ('image:\n  repository: "{{ .Values.r }}"\n  tag: v1\n', 3),
    ],
)  # fmt: skip
def test_a_template_is_to_be_rendered(text: str, line: int) -> None:
    found = read(f"---\n{text}---\n{in_object('a:1')}", "t.yaml")
    assert [(t.what, t.line) for t in found.troubles] == [("template", line + 1)]
    assert "render it first" in found.troubles[0].message and "helm template" in found.troubles[0].message
    assert images(found) == ["a:1"]


def test_braces_that_are_no_template() -> None:
    rule = "apiVersion: v1\nkind: ConfigMap\ndata:\n  a: 'up {{ $labels.pod }}'\n  b: |\n    {{ range . }}\n"
    assert not read(rule, "x.yaml").troubles
    assert [t.what for t in read("a: '{{ .x }}'\nb: [\n", "x.yaml").troubles] == ["yaml"]


def test_files_that_are_not_read() -> None:
    big = read(b"#" * (manifests.MOST_BYTES + 1), "big.yaml")
    assert [(t.what, t.line, t.message) for t in big.troubles] == [("size", 0, "larger than 32 MiB: not read")]
    other = read("a: é\n".encode("latin-1"), "l.yaml")
    assert [(t.what, t.line) for t in other.troubles] == [("encoding", 1)]
    for nested in ("[" * 100_000, "- " * 100_000, "a: " + "{a: " * 300 + "}" * 300):
        found = read(f"{nested}\n---\n{in_object('a:1')}", "d.yaml")
        assert [t.what for t in found.troubles] in (["depth"], ["yaml"]), found.troubles
        assert images(found) == ["a:1"] and len(found.troubles[0].message) < 300
    nul = read(f"{in_object('a:1')}---\na: \x00\n---\n{in_object('b:1')}", "n.yaml")
    assert [t.what for t in nul.troubles][:1] == ["yaml"]
    many = read("--- [\n" * 100_000, "m.yaml")
    assert len(many.troubles) == manifests.MOST_TROUBLES


def test_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "MOST_NODES", 50)
    found = read(f"{'- a' * 1}\n" * 60 + f"---\n{in_object('a:1')}", "x.yaml")
    assert [t.what for t in found.troubles] == ["depth"] and images(found) == ["a:1"]


def test_anchors_do_not_explode() -> None:
    lines = ["kind: Custom", "apiVersion: x.io/v1", "a0: &a0 {image: x}"]
    lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], b: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 40)]
    begun = time.monotonic()
    for text in ("\n".join(lines), "\n".join(lines[2:]), "kind: Pod\nspec: &s\n  containers: [*s]\n"):
        assert not read(f"{text}\n", "x.yaml").troubles
    assert time.monotonic() - begun < 2


def test_merge_keys() -> None:
    text = """\
x-base: &base {name: a, image: base:1}
kind: Pod
spec:
  containers:
  - <<: *base
  - <<: *base
    image: own:1
"""
    found = read(text, "x.yaml")
    assert images(found) == ["base:1", "own:1"] and found.places[0].line == 1


@pytest.fixture
def no_collection() -> Iterator[None]:
    """No garbage is collected: how long that takes depends on what other tests have left."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("shape", ["pods", "list", "broken"])
def test_time_is_linear(shape: str, no_collection: None) -> None:
    def seconds(count: int) -> float:
        if shape == "list":
            text = "kind: List\nitems:\n" + "".join(
                "- " + in_object(f"a:{n}").replace("\n", "\n  ").rstrip() + "\n" for n in range(count)
            )
        elif shape == "pods":
            text = "".join(f"---\n{in_object(f'a:{n}')}" for n in range(count))
        else:
            text = "".join(f"---\n{in_object(f'a:{n}')}" for n in range(count)) + "---\na: [\n"
        begun = time.process_time()
        found = read(text, "x.yaml")
        assert len(found.places) == count
        return time.process_time() - begun

    seconds(100)
    small, large = min(seconds(200) for _ in range(3)), seconds(2000)
    assert large < 20 * small + 0.2
