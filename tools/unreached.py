"""Prints what nothing of the program reaches, be it that tests do, and exits with 1 where there is some.

`python -m tools.unreached`: by vulture, at its lowest confidence. What is reached in a way it does not see stands in ALLOWED.
"""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import vulture

ROOT = Path(__file__).parents[1]
PATHS = ("kubectl_imagepull", "probes", "tools/schema.py")
CONFIDENCE = 60
_FOR_READERS = "in a saved case for whoever checks a verdict by it; FOR_PEOPLE of tests/unit/model/test_details.py"
_LIMITS = "docs/limits.md is held to what each way out says of itself"
ALLOWED: Mapping[tuple[str, str], str] = {
    ("kubectl_imagepull/image/messages.py", "on_*"): "found by their names, see _KINDS there",
    ("kubectl_imagepull/model/case.py", "unschedulable"): "in a saved case for whoever asks why no pod came to a node",
    ("kubectl_imagepull/model/observation.py", "issuer_url"): _FOR_READERS,
    ("kubectl_imagepull/model/observation.py", "token_status"): _FOR_READERS,
    ("kubectl_imagepull/model/observation.py", "remaining"): _FOR_READERS,
    ("kubectl_imagepull/model/observation.py", "window"): _FOR_READERS,
    ("kubectl_imagepull/model/observation.py", "tag_count"): _FOR_READERS,
    ("kubectl_imagepull/model/observation.py", "capacity_bytes"): _FOR_READERS,
    ("kubectl_imagepull/model/observation.py", "https_proxy"): _FOR_READERS,
    ("kubectl_imagepull/model/observation.py", "http_proxy"): _FOR_READERS,
    ("kubectl_imagepull/model/observation.py", "registry_burst"): _FOR_READERS,
    ("kubectl_imagepull/model/observation.py", "credentials_verification_policy"): _FOR_READERS,
    ("kubectl_imagepull/model/observation.py", "image_service_endpoint"): _FOR_READERS,
    ("kubectl_imagepull/node/rungs/*.py", "sees"): _LIMITS,
    ("kubectl_imagepull/registry/client.py", "ConnectionCls"): "urllib3 makes connections by it",
    ("kubectl_imagepull/registry/client.py", "pool_classes_by_scheme"): "urllib3 makes pools by it",
    ("kubectl_imagepull/session/pseudonyms.py", "DataclassInstance"): "the bound of a type variable, named as a text",
}
"""(file, name), both with stars for any letters -> who reaches it."""


def unreached(allowed: Mapping[tuple[str, str], str] = ALLOWED) -> Iterator[str]:
    """A line for each piece of code that nothing reaches, and for each entry of `allowed` that allows nothing."""
    found = vulture.Vulture()
    found.scavenge([str(ROOT / path) for path in PATHS])
    needed = set()
    for item in found.get_unused_code(min_confidence=CONFIDENCE):
        file = Path(item.filename).relative_to(ROOT).as_posix()
        entry = next((e for e in allowed if fnmatch.fnmatch(file, e[0]) and fnmatch.fnmatch(item.name, e[1])), None)
        if entry is None:
            yield f"{file}:{item.first_lineno}: {item.typ} {item.name} is reached by nothing but tests"
        needed.add(entry)
    for entry in allowed:
        if entry not in needed:
            yield f"{Path(__file__).relative_to(ROOT)}: {' '.join(entry)} allows nothing: take it out"


if __name__ == "__main__":
    lines = list(unreached())
    for line in lines:
        print(line)
    print(f"lines that only tests reach: {len(lines)}")
    sys.exit(bool(lines))
