"""The CA bundle that a Go program on the host trusts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import List, Optional, Tuple

from .files import below, changed_at, files_in, need

# The order in which Go's crypto/x509 looks for a bundle on Linux (go: src/crypto/x509/root_linux.go): the first that
# exists is what a runtime trusts, unless its environment says otherwise.
CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
CA_FOLDERS = ("/etc/ssl/certs", "/etc/pki/tls/certs")
"""Every file in these is read as well (root_unix.go loadSystemRoots)."""


@dataclass(frozen=True)
class Bundle:
    """What a Go runtime on a host trusts."""

    name: str
    """The file on the host."""
    files: Tuple[Tuple[str, str], ...]
    """(path on the host, path to open here) of each."""

    def newest(self, root: str) -> Tuple[str, float]:
        """(file, when it was changed) of the one that was changed last."""
        return max(((path, changed_at(root, path)) for path, _ in self.files), key=lambda both: both[1])


def ca_bundle(root: str, file: str = "", folders: str = "") -> Optional[Bundle]:
    """The bundle that a Go runtime on this host loads; None where none is readable.

    file, folders: SSL_CERT_FILE and SSL_CERT_DIR of its environment, which stand for the usual places.
    """
    found: List[Tuple[str, str]] = []
    for path in (file,) if file else CA_BUNDLES:
        where = below(root, path)
        if where is not None and os.access(where, os.R_OK) and os.path.isfile(where):
            found.append((path, where))
            break
    if file:
        need(root, file, "File")
    for folder in folders.split(":") if folders else ():
        need(root, folder, "Directory")
    if file and not found:
        return None  # it is somewhere that is not mounted
    known = {where for _, where in found}
    for folder in folders.split(":") if folders else CA_FOLDERS:
        for path in files_in(root, folder, "", 1000):
            where = below(root, path)
            if where is not None and where not in known and os.access(where, os.R_OK) and os.path.isfile(where):
                known.add(where)
                found.append((path, where))
    return Bundle(found[0][0], tuple(found)) if found else None
