# One pool of odd spellings a line reads better than one spelling a line:
# ruff: noqa: E501, RUF001
# fmt: off
"""Random references, pull secrets, challenges and token requests: mostly plausible, often damaged.

The generators draw from a `Pick`, which hypothesis fills in the tests (so that cases shrink) and a seeded
random.Random in long runs (so that they are fast).
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Pick(Protocol):
    def one(self, options: Sequence[T]) -> T: ...

    def number(self, low: int, high: int) -> int: ...


class RandomPick:
    """Draws from a seeded random.Random."""

    def __init__(self, source: random.Random) -> None:
        self._source = source

    def one(self, options: Sequence[T]) -> T:
        return self._source.choice(options)

    def number(self, low: int, high: int) -> int:
        return self._source.randint(low, high)


def _chance(pick: Pick, one_in: int) -> bool:
    return pick.number(1, one_in) == one_in


_STRAY = [*":/@.-_[]%?#*= \t\n\0\"'\\,;+~$&()!<>{}|^`", "a", "b", "A", "Z", "0", "9", "f", "é", "İ", "K", "ſ", "世", "\x7f", "\xa0", "\u200b"]


def damaged(pick: Pick, text: str, stray: Sequence[str] = _STRAY) -> str:
    """The text with one to three characters put in, taken out, doubled or changed."""
    for _ in range(pick.number(1, 3)):
        at = pick.number(0, len(text))
        how = pick.number(0, 4)
        if how == 0:
            text = text[:at] + pick.one(stray) + text[at:]
        elif how == 1:
            text = text[:at] + text[at + 1 :]
        elif how == 2:
            text = text[:at] + text[at : at + 2] + text[at:]
        elif how == 3:
            text = text[:at] + pick.one(stray) + text[at + 1 :]
        else:
            text = text[:at] + text[at : at + 1].swapcase() + text[at + 1 :]
    return text


def _soup(pick: Pick, alphabet: str, longest: int) -> str:
    return "".join(pick.one(alphabet) for _ in range(pick.number(0, longest)))


# ------------------------------------------------------------------------------------------------------------
# references

_HOSTS = [
    "docker.io", "index.docker.io", "registry-1.docker.io", "localhost", "quay.io", "reg.example.com", "REG.example.com",
    "a.b.c", "a", "LOCAL", "Org", "10.0.0.1", "[fd00::1]", "[::]", "[2001:db8::192.0.2.1]", "[:]", "my_reg.io", "xn--n3h.com",
    "-reg.io", "reg-.io", "reg..io", "a-.b", "123456789012.dkr.ecr.eu-west-1.amazonaws.com", "hub.docker.com", "h" * 300 + ".io",
]
_PORTS = ["", "", "", ":5000", ":443", ":", ":0", ":http", ":5000:5000", ":٣"]
_COMPONENTS = [
    "nginx", "library", "team", "app", "a__b", "a_b", "a.b", "a--b", "a---b", "a-b", "App", "a___b", "a..b", "a.-b", "-a", "a-",
    "_a", "a_", "", "0", "v1", "v2", "a" * 100, "a" * 128, "é", "f" * 64,
]
_TAGS = ["latest", "1.27", "v1.0~rc1", "_x", "-x", ".x", "A.b-C_d", "5000", "t" * 128, "t" * 129, "", "sha256", "a b", "é"]
_ALGORITHMS = ["sha256", "sha384", "sha512", "md5", "SHA256", "sha256+b64", "sha-256", "s_x.y-z+w", "1a", "", "sha256:sha256"]
_LENGTHS = [64, 64, 64, 96, 128, 32, 31, 63, 65, 0]
_DIGITS = ["f", "0", "a", "F", "g", "fA", "0f"]


_GOOD_HOSTS = [host for host in _HOSTS if host.isascii() and not host.startswith("-") and "_" not in host and "-." not in host]


def reference(pick: Pick) -> str:
    """Half of them sound but for the combination, half damaged."""
    how = pick.number(0, 15)
    if how >= 7:
        return _sound_reference(pick)
    if how == 0:
        return _soup(pick, "aZ0:/@.-_[]", 14)
    if how == 1:
        return _soup(pick, "ab:/@._-", 6) + "@sha256:" + pick.one("fF0g") * pick.one(_LENGTHS)
    parts = [pick.one(_COMPONENTS) for _ in range(pick.number(1, 3))]
    if _chance(pick, 2):
        parts.insert(0, pick.one(_HOSTS) + pick.one(_PORTS))
    text = "/".join(parts)
    if _chance(pick, 2):
        text += ":" + pick.one(_TAGS)
    if _chance(pick, 3):
        digits = pick.one(_DIGITS)
        text += f"@{pick.one(_ALGORITHMS)}:{(digits * 128)[: pick.one(_LENGTHS)]}"
    if how == 2:
        text = pick.one(["https://", "docker://", " ", "http:/", "oci:"]) + text
    return damaged(pick, text) if how >= 5 else text


def _sound_reference(pick: Pick) -> str:
    parts = [_soup_of(pick, ["a", "b1", "app", "0", "z" * 60]) for _ in range(pick.number(1, 4))]
    if _chance(pick, 2):
        parts.insert(0, pick.one(_GOOD_HOSTS) + pick.one(["", "", ":5000", ":443"]))
    text = "/".join(parts)
    if _chance(pick, 2):
        text += ":" + pick.one(["latest", "1.27", "_x", "A.b-C_d", "5000", "t" * 128])
    if _chance(pick, 3):
        algorithm, length = pick.one([("sha256", 64), ("sha384", 96), ("sha512", 128)])
        text += f"@{algorithm}:{'0f' * (length // 2)}"
    return text


def _soup_of(pick: Pick, pieces: Sequence[str]) -> str:
    """A path component: pieces with the separators that may stand between them."""
    text = pick.one(pieces)
    for _ in range(pick.number(0, 2)):
        text += pick.one([".", "_", "__", "-", "--", "---"]) + pick.one(pieces)
    return text


# ------------------------------------------------------------------------------------------------------------
# keyrings: {"secrets": [{"name", "type", "key", "document": its bytes as Latin-1}], "images": […], "repositories": […]}

_NAMES = ["reg", "example", "com", "io", "a", "docker", "index", "quay", "x-y"]
_REGISTRIES = [
    "reg.example.com", "reg.example.com:5000", "reg.example.com:443", "docker.io", "index.docker.io", "quay.io", "localhost",
    "localhost:5000", "a.reg.example.com", "10.0.0.1:5000", "[fd00::1]:5000", "[fd00::1]", "eu.gcr.io", "REG.example.com",
]
_GLOBS = [
    "*.example.com", "*.*.com", "*", "*.*", "*.*.*", "reg.*", "r*g.ex*le.c?m", "[a-z]eg.example.com", "[^a]eg.example.com",
    "re[g.example.com", "reg.example.[c]om", "10.0.0.*:5000", "*.docker.io", "*.io", "*:5000", "reg.example.com:*", "r\\eg.example.com",
    "[]reg].example.com", "reg*.example*.*com", "*e*.e*e.*m", "[r-a]eg.example.com", "[\\r]eg.example.com", "?eg.example.com", "[r*]*.example.com",
]
_SCHEMES = ["", "", "", "https://", "http://", "HTTPS://", "docker://", "https:/", "//", "https:https://"]
_KEY_PATHS = [
    "", "", "/", "/v1/", "/v2/", "/v1", "/v2", "/team", "/te", "/team/app", "/team/app/", "/library", "/v1/team", "/v2/team/", "/*",
    "/team/*", "//", "/v1//team", "/%74eam", "/te%am", "/team?x=1", "/team#f", "?x", "#f", "/v1/?x", "/\u00e9", "/v1/v2/",
]
_USERINFO = ["", "", "", "", "", "user@", "user:pa@", "u%40:p@", "u%zz@", "u@v@", "u s@"]
_HOST_ODDITIES = ["[FD00::1]", "[::1%25a-z]", "[::1%25*]", "[::1%25a]*b]", "[::1%25z-a]", "[::1%25-a]", "[::1%25a--b]", "[::]", "[::1%25\u00e9]", "%41", "%c3%a9", "%2e", "a:b:5000", "[fd00::1%25eth0]:5000", "[::ffff:1.2.3.4]:1", "[1.2.3.4]", "[fd00::1", "fd00::1]", "x[fd00::1]"]
_IMAGES_PATHS = ["/app", "/team/app", "/team/app:1", "/library/nginx", "/teapot", "/v2/app", "/z-long/path/app"]
_SHORT = ["nginx", "team/app", "library/nginx:1", "jenkins", "localhost/app", "app@sha256:" + "a" * 64, "Org/app", "F/app", "A/b", "quay.io", "reg.example.com"]
_RAW = ["F/app", "1/x", "[::]/app", "nginx", "quay.io", "", "reg.example.com", "docker.io/team/app", "index.docker.io/foo", "foo/bar", "/x", "localhost"]


def _registry_key(pick: Pick, focus: str | None) -> str:
    """Any key at all, or one that has to do with the focus: a host that images of the case are on."""
    if focus is not None:
        return _near_key(pick, focus)
    how = pick.number(0, 11)
    if how == 0:
        host = pick.one(_HOST_ODDITIES)
    elif how <= 3:
        host = pick.one(_GLOBS)
    elif how == 4:
        host = ".".join(pick.one([*_NAMES, "*", "?", "r*"]) for _ in range(pick.number(1, 4)))
    else:
        host = pick.one(_REGISTRIES)
    key = pick.one(_SCHEMES) + pick.one(_USERINFO) + host + pick.one(_KEY_PATHS)
    return damaged(pick, key) if _chance(pick, 8) else key


def _near_key(pick: Pick, host: str) -> str:
    if _chance(pick, 4):
        host = pick.one(["index.docker.io", "docker.io", "quay.io", host])
    name, colon, port = host.partition(":") if not host.startswith("[") else (host, "", "")
    if _chance(pick, 3):
        labels = name.split(".")
        at = pick.number(0, len(labels) - 1)
        label = labels[at]
        labels[at] = pick.one(["*", "*" + label[-1:], label[:1] + "*", "?" * len(label), "**", label[:1] + "*" + label[-1:], f"*{label[-1:]}*{label[-1:]}", f"{label[:1]}*{label[1:2]}*"])
        name = ".".join(labels)
    if _chance(pick, 8):
        colon, port = pick.one([("", ""), (":", "5000"), (":", "443"), (":", "")])
    path = pick.one(["", "", "", "/", "/v1/", "/v2/", "/v1", "/team", "/te", "/team/app", "/library", "/v2/team", "/v1//team", "/%74eam"])
    return pick.one(["", "", "https://", "http://"]) + pick.one(["", "", "", "user@", "user:pw@"]) + name + colon + port + path


_AUTHS = [
    "user:pass", "user:pa:ss", ":pass", "user:", "user", "", ":", "us\u00e9r:p", "u:\x00", "u:p\n", "u:abc", "u:abcd", "u:abcde",
]


def _auth(pick: Pick) -> str:
    text = base64.b64encode(pick.one(_AUTHS).encode()).decode()
    how = pick.number(0, 9)
    if how == 0:
        return text.rstrip("=")
    if how == 1:
        at = pick.number(0, len(text))
        return text[:at] + pick.one(["\n", "\r\n", " ", "=", "-", "_", "==", "\u00e9", "\n\n", "A", "\x00", "\u00a0"]) + text[at:]
    if how == 2:
        return pick.one([" ", "\n", "\t"]) + text + pick.one(["", " ", "\n", "=\n", "=", "==", "=\n=\n", "= ", "\u2003", "=\u2003", "\x1f", "=\x1f", "=\x85"])
    if how == 3:
        return base64.b64encode(bytes([pick.number(0, 255) for _ in range(pick.number(0, 5))])).decode()
    return text


_FIELD_NAMES = {
    "username": ["username", "Username", "USERNAME", "u\u017fername", "user"],
    "password": ["password", "Password", "pa\u017fsword", "PASSWORD"],
    "auth": ["auth", "Auth", "AUTH", "auths"],
    "email": ["email", "EMAIL"],
}
_WRONG = ["1", "true", "[]", "{}", "null", "-0.5e3", '"x"', '["a"]', '{"a":1}']


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _string(pick: Pick, text: str) -> str:
    """A JSON string, now and then written in an unusual way."""
    if not _chance(pick, 12):
        return _quote(text)
    how = pick.number(0, 3)
    if how == 0:
        return json.dumps(text)
    if how == 1:
        return '"' + "".join(f"\\u{ord(c):04X}" if ord(c) < 0x10000 else c for c in text) + '"'
    at = pick.number(0, len(text))
    odd = pick.one(["\\ud800", "\\udc00\\ud800", "\\ud83d\\ude00", "\\/", "\\b", "\\q", "\\u12", "\\u12G4", "\t", "\\", '\\"', "\\ud800\\u0041"])
    return _quote(text[:at])[:-1] + odd + _quote(text[at:])[1:]


def _members(pick: Pick, members: list[tuple[str, str]]) -> str:
    blank = pick.one(["", "", "", " ", "\n\t", "\r\n"])
    return "{" + blank + ("," + blank).join(f"{name}{blank}:{value}" for name, value in members) + blank + "}"


def _entry(pick: Pick, serial: int) -> str:
    if _chance(pick, 25):
        return pick.one(_WRONG)
    members: list[tuple[str, str]] = []
    if _chance(pick, 2):
        members.append((_string(pick, pick.one(_FIELD_NAMES["auth"][:3])), _string(pick, _auth(pick))))
    else:
        for name, value in (("username", f"u{serial}"), ("password", f"p{serial}")):
            members.append((_string(pick, pick.one(_FIELD_NAMES[name]) if _chance(pick, 5) else name), _string(pick, value)))
    if _chance(pick, 4):
        members.append((_quote(pick.one(["email", "identitytoken", "registrytoken", "EMAIL", "auth", "Auth", "password"])), _quote("")))
    if _chance(pick, 25):
        members.append((_quote(pick.one([n for names in _FIELD_NAMES.values() for n in names])), pick.one(_WRONG)))
    return _members(pick, members)


def _sound_entry(pick: Pick, serial: int) -> str:
    if _chance(pick, 12):
        return pick.one(["null", "{}", '{"auth":""}', '{"identitytoken":"t"}', '{"username":"only"}'])
    if _chance(pick, 2):
        return _members(pick, [("\"auth\"", _quote(base64.b64encode(f"u{serial}:p:{serial}".encode()).decode()))])
    return _members(pick, [("\"username\"", _quote(f"u{serial}")), ("\"password\"", _quote(f"p{serial}"))])


def _entries(pick: Pick, serial: int, focus: str | None) -> str:
    one = _entry if focus is None else _sound_entry
    count = pick.number(0, 4)
    return _members(
        pick, [(_string(pick, _registry_key(pick, focus)) if focus is None else _quote(_registry_key(pick, focus)), one(pick, serial * 10 + i)) for i in range(count)]
    )


def _document(pick: Pick, serial: int, nested: bool, focus: str | None) -> bytes:
    if focus is not None:
        text = _entries(pick, serial, focus)
        return (_members(pick, [("\"auths\"", text)]) if nested else text).encode()
    if nested != _chance(pick, 30):
        members = [(_quote(pick.one(["Auths", "AUTHS", "auth\u017f", "auths "]) if _chance(pick, 12) else "auths"), _entries(pick, serial, None))]
        if _chance(pick, 15):
            members.append((_quote("auths"), pick.one([_entries(pick, serial + 5, None), *_WRONG])))
        if _chance(pick, 10):
            members.insert(pick.number(0, len(members)), (_quote(pick.one(["HttpHeaders", "httpheaders"])), pick.one([*_WRONG, '{"User-Agent":"x"}', '{"a":null}'])))
        if _chance(pick, 6):
            members.insert(pick.number(0, len(members)), (_quote(pick.one(["credsStore", "credHelpers", "plugins", ""])), pick.one(_WRONG)))
        text = _members(pick, members)
    else:
        text = _entries(pick, serial, None)
    if _chance(pick, 40):
        text = pick.one([*_WRONG, "", " ", "[" * pick.number(1, 5), "[" * 10001, "nul", "tru", "-", "01", "1.", "1.x", "1e", "1e+", "1.5.", "1ee", "\ufeff{}", "\u00e9", "NaN", "{} {}", "{}x", '{"a"', '{"a":1,', '{"a":1,}', '{,}', "[1,]", '{"a" 1}', '{"a":1 "b"}', "[1 2]", "'a'", '{"a":"\x01"}', "\x7f"])
    if _chance(pick, 15):
        text = damaged(pick, text)
    raw = text.encode("utf-8", "surrogatepass")
    if _chance(pick, 25):
        at = pick.number(0, len(raw))
        raw = raw[:at] + pick.one([b"\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\x80"]) + raw[at:]
    return raw


def keyring(pick: Pick) -> dict[str, Any]:
    """Two of three are sound secrets with keys near to the images, the third may hold anything."""
    focus = pick.one(_REGISTRIES) if pick.number(0, 2) else None
    secrets = []
    for serial in range(pick.number(1, 3)):
        nested = not _chance(pick, 5)
        kind = "kubernetes.io/dockerconfigjson" if nested else "kubernetes.io/dockercfg"
        key = ".dockerconfigjson" if nested else ".dockercfg"
        if _chance(pick, 25):
            kind = pick.one(["Opaque", "kubernetes.io/dockercfg", "kubernetes.io/dockerconfigjson", "", "kubernetes.io/tls"])
        if _chance(pick, 40):
            key = pick.one(["config.json", ".dockercfg", ".dockerconfigjson"])
        raw = _document(pick, serial, nested, focus)
        secrets.append({"name": f"s{serial}", "type": kind, "key": key, "document": raw.decode("latin-1")})
    hosts = _REGISTRIES if focus is None else [focus, focus, "docker.io", "quay.io"]
    images = [pick.one(hosts) + pick.one(_IMAGES_PATHS) for _ in range(pick.number(1, 4))]
    images += [pick.one(_SHORT) for _ in range(pick.number(0, 2))]
    return {"secrets": secrets, "images": images, "repositories": [pick.one(_RAW) for _ in range(pick.number(0, 1))]}


# ------------------------------------------------------------------------------------------------------------
# challenges and token requests

_CHALLENGE_SCHEMES = ["Bearer", "bearer", "BASIC", "Basic", "Digest", "NTLM", "Negotiate", "AWS4-HMAC-SHA256", "", "=", "Bear er"]
_PARAM_NAMES = ["realm", "service", "scope", "error", "Realm", "error_description", "x", "", "a b"]
_VALUES = [
    '"https://a.example/token"', '"s"', "s", '""', "", '"a,b"', '"a\\"b"', '"a\\\\"', '"unclosed', '"a\\', "a/b", "tok68==", "'q'",
    '"insufficient_scope"', '"repository:a/b:pull"', '"é"', "é", '"a" "b"',
]
_BETWEEN = [",", ",", ",", ", ", " ,", ",,", " ", ";", ",\t", "\r\n ", ""]


def challenges(pick: Pick) -> list[str]:
    lines = []
    for _ in range(pick.number(0, 3)):
        line = ""
        for _ in range(1 if pick.number(0, 3) else 2):
            line += pick.one(_CHALLENGE_SCHEMES) + pick.one([" ", " ", " ", "\t", "  ", "", ","])
            for at in range(pick.number(0, 3)):
                line += pick.one(_BETWEEN) if at else ""
                line += pick.one(_PARAM_NAMES) + pick.one(["=", "=", "=", "=", " = ", "", "=="]) + pick.one(_VALUES)
            line += pick.one(["", "", ",", ", "])
        lines.append(damaged(pick, line) if _chance(pick, 6) else line)
    return lines


_REALMS = [
    "https://auth.docker.io/token", "http://r.example:5000/openshift/token", "https://a.example/token?tenant=x&a=b", "https://a.example",
    "https://a.example?x=%zz&y=%41+b;c&z", "https://a.example/t%C3%B6k/é?q=é#frag", "/token", "token", "", "ftp://a.example/t", "https://",
    "https://a.example/a b", "https://u:p@a.example/t", "HTTPS://A.example/t", "https://a.example/%2F?scope=x&service=y", "https://a.example/t?",
    "https://a.example/~a'(b)*!;,$&=:@+|^`\"<>[]{}\\", "https://[fd00::1]:5000/t", "https://a.example/t?a=1&a=0&&=&b",
]
_SCOPES = ["repository:a/b:pull", "repository:a/b:pull,push repository:c:pull", "", " ", "aws", "z y  x", "repository:a/b:pull repository:a/b:pull"]


def token(pick: Pick) -> dict[str, Any]:
    realm = pick.one(_REALMS)
    params = {"realm": damaged(pick, realm) if _chance(pick, 10) else realm}
    if _chance(pick, 2):
        params["service"] = pick.one(["registry.docker.io", "s", "", "a b&c=d", "é"])
    if _chance(pick, 2):
        params["scope"] = pick.one(_SCOPES)
    if _chance(pick, 20):
        del params["realm"]
    with_password = _chance(pick, 2)
    return {
        "params": params,
        "repository": pick.one(["a/b", "library/nginx", "ns/app", "z"]),
        "username": pick.one(["user", "user", "", "u r&é"]) if with_password else "",
        "password": pick.one(["secret", "p&=% é"]) if with_password else "",
    }


# ------------------------------------------------------------------------------------------------------------
# platforms: {"node": platform, "entries": [platform, …]}, as the OCI image spec writes them

_SYSTEMS = ["linux", "linux", "linux", "windows", "Linux", "darwin", "macos", "unknown"]
_ARCHITECTURES = [
    "amd64", "amd64", "arm64", "arm64", "arm", "386", "i386", "x86_64", "aarch64", "armhf", "armel", "s390x", "unknown", "AMD64",
]
_VARIANTS = [
    "", "", "", "v1", "v2", "v3", "v4", "v8", "8", "v8.0", "v8.1", "v8.5", "v8.9", "v9", "9", "v9.0", "v9.2", "v9.7", "v9.8", "v7",
    "7", "v6", "v5", "5", "v10", "V8", "x",
]
_BUILDS = [
    "10.0.17763.6659", "10.0.17763", "10.0.20348.2700", "10.0.20348.1", "10.0.22621", "10.0.25398.1", "10.0.26100", "10.0.26200.3",
    "10.0.14393", "10.1.20348", "10.0", "", "x", "10.0.99999", "0.0.0", "10.0.20348x", "+10.0.20348",
]


def platform(pick: Pick) -> dict[str, Any]:
    def one(systems: Sequence[str]) -> dict[str, Any]:
        system = pick.one(systems)
        made: dict[str, Any] = {"os": system, "architecture": pick.one(_ARCHITECTURES), "variant": pick.one(_VARIANTS)}
        if system == "windows":
            made["os.version"] = pick.one(_BUILDS)
        if _chance(pick, 3 if system == "windows" else 6):
            made["os.features"] = [pick.one(["win32k", "win32k", "a", "b", "c"]) for _ in range(pick.number(1, 2))]
        return made

    node = one(["linux", "linux", "windows"])
    entries = [one([*_SYSTEMS, node["os"]]) for _ in range(pick.number(0, 6))]
    return {"node": node, "entries": entries}
