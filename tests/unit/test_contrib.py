"""What is offered for other tools says only what the command line takes."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
import yaml

from kubectl_imagepull.cli.commands import COMMANDS
from kubectl_imagepull.cli.main import run
from kubectl_imagepull.session.named import KINDS

ROOT = Path(__file__).parents[2]
K9S = yaml.safe_load((ROOT / "contrib" / "k9s" / "plugins.yaml").read_text())["plugins"]


@pytest.mark.parametrize("name", K9S)
def test_k9s_plugin(name: str) -> None:
    """As k9s reads it (k9s 0.51: internal/config/json/schemas/plugins.json, internal/view/env.go)."""
    plugin = K9S[name]
    assert {"shortCut", "description", "scopes", "command"} <= set(plugin)
    assert set(plugin) <= {"shortCut", "description", "scopes", "command", "background", "args", "confirm", "override"}
    shell, script, *arguments = plugin["args"]
    assert (plugin["command"], shell) == ("sh", "-c")
    # k9s puts values into the script too, wherever a name of its own stands there: none does
    assert {m.upper() for m in re.findall(r"\$\{?!?([\w-]+)", script)} <= {"1", "2", "3", "4"}
    # and each is quoted
    assert all(word.startswith('"') and word.endswith(('"', '";')) for word in script.split() if "$" in word)
    assert set(arguments[1:]) <= {"$NAME", "$NAMESPACE", "$CONTEXT", "$RESOURCE_NAME"}


@pytest.mark.parametrize("name", K9S)
def test_k9s_runs_a_command_that_there_is(name: str) -> None:
    script = K9S[name]["args"][1]
    words = re.fullmatch(r"kubectl imagepull (\S+) \S+ (.*?); printf.*", script)
    assert words is not None and words[1] in COMMANDS
    for flag in re.findall(r"--\w+", words[2]):
        assert flag in help_of(words[1]), flag
    for scope in K9S[name]["scopes"]:
        assert scope == "nodes" or scope in KINDS


def help_of(verb: str) -> str:
    out = io.StringIO()
    assert run(["options"], out, out, io.StringIO()) == 0
    assert run([verb, "--help"], out, out, io.StringIO()) == 0
    return out.getvalue()
