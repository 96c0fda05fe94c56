"""The flags that kubectl itself has, and its way of reading a command line.

argparse alone loses `-n` before a verb, takes abbreviations and refuses `--flag=true`; kubectl does none of that.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from ..model.vocabulary import API_ONLY, RUNG_ALIASES, RUNGS
from ..session.options import SECONDS, Flags, Options, Wanted
from ..text import printable

if TYPE_CHECKING:
    from ..session import Api


class UsageError(Exception):
    """A command line that cannot be read. str(): one line, values of the command line printable; in a second line whose --help
    tells more (help_of), or what to do instead (advice)."""

    def __init__(self, line: str, help_of: str = "", advice: str = "") -> None:
        advice = f"See '{help_of} --help' for usage." if help_of else advice
        super().__init__("\n".join(printable(one) for one in (line, advice) if one))


class Parser(argparse.ArgumentParser):
    """No abbreviations, one-line errors, no exit of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("allow_abbrev", False)
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **kwargs)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"error: {message}", self.prog)


def program(argv0: str) -> str:
    """How the user called us: as a plugin, or by a path of its own."""
    name = pathlib.PurePath(argv0).name
    return (
        "kubectl imagepull"
        if name.startswith("kubectl-")
        else name
        if not name.startswith("__")
        else "python -m kubectl_imagepull"
    )


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 0.000001, "µs": 0.000001, "ns": 0.000000001}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{0,9})?)(ms|us|µs|ns|h|m|s)", re.ASCII)


def duration(text: str) -> float:
    """A Go duration ("1m30s") or a whole number of seconds -> seconds (Go: time.ParseDuration; kubectl: --request-timeout)."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    at, total = 0, 0.0
    while at < len(text):
        match = _DURATION.match(text, at)
        if match is None:
            break
        total, at = total + float(match.group(1)) * _UNITS[match.group(2)], match.end()
    if not text or at < len(text):
        raise argparse.ArgumentTypeError(f'invalid duration "{text[:40]}" (use 30s, 1m30s or seconds)')
    return total


HOST = re.compile(r"[a-z0-9]([a-z0-9._-]{0,252}[a-z0-9])?")
"""A host's name or IPv4 address, without a port."""
BOOLEANS = (
    "--no-probe",
    "--insecure-skip-tls-verify",
    "--keep-pod",
    "--no-credentials",
    "--all-namespaces",
    "-A",
    "--watch",
    "-w",
    "--apply",
    "--yes",
    "--no-host-network",
    "--try-pull",
)


def spread_booleans(argv: Sequence[str]) -> list[str]:
    """--flag=true and --flag=false, which kubectl takes for every switch, as argparse can read them.

    Raises UsageError for another value.
    """
    out: list[str] = []
    for at, word in enumerate(argv):
        if word == "--":
            return [*out, *argv[at:]]
        name, equals, value = word.partition("=")
        if equals and name in BOOLEANS:
            if value.lower() in ("true", "t", "1"):
                out.append(name)
            elif value.lower() not in ("false", "f", "0"):
                raise UsageError(f'error: invalid argument "{value[:40]}" for "{name}" flag: use true or false')
        else:
            out.append(word)
    return out


def add_connection(parser: argparse.ArgumentParser, default: Any = argparse.SUPPRESS) -> None:
    """kubectl's connection flags. They stand on the top parser and on every verb, so that both places work."""
    group = parser.add_argument_group("connection (as kubectl's)")
    add = group.add_argument
    add("-n", "--namespace", default=default, metavar="NAME", help="namespace (default: that of the context)")
    add("--context", default=default, metavar="NAME", help="kubeconfig context to use")
    add("--kubeconfig", default=default, metavar="FILE", help="kubeconfig file")
    add("--cluster", default=default, metavar="NAME", help="kubeconfig cluster to use")
    add("--user", default=default, metavar="NAME", help="kubeconfig user to use")
    add("-s", "--server", default=default, metavar="URL", help="address of the API server")
    add("--token", default=default, metavar="TOKEN", help="bearer token for the API server")
    add("--as", dest="as_", default=default, metavar="NAME", help="user to impersonate")
    add("--as-uid", default=default, metavar="UID", help="UID to impersonate")
    add("--as-group", action="append", default=default, metavar="NAME", help="group to impersonate; repeatable")
    add("--certificate-authority", default=default, metavar="FILE", help="CA of the API server")
    add("--client-certificate", default=default, metavar="FILE", help="client certificate")
    add("--client-key", default=default, metavar="FILE", help="key of the client certificate")
    add("--tls-server-name", default=default, metavar="NAME", help="name to expect in the server's certificate")
    add(
        "--insecure-skip-tls-verify", action="store_true", default=default, help="do not check the server's certificate"
    )
    add(
        "--request-timeout",
        type=duration,
        default=default,
        metavar="DURATION",
        help="time for one API request (0: default)",
    )
    add(
        "-v", "--v", type=int, dest="verbosity", default=default, metavar="N", help="log level (6: requests, 8: probes)"
    )


def add_way_out(parser: argparse.ArgumentParser) -> None:
    """The flags that say how a node is reached; `wanted_of` reads them."""
    group = parser.add_argument_group("way out of the node")
    add = group.add_argument
    add(
        "--via",
        type=lambda text: RUNG_ALIASES.get(text, text),
        choices=tuple(RUNGS),
        default="",
        metavar="RUNG",
        help=f"take this way out, no other: {', '.join(RUNGS)}",
    )
    add("--probe-image", default="", metavar="IMAGE", help="image for the probe pod; pulled if it is not on the node")
    add("--probe-namespace", default="", metavar="NAME", help="make the probe pod here, not in the pod's namespace")
    add("--probe-secret", default="", metavar="NAME", help="pull secret for --probe-image, in the probe's namespace")
    add("--no-host-network", action="store_true", help="stay off the host's network")
    add("--keep-pod", action="store_true", help="leave the probe pod behind; says how to delete it")
    add("--try-pull", action="store_true", help="let the kubelet pull the image again: costs one pull, runs nothing")


PROBE_IMAGES = "KUBECTL_IMAGEPULL_PROBE_IMAGES"
"""Environment: whole names of images that probes may run over where they are on a node, with commas or blanks between."""


def add_timeout(parser: argparse.ArgumentParser) -> None:
    """The time for the probes."""
    usual = f"{SECONDS:.0f}s"
    parser.add_argument(
        "--timeout", type=duration, default=SECONDS, metavar="DURATION", help=f"time for the probes (default {usual})"
    )


def options_of(args: argparse.Namespace) -> Options:
    """How a diagnosis is made, of a verb with `add_way_out` and `add_timeout`. Raises UsageError."""
    if args.timeout <= 0:
        raise UsageError("error: --timeout must be more than 0 (for example 30s)")
    token_hosts = tuple(host.lower() for host in getattr(args, "token_host", []))
    for host in token_hosts:
        if not HOST.fullmatch(host):
            raise UsageError(f'error: --token-host "{host[:80]}" is no host name (for example auth.example.com)')
    return Options(
        probe=not getattr(args, "no_probe", False),
        credentials=not getattr(args, "no_credentials", False),
        token_hosts=token_hosts,
        seconds=args.timeout,
        way_out=wanted_of(args),
        compare_node=getattr(args, "compare_node", ""),
    )


def wanted_of(args: argparse.Namespace) -> Wanted:
    """What `add_way_out` has parsed. Raises UsageError for flags that contradict each other."""
    if args.probe_secret and not args.probe_image:
        raise UsageError("error: --probe-secret is for --probe-image, which is not given")
    if args.via == API_ONLY and args.try_pull:
        raise UsageError("error: --try-pull starts a pod, --via api-only starts none")
    for flag, name in (("--probe-namespace", args.probe_namespace), ("--probe-secret", args.probe_secret)):
        if name and (len(name) > 253 or not all(c.isalnum() or c in "-." for c in name)):
            raise UsageError(f'error: {flag} "{name[:80]}" is no name of an object')
    return Wanted(
        via=args.via,
        image=args.probe_image,
        namespace=args.probe_namespace,
        secret=args.probe_secret,
        host_network=not args.no_host_network,
        kept=args.keep_pod,
        try_pull=args.try_pull,
        harmless=tuple(os.environ.get(PROBE_IMAGES, "").replace(",", " ").split()),
    )


def api_of(args: argparse.Namespace) -> Api:
    """The API server that the connection flags mean. Raises ConfigError."""
    from ..session import Api  # not above: help needs no client

    return Api(flags_of(args), getattr(args, "verbosity", 0) or 0)


def flags_of(args: argparse.Namespace) -> Flags:
    """The connection flags of a parsed command line."""

    def given(name: str) -> str:
        return getattr(args, name, None) or ""

    return Flags(
        kubeconfig=given("kubeconfig"),
        context=given("context"),
        cluster=given("cluster"),
        user=given("user"),
        namespace=given("namespace"),
        server=given("server"),
        token=given("token"),
        tls_server_name=given("tls_server_name"),
        certificate_authority=given("certificate_authority"),
        client_certificate=given("client_certificate"),
        client_key=given("client_key"),
        insecure_skip_tls_verify=getattr(args, "insecure_skip_tls_verify", None),
        impersonate=given("as_"),
        impersonate_uid=given("as_uid"),
        impersonate_groups=tuple(getattr(args, "as_group", None) or ()),
        request_timeout=getattr(args, "request_timeout", None) or 0.0,
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
        )
    except (OSError, ValueError, AttributeError):
        width = 80
    return Style(
        width=max(60, min(width, 120)),
        symbols=terminal and encoding == "utf8",
        colour=terminal and not dumb and "NO_COLOR" not in os.environ,
    )
