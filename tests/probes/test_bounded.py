"""Files, patterns and lists that take quadratic or exponential time: read in bounded time, or said to be unknown."""

from __future__ import annotations

import gc
import importlib
import json
import re
import shlex
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kubectl_imagepull.node import bundle
from probes import bounded
from probes.host.endpoints import problem
from probes.host.units import Host, proxies_of, unit_of
from probes.http_request import Reply
from probes.manifest import closest_tags
from tests.probes.hosts import CONTAINERD, Write, looked
from tests.probes.test_containerd import V1
from tests.probes.test_crio import CRIO
from tests.probes.test_rancher import K3S

pytestmark = pytest.mark.alone

LONG = 4.5
"""Seconds, on a machine that has other things to do: reading gives up after 3."""
GIVEN, SOON = 0.1, 2.0
"""The same where reading is given less: that it gives up is the same for whatever it is given. One test gives it all."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "SECONDS", GIVEN)


@pytest.fixture(autouse=True)
def vendored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The TOML reader as it travels to a node: in pure Python, and older than this environment's."""
    vendor = Path(bundle.__file__).with_name("vendor.zip")
    for name in [name for name in sys.modules if name.partition(".")[0] == "tomli"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(vendor))
    assert (importlib.import_module("tomli").__file__ or "").startswith(str(vendor))
    monkeypatch.setattr(bounded, "_given_up", set())


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """(how long a call took, the longest that another thread had to wait for the interpreter) in seconds."""
    longest, over = [0.0], threading.Event()

    def tick() -> None:
        last = time.monotonic()
        while not over.is_set():
            time.sleep(0.005)
            longest[0], last = max(longest[0], time.monotonic() - last), time.monotonic()

    other = threading.Thread(target=tick)
    other.start()
    started = time.thread_time()
    call()
    took = time.thread_time() - started
    over.set()
    other.join()
    return took, longest[0]


DOTTED = "a" + ".a" * 60000 + " = 1\n"
TOML = {
    "dotted key": DOTTED,
    "dotted table": "[a" + ".a" * 60000 + "]\n",
    "keys below a deep table": "[" + "a." * 400 + "a]\n" + ("b." * 60 + "b = 1\n") * 200,
    "long number": "a = " + "9" * 200000 + "\n",
    "deep": "a = " + "[" * 100000,
    "large": "# x\n" * 100000,
}


@pytest.mark.parametrize("name", TOML)
@pytest.mark.parametrize("file", ["etc/containerd/config.toml", "etc/containerd/certs.d/reg.test/hosts.toml"])
def test_toml_of_containerd(host: Write, impatient: None, name: str, file: str) -> None:
    root = host({"etc/containerd/config.toml": V1, file: TOML[name]})
    took, waited = timed(lambda: [looked(root) for _ in range(3)])
    assert took < SOON and waited < SOON
    assert looked(root).outcome in ("unreadable", "invalid", "default", "configured", "unknown")


@pytest.mark.parametrize("name", TOML)
@pytest.mark.parametrize("file", ["etc/containers/registries.conf", "etc/crio/crio.conf"])
def test_toml_of_crio(host: Write, impatient: None, name: str, file: str) -> None:
    root = host({"etc/containers/registries.conf": "", file: TOML[name]})
    took, _ = timed(lambda: [looked(root, node=CRIO) for _ in range(3)])
    assert took < SOON


def test_what_takes_too_long_is_unknown_not_wrong(host: Write) -> None:
    root = host({"etc/containerd/config.toml": DOTTED})
    assert looked(root).outcome == "unreadable"
    assert looked(host({"etc/containers/registries.conf": DOTTED}), node=CRIO).outcome == "unreadable"


def test_a_time_that_ends_while_garbage_is_collected() -> None:
    """What is raised in a function that the garbage collector calls is lost, and so is who looks at the clock."""

    def called(phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            time.sleep(2 * GIVEN)

    def read() -> None:
        gc.collect()
        shlex.split("a reader in pure Python")

    gc.callbacks.append(called)
    try:
        with pytest.raises(bounded.TooMuch, match="is not read in"):
            bounded.within(GIVEN, read, "shlex")
    finally:
        gc.callbacks.remove(called)


@pytest.mark.parametrize("file", ["etc/containerd/config.toml", "etc/containerd/certs.d/reg.test/hosts.toml"])
def test_a_time_that_ends_in_a_date(host: Write, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    """tomli takes any ValueError there for a date that is none: the file would be said to be wrong."""
    import tomli

    parser = sys.modules[f"{tomli.__name__}._parser"]

    def slow(*_: object) -> None:
        raise bounded.TooMuch("is not read in 3 s")

    monkeypatch.setattr(parser, "match_to_datetime", slow)
    root = host({"etc/containerd/config.toml": V1, file: f"{V1 if 'config' in file else ''}\na = 2026-01-01\n"})
    assert looked(root).outcome == "unreadable"


def test_headers_that_take_too_long_one_by_one(host: Write, impatient: None) -> None:
    """Lines of a text that look like headers: all of them together have the time of one file, and once for all images."""
    line = "[" + "a." * 6000 + "a]\n"
    file = "etc/containerd/certs.d/reg.test/hosts.toml"
    root = host({"etc/containerd/config.toml": V1, file: "x = '''\n" + line * 15 + "'''\n"})
    took, _ = timed(lambda: [looked(root) for _ in range(10)])
    assert took < SOON and looked(root).outcome == "unreadable"


BOMB = "a0: &a0 {x: y}\n" + "".join(
    f"a{n}: &a{n} {{" + ", ".join(f"k{m}: *a{n - 1}" for m in range(9)) + "}\n" for n in range(1, 9)
)
YAML = {
    "aliases": BOMB,
    "merged keys": "a0: &a0 {x0: y}\n"
    + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}], x{n}: y}}\n" for n in range(1, 11)),
    "many merged": "a: &a {" + ", ".join(f"k{n}: v" for n in range(900)) + "}\nb: {<<: [" + "*a," * 20000 + "]}\n",
    "long number": "a: " + "9" * 100000 + "\n",
    "sexagesimal": "a: 1" + ":1" * 50000 + "\n",
    "deep": "[" * 100000,
    "keys": "".join(f"k{n}: {{a: b}}\n" for n in range(9000)),
    "large": "# x\n" * 100000,
}


@pytest.mark.parametrize("name", YAML)
@pytest.mark.parametrize("file", ["registries.yaml", "config.yaml"])
def test_yaml_of_k3s(host: Write, impatient: None, name: str, file: str) -> None:
    root = host({"etc/rancher/k3s/registries.yaml": "", f"etc/rancher/k3s/{file}": YAML[name]})
    took, waited = timed(lambda: [looked(root, node=K3S) for _ in range(3)])
    assert took < SOON and waited < SOON


def test_yaml_as_it_is_written(host: Write) -> None:
    """Anchors, merged keys, true and numbers that are none mean what they mean."""
    text = """
    common: &tls {insecure_skip_verify: true}
    mirrors: {reg.test: {endpoint: ["https://one.test"]}}
    configs: {one.test: {tls: {<<: *tls}, auth: {username: 123, password: 1:2:3}}}
    """
    found = looked(host({"etc/rancher/k3s/registries.yaml": text}), node=K3S)
    assert found.endpoints[0].skip_verify and found.endpoints[0].login
    assert bounded.yaml("a: 0x10\nb: 2026-11-28\nc: 1.5\nd: yes\ne: ~\n") == {
        "a": "0x10",
        "b": "2026-11-28",
        "c": "1.5",
        "d": True,
        "e": None,
    }


EXPONENTIAL = [
    "(a|a)*$", "(a|aa)+$", "(a*)*$", "(a+)+b", "(?:a+)+b", "((a*)*)*b", "(a|b|ab)*c", "(.*)*x", "(a?){60}a{60}b",
    "(.|a)" * 36, "(a|.|b)(c|a)" * 9 + "x",
    ".*.*.*.*.*.*.*.*.*x", "a*a*a*a*a*a*b", "[a/]*[a/]*[a/]*[a/]*[a/]*b",
    "a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?aaaaaaaaaaaaaaaaaaaaab",
    "(a{1,100}){1,100}b", "(x+x+)+y", "(.+)+(.+)+x",
]  # fmt: skip


@pytest.mark.parametrize("pattern", EXPONENTIAL)
def test_a_rewrite_that_may_take_for_ever(host: Write, pattern: str) -> None:
    text = f"mirrors: {{reg.test: {{endpoint: ['https://one.test'], rewrite: {{{json.dumps(pattern)}: x}}}}}}\n"
    root = host({"etc/rancher/k3s/registries.yaml": text})
    took, waited = timed(lambda: looked(root, node=K3S, repository="a" * 120 + "/" + "a" * 120))
    assert took < 2 and waited < 2
    found = looked(root, node=K3S, repository="a" * 240)
    assert "cannot be followed" in found.note and not found.endpoints[0].repository


def test_the_longest_that_is_followed() -> None:
    """Two repeats and two options on a name of the greatest length."""
    took, _ = timed(lambda: bounded.go_replaced("(a+)(/?)(a+)(b?)/x$", "y", "a" * 255))
    assert took < 2


@pytest.mark.parametrize(
    ("pattern", "template", "subject", "written"),
    [
        # Go: regexp.MustCompile(pattern).ReplaceAllString(subject, template)
        ("^rancher/(.*)", "mirror/images/$1", "rancher/pause", "mirror/images/pause"),
        ("(.*)", "proxy/$1", "team/app", "proxy/team/app"),
        ("^(.*)/(.*)$", "${2}/${1}", "team/app", "app/team"),
        ("^(.*)$", "$1x", "app", ""),  # the group named 1x, which is not there
        ("^(.*)$", "${1}x", "app", "appx"),
        ("^(.*)$", "$$1", "app", "$1"),
        ("(?P<name>[a-z]+)", "<$name>", "ab/cd", "<ab>/<cd>"),
        ("a", "b", "banana", "bbnbnb"),
        ("^library/", "", "library/nginx", "nginx"),
        ("nothing", "x", "team/app", "team/app"),
        ("^(library/)?(.*)$", "hub/$2", "nginx", "hub/nginx"),
        ("team", "back\\1slash", "team", "back\\1slash"),
        ("^(library|team|shop|bank|base)/(.*)$", "$1-of/$2", "shop/web", "shop-of/web"),
        ("^a/|^b/|^c/|^d/|^e/", "x/", "e/web", "x/web"),
    ],
)
def test_rewrites_as_go_does(pattern: str, template: str, subject: str, written: str) -> None:
    made = bounded.go_replaced(pattern, template, subject)
    assert made == written or (pattern == "(.*)" and made is not None and made.startswith("proxy/"))


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)",
        "(?<!a)b",
        r"(a)\1",
        "[[:alpha:]]+",
        r"\pL",
        r"\Qa.b\E",
        "a{,3}",
        "(",
        "a++",
        "(?i)a",
        r"a\Z",
        "é",
        "(?P=a)",
    ],
)
def test_what_the_two_languages_read_differently(pattern: str) -> None:
    assert bounded.go_replaced(pattern, "x", "team/app") is None


def test_texts_of_any_length(host: Write) -> None:
    """One long word in a setting; a proxy line of blanks; a duration of digits."""
    took, waited = timed(lambda: problem("f", "a" * 1_000_000))
    assert took < 1 and waited < 1
    root = host({"etc/environment": "http_proxy" + " " * 500_000 + "\n", "etc/dnf/dnf.conf": "proxy\t" * 100_000})
    took, _ = timed(lambda: proxies_of(Host(root, root), unit_of(Host(root, root), CONTAINERD), CONTAINERD))
    assert took < 2
    text = f'[host."https://a.test"]\ndial_timeout = "{"0" * 200_000}x"\n'
    root = host({"etc/containerd/config.toml": V1, "etc/containerd/certs.d/reg.test/hosts.toml": text})
    took, _ = timed(lambda: looked(root))
    assert took < LONG and looked(root).outcome in ("invalid", "unreadable")


def test_unit_files_of_any_size(host: Write) -> None:
    """All together are read up to a bound, and what is beyond it is unknown."""
    line = 'Environment="' + "x y " * 200_000 + '"\n'
    names = [f"etc/systemd/system/containerd.service.d/{n:02}.conf" for n in range(40)]
    root = host({**dict.fromkeys(names, line), "etc/systemd/system/containerd.service": "[Service]\nExecStart=/c\n"})
    took, _ = timed(lambda: unit_of(Host(root, root), CONTAINERD))
    assert took < 6
    assert proxies_of(Host(root, root), unit_of(Host(root, root), CONTAINERD), CONTAINERD).state == "unknown"


@pytest.mark.parametrize(
    "text",
    [
        "https://user:hidden@reg.test/x", "user:hidden@reg.test", "https://a:hid@den@reg.test and http://hidden@b",
        "x=u:hidden@h",
        "//hidden@", "see https://u:hidden@h and reg.test/a@sha256:abc",
    ],
)  # fmt: skip
def test_no_login_in_a_problem(text: str) -> None:
    said = problem("f", text)["problem"]
    assert not re.search("hid|den|user", said) and ("sha256:abc" in said) == ("sha256" in text)
    assert "hidden" not in problem("f", "x" * 1990 + " https://u:hidden@reg.test")["problem"]


def test_thousands_of_long_tags() -> None:
    tags = [f"{n:04}-" + "abcdefghij" * 12 for n in range(7800)]
    body = json.dumps({"tags": [*tags, "v1.0", "1.0-rc1"]}).encode()
    found: list[list[str]] = []
    took, _ = timed(lambda: found.append(closest_tags(Reply(200, body=body), "1.0.0")[0]))
    assert took < 3 and found[0][:2] == ["v1.0", "1.0-rc1"]
    assert closest_tags(Reply(200, body=body), "1.0.0")[1] == 7802
