"""Remove what runs have left: Jobs, pods and ConfigMaps with our label, names and owners.

A run cleans up after itself, and the cluster removes a Job within two minutes where it could not. This is for pods that were
kept, and for bare pods of killed runs, which end by themselves and stay.
"""

from __future__ import annotations

from typing import TextIO

from ..session.cleanup import Leftover, clean_up
from .flags import Args
from .options import api_of


def run(args: Args, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Delete the leftovers of one namespace, or of all; runs that go on are left alone and named. -> 0, also where there was
    nothing."""
    api = api_of(args)

    def removed(one: Leftover) -> None:
        out.write(f"{one.kind}/{one.name} deleted from {one.namespace}\n")

    found = clean_up(api, args.all_namespaces, removed)
    for one in found.running:
        print(f"{one.kind}/{one.name} in {one.namespace} is at work or has only just ended: left alone", file=err)
    if not found.left and not found.running:
        where = "any namespace" if args.all_namespaces else f"namespace {api.namespace}"
        print(f"nothing of kubectl-imagepull is left in {where}", file=err)
    return 0
