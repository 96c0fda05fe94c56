"""Print an admission policy for images, as manifests for kubectl apply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

from ..command import is_name
from ..image.admission import SINCE, BadRegistry, Rules, allowed, policy
from ..report import machine
from ..session.policy import Running, running
from ..text import printable
from .flags import Args, UsageError, quoted
from .options import api_of, refuse_warnings

PURPOSE: Mapping[str, str] = {
    "registry": "from another registry",
    "digest": "without a digest",
    "latest": "with the tag latest",
}


def run(args: Args, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Print the policy and its binding. A cluster is asked only with --from-cluster. -> 0."""
    if not is_name(args.name):
        raise UsageError(f"error: --name {quoted(args.name[:80])} is no name of an object")
    for namespace in args.except_namespace:
        if not is_name(namespace):
            raise UsageError(f"error: --except-namespace {quoted(namespace[:80])} is no name of a namespace")
    registries = [_allowed(entry) for entry in args.allow_registry]
    code: Callable[[int], int] = int
    found = None
    if args.from_cluster:
        api = api_of(args)
        found = running(api, tuple(args.except_namespace))
        registries += found.registries

        def code(zero: int) -> int:
            return refuse_warnings(api, zero)

    rules = Rules(tuple(dict.fromkeys(registries)), args.require_digest, args.no_latest)
    if not (rules.registries or rules.digest or rules.no_latest):
        raise UsageError(
            "error: no pod names an image: name the registries with --allow-registry"
            if args.from_cluster
            else "error: say what is demanded: --allow-registry HOST, --from-cluster, --require-digest or --no-latest"
        )
    documents = policy(args.name, rules, args.audit, args.except_namespace)
    if args.output == "json":
        out.write(machine.dump({"apiVersion": "v1", "kind": "List", "items": documents}) + "\n")
    else:
        out.write(_yaml(documents))
    if found is not None:
        _told(found, rules, args.audit, err)
    return code(0)


def _allowed(entry: str) -> str:
    try:
        return allowed(entry)
    except BadRegistry as error:
        raise UsageError(f"error: --allow-registry {quoted(entry[:80])}: {error}") from None


def _told(found: Running, rules: Rules, audit: bool, err: TextIO) -> None:
    """What runs, and what of it the policy would refuse."""
    for registry, pods in found.registries.items():
        print(printable(f"{registry}: {_count(pods, 'pod')}"), file=err)
    refused = found.refused(rules)
    for rule in filter(refused.__contains__, PURPOSE):
        images, pods = refused[rule]
        kept = "warned of" if audit else "refused when a pod is made anew"
        print(f"{_count(images, 'image')} of {_count(pods, 'pod')} {PURPOSE[rule]}: would be {kept}", file=err)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _yaml(documents: Sequence[Mapping[str, Any]]) -> str:
    head = (
        f"# For Kubernetes {SINCE} and later: kubectl apply -f FILE. With --audit first: it warns, and refuses nothing.\n"
        "# What runs stays; an object that is changed may keep the images that it has.\n"
    )
    return head + "---\n".join(machine.dump_manifest(document) for document in documents)
