"""Choosing a way out of the node: the best rung that really works, proven by trying it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..model import NodeImages, Observation, Place, ProbeRun, ReadError, Vantage
from . import follow as running
from . import kubelet_asks, rehearsal
from .bundle import BUNDLE, PLAN, SCRIPT, as_arguments, bundle, python_command, script, shell_command
from .follow import Forced, Missing, More, NoConfigMap, NotThere, Refused, RungFailed, Taken
from .frames import FrameReader
from .harmless import guesses, harmless, is_pause, pauses
from .mounts import added, mounted
from .plan import Plan
from .pod import CLEAN, LIBRARIES, MOUNT, Run, Shape, literal, probe_spec
from .sight import CANNOT_SEE
from .trail import Client, Trail

RUNGS = ("host-python", "image-python", "shell", "kubelet")
"""Best first."""
VIA = (*RUNGS, "rehearsal", "api-only")
CANDIDATES = 2
WIDE = 2
"""Candidates side by side where nothing says which image has what is looked for: each adds some 1.3 kB to every version of Job
and Pod that is stored, of which there are eight or so."""
PULLING = 45.0
"""Seconds for the node to pull an image that was named for the probes."""
HAVE_PYTHON = ("python", "django", "flask", "airflow", "jupyter", "ansible", "superset", "ceph", "cloud-sdk", "aws-cli")
HAVE_SHELL = ("busybox", "alpine", "debian", "ubuntu", "curl", "nginx", "kube-proxy", "node", "calico", "flannel")
HOST_SHELL, HOST_PYTHON = "/usr/bin/sh", "/usr/bin/python3"
NO_HARMLESS = (
    "no image that is known to be harmless is on the node: pause images, those of kube-system's DaemonSets "
    "(--probe-image names one)"
)
RESHAPED = 3
"""How often a pod is made anew because the host has less, or its configuration names more, than was thought."""
SLACK = 15
"""Seconds beyond the probes' own budget until the cluster ends a run whose client is gone."""


@dataclass(frozen=True)
class NodeAsked:
    """What the ladder needs to know of the node. ready: the Ready condition, with why where it is not."""

    name: str
    namespace: str
    ready: bool = True
    why_not_ready: str = ""
    os: str = "linux"
    arch: str = "amd64"
    os_image: str = ""
    images: NodeImages = field(default_factory=NodeImages)
    rehearsal: rehearsal.Rehearsal = field(default_factory=rehearsal.Rehearsal)


@dataclass(frozen=True)
class Wanted:
    """What the user says about the way out.

    via: this rung and no other; image: for the probes, pulled if it is not on the node, with pull secret `secret`;
    namespace: where the pod is made ("": the failing pod's own); kept: the pod of the rung that worked stays; try_pull:
    rehearse the pull as well; challenges: what another vantage knows of the registries; harmless: images that the operator
    vouches for, by whole names: where one is on the node, a probe with the node's own tools may run over it.
    """

    via: str = ""
    image: str = ""
    namespace: str = ""
    secret: str = ""
    host_network: bool = True
    kept: bool = False
    try_pull: bool = False
    challenges: kubelet_asks.Challenges = lambda _: None
    harmless: tuple[str, ...] = ()

    @property
    def rehearses(self) -> bool:
        return self.try_pull or self.via == "rehearsal"


Seen = Callable[[Observation], None]
REFUSALS = (" usage per ", " requests per ")
"""How a LimitRange refuses a container's resources (kubernetes: plugin/pkg/admission/limitranger)."""


def vantage_of(rung: str, node: str, shape: Shape | None = None, place: Place = "node") -> Vantage:
    """What a rung sees with at best; its tools may say less (`FrameReader`)."""
    if shape is None:
        return Vantage(place, "host", "host", "none", "unknown", rung, node)
    own = shape.host_tools
    return Vantage(
        place,
        "host" if shape.host_network else "pod",
        "host" if own else "kubelet",
        "host" if own else "image",
        "unknown",
        rung,
        node,
    )


def climb(
    api: Client,
    trail: Trail,
    asked: NodeAsked,
    plan: Plan,
    seen: Seen,
    wanted: Wanted = Wanted(),
    place: Place = "node",
) -> tuple[ProbeRun, list[ReadError]]:
    """Take the first rung that works and tell `seen` each observation. -> what was done and what went wrong.

    place: node, or peer-node for one that is only compared with. Never raises for a rung that does not work; API errors
    that end everything (Unreachable) pass through.
    """
    return _Climb(api, trail, asked, plan, seen, wanted, place).climb()


class _Climb:
    def __init__(
        self, api: Client, trail: Trail, asked: NodeAsked, plan: Plan, seen: Seen, wanted: Wanted, place: Place
    ) -> None:
        self._api, self._trail, self._asked, self._plan, self._seen = api, trail, asked, plan, _once(seen)
        self._wanted, self._place = wanted, place
        self._why_not: list[str] = []
        self._cannot: list[str] = []
        self._own_tools, self._forced = True, False

    def climb(self) -> tuple[ProbeRun, list[ReadError]]:
        asked, wanted = self._asked, self._wanted
        started = time.monotonic()
        done = ProbeRun(rung="api-only", node=asked.name)
        errors: list[ReadError] = []
        self._trail.kept = wanted.kept
        if wanted.via == "api-only":
            self._why_not.append("no pod was asked for")
        elif asked.os != "linux":
            what = "no probe pod can run there, so names, ports and certificates are not seen from it"
            self._why_not.append(f"{asked.name} runs {asked.os}: {what}")
        elif not asked.ready:
            why = f"{asked.name} is not ready, so its kubelet starts no probe pod ({asked.why_not_ready})"
            self._why_not.append(why[:300])
        else:
            for rung in RUNGS:
                taken = self._try(rung) if wanted.via in ("", rung) else None
                if taken is not None:
                    done = self._done(rung, taken)
                    if not taken.complete:
                        errors.append(_late())
                    break
                if self._forced:
                    break
            if wanted.rehearses:
                taken = self._rehearse()
                if taken is not None and not done.created:
                    done = self._done("rehearsal", taken)
        cannot = done.cannot_see if done.created else CANNOT_SEE[""]
        done = dataclasses.replace(
            done,
            seconds=round(time.monotonic() - started, 2) if done.created else 0.0,
            why_not=_merged(self._why_not),
            cannot_see=tuple(dict.fromkeys((*cannot, *self._elsewhere(done.rung)))),
        )
        return done, errors

    def _done(self, rung: str, taken: Taken) -> ProbeRun:
        namespace = self._asked.namespace if rung == "rehearsal" else self._namespace
        return ProbeRun(
            rung=rung,
            node=self._asked.name,
            namespace=namespace,
            pod=taken.pod,
            image=taken.image,
            created=True,
            cannot_see=(
                *CANNOT_SEE[rung if rung != "shell" or self._own_tools else "shell of an image"],
                *self._cannot,
            ),
        )

    @property
    def _namespace(self) -> str:
        return self._wanted.namespace or self._asked.namespace

    def _elsewhere(self, rung: str) -> list[str]:
        """What a namespace that allows more would show."""
        if rung == "host-python" or not any("PodSecurity" in why for why in self._why_not):
            return []
        text = "the node's own resolver, hosts file and CA bundle: a namespace that allows host mounts shows them"
        return [f"{text} (--probe-namespace)"]

    def _try(self, rung: str) -> Taken | None:
        """-> what was taken, None where the rung does not work here; the reason is then in why_not."""
        try:
            return {
                "host-python": self._host_python,
                "image-python": self._image_python,
                "shell": self._shell,
                "kubelet": self._kubelet,
            }[rung]()
        except RungFailed as error:
            self._why_not.append(f"{rung}: {error}")
            self._trail.clear(failed=True)
            self._forced = isinstance(error, Forced)
            return None

    def _rehearse(self) -> Taken | None:
        run = self._run(PULLING, self._asked.namespace)
        vantage = Vantage(self._place, "host", "host", "host", "known", "rehearsal", self._asked.name)
        try:
            return rehearsal.rehearse(self._api, self._trail, run, self._asked.rehearsal, vantage, self._seen)
        except RungFailed as error:
            self._why_not.append(f"rehearsal: {error}")
            self._trail.clear(failed=True)
            return None

    def _run(self, more: float = 0.0, namespace: str = "") -> Run:
        seconds = int(self._plan.budget + SLACK + more)
        return Run.on(self._asked.name, namespace or self._namespace, seconds, self._wanted.kept)

    # ---- the rungs ------------------------------------------------------------------------------------------------

    def _host_python(self) -> Taken:
        return self._with_own_tools("host-python", HOST_PYTHON)

    def _image_python(self) -> Taken:
        return self._in_image("image-python", HAVE_PYTHON, "python3")

    def _shell(self) -> Taken:
        """The host's own tools where they can be borrowed, else those of an image."""
        if not self._wanted.image:
            try:
                return self._with_own_tools("shell", HOST_SHELL)
            except Forced:
                raise
            except RungFailed as error:
                self._why_not.append(f"shell of the host: {error}")
                self._trail.clear(failed=True)
        self._own_tools = False
        return self._in_image("shell", HAVE_SHELL, "sh")

    def _kubelet(self) -> Taken:
        # what such an image starts runs: only one that does nothing will do
        images = pauses(self._asked.images)[:1] or guesses(self._asked.images)
        vantage = vantage_of("kubelet", self._asked.name, place=self._place)
        known = self._wanted.challenges
        return kubelet_asks.ask(self._api, self._trail, self._run, self._plan, images, vantage, self._seen, known)

    # ---- their pods -----------------------------------------------------------------------------------------------

    def _with_own_tools(self, rung: str, tool: str) -> Taken:
        """Over an image that is known to be harmless, for it is only the root that the host's folders are mounted into.

        One that is known to be on the node is tried alone, since every container makes each stored version of Job and Pod
        larger; the next one only if that has gone meanwhile. Raises RungFailed.
        """
        wanted, paths = self._wanted, mounted(_borrowed_from(self._asked), self._plan.runtime, self._plan.kubelet)
        known = harmless(self._asked.images, wanted.harmless)[:CANDIDATES]
        tries: list[tuple[str, ...]] = [(image,) for image in known] or [guesses(self._asked.images, wanted.harmless)]
        if wanted.image:
            tries = [(wanted.image,)]
        for number, images in enumerate(tries, 1):
            shape = Shape(images, wanted.host_network, True, paths, may_pull=wanted.image, secret=wanted.secret)
            try:
                return self._probe(rung, shape, tool)
            except NotThere as error:
                if number == len(tries):
                    if known or wanted.image:
                        raise
                    raise NotThere(NO_HARMLESS) from None
                self._why_not.append(f"{rung}: {error}")
                self._trail.clear(failed=True)
        raise AssertionError("the last try returns or raises")

    def _in_image(self, rung: str, likely: Sequence[str], tool: str) -> Taken:
        """In an image that has the tool: the one that was named, else one of the namespace's own whose name promises it, alone,
        and then some of the others. Raises RungFailed."""
        wanted, images = self._wanted, self._asked.images
        if wanted.image:
            shape = Shape((wanted.image,), wanted.host_network, may_pull=wanted.image, secret=wanted.secret)
            return self._on_either_network(rung, shape, tool)
        usable = [i for i in images.own if not is_pause(i.image)] if images.namespace == self._namespace else []
        promising = [i for i in usable if any(word in i.image for word in likely)]
        others = [i for i in usable if i not in promising[:1]][:WIDE]
        tries = [found for found in (promising[:1], others) if found]
        if not tries:
            raise RungFailed(
                f"no image of {self._namespace} that could have it runs on the node (--probe-image names one)"
            )
        for number, found in enumerate(tries, 1):
            # its own code runs there: on no network that its pods do not have anyway
            host_network = wanted.host_network and all(i.host_network for i in found)
            try:
                return self._on_either_network(rung, Shape(tuple(i.image for i in found), host_network), tool)
            except RungFailed as error:
                if isinstance(error, (Refused, Forced)) or number == len(tries):
                    raise
                self._why_not.append(f"{rung}: {error}")
                self._trail.clear(failed=True)
        raise AssertionError("the last try returns or raises")

    def _on_either_network(self, rung: str, shape: Shape, tool: str) -> Taken:
        """On the host's network where the namespace allows it, else on the pod's."""
        if not shape.host_network:
            self._cannot.append("the host's network: the probes ran on a pod's")
            return self._probe(rung, shape, tool)
        try:
            return self._probe(rung, shape, tool)
        except Refused as error:
            self._trail.clear(failed=True)
            self._why_not.append(f"{rung} on the host's network: {error}")
            self._cannot.append("the host's network: the probes ran on a pod's")
        return self._probe(rung, dataclasses.replace(shape, host_network=False), tool)

    def _probe(self, rung: str, shape: Shape, tool: str) -> Taken:
        """Start the probes in a pod of this shape and follow them. Raises RungFailed."""
        try:
            return self._deliver(rung, shape, tool)
        except Refused as error:
            if not any(word in str(error) for word in REFUSALS):
                raise
            # a LimitRange has its own idea of the least and the most; what it sets by default it accepts
            self._trail.clear(failed=True)
            return self._deliver(rung, dataclasses.replace(shape, resources=False), tool)

    def _deliver(self, rung: str, shape: Shape, tool: str) -> Taken:
        try:
            return self._launch(rung, shape, tool, files=True)
        except NoConfigMap as error:
            self._trail.clear(failed=True)
            self._why_not.append(f"{rung} with a ConfigMap: {error}")
        # arguments are stored in Job and Pod, once for each container
        return self._launch(rung, dataclasses.replace(shape, images=shape.images[:2]), tool, files=False)

    def _launch(self, rung: str, shape: Shape, tool: str, files: bool) -> Taken:
        """Start the pod; again where the host lacks something that was to be mounted, or the probes name more that is to be."""
        for left in reversed(range(RESHAPED + 1)):
            try:
                return self._once(rung, shape, tool, files, ask=left > 0)
            except Missing as error:
                unseen = frozenset(error.paths) - shape.absent
                if not left or not unseen or unseen - {*LIBRARIES[2:], *shape.shown}:
                    raise
                shape = dataclasses.replace(shape, absent=shape.absent | unseen)
            except More as error:
                paths = tuple(p for p in added(error.paths) if p.path not in shape.shown)
                shape = dataclasses.replace(shape, paths=(*shape.paths, *paths))
            self._trail.clear(failed=True)
        raise AssertionError("the last try returns or raises")

    def _once(self, rung: str, shape: Shape, tool: str, files: bool, ask: bool) -> Taken:
        """One pod. ask: it may end with the wish for more (`More`)."""
        patience = PULLING if shape.may_pull else 0.0
        run = self._run(patience)
        command, contents = self._command(rung, shape, tool, files, ask)
        spec = probe_spec(run, shape, command, files)
        running.try_dry(self._api, run, spec)
        run, owner = running.start(self._trail, run, spec)
        if files:
            running.deliver(self._trail, run, owner, contents)
        reader = FrameReader(self._plan.nonce, vantage_of(rung, self._asked.name, shape, self._place))
        seconds = self._plan.budget + SLACK / 2 + patience
        return running.follow(self._api, run, reader, seconds, self._seen, patience)

    def _command(
        self, rung: str, shape: Shape, tool: str, files: bool, ask: bool
    ) -> tuple[list[str], Mapping[str, bytes]]:
        """(command, files of the ConfigMap) for a rung."""
        program = [*CLEAN, tool] if shape.host_tools else [tool]
        if rung == "shell":
            words = self._plan.for_shell(shape.root, shape.lock)
            if shape.host_tools:
                program.insert(len(CLEAN), f"IMAGEPULL_SHOWN={':'.join(shape.shown)}")
            if files:
                return [literal(w) for w in shell_command(program, MOUNT, words)], {SCRIPT: script().encode()}
            return [*program, "-c", literal(script()), SCRIPT, *words], {}
        plan = self._plan.for_node(shape.root, shape.lock, shape.shown, ask)
        if files:
            return python_command(program, MOUNT, plan.encode()), {BUNDLE: bundle(), PLAN: plan.encode()}
        return [*program, "-I", "-S", "-c", *as_arguments(plan)], {}


def _merged(lines: Sequence[str]) -> tuple[str, ...]:
    """The same, with ways out that fail for one reason in one line: "host-python, shell: why"."""
    found: dict[str, list[str]] = {}
    for line in lines:
        who, colon, why = line.partition(": ")
        found.setdefault(why if colon else line, []).append(who if colon else "")
    return tuple(f"{', '.join(dict.fromkeys(who))}: {why}" if any(who) else why for why, who in found.items())


def _once(seen: Seen) -> Seen:
    """The same, without what is told again of a host: a shell asks hosts side by side, and several may lead to one."""
    told: set[tuple[object, ...]] = set()

    def first(observation: Observation) -> None:
        o = observation
        key = (o.hop, o.subject, o.outcome, o.attempt, o.vantage.rung)
        if o.pull or key not in told:
            told.add(key)
            seen(o)

    return first


def _late() -> ReadError:
    return ReadError("node", "the probes ran out of time; what they saw until then is shown")


def _borrowed_from(asked: NodeAsked) -> str:
    """The osImage of a host whose tools can be borrowed. Raises RungFailed for hosts that are known to have none."""
    text = asked.os_image.lower()
    without = ("bottlerocket", "talos", "container-optimized", "flatcar", "kairos", "alpine")
    if any(word in text for word in without):
        raise RungFailed(f"{asked.os_image} has no tools of its own that could be borrowed")
    return asked.os_image
