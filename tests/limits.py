"""What each rung is to make of each fault by itself, and the tables of docs/limits.md that say so, which
`python -m tests.limits` writes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubectl_imagepull.model import HOPS
from kubectl_imagepull.model.vocabulary import API_ONLY
from kubectl_imagepull.node import rungs

SEES: Mapping[str, Mapping[str, str]] = {
    **{rung.name: rung.sees for rung in (*rungs.ALL, rungs.TRIAL_PULL)},
    API_ONLY: {"storage": "with nodes/proxy", "runtime": "kubelet's limits, with nodes/proxy"},
}
"""By rung and hop."""
NO = "no"
EVERYWHERE = ("reference", "policy", "credentials")
"""Hops that the API server answers, whichever rung is taken."""
CONFIRMED, LIKELY, POSSIBLE, UNSEEN = "confirmed", "likely", "possible", ""
COLUMNS = ("host-python", "image-python", "shell", "shell with busybox alone", "kubelet")
"""The rungs that look out by themselves, in the order in which a `Fault` lists them."""


@dataclass(frozen=True)
class Fault:
    """A fault of the path and what each rung of COLUMNS makes of it alone, without a word of the runtime's.

    said: the row of the table; cause: what it is named, "" for a path that is in order; role: of the host that is broken; sure:
    how sure each rung is of that, UNSEEN where it sees nothing wrong; takes_for: what a rung takes it for that cannot tell.
    """

    said: str
    cause: str
    sure: tuple[str, str, str, str, str]
    role: str = "registry"
    takes_for: Mapping[str, str] = field(default_factory=dict)

    def expected(self, rung: str) -> tuple[str, str]:
        """(cause, confidence) of the one finding, ("", "") for none."""
        sure = self.sure[COLUMNS.index(rung)]
        return (self.takes_for.get(rung, self.cause), sure) if sure else ("", "")


_EVERYWHERE = (CONFIRMED, CONFIRMED, CONFIRMED, CONFIRMED, LIKELY)
_ON_THE_WAY = (CONFIRMED, LIKELY, CONFIRMED, LIKELY, LIKELY)
"""Who cannot read the node's configuration cannot tell whether the runtime goes that way; its own words can."""
_ON_THE_WAY_BY_TOOLS = (CONFIRMED, LIKELY, CONFIRMED, UNSEEN, UNSEEN)
_RESOLVER = (CONFIRMED, LIKELY, CONFIRMED, LIKELY, LIKELY)
_BY_TOOLS = (CONFIRMED, CONFIRMED, CONFIRMED, UNSEEN, UNSEEN)
_BY_STATUS = (CONFIRMED, CONFIRMED, CONFIRMED, UNSEEN, CONFIRMED)
_BY_FILES = (CONFIRMED, LIKELY, CONFIRMED, LIKELY, LIKELY)
_NOTHING_BY_FILES = (UNSEEN, LIKELY, UNSEEN, LIKELY, LIKELY)
_PAST_THE_MIRROR = dict.fromkeys((COLUMNS[1], COLUMNS[3], COLUMNS[4]), "dns.nxdomain")
"""Who cannot read the node's files asks the registry itself, which has no address in these rows."""
_ONE_404 = {COLUMNS[3]: "image.tag_unknown", "kubelet": "image.tag_unknown"}
_NO_ROUTE = {COLUMNS[2]: "net.unreachable", COLUMNS[3]: "net.unreachable", "kubelet": "net.unreachable"}
FAULTS: Mapping[str, Fault] = {
    "nxdomain": Fault("the name does not exist", "dns.nxdomain", _RESOLVER),
    "servfail": Fault("the resolver fails", "dns.server_failure", _RESOLVER, "dns-server"),
    "silent": Fault("the resolver is silent", "dns.timeout", _RESOLVER, "dns-server"),
    "ipv6": Fault(
        "an address of a family without a route",
        "dns.no_usable_address",
        _ON_THE_WAY,
        takes_for=_NO_ROUTE,
    ),
    "refused": Fault("connections are refused", "net.refused", _ON_THE_WAY),
    "dropped": Fault("packets are dropped", "net.timeout", (CONFIRMED, LIKELY, CONFIRMED, POSSIBLE, POSSIBLE)),
    "noroute": Fault("no route to the host", "net.unreachable", _ON_THE_WAY),
    "unknownca": Fault("an unknown CA", "tls.unknown_authority", (CONFIRMED, POSSIBLE, CONFIRMED, UNSEEN, UNSEEN)),
    "intermediate": Fault(
        "a missing intermediate", "tls.unknown_authority", (CONFIRMED, POSSIBLE, CONFIRMED, UNSEEN, UNSEEN)
    ),
    "expired": Fault("an expired certificate", "tls.expired", _ON_THE_WAY_BY_TOOLS),
    "wrongname": Fault("a certificate for another name", "tls.hostname_mismatch", _ON_THE_WAY_BY_TOOLS),
    "plain": Fault("plain HTTP", "tls.http_on_https", _ON_THE_WAY),
    "basic": Fault("credentials asked for", "auth.no_credentials", _BY_TOOLS),
    "throttled": Fault("a rate limit behind a token", "rate.registry_limit", _BY_TOOLS),
    "token-nxdomain": Fault(
        "the token host's name does not exist", "dns.nxdomain", (CONFIRMED, LIKELY, CONFIRMED, UNSEEN, LIKELY), "token"
    ),
    "token-broken": Fault("the token host fails", "registry.server_error", _BY_STATUS, "token"),
    "unavailable": Fault("the registry is unavailable", "registry.unavailable", _BY_STATUS),
    "blob-refused": Fault("the blob host refuses connections", "net.refused", _ON_THE_WAY_BY_TOOLS, "blob"),
    "blob-missing": Fault("the blob host lacks a blob", "image.blob_unknown", _BY_TOOLS, "blob"),
    "tag": Fault("a tag that is not there", "image.tag_unknown", _EVERYWHERE),
    "repository": Fault(
        "a repository that is not there",
        "image.name_unknown",
        (CONFIRMED, CONFIRMED, CONFIRMED, LIKELY, LIKELY),
        takes_for=_ONE_404,
    ),
    "tag-bearer": Fault("the same behind a token", "image.tag_unknown", _BY_TOOLS),
    "private-bearer": Fault("an image that no anonymous token reads", "auth.denied_or_missing", _BY_TOOLS),
    "platform": Fault(
        "no image for the node's platform",
        "image.platform_mismatch",
        (CONFIRMED, CONFIRMED, CONFIRMED, CONFIRMED, UNSEEN),
    ),
    "mirror": Fault("a dead mirror and nothing else", "net.refused", _BY_FILES, "mirror", _PAST_THE_MIRROR),
    "mirror-works": Fault(
        "none: a mirror stands in for a registry that is not there", "", _NOTHING_BY_FILES, takes_for=_PAST_THE_MIRROR
    ),
    "own-ca": Fault("none: a CA of the registry's own file", "", _NOTHING_BY_FILES, takes_for=_PAST_THE_MIRROR),
    "hosts-file": Fault(
        "a registry's file that does not parse",
        "runtime.config_invalid",
        (CONFIRMED, LIKELY, LIKELY, LIKELY, LIKELY),
        "node",
        {**_PAST_THE_MIRROR, "shell": "dns.nxdomain"},
    ),
    "healthy": Fault("all in order", "", (UNSEEN,) * 5),
    "healthy-token": Fault("all in order behind a token", "", (UNSEEN,) * 5),
}
"""What is made on a cluster and compared with what each rung says of it."""


def table() -> str:
    """The table of docs/limits.md: a row a hop, a column a rung."""
    rows = [["hop", *SEES], ["---"] * (len(SEES) + 1)]
    for hop in HOPS:
        rows.append([hop, *("API" if hop in EVERYWHERE else sees.get(hop, NO) for sees in SEES.values())])
    return _lines(rows)


def faults() -> str:
    """The second table of docs/limits.md: a row a fault, a column a rung, how sure it is of it alone."""
    rows = [["fault", *COLUMNS], ["---"] * (len(COLUMNS) + 1)]
    for fault in FAULTS.values():
        if any(fault.sure):
            cells = [_cell(fault, *fault.expected(rung)) for rung in COLUMNS]
            rows.append([f"{fault.said} (`{fault.cause}`)" if fault.cause else fault.said, *cells])
    return _lines(rows)


def _cell(fault: Fault, cause: str, sure: str) -> str:
    if not sure:
        return NO if fault.cause else "no finding"
    return sure if cause == fault.cause else f"{sure}, as `{cause}`"


def _lines(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def written(text: str) -> str:
    """A text with the tables as they are now, in place of those that it has."""
    for new in (table(), faults()):
        head = re.escape(new[: new.index("|", 1) + 1])
        text, count = re.subn(rf"(?m)^{head}.*(?:\n\|.*)*", lambda _, new=new: new, text)
        assert count == 1, f"{count} tables begin with {head}"
    return text


if __name__ == "__main__":
    PAGE = Path(__file__).parents[1] / "docs" / "limits.md"
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
