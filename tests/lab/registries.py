"""The registries: Debian's docker-registry wherever a real one can show the fault, each on an address of its
own, port 443.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.lab import images, settings
from tests.lab.common import run, write
from tests.lab.machine import Machine, Service
from tests.lab.network import Segment
from tests.lab.pki import Authority, Pair

ISSUER = "lab token server"
EXPIRED, FUTURE = (-100, -10), (10, 100)


def fqdn(name: str) -> str:
    """``name.lab.test``."""
    return f"{name}.{settings.DOMAIN}"


def _distribution(
    core: Machine, segment: Segment, name: str, tls: Pair | None, auth: Mapping[str, object] | None = None
) -> Service:
    """A registry of the real distribution project. JSON is YAML."""
    directory = core.state / "registries" / name
    http: dict[str, object] = {
        "addr": f"{segment.host(name)}:443",
        "secret": "lab",
        "host": f"http{'s' if tls else ''}://{fqdn(name)}",
    }
    if tls:
        http["tls"] = {"certificate": str(tls.crt), "key": str(tls.key)}
    config = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {
            "filesystem": {"rootdirectory": str(directory / "data")},
            "delete": {"enabled": True},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": http,
        **({"auth": auth} if auth else {}),
    }
    path = write(directory / "config.yml", json.dumps(config, indent=1))
    return Service(f"registry-{name}", core.state).define(
        core, ["docker-registry", "serve", str(path)], listens=f"{segment.host(name)}:443"
    )


def _ours(
    core: Machine, kind: str, name: str, config: Mapping[str, object], port: int = 443, module: str = "servers"
) -> Service:
    path = write(core.state / "registries" / name / "config.json", json.dumps(config), 0o600)
    return Service(name, core.state).define(
        core,
        [sys.executable, "-m", f"tests.lab.{module}", *([kind] if kind else []), str(path)],
        env={"PYTHONPATH": str(settings.REPOSITORY_ROOT), "PYTHONUNBUFFERED": "1"},
        listens=f"{config['address']}:{port}",
    )


def _odd(core: Machine, segment: Segment, trusted: Authority) -> Service:
    """The server of all the names in ``settings.ODD`` and of the hosts that fail by TLS."""
    between = Authority(trusted.directory, "intermediate-ca", trusted)
    pairs = {
        "odd": trusted.issue(fqdn("odd"), fqdn("odd"), dns=[f"*.{settings.DOMAIN}"]),
        "future": trusted.issue(fqdn("future"), fqdn("future"), dns=[fqdn("future")], valid=FUTURE),
        # By the computer's clock it has expired; by that of the server, SKEW behind, it is good.
        "skewed": trusted.issue(
            fqdn("skewed"), fqdn("skewed"), dns=[fqdn("skewed")], valid=(-30, -settings.SKEW / 2 / 86400)
        ),
        "lone": between.issue(
            fqdn("lone"), fqdn("lone"), dns=[fqdn("lone")], published="http://ca.lab.test/intermediate.crt"
        ),
    }
    ways = {"alert": "alert", "hush": "hush", "cutoff": "reset", "mtls": "client"}
    servers = [
        {
            "address": segment.host(name),
            "way": ways.get(name, ""),
            "certificate": str(pairs.get(name, pairs["odd"]).crt),
            "key": str(pairs.get(name, pairs["odd"]).key),
        }
        for name in (*pairs, *ways)
    ]
    hosts = {fqdn(name): segment.host(name) for name in (*settings.HOSTS, *settings.ODD)}
    config = {"address": segment.host("odd"), "proxy": segment.host("proxy"), "hosts": hosts, "servers": servers}
    return _ours(core, "", "odd", config, module="odd")


def fill(state: Path) -> None:
    """Put the images into the registries' storage."""
    app = images.busybox("team/app:1.0")
    contents: dict[str, dict[tuple[str, str], images.Image]] = {
        "registry": {
            **{
                (repository, tag): images.busybox(tag)
                for repository in ("busybox", "library/busybox")
                for tag in ("1.35", "v2.0.0")
            },
            ("team/app", "1.0"): app,
            ("multi", "1.0"): images.multi(),
            ("armonly", "1.0"): images.foreign_only(),
            ("python", "3"): images.python((state / "pki" / "registry-ca.crt").read_bytes()),
        },
        "private": {("team/app", "1.0"): app},
        "bearer": {
            ("team/app", "1.0"): app,
            ("public/app", "1.0"): app,
            ("public/spare", "1.0"): images.busybox("spare"),
        },
        **{name: {("team/app", "1.0"): app} for name in ("orphan", "unknownca", "expired", "wrongname", "plain")},
    }
    for name, tags in contents.items():
        for (repository, tag), image in tags.items():
            images.store(state / "registries" / name / "data", repository, tag, image)


def define(core: Machine, segment: Segment, trusted: Authority, unknown: Authority, password: str) -> list[Service]:
    """All registries and token servers. ``trusted`` is the CA that nodes and workstation know."""
    state = core.state

    def cert(name: str, *more: str) -> Pair:
        return trusted.issue(fqdn(name), fqdn(name), dns=[fqdn(name), *map(fqdn, more)])

    htpasswd = write(
        state / "registries/private/htpasswd",
        run(["htpasswd", "-niB", "-C", "5", settings.USER], stdin=password),
        0o600,
    )
    signer = trusted.issue("token-signer", "lab token signer", use_rsa=True)

    def bearer(host: str) -> dict[str, object]:
        return {
            "token": {
                "realm": f"https://{fqdn(host)}/token",
                "service": "lab registry",
                "issuer": ISSUER,
                "rootcertbundle": str(trusted.crt),
            }
        }

    auth, hub = cert("auth"), cert("hub", "auth-hub")
    account = {"user": settings.USER, "password": password}
    return [
        _distribution(core, segment, "registry", cert("registry")),
        _distribution(
            core,
            segment,
            "private",
            cert("private"),
            {"htpasswd": {"realm": "lab private registry", "path": str(htpasswd)}},
        ),
        _distribution(core, segment, "bearer", cert("bearer"), bearer("auth")),
        # Its token host has no address: the registry itself is fine.
        _distribution(core, segment, "orphan", cert("orphan"), bearer("ghost-auth")),
        _distribution(
            core,
            segment,
            "unknownca",
            unknown.issue(fqdn("unknownca"), fqdn("unknownca"), dns=[fqdn("unknownca")]),
        ),
        _distribution(
            core,
            segment,
            "expired",
            trusted.issue(fqdn("expired"), fqdn("expired"), dns=[fqdn("expired")], valid=EXPIRED),
        ),
        _distribution(
            core,
            segment,
            "wrongname",
            trusted.issue(fqdn("wrongname"), fqdn("othername"), dns=[fqdn("othername")]),
        ),
        _distribution(core, segment, "plain", None),
        _ours(
            core,
            "token",
            "auth",
            {
                **account,
                "address": segment.host("auth"),
                "issuer": ISSUER,
                "certificate": str(auth.crt),
                "key": str(auth.key),
                "signing_certificate": str(signer.crt),
                "signing_key": str(signer.key),
            },
        ),
        _ours(
            core,
            "hub",
            "hub",
            {
                **account,
                "address": segment.host("hub"),
                "token_address": segment.host("auth-hub"),
                "token_host": fqdn("auth-hub"),
                "service": "registry.hub.lab.test",
                "certificate": str(hub.crt),
                "key": str(hub.key),
            },
        ),
        _odd(core, segment, trusted),
        _ours(core, "servfail", "dns-servfail", {"address": segment[settings.DNS_SERVFAIL]}, port=53),
    ]
