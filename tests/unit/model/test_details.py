"""Every field of a detail says what it holds, is written by some probe, and is read by something."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

from kubectl_imagepull.model import DETAILS, Detail, Observation, Subject, Vantage, observation
from kubectl_imagepull.model import case as cases
from kubectl_imagepull.model import verdict as verdicts

ROOT = Path(__file__).parents[3]
SHAPES = tuple(
    shape
    for shape in vars(observation).values()
    if dataclasses.is_dataclass(shape)
    and isinstance(shape, type)
    and shape.__module__ == observation.__name__
    and shape not in (Subject, Vantage, Observation, Detail)
)
FIELDS = [(shape, one.name) for shape in SHAPES for one in dataclasses.fields(shape)]
FOR_PEOPLE = {
    "Certificate": {"issuer_url"},
    "Connect": {"proxy_for"},
    "Http": {"location", "cut"},
    "Auth": {"token_status"},
    "Rate": {"limit", "remaining", "window", "retry_after"},
    "Manifest": {"method", "tag_count"},
    "Blobs": {"bytes"},
    "Storage": {"capacity_bytes"},
    "EndpointEntry": {"prefix", "skip_verify", "ca", "resolve"},
    "ProxySettings": {"https_proxy", "http_proxy", "no_proxy", "unread"},
    "RuntimeConfig": {"family"},
    "KubeletLimits": {"registry_burst", "resolv_conf", "credentials_verification_policy", "image_service_endpoint"},
}
"""What no code reads yet: it is in a saved case for whoever reads that, to check a verdict that names none of it."""


def sources(folder: str, *endings: str) -> str:
    files = (file for file in sorted((ROOT / folder).rglob("*")) if file.suffix in endings)
    return "\n".join(file.read_text() for file in files)


PROBES = sources("probes", ".py", ".sh")
NODE = sources("kubectl_imagepull/node", ".py")
MODEL = Path(observation.__file__).read_text()
READERS = "\n".join(
    file.read_text() for file in sorted((ROOT / "kubectl_imagepull").rglob("*.py")) if file.parent.name != "model"
)
ATTRIBUTES = frozenset(re.findall(r"\.(\w+)", READERS))
"""Every word that stands after a dot outside the model."""


def is_written(shape: type, name: str) -> bool:
    """By a probe as a key of its data, or by a rung of this program that makes the detail itself."""
    in_probe = re.search(rf'"{name}\\?"|\b{name}=', PROBES) or (name.startswith("os_") and '"os.' in PROBES)
    return bool(in_probe or re.search(rf"\b{shape.__name__}\(", NODE))


def is_read(shape: type, name: str) -> bool:
    """As an attribute or in a pattern, by code or by a property of the detail."""
    return name in ATTRIBUTES or bool(
        re.search(rf"\b{shape.__name__}\([^)]*\b{name}=", READERS) or re.search(rf"self\.{name}\b", MODEL)
    )


@pytest.mark.parametrize(("shape", "name"), FIELDS, ids=lambda v: v if isinstance(v, str) else v.__name__)
def test_every_field_is_written(shape: type, name: str) -> None:
    assert is_written(shape, name), f"nobody writes {shape.__name__}.{name}"


@pytest.mark.parametrize(("shape", "name"), FIELDS, ids=lambda v: v if isinstance(v, str) else v.__name__)
def test_every_field_is_read(shape: type, name: str) -> None:
    for_people = name in FOR_PEOPLE.get(shape.__name__, ())
    assert is_read(shape, name) != for_people, f"{shape.__name__}.{name}"


@pytest.mark.parametrize("module", [observation, cases, verdicts], ids=lambda m: m.__name__.rpartition(".")[2])
def test_every_field_says_what_it_holds(module: ModuleType) -> None:
    """A docstring of its own below each field of each dataclass."""
    bare = []
    for shape in (node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.ClassDef)):
        for field, after in zip(shape.body, [*shape.body[1:], None], strict=True):
            is_constant = isinstance(field, ast.AnnAssign) and "ClassVar" in ast.unparse(field.annotation)
            if isinstance(field, ast.AnnAssign) and not is_constant:
                told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                bare += [] if told else [f"{shape.name}.{ast.unparse(field.target)}"]
    assert bare == []


def test_a_detail_belongs_to_its_hop_and_has_defaults() -> None:
    for hop, shape in DETAILS.items():
        assert Observation(shape(), Subject("node", ""), Vantage("node"), "").hop == hop
