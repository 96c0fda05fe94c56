"""Remove what runs have left: Jobs, pods and ConfigMaps with our label, names and owners.

A run cleans up after itself, and the cluster removes a Job within two minutes where it could not. This is for pods that were
kept, and for bare pods of killed runs, which end by themselves and stay.
"""

from __future__ import annotations

import argparse
import time
from typing import TextIO

from ..node.created_objects import leftovers, remove
from .options import api_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="in every namespace")


def run(args: argparse.Namespace, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Delete the leftovers of one namespace, or of all; runs that go on are left alone and named. -> 0, also where there was
    nothing."""
    api = api_of(args)
    found = leftovers(api, None if args.all_namespaces else api.namespace, time.time())
    for one in found.left:
        remove(api, one)
        out.write(f"{one.kind}/{one.name} deleted from {one.namespace}\n")
    for one in found.running:
        print(f"{one.kind}/{one.name} in {one.namespace} is at work or has only just ended: left alone", file=err)
    if not found.left and not found.running:
        where = "any namespace" if args.all_namespaces else f"namespace {api.namespace}"
        print(f"nothing of kubectl-imagepull is left in {where}", file=err)
    return 0
