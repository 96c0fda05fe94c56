"""Which of all that was seen is about one image."""

from __future__ import annotations

from kubectl_imagepull.model import Observation, Pull, Subject, Vantage
from kubectl_imagepull.session.on_path import on_path
from tests.build import observed

NODE = Vantage("node", name="node-1")
IMAGE = Pull("p1", "reg.test", 443, "team/app", "1.0")


def seen(hop: str, role: str, host: str, pull: str = "", **data: str) -> Observation:
    return observed(hop, Subject(role, host), NODE, "ok", pull=pull, **data)


def test_hosts_in_the_role_and_attempt_in_which_the_image_meets_them() -> None:
    own = [
        seen("dns", "registry", "reg.test"),
        seen("dns", "mirror", "m.test", attempt="m.test"),
        seen("manifest", "mirror", "m.test", "p1", attempt="m.test"),
        seen("auth", "token", "t.test", "p1"),
        seen("dns", "token", "t.test"),
        seen("runtime", "node", "", "p1"),
        seen("storage", "node", "node-1"),
    ]
    others = [
        seen("dns", "registry", "m.test"),
        seen("dns", "token", "t.test", attempt="other.test"),
        seen("manifest", "registry", "reg.test", "p2"),
        seen("dns", "registry", "else.test"),
    ]
    assert on_path([*own, *others], IMAGE, "p1") == tuple(own)


def test_proxies_and_resolvers() -> None:
    own = [
        seen("connect", "registry", "reg.test", proxy="proxy.test:3128"),
        seen("dns", "proxy", "proxy.test:3128"),
        seen("connect", "proxy", "proxy.test:3128", proxy_for="reg.test"),
        seen("dns", "dns-server", "10.0.0.2", name="reg.test"),
    ]
    others = [
        seen("dns", "proxy", "other.test:3128"),
        seen("connect", "proxy", "proxy.test:3128", proxy_for="else.test"),
        seen("dns", "dns-server", "10.0.0.2", name="else.test"),
    ]
    assert on_path([*own, *others], IMAGE, "p1") == tuple(own)
