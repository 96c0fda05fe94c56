"""kubeconfig files and flags, as kubectl merges them; where the machine has kubectl, it is asked for its opinion."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess

import pytest
import yaml

from kubectl_imagepull.errors import ConfigError
from kubectl_imagepull.kube.config import Flags, settings


def kubeconfig(path: pathlib.Path, name: str, current: str = "", **cluster: object) -> str:
    """A file with one cluster, user and context, all of the same name."""
    document: dict[str, object] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example:6443", **cluster}}],
        "users": [{"name": name, "user": {"token": f"token-of-{name}"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": f"ns-{name}"}}],
    }
    if current:
        document["current-context"] = current
    path.write_text(yaml.safe_dump(document))
    return str(path)


def chosen(found: object) -> str:
    document = found.document  # type: ignore[attr-defined]
    server: str = document["clusters"][0]["cluster"]["server"]
    return server


def test_first_file_wins(tmp_path: pathlib.Path) -> None:
    one, two = kubeconfig(tmp_path / "1", "one", "one"), kubeconfig(tmp_path / "2", "two", "two")
    (tmp_path / "empty").write_text("")
    listed = f"{tmp_path}/empty:{one}:{tmp_path}/absent:{two}"
    found = settings(Flags(), {"KUBECONFIG": listed})
    assert (chosen(found), found.namespace, found.context) == ("https://one.example:6443", "ns-one", "one")
    if shutil.which("kubectl"):
        words = ["kubectl", "config", "view", "--minify", "-o", "json"]
        theirs = subprocess.run(
            words, env={"KUBECONFIG": listed, "PATH": "/usr/bin:/bin"}, capture_output=True, check=True
        )
        assert json.loads(theirs.stdout)["clusters"][0]["cluster"]["server"] == chosen(found)


def test_flags_beat_files(tmp_path: pathlib.Path) -> None:
    one, two = kubeconfig(tmp_path / "1", "one", "one"), kubeconfig(tmp_path / "2", "two")
    environment = {"KUBECONFIG": f"{one}:{two}"}
    assert chosen(settings(Flags(context="two"), environment)) == "https://two.example:6443"
    found = settings(Flags(cluster="two", namespace="here", server="https://other:1"), environment)
    assert (chosen(found), found.namespace) == ("https://other:1", "here")
    assert settings(Flags(user="two"), environment).user["token"] == "token-of-two"
    assert settings(Flags(token="mine"), environment).user == {"token": "mine"}
    assert settings(Flags(kubeconfig=two, context="two"), environment).context == "two"


def test_relative_names_are_the_files_own(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    name = kubeconfig(folder / "c", "one", "one", **{"certificate-authority": "ca.crt"})
    found = settings(Flags(kubeconfig=name), {})
    assert found.document["clusters"][0]["cluster"]["certificate-authority"] == str(folder / "ca.crt")


def test_impersonation(tmp_path: pathlib.Path) -> None:
    name = kubeconfig(tmp_path / "1", "one", "one")
    found = settings(Flags(kubeconfig=name, impersonate="jane", impersonate_groups=("a", "b")), {})
    assert found.headers == (("Impersonate-User", "jane"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b"))


@pytest.mark.parametrize(
    ("text", "flags", "line"),
    [
        (None, Flags(), "error: no kubeconfig: "),
        (None, Flags(kubeconfig="/no/such"), "error: stat /no/such: no such file or directory"),
        ("{", Flags(), "error: error loading config file "),
        ("[]", Flags(), "error: error loading config file "),
        ("\x00\x01", Flags(), "error: error loading config file "),
        ("a: 1", Flags(), "error: current-context is not set"),
        ("current-context: x", Flags(), 'error: context "x" does not exist (contexts: none)'),
        ("contexts: [{name: x, context: {cluster: c}}]", Flags(context="x"), 'error: cluster "c" does not exist'),
        ("contexts: [{name: x, context: 7}]\ncurrent-context: x", Flags(), 'error: cluster "" has no server'),
        (
            "clusters: [7, {name: c}]\ncontexts: [{name: x, context: {cluster: c}}]",
            Flags(context="x"),
            'error: cluster "c"',
        ),
    ],
)
def test_one_line_for_what_cannot_be_used(tmp_path: pathlib.Path, text: str | None, flags: Flags, line: str) -> None:
    environment = {"HOME": str(tmp_path)}
    if text is not None:
        (tmp_path / "config").write_text(text)
        environment["KUBECONFIG"] = str(tmp_path / "config")
    with pytest.raises(ConfigError) as error:
        settings(flags, environment)
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


def nobody(*_: object) -> object:
    raise KeyError("getpwuid(): uid not found: 1000660000")


@pytest.mark.parametrize("environment", [{}, {"HOME": ""}, {"KUBECONFIG": "~/config:~nobody/x"}])
def test_a_user_without_a_home_folder(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """An arbitrary uid on OpenShift, or a CI runner: pathlib raises RuntimeError there."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    monkeypatch.setattr("pwd.getpwnam", nobody)
    with pytest.raises(ConfigError, match="no kubeconfig"):
        settings(Flags(), environment)
    with pytest.raises(ConfigError, match="no such file"):
        settings(Flags(kubeconfig="~/config"), environment)
    assert settings(Flags(server="https://x"), environment).namespace == "default"


def test_a_working_folder_is_no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """Whoever owns the folder that we are started in does not say which plugin is run."""
    (tmp_path / ".kube").mkdir()
    kubeconfig(tmp_path / ".kube" / "config", "theirs", "theirs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    with pytest.raises(ConfigError, match="no kubeconfig"):
        settings(Flags(), {"HOME": ""})
