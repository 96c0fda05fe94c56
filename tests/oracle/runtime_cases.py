# One pool of odd spellings a line reads better than one spelling a line:
"""Random configuration trees of nodes, mostly plausible and sometimes broken: containerd's and CRI-O's.

A tree is {path without its first slash: content}. A containerd case adds the registry asked for; a CRI-O case the image as
the pod names it and the short-name mode of crio.conf.
"""

from __future__ import annotations

from typing import Any

from tests.oracle.cases import Pick, damaged

Tree = dict[str, str]


def _chance(pick: Pick, one_in: int) -> bool:
    return pick.number(1, one_in) == one_in


# ---- containerd --------------------------------------------------------------------------------------------------------

_REGISTRIES = [
    *["reg.test"] * 4,
    "reg.test:5000",
    "reg.test:443",
    *["docker.io"] * 3,
    "localhost",
    "localhost:5000",
    "localhost:80",
    "127.0.0.1:5000",
    "quay.io",
]
_URLS = [
    "https://mirror.test",
    "https://mirror.test:5000",
    "http://mirror.test",
    "http://mirror.test:5000",
    "http://mirror.test:80",
    "mirror.test",
    "mirror.test:5000",
    "https://mirror.test/",
    "https://mirror.test/prefix",
    "https://mirror.test/prefix/",
    "https://mirror.test/v2",
    "https://mirror.test/v2/",
    "https://mirror.test/v2/proxy",
    "https://reg.test",
    "https://registry-1.docker.io",
    "https://10.0.0.9:5000",
    "https://[::1]:5000",
    "http://localhost:5000",
    "httpd.corp:5000",
]
_ROOTS = ["/etc/containerd/certs.d", "/etc/docker/certs.d", "/etc/mirrors"]
_LISTS = ["/etc/containerd/certs.d:/etc/docker/certs.d", "/etc/none:/etc/mirrors", "/etc/containerd/certs.d:"]
OLD, NEW = "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images"
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBeDCCAR+gAwIBAgIUMUyjCKYbI5mnNjlcK928NQ8wD8QwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGb3JhY2xlMCAXDTI2MTEyODIxMDM1NFoYDzIxMjYxMTA0MjEw
MzU0WjARMQ8wDQYDVQQDDAZvcmFjbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AATvfFr74CGePXaf6lH5UQ7Y5LAcV3Lo/9EtWmQu3Fj5VUFsy0Z4Vyu1OTuvyR6S
I2tJ9AXmX4vCfO5Q14kOuEi5o1MwUTAdBgNVHQ4EFgQUUiw4GH8MgWV3e2MlEPeI
ofoJrOIwHwYDVR0jBBgwFoAUUiw4GH8MgWV3e2MlEPeIofoJrOIwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiBK9NUH5MfiqWQ/yQyrxNzWxpXSLcVT
pUuUfecmptXjGQIgEys/t3QhMUVZ6H8dT37JP4bXZ2tPHIYnpimwXihwewM=
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgu7HzC87dVJoAiH45
cBJrj8J5ZCr4E141qnmml7FoeS6hRANCAATvfFr74CGePXaf6lH5UQ7Y5LAcV3Lo
/9EtWmQu3Fj5VUFsy0Z4Vyu1OTuvyR6SI2tJ9AXmX4vCfO5Q14kOuEi5
-----END PRIVATE KEY-----
"""
"""A pair of its own, made for this file alone: good for a hundred years, and for nothing else."""


def containerd(pick: Pick) -> dict[str, Any]:
    """{Files, Host}: config.toml with imports, folders of hosts.toml, certificates beside them."""
    files: Tree = {}
    host = pick.one(_REGISTRIES)
    if not _chance(pick, 4):
        files["etc/containerd/config.toml"] = _config(pick, files, imports=True)
    for root in _ROOTS:
        for _ in range(pick.number(0, 2)):
            folder = pick.one([host, host, host, "_default", _folder(host), host.partition(":")[0], "other.test"])
            _host_folder(pick, files, f"{root}/{folder}".lstrip("/"))
    return {"Files": files, "Host": host}


def _folder(host: str) -> str:
    name, _, port = host.partition(":")
    return f"{name}_{port}_" if port else host


def _config(pick: Pick, files: Tree, imports: bool) -> str:
    version = pick.one(["version = 2\n"] * 5 + ["version = 3\n"] * 3 + ["", "version = 4\n", "version = 1\n"])
    lines = [version]
    if imports and _chance(pick, 4):
        lines.append('imports = ["/etc/containerd/conf.d/*.toml"]\n')
        for name in ("a", "b")[: pick.number(1, 2)]:
            files[f"etc/containerd/conf.d/{name}.toml"] = _config(pick, files, imports=False)
    section = pick.one([OLD] * 4 + [NEW] * 3 + ["cri"])
    for _ in range(1 if not _chance(pick, 8) else 2):
        lines.append(_plugin(pick, section))
        section = NEW if section == OLD else OLD
    text = "".join(lines)
    return damaged(pick, text) if _chance(pick, 30) else text


def _plugin(pick: Pick, section: str) -> str:
    name = section if section == "cri" else f'"{section}"'
    at = f"plugins.{name}"
    own = []
    if _chance(pick, 10):
        own.append(
            pick.one(["max_concurrent_downloads = 5", "max_concurrent_downloads = 3", "use_local_image_pull = true"])
        )
    if _chance(pick, 14):
        own.append(pick.one(["discard_unpacked_layers = true", "disable_snapshot_annotations = false"]))
    out = f"[{at}]\n" + "".join(f"{line}\n" for line in own) if own else ""
    what = pick.number(0, 9)
    if what <= 3:
        out += f'[{at}.registry]\nconfig_path = "{pick.one([*_ROOTS, *_ROOTS, *_LISTS])}"\n'
    if what in (3, 4, 5):
        for key in {
            pick.one(["reg.test", "docker.io", "*", "reg.test:5000", "registry-1.docker.io"]) for _ in range(2)
        }:
            urls = ", ".join(f'"{pick.one(_URLS)}"' for _ in range(pick.number(0, 3)))
            table = "" if _chance(pick, 10) else f"endpoint = [{urls}]\n"
            out += f'[{at}.registry.mirrors."{key}"]\n{table}'
    if _chance(pick, 4):
        key = pick.one(["reg.test", "registry-1.docker.io", "docker.io", "mirror.test", "mirror.test:5000"])
        if _chance(pick, 2):
            out += f'[{at}.registry.configs."{key}".tls]\ninsecure_skip_verify = true\n'
        else:
            out += f'[{at}.registry.configs."{key}".auth]\nusername = "u"\npassword = "p"\n'
    return out


def _host_folder(pick: Pick, files: Tree, folder: str) -> None:
    if _chance(pick, 6):
        for name in {pick.one(["ca.crt", "client.cert", "client.key", "notes.txt"]) for _ in range(2)}:
            files[f"{folder}/{name}"] = pick.one([CERTIFICATE, CERTIFICATE, CERTIFICATE + KEY, KEY, "nothing"])
        return
    text = _hosts_toml(pick)
    files[f"{folder}/hosts.toml"] = damaged(pick, text) if _chance(pick, 20) else text


def _hosts_toml(pick: Pick) -> str:
    lines = []
    if not _chance(pick, 3):
        lines.append(f'server = "{pick.one([*_URLS, "https://reg.test", "https://registry-1.docker.io", ""])}"')
    if _chance(pick, 8):
        lines += _settings(pick, "")
    for url in dict.fromkeys(pick.one(_URLS) for _ in range(pick.number(0, 3))):
        shape = pick.number(0, 24)
        if shape == 0:
            lines.insert(0, f'host."{url}".capabilities = ["pull"]')
            continue
        lines.append(f'[host."{url}"]' if shape > 1 else f'[Host."{url}"]')
        lines += _settings(pick, "  ")
    return "\n".join(lines) + "\n"


def _settings(pick: Pick, indent: str) -> list[str]:
    found = []
    if not _chance(pick, 3):
        kinds = pick.one(
            [["pull", "resolve"]] * 4 + [["pull"], ["resolve"], ["push"], ["pull", "resolve", "referrers"], ["get"]]
        )
        found.append("capabilities = [" + ", ".join(f'"{k}"' for k in kinds) + "]")
    if _chance(pick, 4):
        found.append(f"skip_verify = {pick.one(['true', 'false', 'true', '1'])}")
    if _chance(pick, 5):
        found.append(f"override_path = {pick.one(['true', 'false'])}")
    if _chance(pick, 12):
        found.append("ca = " + pick.one(['"/etc/none/ca.crt"', '["a.crt", "b.crt"]', "[5]", '""', "[]"]))
    if _chance(pick, 14):
        found.append("client = " + pick.one(['"a.pem"', '["a.pem"]', '[["a.crt", "a.key"]]', '[["a.crt", ""]]', "3"]))
    if _chance(pick, 12):
        found.append(f'dial_timeout = "{pick.one(["10s", "3", "1m30s", "abc", ""])}"')
    found = [f"{indent}{line}" for line in found]
    if _chance(pick, 15) and indent:
        found.append(f"{indent}header = " + pick.one(['{ "X-Team" = "a" }', '{ "X-Team" = ["a", "b"] }', "{ x = 5 }"]))
    return found


# ---- CRI-O -------------------------------------------------------------------------------------------------------------

_IMAGES = [
    "reg.test/team/app:1.0",
    "reg.test/team/app:1.0",
    "reg.test/app:1.0",
    "reg.test:5000/team/app:1.0",
    "quay.io/org/tools:2",
    "docker.io/library/busybox:1.35",
    "docker.io/team/app:1",
    "registry.redhat.io/ubi9/ubi@sha256:" + "a" * 64,
    "reg.test/team/app@sha256:" + "b" * 64,
    "localhost:5000/app:1",
    "tools",
    "tools:3",
    "team/tools:3",
]
_PLACES = [
    *["reg.test"] * 4,
    "reg.test/team",
    "reg.test/team/app",
    "reg.test/team/app:1.0",
    "reg.test:5000",
    "quay.io",
    "quay.io/org",
    "docker.io",
    "docker.io/library",
    "docker.io/library/busybox",
    "registry.redhat.io",
    "*.test",
    "*.redhat.io",
    "localhost:5000",
]
_ELSEWHERE = [
    "mirror.test",
    "mirror.test:5000",
    "mirror.test/copies",
    "mirror.test:5000/org",
    "other.test/team",
    "docker.io",
    "quay.io",
    "https://mirror.test",
    "mirror.test/",
    "10.0.0.9:5000",
]


def crio(pick: Pick) -> dict[str, Any]:
    """{Files, Image, Mode}: registries.conf with drop-ins, certificates."""
    files: Tree = {}
    if not _chance(pick, 12):
        files["etc/containers/registries.conf"] = _registries(pick, first=True)
    for name in ("10-a.conf", "20-b.conf")[: pick.one([0, 0, 0, 1, 2])]:
        files[f"etc/containers/registries.conf.d/{name}"] = _registries(pick, first=False)
    for _ in range(pick.one([0, 0, 0, 1, 2])):
        base = pick.one(["etc/containers/certs.d", "etc/docker/certs.d"])
        host = pick.one(["reg.test", "reg.test:5000", "mirror.test", "mirror.test:5000", "docker.io", "quay.io"])
        for name in {
            pick.one(["ca.crt", "ca.crt", "client.cert", "client.key", "client.crt", "readme"]) for _ in range(2)
        }:
            files[f"{base}/{host}/{name}"] = "nothing"
    return {"Files": files, "Image": pick.one(_IMAGES), "Mode": pick.one(["enforcing", "disabled"])}


def _registries(pick: Pick, first: bool) -> str:
    lines = []
    if first and not _chance(pick, 3):
        listed = pick.one(
            [["docker.io"]] * 3
            + [
                ["quay.io", "docker.io"],
                ["reg.test"],
                ["reg.test:5000"],
                [],
                ["quay.io/org"],
                ["https://docker.io"],
                [""],
                ["docker.io/"],
            ]
        )
        lines.append("unqualified-search-registries = [" + ", ".join(f'"{s}"' for s in listed) + "]")
    if _chance(pick, 8):
        lines.append(f'short-name-mode = "{pick.one(["enforcing", "permissive", "disabled", "strict"])}"')
    for _ in range(pick.one([0, 1, 1, 1, 2, 2, 3])):
        lines += _registry(pick)
    if _chance(pick, 5):
        lines.append("[aliases]")
        key = pick.one(
            ["tools", "team/tools", "other", "Tools", "reg.test/x"]
            if _chance(pick, 6)
            else ["tools", "team/tools", "other"]
        )
        value = pick.one(
            ["reg.test/team/tools"] * 5
            + ["quay.io/org/tools", "reg.test:5000/tools", "reg.test/x:tag", "team/tools", "docker.io/tools", ""]
        )
        lines.append(f'"{key}" = "{value}"')
    text = "\n".join(lines) + "\n"
    if not _chance(pick, 25):
        return text
    return damaged(pick, text)


def _registry(pick: Pick) -> list[str]:
    place = pick.one(_PLACES)
    lines = ["[[registry]]"]
    if place.startswith("*.") or _chance(pick, 3):
        lines.append(f'prefix = "{place}"')
        if not (place.startswith("*.") and _chance(pick, 2)):
            lines.append(
                f'location = "{pick.one([place, *_ELSEWHERE]) if not place.startswith("*.") else pick.one(_ELSEWHERE)}"'
            )
    else:
        lines.append(f'location = "{place}"')
    for key, odds in (("insecure", 6), ("blocked", 6), ("mirror-by-digest-only", 8)):
        if _chance(pick, odds):
            lines.append(f"{key} = {pick.one(['true', 'true', 'false'])}")
    if _chance(pick, 40):
        lines.append('pull-from-mirror = "all"')
    mirrors = [pick.one(_ELSEWHERE) for _ in range(pick.one([0, 0, 1, 1, 2]))]
    # the oracle tells requests apart by their place: each mirror once
    for mirror in {m.strip("/"): m for m in mirrors}.values():
        lines.append("[[registry.mirror]]")
        lines.append(f'location = "{mirror}"')
        if _chance(pick, 5):
            lines.append(f"insecure = {pick.one(['true', 'false'])}")
        if _chance(pick, 6):
            lines.append(f'pull-from-mirror = "{pick.one(["all", "digest-only", "tag-only", "none"])}"')
    return lines
