"""What setup.cfg lists is what there is: a package that is not listed works from a checkout and is missing once installed."""

from __future__ import annotations

import configparser
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_every_package_ships() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    own = {".".join(p.parent.relative_to(ROOT).parts) for p in (ROOT / "kubectl_imagepull").rglob("__init__.py")}
    probes = {
        "kubectl_imagepull." + ".".join(p.parent.relative_to(ROOT).parts)
        for p in (ROOT / "probes").rglob("__init__.py")
    }
    assert listed == own | probes
