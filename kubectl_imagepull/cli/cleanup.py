"""Remove what a killed run may have left: Jobs, pods and ConfigMaps with our label.

A run cleans up after itself, and the cluster does within two minutes where it could not; this is for the impatient.
"""

from __future__ import annotations

import argparse
from typing import TextIO

from ..kube.client import Api
from ..node.trail import leftovers, remove
from .options import flags_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="in every namespace")


def run(args: argparse.Namespace, out: TextIO, err: TextIO, stdin: TextIO) -> int:
    """Delete the leftovers of one namespace, or of all. -> 0, also where there was nothing."""
    api = Api(flags_of(args), getattr(args, "verbosity", 0) or 0)
    found = leftovers(api, None if args.all_namespaces else api.namespace)
    for kind, namespace, name in found:
        remove(api, kind, namespace, name)
        out.write(f"{kind}/{name} deleted from {namespace}\n")
    if not found:
        where = "any namespace" if args.all_namespaces else f"namespace {api.namespace}"
        print(f"nothing of kubectl-imagepull is left in {where}", file=err)
    return 0
