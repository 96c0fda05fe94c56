"""What a command line means for a session: which API server, how a node is reached; and what a stream can show."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from .. import lazily
from ..command import is_name
from ..image.reference import InvalidReference, Reference
from ..model.vocabulary import API_ONLY
from ..session.options import SECONDS, Flags, Options, Wanted
from .flags import Args, UsageError, quoted

if TYPE_CHECKING:
    from ..session import Api


HOST = lazily.pattern(r"[a-z0-9]([a-z0-9._-]{0,252}[a-z0-9])?")
"""A host's name or IPv4 address, without a port."""
LABEL = lazily.pattern(
    r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
    r"=(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
)
"""A label as Kubernetes takes it (apimachinery: pkg/util/validation)."""
MOST_SECONDS = 86400.0
"""Of --timeout: the probe pod's deadline is made of it, and Kubernetes takes no more than 2**31 - 1 there."""
EVERYWHERE = "any namespace"
"""What is searched with --all-namespaces, in kubectl's words."""
PROBE_IMAGES = "KUBECTL_IMAGEPULL_PROBE_IMAGES"
"""Environment: whole names of images that probes may run over where they are on a node, with commas or blanks between."""


def options_of(args: Args) -> Options:
    """How a diagnosis is made, of a verb with the flags `commands.WAY_OUT`. Raises UsageError."""
    time = SECONDS if args.timeout is None else args.timeout
    if not 0 < time <= MOST_SECONDS:
        raise UsageError("error: --timeout must be more than 0 and no more than 24h (for example 30s)")
    token_hosts = tuple(hosts_of(args, "token-host"))
    return Options(
        probe=not getattr(args, "no_probe", False),
        credentials=not getattr(args, "no_credentials", False),
        token_hosts=token_hosts,
        seconds=time,
        way_out=wanted_of(args),
        compare_node=getattr(args, "compare_node", ""),
    )


HOSTS = {
    "token-host": (HOST, "is no host name (for example auth.example.com)"),
    "plain-http": (
        lazily.pattern(rf"(?:{HOST.pattern})(?::[0-9]{{1,5}})?"),
        "is no host of a registry (for example registry.example.com:5000)",
    ),
}
"""Flag -> what its hosts look like, and what is said of others."""


def hosts_of(args: Args, flag: str) -> list[str]:
    """The hosts of a flag of HOSTS, [] for a verb that does not have it. Raises UsageError."""
    pattern, wrong = HOSTS[flag]
    hosts = [host.lower() for host in getattr(args, flag.replace("-", "_"), ())]
    for host in hosts:
        if not pattern.fullmatch(host):
            raise UsageError(f"error: --{flag} {quoted(host[:80])} {wrong}")
    return hosts


def wanted_of(args: Args) -> Wanted:
    """What `commands.WAY_OUT` has read. Raises UsageError for flags that contradict each other."""
    if args.probe_secret and not args.probe_image:
        raise UsageError("error: --probe-secret is for --probe-image, which is not given")
    if args.via == API_ONLY and args.try_pull:
        raise UsageError("error: --try-pull starts a pod, --via api-only starts none")
    for flag, name in (
        ("--probe-namespace", args.probe_namespace),
        ("--probe-secret", args.probe_secret),
        ("--compare-node", getattr(args, "compare_node", "")),
        ("--pull-secret", getattr(args, "pull_secret", "")),
    ):
        if name and not is_name(name):
            raise UsageError(f"error: {flag} {quoted(name[:80])} is no name of an object")
    try:
        if args.probe_image:
            Reference.parse(args.probe_image)
    except InvalidReference as error:
        raise UsageError(f"error: --probe-image: {error}") from None
    for label in args.probe_label:
        if not LABEL.fullmatch(label):
            raise UsageError(f"error: --probe-label {quoted(label[:80])} is no label (for example team=web)")
    return Wanted(
        via=args.via,
        image=args.probe_image,
        namespace=args.probe_namespace,
        secret=args.probe_secret,
        host_network=not args.no_host_network,
        kept=args.keep_pod,
        try_pull=args.try_pull,
        labels=tuple((key, value) for key, _, value in (label.partition("=") for label in args.probe_label)),
        harmless=tuple(os.environ.get(PROBE_IMAGES, "").replace(",", " ").split()),
    )


def api_of(args: Args) -> Api:
    """The API server that the connection flags mean. Raises ConfigError, and UsageError for what can be no namespace."""
    from ..session import Api  # not above: help needs no client

    return Api(flags_of(args), args.verbosity)


def refuse_warnings(api: Api, code: int) -> int:
    """The exit code, where --warnings-as-errors makes nothing else of it. Raises KubeError for warnings that count."""
    from ..errors import KubeError

    if api.refused_warnings:
        # kubectl: pkg/cmd/cmd.go, WarningsAsErrors
        raise KubeError(f"error: {api.refused_warnings} warning{'s' if api.refused_warnings > 1 else ''} received")
    return code


NAMESPACE = lazily.pattern(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def flags_of(args: Args) -> Flags:
    """The connection flags of a command line. Raises UsageError for what can be no namespace."""
    if args.namespace and not NAMESPACE.fullmatch(args.namespace):
        # client-go: rest/request.go, Namespace; apimachinery: pkg/api/validate/content
        wrong = [f"may not contain '{one}'" for one in "/%" if one in args.namespace] or [
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
            "with an alphanumeric character"
        ]
        raise UsageError(f"error: invalid namespace {quoted(args.namespace)}: [{' '.join(wrong)}]")
    return Flags(
        kubeconfig=args.kubeconfig,
        context=args.context,
        cluster=args.cluster,
        user=args.user,
        namespace=args.namespace,
        server=args.server,
        token=args.token,
        tls_server_name=args.tls_server_name,
        certificate_authority=args.certificate_authority,
        client_certificate=args.client_certificate,
        client_key=args.client_key,
        insecure_skip_tls_verify=args.insecure_skip_tls_verify,
        impersonate=args.as_,
        impersonate_uid=args.as_uid,
        impersonate_groups=args.as_group,
        impersonate_extra=args.as_user_extra,
        username=args.username,
        password=args.password,
        proxy_url=args.proxy_url,
        kuberc=args.kuberc,
        warnings_as_errors=args.warnings_as_errors,
        request_timeout=args.request_timeout,
    )


def style_of(stream: Any) -> Any:
    """How much this stream can show, by kubectl's rules for colour (cli-runtime: pkg/printers/terminal.go)."""
    from ..report.terminal import Style

    terminal = bool(getattr(stream, "isatty", lambda: False)())
    dumb = os.environ.get("TERM", "") == "dumb" or (sys.platform == "win32" and "WT_SESSION" not in os.environ)
    encoding = (getattr(stream, "encoding", "") or "").lower().replace("-", "")
    try:
        width = (
            int(os.environ.get("COLUMNS", ""))
            if os.environ.get("COLUMNS")
            else os.get_terminal_size(stream.fileno()).columns
        ) or 80  # a terminal over a serial line says 0
    except (OSError, ValueError, AttributeError):
        width = 80
    return Style(
        width=max(60, min(width, 120)),
        symbols=terminal and encoding == "utf8",
        colour=terminal and not dumb and "NO_COLOR" not in os.environ,
    )
