"""The commands and their flags: one table, from which a command line is read, helped, completed and documented."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from .flags import Flag, boolean, integer, once, one_of, output, request_timeout, seconds, with_commas


@dataclass(frozen=True)
class Command:
    """One verb. Its module of the same name in this folder (`-` is `_` there) has what it does, as `run`."""

    name: str
    """The verb."""
    short: str
    """What it does, for the list of commands: begins with a verb, no full stop."""
    long: str = ""
    """What it does, in sentences; paragraphs with an empty line between. "": the short text."""
    examples: tuple[tuple[str, str], ...] = ()
    """(what for, command) each; the command begins with "kubectl imagepull"."""
    operands: str = ""
    """What may follow beside flags, for the line of usage."""
    most: int | None = 0
    """How many operands there may be; None for any number."""
    flags: tuple[Flag, ...] = ()
    """Its own flags; `CONNECTION` and --help come on top."""
    hidden: bool = False
    """Called by programs only: not in the help."""


# ---- flags -----------------------------------------------------------------------------------------------------------


def _text(name: str, metavar: str, help_: str, short: str = "", default: Any = "") -> Flag:
    return Flag(name, help_, short, metavar, default)


def _switch(name: str, help_: str, short: str = "", default: Any = False) -> Flag:
    return Flag(name, help_, short, "", default, boolean, "true", lambda: ("true", "false"))


def _output(choices: Callable[[], Collection[str]], help_: str, default: str = "text") -> Flag:
    return Flag("output", help_, "o", "FORMAT", default, output(choices), choices=choices)


def _formats() -> Collection[str]:
    from ..report.formats import FORMATS  # not above: `version` needs no report

    return FORMATS


def _of_scan() -> Collection[str]:
    from ..report.scan import FORMATS  # not above: as for `why`

    return FORMATS


def _of_check() -> Collection[str]:
    from ..report.check import FORMATS  # not above: as for `why`

    return FORMATS


def _severities() -> Collection[str]:
    from ..model.check import SEVERITIES

    return (*SEVERITIES, "never")


def _text_or_json() -> Collection[str]:
    return ("text", "json")


def _yaml_or_json() -> Collection[str]:
    return ("yaml", "json")


def _node_formats() -> Collection[str]:
    return ("text", "table", "json", "yaml", "html")


PARALLEL, PER_REGISTRY = 10, 50
"""As session.fleet has them, which takes longer to import than the help may."""


def _rungs() -> Collection[str]:
    from ..model.vocabulary import RUNGS

    return tuple(RUNGS)


def _via(text: str) -> str:
    from ..model.vocabulary import RUNG_ALIASES

    return one_of(_rungs, RUNG_ALIASES)(text)


HELP = _switch("help", "Show this help.", "h")
VERSION = _switch("version", "Print the version.")

CONNECTION = (
    _text("as", "USER", "User to impersonate."),
    Flag("as-group", "Group to impersonate; may be given more than once.", "", "GROUP", (), once),
    _text("as-uid", "UID", "UID to impersonate."),
    Flag(
        "as-user-extra",
        "Extra of the user to impersonate; may be given more than once, with the same key as well.",
        "",
        "KEY=VALUE",
        (),
        once,
    ),
    _text("cache-dir", "DIR", "Folder that kubectl keeps what it has read of the API in; nothing is kept there."),
    _text("certificate-authority", "FILE", "Certificates that the API server's is checked against."),
    _text("client-certificate", "FILE", "Client certificate for the API server."),
    _text("client-key", "FILE", "Key of the client certificate."),
    _text("cluster", "NAME", "Cluster of the kubeconfig."),
    _text("context", "NAME", "Context of the kubeconfig."),
    _switch("disable-compression", "Without effect: answers are never asked for compressed.", default=None),
    _switch(
        "insecure-skip-tls-verify",
        "Do not check the API server's certificate. Whoever is between can then read and change everything.",
        default=None,
    ),
    _text("kubeconfig", "FILE", "The kubeconfig file."),
    _text("kuberc", "FILE", "kubectl's file of preferences; its policy for credential plugins holds here too."),
    _switch("match-server-version", "Without effect: this program has no version of Kubernetes.", default=None),
    _text("namespace", "NAME", "Namespace; without it, that of the context.", "n"),
    _text("password", "TEXT", "Password for basic authentication to the API server."),
    _text("proxy-url", "URL", "Proxy to the API server."),
    Flag(
        "request-timeout",
        "Time for one request to the API server, as 1s, 2m or 3h, or in seconds; 0 is no limit.",
        "",
        "DURATION",
        None,
        request_timeout,
        shown="0",
    ),
    _text("server", "URL", "Address of the API server.", "s"),
    _text("tls-server-name", "NAME", "Name that the API server's certificate is checked for, in place of its address."),
    _text("token", "TOKEN", "Bearer token for the API server."),
    _text("user", "NAME", "User of the kubeconfig."),
    _text("username", "NAME", "User name for basic authentication to the API server."),
    Flag(
        "v",
        "How much to tell on the standard error: 6 the requests, 8 what the probes say too. No credential is told.",
        "v",
        "N",
        0,
        integer,
    ),
    _switch("warnings-as-errors", "Fail where the API server sends a warning.", default=None),
)
"""kubectl's connection flags, which every command takes (cli-runtime: pkg/genericclioptions/config_flags.go)."""

WAY_OUT = (
    _switch("keep-pod", "Leave the probe pod behind, and say how to delete it."),
    _switch("no-host-network", "Keep the probe pod off the host's network."),
    _text("probe-image", "IMAGE", "Image for the probe pod. It is pulled where it is not on the node."),
    Flag(
        "probe-label",
        "Label for the probe's objects, where none are admitted without; may be given more than once.",
        "",
        "KEY=VALUE",
        (),
        with_commas,
    ),
    _text("probe-namespace", "NAME", "Namespace for the probe pod, in place of the pod's own."),
    _text("probe-secret", "NAME", "Pull secret for --probe-image, in the namespace of the probe pod."),
    Flag(
        "timeout",
        "Time for the probes, as 30s or 1m30s, or in seconds.",
        "",
        "DURATION",
        None,
        seconds,
        shown="30s",
    ),
    _switch("try-pull", "Let the kubelet pull the image again: that costs one pull, and nothing of it runs."),
    Flag("via", "Leave the node this way and no other: ", "", "RUNG", "", _via, choices=_rungs),
)
"""How a node is reached, for the verbs that probe from one; options.options_of reads them."""

TOKEN_HOST = Flag(
    "token-host",
    "Let credentials go to this host too, if the registry names it for tokens; may be given more than once.",
    "",
    "HOST",
    (),
    with_commas,
)
PLAIN_HTTP = Flag(
    "plain-http",
    "Ask this registry without TLS; may be given more than once.",
    "",
    "HOST[:PORT]",
    (),
    with_commas,
)

# ---- commands --------------------------------------------------------------------------------------------------------

WHY = Command(
    "why",
    "Say why a pod's images cannot be pulled, proven from its node",
    """Say why a pod's images cannot be pulled: which link of the pull is broken, proven from the pod's node.

A short-lived pod is started on the node from an image that is already there. It asks DNS, connects, shakes hands and talks to
the registry as the container runtime does; the workstation does the same. The report says what is broken, who must act, and the
command that fixes it. Where nothing is named: every pod of the namespace that cannot pull an image.

The exit code is 0 for no pull problem, 1 for one whose cause is named, 3 where the cause is not determined, 2 where the work
could not be done.""",
    (
        ("Every pod of this namespace that cannot pull an image", "kubectl imagepull why"),
        ("One pod, and one workload", "kubectl imagepull why web-7c9f deploy/api -n shop"),
        ("The pods with a label, of every namespace", "kubectl imagepull why -A -l app=web"),
        ("Start nothing: judge by what the API server knows", "kubectl imagepull why web-7c9f --no-probe"),
        ("Stay until the image is pulled", "kubectl imagepull why deploy/api --watch"),
        ("Be offered the change that fixes it", "kubectl imagepull why deploy/api --apply"),
        ("Let the node pull the image again, to be sure", "kubectl imagepull why web-7c9f --try-pull"),
        (
            "Keep what the verdict is drawn from, and judge it again elsewhere",
            "kubectl imagepull why web-7c9f --save-case case.json\nkubectl imagepull why --case case.json",
        ),
        (
            "The same for a public issue, without a name of yours in it",
            "kubectl imagepull why web-7c9f --save-case case.json --pseudonymous",
        ),
        ("For a program", "kubectl imagepull why web-7c9f -o json"),
    ),
    "[NAME | KIND/NAME | KIND NAME] ...",
    None,
    (
        _switch("all-namespaces", "The failing pods of every namespace.", "A"),
        _switch("apply", "Offer the change that fixes it, and make it when you say yes."),
        _text("case", "FILE", "Judge a saved case in place of a cluster; - reads the standard input.", default=None),
        _text("compare-node", "NODE", "Probe from a second node as well: a name, or auto for one that runs the image."),
        _text("field-selector", "SELECTOR", "The pods with these fields, as spec.nodeName=node1."),
        Flag(
            "filename",
            "What this manifest, or those in this folder, name; - reads the standard input.",
            "f",
            "FILE",
            (),
            with_commas,
        ),
        _switch("no-credentials", "Do not try the pod's credentials from the workstation."),
        _switch("no-probe", "Start nothing: judge by what the API server knows."),
        _switch("open", "With -o html: show the page in a browser."),
        _output(_formats, "Format of the report: "),
        _switch(
            "pseudonymous",
            "With --save-case: replace hosts, namespaces, images and names, so that the file can be made public.",
        ),
        _text("save-case", "FILE", "Write what the verdict is drawn from, without secrets.", default=None),
        _text("selector", "SELECTOR", "The pods, or the workloads of a KIND, with these labels.", "l"),
        _text("tag", "TAG", "With --apply: use this tag of the image."),
        TOKEN_HOST,
        *WAY_OUT,
        _switch(
            "watch",
            "Stay until the image is pulled, or fails otherwise. A format other than text gives one document at the end.",
            "w",
        ),
        _switch("yes", "With --apply: do not ask where the change alters no meaning."),
    ),
)

SCAN = Command(
    "scan",
    "Find every failing pull of a namespace or the cluster, by root cause",
    """Find every failing pull of a namespace or of the whole cluster, grouped by root cause, most harm first, each with the
command that tells more of it.

The server's tables tell which pods may fail, also where the STATUS column shows something else; only these are read whole.
Nothing is started on a node unless --probe is given: then one pod of each root cause is diagnosed from its node.

The exit code is 0 where nothing fails, 1 where every cause is named, 3 where one is not determined or something could not be
looked at.""",
    (
        ("This namespace", "kubectl imagepull scan"),
        ("The cluster, with a row a container", "kubectl imagepull scan -A -o wide"),
        ("Prove each cause from a node", "kubectl imagepull scan -A --probe"),
        ("Stay, and tell what appears, grows and is solved", "kubectl imagepull scan -A --watch"),
        ("For Prometheus", "kubectl imagepull scan -A -o openmetrics"),
    ),
    flags=(
        _switch("all-namespaces", "The pods of every namespace.", "A"),
        _output(_of_scan, "Format of the report: ", "table"),
        _switch("probe", "Diagnose one pod of each root cause from its node."),
        _text("selector", "SELECTOR", "The pods with these labels.", "l"),
        _switch("watch", "Stay, and tell what appears, grows and is solved, a line each.", "w"),
        *WAY_OUT,
    ),
)

CHECK = Command(
    "check",
    "Say whether images would pull: of manifests, of references, of what runs",
    """Say whether images would pull: of manifests, of plain references, or of what runs now in the cluster.

What runs may be a time bomb: an image that a node has and that could not be pulled again, since its tag was deleted or moved,
its pull secret has expired, its registry is gone. Each image is asked for once with each set of credentials, by one HEAD
request, which no registry counts as a pull. For what runs the pods' own pull secrets are used, as the kubelet matches them; for
manifests those that stand beside them, and else the logins that docker has on this machine.

The exit code is 0 where nothing is wrong, 1 for a problem as severe as --fail-on, 3 where something could not be checked, 2
where input could not be read.""",
    (
        ("Manifests before they are applied, no cluster needed", "kubectl imagepull check -f deploy/"),
        (
            "A kustomization, and what a chart renders",
            "kubectl imagepull check -k overlays/prod\nhelm template web ./chart | kubectl imagepull check -f -",
        ),
        ("References", "kubectl imagepull check nginx:1.27 ghcr.io/team/app:1.2"),
        (
            "Time bombs: what runs and could not be pulled again",
            "kubectl imagepull check -n shop\nkubectl imagepull check -A",
        ),
        (
            "A workload, pulled once more by a node",
            "kubectl imagepull check deploy/web -n shop --from-node node1 --try-pull",
        ),
        ("In CI", "kubectl imagepull check -f deploy/ -o github --fail-on warning"),
    ),
    "[IMAGE | KIND/NAME] ...",
    None,
    (
        _switch("all-namespaces", "What runs in every namespace.", "A"),
        Flag(
            "fail-on",
            "The least severity that fails the check: ",
            "",
            "SEVERITY",
            "error",
            one_of(_severities),
            choices=_severities,
        ),
        Flag(
            "filename",
            "This manifest, or those in this folder; - reads the standard input.",
            "f",
            "FILE",
            (),
            with_commas,
        ),
        Flag(
            "from-node",
            "Ask from this node too, without credentials; may be given more than once.",
            "",
            "NODE",
            (),
            with_commas,
        ),
        _text("kustomize", "DIR", "What kubectl kustomize makes of this folder.", "k"),
        _output(_of_check, "Format of the report: "),
        Flag("per-registry", "Requests that a registry gets at a time.", "", "N", 4, integer),
        PLAIN_HTTP,
        Flag(
            "platform",
            "Hold the images against this platform, as linux/arm64: their manifests are read, which Docker Hub counts as pulls; "
            "may be given more than once.",
            "",
            "OS/ARCH",
            (),
            with_commas,
        ),
        _switch("recursive", "With -f: the folders below as well.", "R"),
        _text(
            "runtime",
            "RUNTIME://VERSION",
            "With --from-node: say which of its registry settings another version would read otherwise, as containerd://2.3.0.",
        ),
        TOKEN_HOST,
        *WAY_OUT,
    ),
)

PROBE_NODE = Command(
    "probe-node",
    "Ask registries from a node, or from many",
    """Ask registries from nodes: name, port, certificate, API and challenge, with the first broken hop named.

Without --registry: the registries of the images of the pods on each node. With --image the nodes also pull that image once,
and nothing of it runs. Of one node that is named, the report has a row a registry. Of several (names, -l or --all) it has a row a
node, which comes when the node has answered; then what nodes have in common that break alike, and the label that sets them apart.
A node that cannot be asked is named, with why. Ctrl-C shows what is known.

The exit code is the first that applies to one of the nodes: 2 there is no such node, 3 the registries could not be seen from it,
1 one is broken, 0 all of them answer.""",
    (
        ("The registries that the pods of a node use", "kubectl imagepull probe-node node1"),
        (
            "Two registries, before a rollout needs them",
            "kubectl imagepull probe-node node1 --registry ghcr.io --registry registry.example.com:5000",
        ),
        ("Let the node pull an image", "kubectl imagepull probe-node node1 --image ghcr.io/team/app:1.2"),
        (
            "One registry from every node, and what those have in common that cannot reach it",
            "kubectl imagepull probe-node --all --registry registry.example.com",
        ),
        (
            "The same as a page: a heat map of nodes by registries",
            "kubectl imagepull probe-node --all --registry registry.example.com -o html > nodes.html",
        ),
        (
            "The nodes of a pool, as a matrix of nodes by registries",
            "kubectl imagepull probe-node -l cloud.google.com/gke-nodepool=web -o table",
        ),
    ),
    "[NODE ... | -l SELECTOR | --all]",
    None,
    (
        _switch("all", "Every node."),
        _text("image", "IMAGE", "Let the nodes pull this image: that costs one pull each."),
        _output(_node_formats, "Format of the report: "),
        Flag(
            "parallel",
            "Nodes that are asked at the same time, each with a pod there.",
            "",
            "N",
            PARALLEL,
            integer,
        ),
        Flag("per-registry", "Nodes that ask one registry at the same time.", "", "N", PER_REGISTRY, integer),
        _text("pull-secret", "NAME", "Pull secret for --image, in the namespace."),
        Flag(
            "registry",
            "A registry, as HOST or HOST:PORT; may be given more than once.",
            "",
            "HOST[:PORT]",
            (),
            with_commas,
        ),
        _text("selector", "SELECTOR", "The nodes with these labels.", "l"),
        *WAY_OUT,
    ),
)

EXPLAIN = Command(
    "explain",
    "Say what a cause, a reason, a platform, a registry or a message means",
    """Say what a cause, a waiting reason, a platform, a registry or a message about a failed pull means.

What else it could be, what would prove it, and what to do. No cluster is asked.""",
    (
        ("A cause that a report has named", "kubectl imagepull explain tls.unknown_authority"),
        ("The reason that a pod waits for", "kubectl imagepull explain ImagePullBackOff"),
        (
            "What an event says",
            "kubectl imagepull explain --message 'dial tcp 10.0.0.1:443: connect: connection refused'",
        ),
        ("A log of the kubelet", "journalctl -u kubelet | tail -1 | kubectl imagepull explain -"),
        ("A platform and a registry", "kubectl imagepull explain k3s\nkubectl imagepull explain quay.io"),
    ),
    "CAUSE | REASON | PLATFORM | REGISTRY | -",
    1,
    (
        _text("message", "TEXT", "A message of the kubelet or of a runtime, as it was found.", default=None),
        _output(_text_or_json, "Format of the explanation: "),
    ),
)

PIN = Command(
    "pin",
    "Replace tags by digests, and change nothing else in the files",
    """Replace the tags of images by the digests that they have now, as name:tag@sha256:…, so that the tag stays readable.

Files are manifests of any kind (several documents, Lists, custom resources with a pod template), kustomizations and Helm values.
Comments, quotes, order and line ends stay as they are. Without --write a unified diff is shown. For workloads of a cluster,
and for images that are named as they are, commands and references are printed. Where a tag is for several platforms, so is its
digest. Registries are asked with the logins that docker has on this machine.

The exit code is 0; with --check it is 1 where an image has no digest; it is 2 where a file could not be read or an image could
not be pinned, and these are named.""",
    (
        ("What would change in the manifests of a folder", "kubectl imagepull pin -f deploy/"),
        ("Write it", "kubectl imagepull pin -f deploy/ -R --write"),
        ("What kustomize builds, for the next program", "kustomize build . | kubectl imagepull pin -f - --write"),
        ("In CI: is every image pinned?", "kubectl imagepull pin -f deploy/ --check"),
        ("Move to the digests that the tags have by now", "kubectl imagepull pin -f deploy/ --update --write"),
        ("Commands for what runs in a cluster", "kubectl imagepull pin deploy/api sts/db -n shop"),
        ("One image", "kubectl imagepull pin nginx:1.27"),
    ),
    "[-f FILE | KIND/NAME ... | IMAGE ...]",
    None,
    (
        _switch("check", "Change nothing: name the images without a digest, and end with 1 where there are some."),
        _switch("diff", "Show the change as a unified diff, as is done without --write and --check."),
        Flag(
            "filename",
            "Manifests, kustomizations and Helm values: files, folders, or - for the standard input.",
            "f",
            "FILE",
            (),
            with_commas,
        ),
        _output(_text_or_json, "Format of the report: "),
        PLAIN_HTTP,
        _switch("recursive", "Read the folders below those of -f as well.", "R"),
        TOKEN_HOST,
        _switch("update", "Also move images that have a digest to the one that their tag has now."),
        _switch("write", "Write the files; the standard input goes to the standard output."),
    ),
)

POLICY = Command(
    "policy",
    "Print an admission policy: allowed registries, digests, no latest",
    """Print a ValidatingAdmissionPolicy and its binding, for Kubernetes 1.30 and later: pods and the pod templates of workloads
may have images of allowed registries alone, must name digests, or must not have the tag latest.

Containers of every kind are held to it (init and ephemeral ones, sidecars) and image volumes. What runs stays as it is, and an
object that is changed may keep the images that it has; kube-system is spared. Apply it with --audit first: then it warns, and
refuses nothing. A cluster is asked only with --from-cluster, which allows the registries that its pods' images are from, and
tells what would be refused.""",
    (
        (
            "Two registries, one of them for a team",
            "kubectl imagepull policy --allow-registry registry.k8s.io,ghcr.io/team",
        ),
        ("The registries of what runs; only warn", "kubectl imagepull policy --from-cluster --audit"),
        ("Digests, and never latest", "kubectl imagepull policy --require-digest --no-latest"),
    ),
    flags=(
        Flag(
            "allow-registry",
            "A registry or a part of one: HOST, HOST:PORT or HOST/PATH, docker.io for Docker Hub; may be given more than once.",
            "",
            "REGISTRY",
            (),
            with_commas,
        ),
        _switch("audit", "Warn and write to the audit log, and refuse nothing."),
        Flag(
            "except-namespace",
            "A namespace that is spared, beside kube-system; may be given more than once.",
            "",
            "NAME",
            (),
            with_commas,
        ),
        _switch("from-cluster", "Allow the registries of the images that run now."),
        _text("name", "NAME", "What policy and binding are called.", default="imagepull-images"),
        _switch("no-latest", "Refuse the tag latest, written or implied."),
        Flag("output", "Format: ", "o", "FORMAT", "yaml", output(_yaml_or_json), choices=_yaml_or_json),
        _switch("require-digest", "Refuse an image that does not name its digest."),
    ),
)

CLEANUP = Command(
    "cleanup",
    "Remove what a killed run may have left",
    """Remove what runs have left: Jobs, pods and ConfigMaps with our label, names and owners.

A run cleans up after itself, and the cluster removes a Job within two minutes where it could not. This is for pods that were
kept, and for bare pods of killed runs, which end by themselves and stay.""",
    (
        ("In this namespace", "kubectl imagepull cleanup"),
        ("In every namespace", "kubectl imagepull cleanup -A"),
    ),
    flags=(_switch("all-namespaces", "In every namespace.", "A"),),
)

COMPLETION = Command(
    "completion",
    "Say how kubectl completes our commands, and set it up",
    """Say how kubectl completes what follows `kubectl imagepull`, and write the file that it needs for it.

kubectl asks a program kubectl_complete-imagepull on PATH. An installation by pip has it; one by krew gets it by --install, beside
krew's own link, or else in a folder of PATH in your home. A file of that name that is not ours stays as it is.""",
    (
        ("What is there, and what to do", "kubectl imagepull completion"),
        ("Write the file", "kubectl imagepull completion --install"),
        ("Write it somewhere else on PATH", "kubectl imagepull completion --install --to /usr/local/bin"),
    ),
    flags=(
        _switch("install", "Write kubectl_complete-imagepull."),
        _text("to", "DIR", "With --install: write it into this folder."),
    ),
)

OPTIONS = Command(
    "options",
    "List the flags that every command takes",
    examples=(("Which cluster is asked, and as whom", "kubectl imagepull options"),),
)

VERSION_COMMAND = Command(
    "version",
    "Print the version",
    examples=(
        ("For people", "kubectl imagepull version"),
        ("For a program", "kubectl imagepull version -o json"),
    ),
    flags=(_output(_text_or_json, "Format: "),),
)

_ALL = (WHY, SCAN, CHECK, PROBE_NODE, PIN, POLICY, EXPLAIN, CLEANUP, COMPLETION, OPTIONS, VERSION_COMMAND)
COMMANDS: dict[str, Command] = {command.name: command for command in _ALL}
"""Every verb, in the order of the help."""

ROOT = Command(
    "",
    "Say why a pod cannot pull its image, proven from the node it runs on",
    """Say why a pod cannot pull its image, proven from the node it runs on, and what fixes it.""",
    (
        ("Every pod of this namespace that cannot pull an image", "kubectl imagepull why"),
        ("One workload of another namespace", "kubectl imagepull why deploy/api -n shop"),
        ("What a reason means", "kubectl imagepull explain ErrImagePull"),
    ),
    "COMMAND",
    None,
)
"""The program itself, without a verb."""


def flags_for(command: Command) -> tuple[Flag, ...]:
    """All flags that a command takes, its own first."""
    return (*command.flags, *((VERSION,) if command is ROOT else ()), HELP, *CONNECTION)


def all_flags() -> Iterator[Flag]:
    """The flags of every command; those of several come more than once."""
    for command in (ROOT, *COMMANDS.values()):
        yield from flags_for(command)


# ---- for the reference -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FlagRow:
    """A flag as a reference lists it."""

    names: str
    """"-n, --namespace"."""
    metavar: str
    """What its value is; "" for a switch."""
    help: str
    """What it does, in sentences, with the values where there is a list of them."""
    default: str
    """As kubectl's help writes it: '' in quotes, false, [], 30s."""


def _row_of(flag: Flag) -> FlagRow:
    """A flag as help and reference show it."""
    if flag.shown is not None:
        default = flag.shown
    elif flag.repeated:
        default = "[]"
    elif not flag.takes_value:
        default = str(bool(flag.default)).lower()
    elif isinstance(flag.default, int):
        default = str(flag.default)
    else:
        default = f"'{flag.default or ''}'"
    # a text that ends in a colon is followed by the values
    listed = ", ".join(flag.choices()) + "." if flag.help.endswith(": ") else ""
    return FlagRow(flag.names, flag.metavar, flag.help + listed, default)


def flag_rows(verb: str) -> list[FlagRow]:
    """The flags of a verb's own, in the order of the help; of "options", those that every command takes.

    Raises KeyError for a verb that is none.
    """
    command = COMMANDS[verb]
    flags = CONNECTION if command is OPTIONS else command.flags
    return [_row_of(flag) for flag in sorted(flags, key=lambda flag: flag.name)]
