"""The ways out of a node without a cluster: what they say of themselves, how the probes travel, and what a trial pull settles."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import pytest

from kubectl_imagepull.errors import ApiError, KubeError, Unreachable
from kubectl_imagepull.model import Case, Dns, Facts, NodeImages, Observation, Pull, Subject, Target, Vantage
from kubectl_imagepull.model.vocabulary import API_ONLY, RUNGS, TRIAL_PULL
from kubectl_imagepull.node import created_objects, run_pod, rungs
from kubectl_imagepull.node.bundle import MOST_ARGUMENT, as_arguments, script
from kubectl_imagepull.node.created_objects import CreatedObjects
from kubectl_imagepull.node.failures import Refused, refusal
from kubectl_imagepull.node.frames import FrameReader
from kubectl_imagepull.node.job import Run, Shape, bare_pod, config_map, job, literal, probe_spec
from kubectl_imagepull.node.ladder import NodeAsked, TrialPullOf, _once, climb, pull_again
from kubectl_imagepull.node.ladder import _merged as merged
from kubectl_imagepull.node.plan import Plan
from kubectl_imagepull.node.run_pod import start, try_dry
from kubectl_imagepull.node.rungs import kubelet as kubelet_asks
from kubectl_imagepull.node.rungs import trial_pull
from kubectl_imagepull.node.wanted import Wanted
from kubectl_imagepull.verdict import judge
from kubectl_imagepull.verdict.confidence import proof
from tests import limits
from tests.build import observed
from tests.unit.node.fake import Cluster, Object, Ran, ended, waiting

DOCS = pathlib.Path(__file__).parents[3] / "docs"
NODE = Vantage("node", "host", "host", "host", "unknown", "shell", "n1")


def test_limits_are_written_down() -> None:
    """docs/limits.md has the table that the code has; every rung has its words."""
    page = (DOCS / "limits.md").read_text(encoding="utf-8")
    assert limits.written(page) == page, "python -m tests.limits writes them anew"
    assert limits.written(page.replace("| dns |", "| dnz |").replace("| likely |", "| sure |")) == page
    assert list(limits.SEES) == list(RUNGS)
    assert all(rung.cannot_see and rung.sees for rung in (*rungs.ALL, rungs.TRIAL_PULL))
    assert {column.split()[0] for column in limits.COLUMNS} == {rung.name for rung in rungs.ALL}


def test_each_rung_has_its_module_and_each_module_its_rung() -> None:
    """The names of the vocabulary are those of the modules, and their order is the one in which they are tried."""
    named = [name for name in RUNGS if name != API_ONLY]
    folder = pathlib.Path(rungs.__file__).parent
    assert {file.stem for file in folder.glob("*.py")} - {"__init__", "rung"} == {n.replace("-", "_") for n in named}
    assert [rung.name for rung in (*rungs.ALL, rungs.TRIAL_PULL)] == named


def test_a_rung_without_its_module_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LookupError, match=r"RUNGS names by-post, but there is no module .*by_post"):
        rungs.rung_of("by-post")
    monkeypatch.delattr(kubelet_asks, "RUNG")
    with pytest.raises(LookupError, match="kubelet offers no RUNG"):
        rungs.rung_of("kubelet")
    monkeypatch.setattr(kubelet_asks, "RUNG", rungs.TRIAL_PULL, raising=False)
    with pytest.raises(LookupError, match="calls itself trial-pull"):
        rungs.rung_of("kubelet")


def test_arguments_carry_the_probes() -> None:
    """They run from memory, each argument is one that Linux takes, and Kubernetes finds nothing in them to expand."""
    plan = Plan((), 5.0)
    words = as_arguments(plan.for_node("/host", ""))
    assert all(len(word) <= MOST_ARGUMENT and "$" not in word for word in words)
    ran = subprocess.run([sys.executable, "-I", "-c", *words], capture_output=True, text=True, timeout=60, check=False)
    lines = [json.loads(line.split(" ", 2)[2]) for line in ran.stdout.splitlines()]
    assert [line["kind"] for line in lines] == ["hello", "end"], ran.stderr
    assert all(line.startswith(f"imagepull/1 {plan.nonce} ") for line in ran.stdout.splitlines())


def test_arguments_are_small_enough() -> None:
    """A Job with two containers of them stays well below what etcd takes."""
    run = Run("imagepull-x", "ns", "n1", 40)
    spec = probe_spec(run, Shape(("a", "b")), ["python3", "-I", "-c", *as_arguments("{}")], files=False)
    assert len(json.dumps(spec)) < 1_000_000


SHELLS = [s for s in ("dash", "bash", "busybox") if shutil.which(s)]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("127.0.0.1", "1", [("dns", "literal"), ("connect", "refused")]),
        ("no-such-host.invalid", "443", [("dns", None)]),
    ],
)
def test_script(tmp_path: pathlib.Path, shell: str, host: str, port: str, expected: list[Any]) -> None:
    """Every shell writes frames that the reader takes; the second container with the same lock does not walk."""
    path = tmp_path / "probe.sh"
    path.write_text(script())
    lock = str(tmp_path / "lock")
    words = [str(path), "nonce", "20", "/nowhere", lock, "p0", "http", host, port, "a/b", "1"]
    command = [shell, "sh", *words] if shell == "busybox" else [shell, *words]
    ran = subprocess.run(command, capture_output=True, timeout=60, check=False)
    reader = FrameReader("nonce", NODE)
    frames = [reader.read(line) for line in ran.stdout.splitlines()]
    assert None not in frames and reader.foreign == 0, ran.stdout
    seen = [f.observation for f in frames if f is not None and f.observation is not None]
    found = [(o.hop, o.outcome) for o in seen]
    assert [hop for hop, _ in found] == [hop for hop, _ in expected], ran
    assert all(want is None or want == got for (_, want), (_, got) in zip(expected, found, strict=True)), found
    assert all(o.vantage.resolver == "kubelet" for o in seen)
    again = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (again.returncode, again.stdout) == (4, b"")


def test_a_frame_can_only_weaken() -> None:
    """The first frame may say that less was to be had, never more."""
    reader = FrameReader("n", NODE)
    reader.read(b'imagepull/1 n {"kind":"hello","resolver":"kubelet","trust":"none"}')
    reader.read(b'imagepull/1 n {"kind":"hello","resolver":"host","trust":"host","network":"x"}')
    line = b'imagepull/1 n {"kind":"seen","hop":"dns","role":"registry","host":"r","outcome":"ok"}'
    frame = reader.read(line)
    assert frame is not None and frame.observation is not None
    assert (frame.observation.vantage.resolver, frame.observation.vantage.trust) == ("kubelet", "none")
    assert frame.observation.vantage.network == "host"


def test_literal() -> None:
    assert literal("a $(b) $$ ${c}") == "a $$(b) $$$$ $${c}"


def seen(hop: str, outcome: str, vantage: Vantage = NODE, **data: Any) -> Observation:
    return observed(hop, Subject("registry", "r.test"), vantage, outcome, outcome, **data)


@pytest.mark.parametrize(
    ("observation", "expected"),
    [
        (seen("tls", "unknown-authority"), "confirmed"),
        (seen("tls", "unknown-authority", Vantage("node", "host", "kubelet", "image")), "possible"),
        (seen("tls", "expired", Vantage("node", "host", "kubelet", "image")), "confirmed"),
        (seen("dns", "nxdomain", Vantage("node", "host", "kubelet", "image")), "likely"),
        (seen("connect", "refused", Vantage("node", "pod", "kubelet", "image")), "likely"),
        (seen("dns", "unresolved"), "possible"),
    ],
)
def test_what_a_vantage_proves(observation: Observation, expected: str) -> None:
    assert proof(observation) == expected


class Refusing:
    """An API server whose answer to a dry run is this."""

    def __init__(self, status: int, message: str) -> None:
        self.error = ApiError(status, "", message)

    def post(self, path: str, body: Any, **query: Any) -> dict[str, Any]:
        assert query == {"dryRun": "All"}
        raise self.error


@pytest.mark.parametrize(
    ("status", "message", "refuses"),
    [
        (400, 'admission webhook "w" does not support dry run', False),
        (
            403,
            "pods is forbidden: ValidatingAdmissionPolicy 'p' denied request: failed expression: !request.dryRun",
            False,
        ),
        (403, 'pods is forbidden: User "u" cannot create resource "pods"', False),
        (403, 'pods "x" is forbidden: violates PodSecurity "baseline:latest": host namespaces', True),
        (403, 'pods "x" is forbidden: exceeded quota: q, requested: pods=1', True),
        (500, 'Internal error occurred: failed calling webhook "w": connection refused', True),
        (400, 'admission webhook "kyverno" denied the request: no label team', True),
        # what breaks says nothing of the pod
        (500, "oops", False),
        (404, "not found", False),
        (429, "too many requests", False),
    ],
)
def test_dry_run(status: int, message: str, refuses: bool) -> None:
    """What a refused dry run settles."""
    run = Run("imagepull-x", "ns", "n1", 40)
    api: Any = Refusing(status, message)
    if refuses:
        with pytest.raises(Refused):
            try_dry(api, run, {})
    else:
        try_dry(api, run, {})


def asked(**more: Any) -> NodeAsked:
    images = NodeImages(listed=("registry.k8s.io/pause:3.10",))
    return NodeAsked("n1", "ns", **{"images": images, "trial_pull": TrialPullOf({"p0": "r.test/a:1"}), **more})


PULLS = (Pull("p0", "r.test", 443, "a", "1"),)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (run_pod, kubelet_asks, trial_pull):
        monkeypatch.setattr(module, "STARTUP_SECONDS", 0.1)
    for module in (trial_pull, created_objects):
        monkeypatch.setattr(module, "PATIENCE", 0.1)


@pytest.mark.parametrize("error", [ApiError(500, "", "oops"), ApiError(403, "", "no"), Unreachable("reset")])
@pytest.mark.parametrize("at", ["/jobs", "/pods", "/configmaps"])
def test_what_the_api_server_does_costs_no_report(impatient: None, error: KubeError, at: str) -> None:
    """Whatever breaks on the way: what was tried is told, why not, and nothing is left."""
    cluster: Any = Cluster(refuse=lambda verb, path, body: error if path.endswith(at) and verb != "delete" else None)
    created = CreatedObjects(cluster)
    wanted = Wanted(via="kubelet", challenges=lambda pull: ())
    done, _ = climb(cluster, created, asked(), Plan(PULLS, 1.0), lambda seen: None, wanted)
    again = pull_again(cluster, created, asked(), Plan(PULLS, 1.0), lambda seen: None)
    created.clear()
    assert (done.rung, bool(done.why_not)) == (API_ONLY, True) or at != "/pods"
    assert again.created or again.why_not
    assert not [path for path in cluster.objects if "imagepull" in path] or at == "/pods"


def test_a_right_that_is_missing_for_one_rung_is_missing_for_all(impatient: None) -> None:
    cluster: Any = Cluster(refuse=lambda verb, path, body: ApiError(403, "", "no") if verb == "get" else None)
    done, _ = climb(cluster, CreatedObjects(cluster), asked(), Plan(PULLS, 1.0), lambda seen: None)
    assert len(done.why_not) == 1 and done.why_not[0].startswith("host-python: the probe cannot be made or followed")
    assert len([one for one in cluster.made if one["kind"] == "Job"]) == 1


@pytest.mark.parametrize(("system", "tried"), [("", True), ("linux", True), ("windows", False)])
def test_where_a_pod_is_tried(impatient: None, system: str, tried: bool) -> None:
    """Also on a node whose system is not known: only one that is known to run another can run none of ours."""
    cluster: Any = Cluster(refuse=lambda verb, path, body: ApiError(403, "", "no"))
    climb(cluster, CreatedObjects(cluster), asked(os=system), Plan(PULLS, 1.0), lambda seen: None)
    assert bool(cluster.requests) is tried


@pytest.mark.parametrize(
    ("message", "way_out"),
    [
        ('jobs.batch is forbidden: User "u" cannot create resource "jobs"', "it takes create on jobs.batch or pods"),
        (
            'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3',
            "make room in it",
        ),
        ('pods "x" is forbidden: minimum memory usage per Pod is 4Gi', "a namespace without such limits"),
        ("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no label", "--probe-label KEY=VALUE"),
        ('admission webhook "w" denied the request: you must provide labels: {"team"}', "--probe-label KEY=VALUE"),
        ('Internal error occurred: failed calling webhook "w": refused', "--probe-namespace"),
    ],
)
def test_a_refusal_names_the_way_out(message: str, way_out: str) -> None:
    found = refusal(message)
    assert way_out in str(Refused(found)) and str(Refused(found)).startswith(found.words)


def test_a_job_that_is_refused_by_a_rule_for_jobs_leaves_a_bare_pod() -> None:
    """Statuses differ: a policy says 422, a webhook what it likes."""
    for status, words in ((422, "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"), (400, "denied")):
        error = ApiError(status, "Invalid", words)
        cluster: Any = Cluster(refuse=lambda verb, path, body, e=error: e if path.endswith("/jobs") else None)
        run, owner = start(CreatedObjects(cluster), Run("imagepull-x", "ns", "n1", 40), {"containers": []})
        assert (owner["kind"], run.made) == ("Pod", "pod/imagepull-x")


def test_labels_that_are_asked_for_are_on_all_objects() -> None:
    run = Run.on("n1", "ns", 40, labels=(("team", "web"), ("imagepull.dev/run", "another")))
    made = (
        job(run, {}),
        bare_pod(run, {}),
        config_map(run, {"apiVersion": "", "kind": "", "metadata": {"name": "", "uid": ""}}, {}),
    )
    pods = made[0]["spec"]["template"], made[1]
    for one in (*made, *pods):
        assert one["metadata"]["labels"]["team"] == "web"
        assert one["metadata"]["labels"]["imagepull.dev/run"] == run.name, "ours are not given away"


def tried(outcome: str, message: str = "", **facts: Any) -> Case:
    vantage = Vantage("node", "host", "host", "host", "known", TRIAL_PULL, "n1")
    again = observed("runtime", Subject("node", "n1"), vantage, outcome, outcome, pull="p0", message=message)
    said = 'failed to do request: Head "https://r.test/v2/": dial tcp 10.0.0.1:443: connect: connection refused'
    return Case(
        Target("ns", "p", "c", image="r.test/a:1", node="n1"),
        Facts(state="waiting", reason="ErrImagePull", failing=True, said=said, **facts),
        Pull("p0", "r.test", 443, "a", "1"),
        (again,),
    )


def test_a_trial_pull_settles() -> None:
    """A fresh failure is confirmed, one that has passed is not, and secrets that came late are found out."""
    fresh = 'failed to do request: Head "https://r.test/v2/": dial tcp: lookup r.test on 10.0.0.2:53: no such host'
    found = judge(tried("failed", fresh))
    assert (found.cause, found.confidence) == ("dns.nxdomain", "confirmed")
    found = judge(tried("pulled"))
    assert (found.cause, found.confidence) == ("net.refused", "possible")
    assert any("has passed" in line for line in found.explanation)
    found = judge(tried("pulled", account_secrets=("late",), service_account="default"))
    assert (found.cause, found.confidence) == ("auth.secret_added_late", "confirmed")
    found = judge(tried("unfinished"))
    assert (found.cause, found.confidence) == ("net.refused", "likely")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (NodeAsked("n1", "ns", os="windows"), "n1 runs windows: no probe pod can run there, so names"),
        (NodeAsked("n1", "ns", no_pod="on Fargate no second pod comes to a node"), "n1: on Fargate"),
        (NodeAsked("n1", "ns", ready=False, why_not_ready="stopped"), "n1 is not ready"),
    ],
)
def test_nodes_that_take_no_pod(asked: NodeAsked, said: str) -> None:
    """Said plainly, and the API server is not asked to make anything."""
    api: Any = None
    done, errors = climb(api, CreatedObjects(api), asked, Plan((), 5.0), lambda _: None)
    assert (done.rung, done.created, errors) == ("api-only", False, [])
    assert any(why.startswith(said) for why in done.why_not), done.why_not


KUBELET = Vantage("node", "host", "host", "none", "unknown", "kubelet", "n1")
GET = 'Startup probe failed: Get "https://r.test:443/v2/": '


@pytest.mark.parametrize(
    ("text", "ending", "passed"),
    [
        (f"{GET}dial tcp: lookup r.test on 10.0.0.2:53: no such host", ("dns", "nxdomain"), []),
        (f"{GET}dial tcp: lookup r.test on 10.0.0.2:53: server misbehaving", ("dns", "server-failure"), []),
        (f"{GET}dial tcp: lookup r.test on 10.0.0.2:53: read udp 1.2.3.4:5: i/o timeout", ("dns", "timeout"), []),
        (f"{GET}dial tcp 10.0.0.9:443: connect: connection refused", ("connect", "refused"), ["dns"]),
        (f"{GET}dial tcp 10.0.0.9:443: connect: no route to host", ("connect", "no-route"), ["dns"]),
        (
            f"{GET}net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
            ("connect", "no-answer"),
            [],
        ),
        (f"{GET}http: server gave HTTP response to HTTPS client", ("tls", "plain-http"), ["dns", "connect"]),
        (f"{GET}remote error: tls: handshake failure", ("tls", "handshake-failed"), ["dns", "connect"]),
        (f"{GET}read: connection reset by peer", ("tls", "reset"), ["dns", "connect"]),
        (
            "Startup probe failed: HTTP probe failed with statuscode: 503",
            ("registry", "503"),
            ["dns", "connect", "tls"],
        ),
        ("Startup probe warning: Probe terminated redirects", ("registry", "redirected"), ["dns", "connect", "tls"]),
    ],
)
def test_what_the_kubelet_says(text: str, ending: tuple[str, str], passed: list[str]) -> None:
    """Its words end the path at one hop; a resolver that it names is kept."""
    asked = kubelet_asks.greetings(Plan((Pull("p0", "r.test", 443, "a", "1"),), 20.0))[0]
    *before, last = kubelet_asks.observations(text, asked, KUBELET)
    assert (last.hop, last.outcome) == ending and [o.hop for o in before] == passed
    if last.hop == "dns":
        assert last.detail.servers[0].server == "10.0.0.2"


def test_token_hosts_of_the_kubelet() -> None:
    """From the challenge, else from the table of registries; never an address of the node's own."""
    pull = Pull("p0", "r.test", 443, "team/app", "1")
    hub = Pull("p1", "registry-1.docker.io", 443, "library/busybox", "1")

    def asked(pull: Pull, *lines: str) -> list[tuple[str, int, str]]:
        found = kubelet_asks.tokens([pull], lambda _: lines or None)
        return [(a.question.host, a.question.port, a.question.path) for a in found]

    scope = "scope=repository%3Ateam%2Fapp%3Apull"
    challenge = 'Bearer realm="https://auth.test:5001/token?x=1",service="a b"'
    assert asked(pull, challenge) == [("auth.test", 5001, f"/token?x=1&service=a+b&{scope}")]
    assert asked(pull) == [] and asked(pull, "Basic realm=x") == []
    assert asked(hub)[0][:2] == ("auth.docker.io", 443)
    for realm in (
        "http://auth.test/",
        "https://169.254.169.254/x",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://localhost/",
    ):
        assert asked(pull, f'Bearer realm="{realm}"') == [], realm


def test_a_token_host_that_cannot_be_spoken_to_is_told_for_each_image() -> None:
    pulls = [Pull("p0", "r.test", 443, "a", "1"), Pull("p1", "r.test", 443, "a", "2")]
    (asked,) = kubelet_asks.tokens(pulls, lambda _: ['Bearer realm="https://auth.test/token"'])
    seen = list(kubelet_asks.observations(f"{GET}dial tcp 10.0.0.9:443: connect: connection refused", asked, KUBELET))
    for hop, outcome in (("dns", "ok"), ("connect", "refused"), ("auth", "not-reached")):
        assert [(o.outcome, o.pull) for o in seen if o.hop == hop] == [(outcome, p.id) for p in pulls]
    assert {o.subject for o in seen} == {Subject("token", "auth.test")}
    granted = list(kubelet_asks.observations("HTTP probe failed with statuscode: 200", asked, KUBELET))
    assert [(o.outcome, o.pull) for o in granted if o.hop == "auth"] == [("token", p.id) for p in pulls]


def test_the_kubelets_proof_is_capped_where_a_proxy_may_be_set() -> None:
    """Unless the runtime's own words show that it goes the same way."""
    refused = observed("connect", Subject("registry", "r.test"), KUBELET, "refused", "refused")
    said = 'failed to do request: Head "https://r.test/v2/": dial tcp 10.0.0.1:443: connect: connection refused'
    for words, confidence in (("", "likely"), (said, "confirmed"), (f"proxyconnect tcp: {said}", "likely")):
        facts = Facts(state="waiting", reason="ErrImagePull", failing=True, said=words)
        case = Case(Target("ns", "p", "c", node="n1"), facts, Pull("p0", "r.test", 443, "a", "1"), (refused,))
        found = [f for f in judge(case).findings if f.because]
        assert [(f.cause, f.confidence) for f in found] == [("net.refused", confidence)], words


def test_one_reason_is_said_once() -> None:
    lines = [
        "host-python: quota",
        "shell on the host's network: quota",
        "kubelet: no pause image: a: b",
        "kubelet: quota",
        "n1 sleeps",
    ]
    assert merged(lines) == (
        "host-python, shell on the host's network, kubelet: quota",
        "kubelet: no pause image: a: b",
        "n1 sleeps",
    )


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: not here",
            "ValidatingAdmissionPolicy 'p' refuses it: not here",
        ),
        ('admission webhook "w" denied the request: not here', 'webhook "w" refuses it: not here'),
        (
            'Internal error occurred: failed calling webhook "w": failed to call webhook: Post "https://w": refused',
            'webhook "w", without which no pod is admitted, does not answer: Post "https://w": refused',
        ),
    ],
)
def test_refusals_in_a_line(message: str, said: str) -> None:
    assert refusal(message).words == said


def test_hosts_without_tools() -> None:
    """A host that is known to have none is not mounted, and no pod is made for that."""
    cluster: Any = Cluster()
    asked = NodeAsked("n1", "ns", os_image="Bottlerocket OS 1.20")
    done, _ = climb(cluster, CreatedObjects(cluster), asked, Plan((), 5.0), lambda _: None, Wanted(via="host-python"))
    assert done.rung == "api-only" and not cluster.made
    assert done.why_not == ("host-python: Bottlerocket OS 1.20 has no tools of its own that could be borrowed",)


class Host:
    """A node of which a test says what it has: mounts of anything else fail, and the probes name what they miss, once each.

    mounted: what each of its pods was to have, in their order.
    """

    def __init__(self, there: set[str], names: list[str]) -> None:
        self._there, self._names = {"/usr", "/lib", "/lib64", *there}, names
        self._told: set[str] = set()
        self.mounted: list[set[str]] = []

    def __call__(self, pod: Object) -> Ran:
        paths = {v["hostPath"]["path"] for v in pod["spec"]["volumes"] if "hostPath" in v}
        self.mounted.append(paths)
        said = 'MountVolume.SetUp failed for volume "h": hostPath type check failed: {} is not a directory'
        failing = [{"reason": "FailedMount", "message": said.format(p)} for p in sorted(paths - self._there)]
        if failing:
            return Ran({"probe-0": waiting("ContainerCreating")}, events=failing, phase="Pending")
        missing = [name for name in self._names if name not in paths | self._told]
        self._told |= set(missing)
        more = {"kind": "more", "paths": [[name, "Directory"] for name in missing]}
        frame = more if missing else {"kind": "end", "complete": True}
        line = f"imagepull/1 n {json.dumps(frame)}".encode()
        return Ran({"probe-0": ended(5 if missing else 0)}, {"probe-0": [line]})


ALWAYS = {"/etc/resolv.conf", "/etc/hosts", "/etc/environment", "/etc/systemd", "/etc/default", "/etc/ssl/certs"}


def climbed(host: Host) -> Any:
    cluster: Any = Cluster(host)
    asked = NodeAsked("n1", "ns", os_image="Debian GNU/Linux 12", images=NodeImages(("registry.k8s.io/pause:3.9",)))
    plan = Plan((Pull("p0", "r.test", 443, "a", "1"),), 5.0, nonce="n", runtime="containerd://2.0.0", kubelet="v1.34.1")
    done, errors = climb(cluster, CreatedObjects(cluster), asked, plan, lambda _: None)
    assert errors == [] and done.created, done
    assert done.owner == f"job/{done.pod.rpartition('-')[0]}"
    return done


def test_a_host_as_was_thought() -> None:
    host = Host(ALWAYS | {"/etc/containerd"}, [])
    assert climbed(host).rung == "host-python"
    assert len(host.mounted) == 1 and "/etc" not in host.mounted[0]


def test_what_is_not_there_is_left_out() -> None:
    """Everything that the kubelet names at once, and nothing else."""
    host = Host(ALWAYS - {"/etc/default"}, [])
    assert climbed(host).rung == "host-python"
    assert len(host.mounted) == 2 and host.mounted[0] - host.mounted[1] == {"/etc/containerd", "/etc/default"}


def test_what_a_configuration_names_is_added_once() -> None:
    host = Host(
        ALWAYS | {"/etc/containerd", "/etc/docker/certs.d"}, ["/etc/docker/certs.d", "/root/secret", "/etc/gone"]
    )
    assert climbed(host).rung == "host-python"
    assert [sorted(paths - host.mounted[0]) for paths in host.mounted[1:]] == [
        ["/etc/docker/certs.d", "/etc/gone"],
        ["/etc/docker/certs.d"],
    ]


def test_a_host_without_usr_is_another_rungs() -> None:
    host = Host(set(), [])
    host._there = set()
    cluster: Any = Cluster(host)
    asked = NodeAsked("n1", "ns", images=NodeImages(("registry.k8s.io/pause:3.9",)))
    plan = Plan((Pull("p0", "r.test", 443, "a", "1"),), 5.0, nonce="n")
    done, _ = climb(cluster, CreatedObjects(cluster), asked, plan, lambda _: None, Wanted(via="host-python"))
    assert done.rung == "api-only" and len(host.mounted) < 6


def test_what_is_told_of_a_host_for_no_image_is_told_once() -> None:
    told: list[Observation] = []
    seen = _once(told.append)
    of_host = Observation(Dns(), Subject("registry", "r.test"), Vantage("node", rung="shell"), "ok")
    of_image = dataclasses.replace(of_host, pull="p0")
    for one in (of_host, of_host, dataclasses.replace(of_host, outcome="nxdomain"), of_image, of_image):
        seen(one)
    assert [(o.outcome, o.pull) for o in told] == [("ok", ""), ("nxdomain", ""), ("ok", "p0"), ("ok", "p0")]
