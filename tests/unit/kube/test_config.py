"""What the table of tests/conformance cannot show: what is said of a kubeconfig that cannot be used, and a home that is none."""

from __future__ import annotations

import pathlib

import pytest

from kubectl_imagepull.errors import ConfigError
from kubectl_imagepull.kube.config import DEFAULT_SERVER, Flags, contexts, settings

USER = (
    "users: [{name: u, user: {token: t}}]\ncontexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n"
)


@pytest.mark.parametrize(
    ("text", "flags", "line"),
    [
        (None, Flags(kubeconfig="/no/such"), "error: stat /no/such: no such file or directory"),
        ("{", Flags(), 'error: error loading config file "'),
        ("[]", Flags(), 'error: error loading config file "'),
        ("\x00\x01", Flags(), 'error: error loading config file "'),
        ("current-context: x", Flags(context="y"), 'error: context "y" does not exist (contexts: none)'),
        (
            "current-context: x",
            Flags(),
            "error: invalid configuration: context was not found for specified context: x",
        ),
        (USER, Flags(cluster="d"), 'error: cluster "d" does not exist'),
        (USER, Flags(user="v"), 'error: auth info "v" does not exist'),
        (
            USER,
            Flags(impersonate_groups=("a",)),
            "error: invalid configuration: requesting uid, groups or user-extra for u without",
        ),
        (
            "clusters: [{name: c, cluster: {proxy-url: 'x://y', certificate-authority: /no}}]\n" + USER,
            Flags(),
            'error: invalid configuration: [invalid \'proxy-url\' "x://y" for cluster "c": unsupported scheme',
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


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "no kubeconfig"),
        ("a: 1", "the kubeconfig has no current context"),
        (USER, 'the kubeconfig has no server for the cluster "c"'),
    ],
)
def test_says_why_kubectls_default_is_asked(tmp_path: pathlib.Path, text: str | None, why: str) -> None:
    if text is not None:
        (tmp_path / "config").write_text(text)
    found = settings(Flags(), {"HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "config")})
    assert found.cluster.server == DEFAULT_SERVER
    assert found.why_default.startswith(why)


@pytest.mark.parametrize("environment", [{}, {"HOME": ""}])
def test_a_working_folder_is_no_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, environment: dict[str, str]
) -> None:
    """kubectl reads .kube/config of the working folder where HOME is not set: whoever owns it says which plugin is run."""
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text("clusters: [{name: c, cluster: {server: 'https://theirs'}}]\n" + USER)
    monkeypatch.chdir(tmp_path)
    assert settings(Flags(), environment).cluster.server == DEFAULT_SERVER


def test_contexts_are_listed(tmp_path: pathlib.Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_text(f"contexts: [{{name: {name}, context: {{}}}}]")
    assert contexts(Flags(), {"KUBECONFIG": f"{tmp_path}/b:{tmp_path}/a"}) == ["a", "b"]


def test_secrets_are_in_no_representation(tmp_path: pathlib.Path) -> None:
    (tmp_path / "config").write_text(
        "clusters: [{name: c, cluster: {server: 'https://s'}}]\n" + USER.replace(": t}", ": hush}")
    )
    found = settings(Flags(kubeconfig=str(tmp_path / "config")), {})
    assert found.user.token == "hush" and "hush" not in repr(found)
    assert "hush" not in repr(Flags(token="hush", password="hush"))
