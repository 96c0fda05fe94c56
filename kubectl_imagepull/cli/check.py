"""Say whether images would pull: of manifests, plain references and what runs now."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from .. import lazily
from ..command import is_name
from ..image.manifests import Manifests, read
from ..model.check import CheckReport
from ..report import check as report
from ..session.check import Asked, Wanted, check, in_manifests, in_references
from ..session.manifest_files import ManifestFile, manifest_files
from ..session.registries import from_here
from ..text import printable
from .flags import Args, UsageError, quoted
from .operands import is_image, parse
from .options import api_of, hosts_of, options_of, refuse_warnings, style_of
from .streams import bytes_from
from .waiting import Waiting

if TYPE_CHECKING:
    from ..session import Api

RUNTIME = lazily.pattern(r"(?:containerd|cri-o|docker)://[0-9]+\.[0-9]+\.[0-9]+\S{0,40}")
"""As a node's status has it (kubernetes: core/v1, NodeSystemInfo.containerRuntimeVersion)."""
PLATFORM = lazily.pattern(r"[a-z]+/[a-z0-9]+(/[a-z0-9]+)?")


def run(args: Args, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Check what is named. -> 0; 1 where a problem is as severe as --fail-on; 3 where something could not be checked; 2 where
    input could not be read."""
    images, live = _meant(args)
    platforms = _platforms(args)
    options = options_of(args)
    plain_http = hosts_of(args, "plain-http")
    troubles: list[str] = []
    unseen: list[str] = []
    api: Api | None = None
    asked: list[Asked] = [*in_references(images)]
    asked += in_manifests(_manifests(args, stdin, troubles))
    if live or args.from_node:
        api = api_of(args)
    if live and api is not None:
        from ..session.check_live import in_cluster  # not above: references and manifests need no API server

        named = parse([word for word in args.operands if word not in images], "", False, (), stdin).named
        asked += in_cluster(api, named, args.all_namespaces, unseen)
    waiting = Waiting(err)
    wanted = Wanted(platforms, args.fail_on)

    def begun(count: int) -> None:
        waiting.begin(f"asking registries about {count} images ...")

    try:
        with from_here(_told(err), args.per_registry, options.token_hosts, plain_http) as (registries, logins):
            found = check(asked, wanted, registries, logins, begun)
        for node in args.from_node:
            assert api is not None
            waiting.begin(f"asking {node} ...")
            found = _from_node(api, node, asked, args, found, unseen)
    finally:
        waiting.end()
    found = dataclasses.replace(found, troubles=tuple(troubles), unseen=tuple(dict.fromkeys(unseen)))
    out.write(report.render(args.output, found, style_of(out)))
    return refuse_warnings(api, found.exit_code) if api is not None else found.exit_code


def _meant(args: Args) -> tuple[list[str], bool]:
    """(the operands that are references, whether a cluster is asked). Raises UsageError."""
    # a bare word is an image here: what runs is named by its kind
    images = [word for word in args.operands if "/" not in word or is_image(word)]
    files = bool(args.filename or args.kustomize)
    if images and len(images) < len(args.operands):
        raise UsageError("error: workloads and images are checked one kind at a time")
    if args.all_namespaces and (args.operands or files):
        raise UsageError("error: --all-namespaces checks what runs: not with files, images or workloads")
    live = len(images) < len(args.operands) or (not args.operands and not files)
    if live and files:
        raise UsageError("error: files and workloads are checked one kind at a time")
    if args.per_registry < 1:
        raise UsageError("error: --per-registry must be at least 1")
    if args.try_pull and not args.from_node:
        raise UsageError("error: --try-pull needs --from-node: which node is to pull?")
    if args.runtime and not args.from_node:
        raise UsageError("error: --runtime needs --from-node: whose settings are to be read?")
    if args.runtime and not RUNTIME.fullmatch(args.runtime):
        raise UsageError(
            f"error: --runtime {quoted(args.runtime[:80])} is no runtime and version (for example containerd://2.3.0)"
        )
    for node in args.from_node:
        if not is_name(node):
            raise UsageError(f"error: --from-node {quoted(node[:80])} is no name of a node")
    return images, live


def _platforms(args: Args) -> tuple[str, ...]:
    for one in args.platform:
        if not PLATFORM.fullmatch(one):
            raise UsageError(f"error: --platform {quoted(one[:80])} is no platform (for example linux/arm64)")
    return tuple(args.platform)


def _manifests(args: Args, stdin: TextIO, troubles: list[str]) -> Iterator[Manifests]:
    for file in (*manifest_files(args.filename, args.recursive, bytes_from(stdin)), *_kustomized(args)):
        if file.error:
            troubles.append(f"{file.name}: {file.error}")
            continue
        found = read(file.data, file.name)
        # an image of Helm values whose tag the chart sets is no damage
        troubles += [
            f"{t.file}{f':{t.line}' if t.line else ''}: {t.message}" for t in found.troubles if t.what != "no-tag"
        ]
        yield found


def _kustomized(args: Args) -> Iterator[ManifestFile]:
    """What `kubectl kustomize` makes of a folder, which needs no cluster."""
    if not args.kustomize:
        return
    if args.kustomize.startswith("-"):
        raise UsageError(f"error: -k {quoted(args.kustomize[:80])} is no folder")
    try:
        ran = subprocess.run(["kubectl", "kustomize", args.kustomize], capture_output=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(
            f"error: -k needs kubectl: {getattr(error, 'strerror', None) or 'it takes too long'}", pointed=False
        ) from None
    if ran.returncode:
        said = ran.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UsageError(said[-1] if said else f"error: kubectl kustomize ended with {ran.returncode}", pointed=False)
    yield ManifestFile(args.kustomize, ran.stdout)


def _told(err: TextIO) -> Callable[[str], None]:
    return lambda line: print(printable(line), file=err)


def _from_node(
    api: Api, node: str, asked: list[Asked], args: Args, found: CheckReport, unseen: list[str]
) -> CheckReport:
    from ..session.check_node import after_upgrade, from_node, with_node  # not above: it brings what looks out of nodes

    options = options_of(args)
    diagnoses, left = from_node(api, node, asked, options)
    if left:
        unseen.append(f"{len(left)} more images from {node}: name fewer")
    upgrade = {}
    if args.runtime:
        bare = dataclasses.replace(options, way_out=dataclasses.replace(options.way_out, try_pull=False))
        upgrade = after_upgrade(api, node, args.runtime, diagnoses, bare)
    return dataclasses.replace(found, images=tuple(with_node(found.images, diagnoses, node, upgrade)))
