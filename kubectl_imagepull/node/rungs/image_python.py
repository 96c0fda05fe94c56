"""The probes with the Python of an image that runs in the namespace, or of one that was named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...model.vocabulary import IMAGE_PYTHON
from ..attempt import Attempt
from ..probe_log import Taken
from .rung import ANONYMOUSLY, NO, YES, Rung

LIKELY = ("python", "django", "flask", "airflow", "jupyter", "ansible", "superset", "ceph", "cloud-sdk", "aws-cli")
"""Words in names of images that mostly have Python."""
NOTHING_OF_THE_HOST = (
    "the node's own CA bundle, hosts file, proxy settings and mirrors",
    "the host's resolver (the kubelet's is asked)",
)


@dataclass(frozen=True)
class ImagePython:
    """A rung (`rungs.rung.Rung`)."""

    name: str = IMAGE_PYTHON
    cannot_see: tuple[str, ...] = NOTHING_OF_THE_HOST

    @property
    def sees(self) -> Mapping[str, str]:
        """By hop."""
        return {
            "dns": "kubelet's resolver",
            "connect": YES,
            "tls": "image's CAs",
            "registry": YES,
            "rate": YES,
            **dict.fromkeys(("auth", "manifest", "platform", "blobs"), ANONYMOUSLY),
            "runtime": NO,
        }

    def attempt(self, way: Attempt) -> Taken:
        """Raises RungFailed, KubeError."""
        return replace(way.in_image(self.name, LIKELY, "python3"), cannot_see=self.cannot_see)


RUNG: Rung = ImagePython()
