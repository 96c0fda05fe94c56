"""Adds one build step to setup.cfg: the libraries that travel with the probes, as vendor.zip.

The workstation may use any dnspython; a node's Python may be 3.9, so the bundle gets the versions that
pyproject.toml pins for the build, whatever is installed where the command runs.
"""

import importlib.metadata
import importlib.util
import pathlib
import re
import zipfile

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).parent
TRAVELS = {"dns": "dnspython", "tomli": "tomli", "yaml": "PyYAML"}
"""Package to distribution."""
OF_DNS = re.compile(
    r"(__init__|_features|_immutable_ctx|edns|entropy|enum|exception|flags|immutable|inet|ipv4|ipv6|message|name|opcode|rcode|rdata"
    r"|rdataclass|rdataset|rdatatype|renderer|rrset|set|tokenizer|tsig|ttl|version|wire"
    r"|rdtypes/(__init__|nsbase|(ANY|IN)/__init__|ANY/(CNAME|OPT|SOA|TSIG)|IN/(A|AAAA)))\.py"
)
"""The modules of dnspython that dns.message imports and an answer to A or AAAA needs; any other record is read as bytes. The rest
(resolvers, zones, DNSSEC, QUIC) is two thirds of it: every stored version of the ConfigMap would be so much larger."""
EPOCH = (1980, 1, 1, 0, 0, 0)


def write_vendor_zip(target: pathlib.Path) -> None:
    """Zip the pinned libraries, byte for byte the same for the same versions."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as bundle:
        for name, distribution in TRAVELS.items():
            spec = importlib.util.find_spec(name)
            if spec is None or spec.origin is None:
                raise SystemExit(f"setup.py: build requirement {name!r} is not installed (see pyproject.toml)")
            root = pathlib.Path(spec.origin).parent
            for path in sorted(root.rglob("*.py")):
                inside = f"{name}/{path.relative_to(root).as_posix()}"
                if name != "dns" or OF_DNS.fullmatch(inside, len("dns/")):
                    bundle.writestr(zipfile.ZipInfo(inside, EPOCH), path.read_bytes(), zipfile.ZIP_DEFLATED)
            for file in importlib.metadata.files(distribution) or []:
                if file.name.startswith("LICENSE"):
                    inside = f"licenses/{distribution}/{file.name}"
                    bundle.writestr(zipfile.ZipInfo(inside, EPOCH), file.locate().read_bytes(), zipfile.ZIP_DEFLATED)


class BuildWithVendor(build_py):
    """build_py, and the bundle's libraries beside kubectl_imagepull/node."""

    def run(self) -> None:
        super().run()
        where = HERE if self.editable_mode else pathlib.Path(self.build_lib)
        write_vendor_zip(where / "kubectl_imagepull" / "node" / "vendor.zip")

    def get_outputs(self, include_bytecode: bool = True) -> list:
        own = str(pathlib.Path(self.build_lib) / "kubectl_imagepull" / "node" / "vendor.zip")
        return [*super().get_outputs(include_bytecode), *([] if self.editable_mode else [own])]


setup(cmdclass={"build_py": BuildWithVendor})
