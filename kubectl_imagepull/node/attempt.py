"""What rungs share: what is known of the node and wanted of the way, and how the probes get into a pod there and are followed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..model import NodeImages, Observation, Place, Vantage
from ..model.vocabulary import SHELL
from .bundle import (
    BUNDLE,
    PLAN,
    SCRIPT,
    as_arguments,
    bundle,
    planned_command,
    python_command,
    script,
    shell_command,
)
from .created_objects import Client, CreatedObjects
from .failures import Missing, More, NoConfigMap, NoPodThere, NotThere, Refused, RungFailed
from .frames import FrameReader
from .harmless import guesses, harmless, is_pause
from .job import CLEAN, LIBRARIES, MOUNT, Run, Shape, literal, probe_spec
from .mounts import added, mounted
from .plan import Plan
from .probe_log import Taken, follow
from .run_pod import MOUNTS_SECONDS, PROVEN_SECONDS, deliver, start, try_dry
from .wanted import Wanted

CANDIDATES = 2
"""Images that are known to be there which are tried, one after the other."""
WIDE = 2
"""Candidates side by side where nothing says which image has what is looked for: each adds some 1.3 kB to every version of Job
and Pod that is stored, of which there are eight or so."""
PULLING = 45.0
"""Seconds for the node to pull an image that was named for the probes."""
RESHAPED = 3
"""How often a pod is made anew because the host has less, or its configuration names more, than was thought."""
SLACK = 15
"""Seconds beyond the probes' own budget until the cluster ends a run whose client is gone."""
WITHOUT_TOOLS = ("bottlerocket", "talos", "container-optimized", "flatcar", "kairos", "alpine")
"""Words in the osImage of hosts that have no Python and no glibc tools of their own (their docs, 2026-11-28)."""
NO_HARMLESS = (
    "no image that is known to be harmless is on the node: pause images, those of kube-system's DaemonSets "
    "(--probe-image names one)"
)
ON_A_PODS_NETWORK = "the host's network: the probes ran on a pod's"

Seen = Callable[[Observation], None]


@dataclass(frozen=True)
class TrialPullOf:
    """What is pulled again."""

    images: Mapping[str, str] = field(default_factory=dict)
    """By pull id, as the pod's spec writes them."""
    secrets: tuple[str, ...] = ()
    """Pull secrets as the pod names them."""
    account: str = ""
    """The pod's service account."""


@dataclass(frozen=True)
class NodeAsked:
    """What the ladder needs to know of the node."""

    name: str
    namespace: str
    """The failing pod's."""
    ready: bool = True
    """The Ready condition."""
    why_not_ready: str = ""
    os: str = "linux"
    """"" where it is not known."""
    arch: str = "amd64"
    """"" where it is not known."""
    os_image: str = ""
    """PRETTY_NAME of its os-release."""
    no_pod: str = ""
    """Why no pod of ours can be put onto it, "" where one can."""
    images: NodeImages = field(default_factory=NodeImages)
    trial_pull: TrialPullOf = field(default_factory=TrialPullOf)


Carried = Literal["shared", "own", "arguments"]
"""How the probes get into a pod: in a ConfigMap that several runs share, in one of the run's own, or as arguments."""
SHARED: Carried = "shared"
OWN: Carried = "own"
ARGUMENTS: Carried = "arguments"


class _NotShared(Exception):
    """Nothing is shared, or it could not be made."""


class Attempt:
    """One climb's means: the API server, what it has created, the node, the plan, and what is wanted.

    why_not, cannot_see: lines that a rung adds while it is tried.
    """

    def __init__(
        self,
        api: Client,
        created: CreatedObjects,
        node: NodeAsked,
        plan: Plan,
        seen: Seen,
        wanted: Wanted,
        place: Place,
    ) -> None:
        self.api, self.created, self.node, self.plan = api, created, node, plan
        self.seen, self.wanted, self.place = seen, wanted, place
        self.why_not: list[str] = []
        self.cannot_see: list[str] = []
        self.enforced = False

    @property
    def namespace(self) -> str:
        """Where the probe's pod is made."""
        return self.wanted.namespace or self.node.namespace

    def run(self, more: float = 0.0, namespace: str = "") -> Run:
        """A run with a fresh name. more: seconds beyond the usual."""
        seconds = int(self.plan.budget + SLACK + more)
        where = namespace or self.namespace
        return Run.on(self.node.name, where, seconds, self.wanted.kept, self.wanted.labels)

    def failed(self, rung: str, error: RungFailed) -> None:
        """Write down why something did not work, and clear it away."""
        self.why_not.append(f"{rung}: {error}")
        self.enforced = self.enforced or (isinstance(error, Refused) and error.why == "pod-security")
        self.created.clear(failed=True)

    def with_host_tools(self, rung: str, tool: str) -> Taken:
        """Over an image that is known to be harmless, for it is only the root that the host's folders are mounted into.

        One that is known to be on the node is tried alone, since every container makes each stored version of Job and Pod
        larger; the next one only if that has gone meanwhile. Raises RungFailed, KubeError.
        """
        wanted, text = self.wanted, self.node.os_image.lower()
        if any(word in text for word in WITHOUT_TOOLS):
            raise RungFailed(f"{self.node.os_image} has no tools of its own that could be borrowed")
        paths = mounted(self.node.os_image, self.plan.runtime, self.plan.kubelet)
        known = harmless(self.node.images, wanted.harmless)[:CANDIDATES]
        tries: list[tuple[str, ...]] = [(image,) for image in known] or [guesses(self.node.images, wanted.harmless)]
        if wanted.image:
            tries = [(wanted.image,)]
        for number, images in enumerate(tries, 1):
            shape = Shape(images, wanted.host_network, True, paths, may_pull=wanted.image, secret=wanted.secret)
            try:
                return self.probe(rung, shape, tool)
            except NotThere as error:
                if number == len(tries):
                    if known or wanted.image:
                        raise
                    raise NotThere(NO_HARMLESS) from None
                self.failed(rung, error)
        raise AssertionError("the last try returns or raises")

    def in_image(self, rung: str, likely: Sequence[str], tool: str) -> Taken:
        """In an image that has the tool: the one that was named, else one of the namespace's own whose name promises it, alone,
        and then some of the others. Raises RungFailed, KubeError."""
        wanted, images = self.wanted, self.node.images
        if wanted.image:
            shape = Shape((wanted.image,), wanted.host_network, may_pull=wanted.image, secret=wanted.secret)
            return self._on_either_network(rung, shape, tool)
        usable = [i for i in images.own if not is_pause(i.image)] if images.namespace == self.namespace else []
        promising = [i for i in usable if any(word in i.image for word in likely)]
        others = [i for i in usable if i not in promising[:1]][:WIDE]
        tries = [found for found in (promising[:1], others) if found]
        if not tries:
            raise RungFailed(
                f"no image of {self.namespace} that could have it runs on the node (--probe-image names one)"
            )
        for number, found in enumerate(tries, 1):
            # its own code runs there: on no network that its pods do not have anyway
            host_network = wanted.host_network and all(i.host_network for i in found)
            try:
                return self._on_either_network(rung, Shape(tuple(i.image for i in found), host_network), tool)
            except RungFailed as error:
                if isinstance(error, (Refused, NoPodThere)) or number == len(tries):
                    raise
                self.failed(rung, error)
        raise AssertionError("the last try returns or raises")

    def _on_either_network(self, rung: str, shape: Shape, tool: str) -> Taken:
        """On the host's network where the namespace allows it, else on the pod's."""
        if not shape.host_network:
            self.cannot_see.append(ON_A_PODS_NETWORK)
            return self.probe(rung, shape, tool)
        try:
            return self.probe(rung, shape, tool)
        except Refused as error:
            self.failed(f"{rung} on the host's network", error)
            self.cannot_see.append(ON_A_PODS_NETWORK)
        return self.probe(rung, dataclasses.replace(shape, host_network=False), tool)

    def probe(self, rung: str, shape: Shape, tool: str) -> Taken:
        """Start the probes in a pod of this shape and follow them. Raises RungFailed, KubeError."""
        try:
            return self._delivered(rung, shape, tool)
        except Refused as error:
            if error.why != "limit-range":
                raise
            # it has its own idea of the least and the most; what it sets by default it accepts
            self.created.clear(failed=True)
            return self._delivered(rung, dataclasses.replace(shape, resources=False), tool)

    def _delivered(self, rung: str, shape: Shape, tool: str) -> Taken:
        for carried in (SHARED, OWN):
            try:
                return self._launched(rung, shape, tool, carried)
            except _NotShared:
                continue
            except NoConfigMap as error:
                self.failed(f"{rung} with a ConfigMap", error)
        # arguments are stored in Job and Pod, once for each container
        return self._launched(rung, dataclasses.replace(shape, images=shape.images[:2]), tool, ARGUMENTS)

    def _launched(self, rung: str, shape: Shape, tool: str, carried: Carried) -> Taken:
        """Start the pod; again where the host lacks something that was to be mounted, or the probes name more that is to be."""
        for left in reversed(range(RESHAPED + 1)):
            try:
                return self._once(rung, shape, tool, carried, ask=left > 0)
            except Missing as error:
                unseen = frozenset(error.paths) - shape.absent
                if not left or not unseen or unseen - {*LIBRARIES[2:], *shape.shown}:
                    raise
                shape = dataclasses.replace(shape, absent=shape.absent | unseen)
            except More as error:
                paths = tuple(p for p in added(error.paths) if p.path not in shape.shown)
                shape = dataclasses.replace(shape, paths=(*shape.paths, *paths))
            self.created.clear(failed=True)
        raise AssertionError("the last try returns or raises")

    def _once(self, rung: str, shape: Shape, tool: str, carried: Carried, ask: bool) -> Taken:
        """One pod. ask: it may end with the wish for more (`More`). Raises _NotShared where nothing is."""
        shared = self.wanted.shared
        config = shared.config_map() if shared is not None and carried == SHARED else ""
        if carried == SHARED and not config:
            raise _NotShared
        patience = PULLING if shape.may_pull else 0.0
        run = self.run(patience)
        command, contents = self._command(rung, shape, tool, carried, ask)
        spec = probe_spec(run, shape, command, carried != ARGUMENTS, config)
        alike = (rung, shape.host_tools, shape.host_network, shape.resources, carried)
        proven = shared is not None and shared.ran(alike)
        if not proven:
            try_dry(self.api, run, spec)
        run, owner = start(self.created, run, spec)
        if carried == OWN:
            deliver(self.created, run, owner, contents)
        reader = FrameReader(self.plan.nonce, self.vantage(rung, shape))
        seconds = self.plan.budget + SLACK / 2 + patience
        every = PROVEN_SECONDS if proven else MOUNTS_SECONDS
        taken = follow(self.api, run, reader, seconds, self.seen, patience, every)
        if shared is not None:
            shared.has_run(alike)
        return taken

    def vantage(self, rung: str, shape: Shape) -> Vantage:
        """What the probes see with at best; their first frame may say less (`FrameReader`)."""
        network = "host" if shape.host_network else "pod"
        resolver, trust = ("host", "host") if shape.host_tools else ("kubelet", "image")
        return Vantage(self.place, network, resolver, trust, "unknown", rung, self.node.name)

    def _command(
        self, rung: str, shape: Shape, tool: str, carried: Carried, ask: bool
    ) -> tuple[list[str], Mapping[str, bytes]]:
        """(command, files of the run's own ConfigMap) for a rung."""
        program = [*CLEAN, tool] if shape.host_tools else [tool]
        if rung == SHELL:
            words = self.plan.for_shell(shape.root, shape.lock)
            if shape.host_tools:
                program.insert(len(CLEAN), f"IMAGEPULL_SHOWN={':'.join(shape.shown)}")
            if carried != ARGUMENTS:
                return [literal(w) for w in shell_command(program, MOUNT, words)], {SCRIPT: script().encode()}
            return [*program, "-c", literal(script()), SCRIPT, *words], {}
        plan = self.plan.for_node(shape.root, shape.lock, shape.shown, ask)
        if carried == SHARED:
            return planned_command(program, MOUNT, plan.encode()), {}
        if carried == OWN:
            return python_command(program, MOUNT, plan.encode()), {BUNDLE: bundle(), PLAN: plan.encode()}
        return [*program, "-I", "-S", "-c", *as_arguments(plan)], {}
