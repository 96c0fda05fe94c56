"""When a fix of the catalogue is one for the case at hand, and when an actor is the one who acts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...catalogue import registries
from ...catalogue.registries import RegistryKind, kind_of
from ...model import Case, Finding, Http, Manifest, RuntimeConfig, Tls
from ..clocks import by_date
from ..clouds import node_pulls
from ..evidence import grounds
from ..hop_status import status_of
from ..message import is_loopback, message_of
from ..names import chain_short, failed_addresses, name_in_registry, proxy_file, runtime_of, secret_of
from ..other_image import has_image_fix
from ..platforms import platform_of
from ..pull_secrets import sent, unread
from ..trial_pull import trial_pull

ELSEWHERE = frozenset({"token", "blob", "mirror", "proxy", "dns-server"})
"""Roles of a host that another image name does not help."""


def _is(case: Case, runtime: str) -> bool:
    """Whether the node has this runtime, as far as is known."""
    return runtime_of(case)[0] in (runtime, "")


def _entries(case: Case, finding: Finding) -> int:
    secret = secret_of(case, finding.cause)
    return secret.entries if secret is not None else 0


def _from_account(case: Case, finding: Finding) -> bool:
    secret = secret_of(case, finding.cause)
    return secret is not None and secret.from_service_account


def _looked(case: Case, finding: Finding) -> bool:
    """Whether the host that the finding is about was asked for from the node."""
    node = [o for o in case.observations if o.vantage.place == "node"]
    if finding.subject.role == "node":
        return bool(node)
    return finding.subject.role == "dns-server" or any(o.subject.host == finding.subject.host for o in node)


def _of_hosts_file(case: Case, finding: Finding) -> bool:
    read = [o.detail for o in grounds(case, finding, RuntimeConfig)]
    files = [file for one in read for file in (one.source, *(problem.file for problem in one.problems))]
    return message_of(case).hosts_toml or any(file.endswith("hosts.toml") for file in files)


def nothing_sent(case: Case) -> bool:
    """Whether the pull is anonymous, as far as is known: no secret of the pod is sent, and no cloud's node identity may be."""
    return not sent(case) and not unread(case) and not node_pulls(case, "auth.forbidden")


def works_elsewhere(case: Case, finding: Finding) -> bool:
    """Whether the same hop of the same host passes from another place: then the host is not what is broken."""
    others = [o for o in case.at(finding.hop) if o.vantage.place in ("workstation", "peer-node")]
    asked = {case.observations[i].subject.host for i in finding.because} | {finding.subject.host}
    met = [(o.vantage.place, status_of(case, o)) for o in others if o.subject.host in asked]
    return any(status == "pass" and (place, "fail") not in met for place, status in met)


def same_here(case: Case, finding: Finding) -> bool:
    """Whether this machine meets the very same at the same host: then it is not the node, nor its way there alone."""
    mine = [case.observations[i] for i in finding.because if case.observations[i].vantage.place == "node"]
    here = {(o.hop, o.subject, o.outcome) for o in case.observations if o.vantage.place == "workstation"}
    return bool(mine) and all((o.hop, o.subject, o.outcome) in here for o in mine)


def _of_registry(holds: Callable[[RegistryKind, str], bool]) -> Callable[[Case, Finding], bool]:
    """A condition about the image's repository, whichever host the finding is about."""
    return lambda case, finding: holds(kind_of(case.facts.reference.registry), name_in_registry(case))


def silent(case: Case, finding: Finding) -> bool:
    """Whether a handshake fails without a word from the other side."""
    seen = {case.observations[i].outcome for i in finding.because}
    return bool(seen & {"timeout", "reset", "closed"}) or (not seen and message_of(case).timed_out)


def wants_client(case: Case, finding: Finding) -> bool:
    """Whether the server takes nobody who shows no certificate: by its alert, as the runtime or a probe has met it."""
    return message_of(case).wants_client or any(o.outcome == "refused-client" for o in grounds(case, finding, Tls))


CONDITIONS: Mapping[str, Callable[[Case, Finding], bool]] = {
    "explain": lambda case, finding: False,
    "pull-secret": lambda case, finding: (
        not node_pulls(case, finding.cause) and kind_of(case.facts.reference.registry).takes_credentials
    ),
    # who may not read what the pod has is not told to make another one, nor to write over it
    "secrets-read": lambda case, finding: not unread(case),
    "secret-read": lambda case, finding: secret_of(case, finding.cause) not in unread(case),
    "secret-unread": lambda case, finding: secret_of(case, finding.cause) in unread(case),
    "node-pulls": lambda case, finding: node_pulls(case, finding.cause),
    # what nobody resolves is mistyped, unless a registry or the node's configuration named it
    "named-elsewhere": lambda case, finding: works_elsewhere(case, finding) or finding.subject.role != "registry",
    "works-elsewhere": lambda case, finding: works_elsewhere(case, finding),
    "way-differs": lambda case, finding: silent(case, finding) or works_elsewhere(case, finding),
    # how many there are may not be known, and then they are kept
    "one-entry": lambda case, finding: _entries(case, finding) == 1,
    "several-entries": lambda case, finding: _entries(case, finding) != 1,
    "from-account": _from_account,
    "from-pod": lambda case, finding: not _from_account(case, finding),
    "server-clock": lambda case, finding: any(by_date(o) for o in grounds(case, finding, Tls)),
    "public": lambda case, finding: any(o.outcome == "200" and not o.via for o in case.seen(Manifest)),
    # another name helps no other host of the path, and the right one may be known
    "other-image": lambda case, finding: (
        finding.subject.role not in ELSEWHERE
        and not has_image_fix(case, finding)
        and not node_pulls(case, finding.cause)
    ),
    "silent": silent,
    "answered": lambda case, finding: not silent(case, finding),
    "wants-client": wants_client,
    "wants-no-client": lambda case, finding: not wants_client(case, finding),
    "registry-host": lambda case, finding: finding.subject.role not in ("token", "blob"),
    "blob-host": lambda case, finding: finding.subject.role == "blob",
    "token-host": lambda case, finding: finding.subject.role == "token",
    "not-blob": lambda case, finding: finding.subject.role != "blob",
    # it is in the way because the node's configuration names it
    "mirror": lambda case, finding: finding.subject.role == "mirror",
    "not-mirror": lambda case, finding: finding.subject.role != "mirror",
    "nothing-sent": lambda case, finding: nothing_sent(case),
    "user-sent": lambda case, finding: any(name for secret in sent(case) for name in secret.usernames),
    "chain-short": chain_short,
    "chain-whole": lambda case, finding: not chain_short(case, finding),
    "proxy-file": lambda case, finding: bool(proxy_file(case)),
    "no-proxy-file": lambda case, finding: not proxy_file(case),
    "direct": lambda case, finding: any(o.outcome in ("200", "401") for o in case.seen(Http, "registry", "node")),
    "address": lambda case, finding: bool(failed_addresses(case, finding)),
    "no-address": lambda case, finding: not failed_addresses(case, finding),
    "ipv6-failed": lambda case, finding: any(":" in address for address in failed_addresses(case, finding)),
    "same-here": same_here,
    "not-same-here": lambda case, finding: not same_here(case, finding),
    "hosts-file": lambda case, finding: _of_hosts_file(case, finding),
    "not-hosts-file": lambda case, finding: not _of_hosts_file(case, finding),
    "damaged-archive": lambda case, finding: message_of(case).damaged_archive,
    "numbers-in-image": lambda case, finding: (
        message_of(case).numbers_in_image and not message_of(case).damaged_archive
    ),
    "content-lost": lambda case, finding: message_of(case).content_lost and not message_of(case).imported,
    "cancelled": lambda case, finding: message_of(case).cancelled,
    "windows": lambda case, finding: message_of(case).windows,
    "not-windows": lambda case, finding: not message_of(case).windows,
    "vulnerable": lambda case, finding: message_of(case).vulnerable,
    "not-vulnerable": lambda case, finding: not message_of(case).vulnerable,
    "web-page": lambda case, finding: message_of(case).web_page,
    "no-web-page": lambda case, finding: not message_of(case).web_page,
    "imported": lambda case, finding: message_of(case).imported,
    "address-refused": lambda case, finding: message_of(case).address_refused,
    "address-not-refused": lambda case, finding: not message_of(case).address_refused,
    "cri-off": lambda case, finding: message_of(case).cri_off,
    "not-in-image": lambda case, finding: not message_of(case).in_the_image,
    "not-looked": lambda case, finding: not _looked(case, finding),
    "not-compared": lambda case, finding: (
        bool(case.target.pod) and not any(o.vantage.place == "peer-node" for o in case.observations)
    ),
    "not-rehearsed": lambda case, finding: bool(case.target.node) and trial_pull(case) is None,
    "containerd": lambda case, finding: _is(case, "containerd"),
    "containerd-1": lambda case, finding: runtime_of(case)[0] == "containerd" and () < runtime_of(case)[1] < (2, 0),
    # from 2.2 on the directory is read without being named (containerd: docs/cri/registry.md)
    "containerd-2.1": lambda case, finding: (
        runtime_of(case)[0] == "containerd" and (2, 0) <= runtime_of(case)[1] < (2, 2)
    ),
    # a list of folders is one to the transfer service, and the default is a list (containerd: plugins/cri/images/plugin.go)
    "containerd-2.2": lambda case, finding: runtime_of(case)[0] == "containerd" and runtime_of(case)[1] >= (2, 2),
    "has-shell": lambda case, finding: (platform := platform_of(case)) is not None and platform.has_shell,
    "no-shell": lambda case, finding: (platform := platform_of(case)) is not None and not platform.has_shell,
    "loopback": lambda case, finding: is_loopback(finding.subject.host),
    "not-loopback": lambda case, finding: not is_loopback(finding.subject.host),
    "ipv4-failed": lambda case, finding: any(":" not in address for address in failed_addresses(case, finding)),
    "principal-named": lambda case, finding: bool(message_of(case).principal),
    "permission-named": lambda case, finding: bool(message_of(case).permission and not message_of(case).principal),
    **{name: _of_registry(holds) for name, holds in registries.CONDITIONS.items()},
    "cri-o": lambda case, finding: _is(case, "cri-o"),
    "docker": lambda case, finding: _is(case, "docker"),
}
"""When a fix or an actor of the catalogue that is tied to a condition is the one for the case."""
