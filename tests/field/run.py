"""What the program makes of a round of reports: `python -m tests.field.run ROUND [--reports]`.

A report with a message alone goes through `explain --message`; one with objects or files goes through `why --case`, in a case
that is made of them as the API server and a probe would give them. Scored as README.md says. The first result of a round is
appended to rounds.tsv and never changed; later runs only print.
Exit codes: 0 run, 2 no such round.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import datetime
import io
import json
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kubectl_imagepull.case import CaseFile, dump
from kubectl_imagepull.cli import main as command_line
from kubectl_imagepull.image.messages import classify
from kubectl_imagepull.kube.pods import ContainerRead, read_pod
from kubectl_imagepull.model import Case, Observation, ProbeRun
from probes.frames import Frames
from probes.host.runtime import Configuration
from probes.plan import Node, Pull
from tests.probes.walking import NONCE, observations_of
from tests.unit.fake_cluster import DirectApi, FakeCluster

HERE = Path(__file__).parent
TABLE = HERE / "rounds.tsv"
COLUMNS = (
    "round",
    "reports",
    "right",
    "defensible",
    "weak",
    "confidently wrong",
    "overclaimed",
    "advice leads",
    "harmful",
    "date",
)
CONFIDENCES = ("unknown", "possible", "likely", "confirmed")
OF_A_TEXT = {"sure": "likely", "likely": "possible"}
"""What the confidence of a message alone is worth: a text that leaves no choice is "likely", one that leaves one "possible"."""
NAMESPACE, POD, NODE, CONTAINER, ACCOUNT = "shop", "web-1", "node-1", "web", "default"
NO_IMAGE = "registry.corp.example/team/app:1.0"
"""The pod's image where the report tells none: one that no other word of it is about."""
STATES = {
    "ErrImageNeverPull": "ErrImageNeverPull",
    "InspectFailed": "InvalidImageName",
    "FailedCreatePodSandBox": "ContainerCreating",
}
"""Reason of an event -> the state in which the container is then; ErrImagePull for any other."""
OF_A_PULL = frozenset({"Failed", *STATES})
"""Reasons of events that say why nothing was pulled."""


@dataclass(frozen=True)
class Said:
    """What the program says of a report."""

    cause: str
    confidence: str
    """unknown, possible, likely or confirmed."""
    fixes: tuple[str, ...] = ()
    """Title and commands of each as one text, in their order."""


@dataclass(frozen=True)
class Scored:
    """One report's score."""

    name: str
    score: str
    """right, defensible, weak or "confidently wrong"."""
    overclaimed: bool
    """Right or defensible, and surer than the label allows."""
    leads: bool
    """One of the first three fixes is the label's action."""
    harmful: tuple[str, ...]
    """The labels' expressions that a fix matches."""
    said: Said
    label: Mapping[str, Any] = field(repr=False)


def score(name: str, said: Said, label: Mapping[str, Any]) -> Scored:
    """By the rules of README.md."""
    if said.cause == label["cause"]:
        result = "right"
    elif said.cause in label["also_accepted"]:
        result = "defensible"
    else:
        result = "confidently wrong" if said.confidence in ("likely", "confirmed") else "weak"
    allowed = CONFIDENCES.index(label["confidence_at_most"])
    surer = result in ("right", "defensible") and CONFIDENCES.index(said.confidence) > allowed
    leads = any(_matches(one, fix) for one in label["advice_leads_to"]["any_of"] for fix in said.fixes[:3])
    harmful = tuple(one for one in label["never"] if any(_matches(one, fix) for fix in said.fixes))
    return Scored(name, result, surer, leads, harmful, said, label)


def _matches(expression: str, text: str) -> bool:
    return re.search(expression, text, re.IGNORECASE | re.DOTALL) is not None


def answer(given: Mapping[str, Any]) -> Said:
    """What the program says of a report's input."""
    if set(given) == {"message"}:
        found = _run("explain", "--message", given["message"], "-o", "json")
        message = found["message"]
        confidence = "unknown" if message["cause"] == "unknown.insufficient" else OF_A_TEXT[message["confidence"]]
        return Said(message["cause"], confidence, _texts(found["cause"]["fixes"]))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "case.json")
        file.write_text(dump(CaseFile((case_of(given, Path(folder, "host")),))), encoding="utf-8")
        found = _run("why", "--case", str(file), "-o", "json")
    verdict = found["verdict"]
    return Said(verdict["cause"], verdict["confidence"], _texts(found["fixes"]))


def _texts(fixes: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple("\n".join((fix["title"], *fix["commands"])) for fix in fixes)


def _run(*words: str) -> dict[str, Any]:
    out, err = io.StringIO(), io.StringIO()
    code = command_line.run(words, out, err, io.StringIO())
    if code not in (0, 1, 3):
        raise RuntimeError(f"{' '.join(words[:2])}: {code}: {err.getvalue()}")
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


# --- a case of a report's objects and files ----------


def case_of(given: Mapping[str, Any], host: Path) -> Case:
    """The case that `why` would have saved. host: an empty folder for the node's files."""
    cluster = FakeCluster()
    pod = given.get("pod", {})
    namespace = pod.get("namespace", NAMESPACE)
    events = _events(given)
    image = pod.get("image") or _image_of(events) or NO_IMAGE
    _add_node(cluster, given.get("node", {}))
    cluster.add("ServiceAccount", namespace, ACCOUNT)
    for secret in given.get("secrets", []):
        _add_secret(cluster, secret, namespace)
    _add_pod(cluster, namespace, image, pod, events)
    container = read_pod(DirectApi(cluster), namespace, POD).containers[0]
    observations = _files_seen(given, container, host)
    probe = ProbeRun("host-python", NODE) if observations else ProbeRun()
    return Case(container.target, container.facts, container.pull, observations, probe)


def _events(given: Mapping[str, Any]) -> list[dict[str, str]]:
    """The report's events; a message alone is one of a failed pull."""
    if "events" in given:
        return list(given["events"])
    return [{"type": "Warning", "reason": "Failed", "message": given["message"]}]


def _image_of(events: Sequence[Mapping[str, str]]) -> str:
    """The image that an event of the kubelet is about; a sandbox's is not the pod's."""
    about = (e["message"] for e in events if e["reason"] != "FailedCreatePodSandBox")
    return next((found.image for found in map(classify, about) if found.image), "")


def _add_node(cluster: FakeCluster, node: Mapping[str, Any]) -> None:
    cluster.add(
        "Node", "", NODE, metadata={"labels": node.get("labels", {})}, spec={"providerID": node.get("providerID", "")},
        status={
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {
                "operatingSystem": "windows" if "windows" in node.get("osImage", "").lower() else "linux",
                "architecture": node.get("architecture", ""),
                "osImage": node.get("osImage", ""),
                "kubeletVersion": node.get("kubeletVersion", ""),
                "containerRuntimeVersion": node.get("containerRuntimeVersion", ""),
            },
        },
    )  # fmt: skip


def _add_secret(cluster: FakeCluster, secret: Mapping[str, Any], namespace: str) -> None:
    login = base64.b64encode(b"someone:something").decode()
    auths: dict[str, Any] = {registry: {"auth": login} for registry in secret.get("registries", [])}
    key = secret.get("key", ".dockerconfigjson")
    content = auths if key == ".dockercfg" else {"auths": auths}
    data = {key: base64.b64encode(json.dumps(content).encode()).decode()} if key else {}
    owner = [{"kind": secret["owner"], "name": secret["name"], "controller": True}] if secret.get("owner") else []
    cluster.add(
        "Secret", secret.get("namespace", namespace), secret["name"], type=secret["type"], data=data,
        metadata={"labels": secret.get("labels", {}), "ownerReferences": owner},
    )  # fmt: skip


def _add_pod(
    cluster: FakeCluster, namespace: str, image: str, pod: Mapping[str, Any], events: Sequence[Mapping[str, str]]
) -> None:
    now = datetime.datetime.now(datetime.timezone.utc)
    owner: list[dict[str, Any]] = []
    if "templateImage" in pod:
        template = {"spec": {"containers": [{"name": CONTAINER, "image": pod["templateImage"]}]}}
        made = cluster.add("StatefulSet", namespace, "web", spec={"template": template})
        owner = [{"kind": "StatefulSet", "name": "web", "uid": made["metadata"]["uid"], "controller": True,
                  "apiVersion": "apps/v1"}]  # fmt: skip
    container: dict[str, Any] = {"name": CONTAINER, "image": image}
    if "imagePullPolicy" in pod:
        container["imagePullPolicy"] = pod["imagePullPolicy"]
    spec = {
        "nodeName": NODE,
        "serviceAccountName": ACCOUNT,
        "containers": [container],
        "imagePullSecrets": [{"name": name} for name in pod.get("imagePullSecrets") or []],
    }
    state = {"name": CONTAINER, "image": image, "state": {"waiting": _waiting(events)}}
    made = cluster.add(
        "Pod", namespace, POD, spec=spec,
        metadata={"ownerReferences": owner, "creationTimestamp": _time(now - datetime.timedelta(minutes=9))},
        status={"phase": "Pending", "containerStatuses": [state]},
    )  # fmt: skip
    for number, event in enumerate(events):
        sandbox = event["reason"] == "FailedCreatePodSandBox"
        at = _time(now - datetime.timedelta(seconds=60 - number))
        about = {"kind": "Pod", "namespace": namespace, "name": POD, "uid": made["metadata"]["uid"]}
        cluster.add(
            "Event", namespace, f"event-{number}", **event, count=1, firstTimestamp=at, lastTimestamp=at,
            involvedObject={**about, **({} if sandbox else {"fieldPath": f"spec.containers{{{CONTAINER}}}"})},
        )  # fmt: skip


def _time(at: datetime.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _waiting(events: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The container's state, as the kubelet leaves it after these events."""
    told = [e for e in events if e["reason"] in OF_A_PULL and not e["message"].startswith("Error: ")] or list(events)
    last = told[-1]
    reason = STATES.get(last["reason"], "ErrImagePull")
    if reason == "ContainerCreating":
        return {"reason": reason}
    message = re.sub(r'\AFailed to pull image "[^"]*": ?', "", last["message"])
    return {"reason": reason, "message": message}


def _files_seen(given: Mapping[str, Any], container: ContainerRead, host: Path) -> tuple[Observation, ...]:
    """What a probe would say of the runtime's configuration, where the files of the report are ones that it reads; of those
    that the report leaves out nothing is known."""
    files = {name: text for name, text in given.get("files", {}).items() if name.startswith("/")}
    pull = container.pull
    if not files or pull is None:
        return ()
    for name, text in files.items():
        path = host / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    node = given.get("node", {})
    runs = Node(node.get("containerRuntimeVersion", ""), node.get("kubeletVersion", ""))
    asked = Pull(pull.id, pull.host, pull.port, pull.scheme, pull.repository, pull.asked)
    found = Configuration(str(host), str(host), runs).endpoints(asked)
    if found.outcome in ("default", "unknown"):
        return ()
    written = io.StringIO()
    with contextlib.redirect_stdout(written):
        Frames(NONCE, [asked]).emit("runtime", "node", "", found.seen(), pull.id)
    return tuple(observations_of(written.getvalue()))


# --- a round ----------


def reports(number: int) -> list[tuple[str, dict[str, Any]]]:
    """Name and report of each of a round, in order."""
    files = sorted((HERE / f"round-{number}").glob("*.yaml"))
    return [(file.stem, yaml.safe_load(file.read_text(encoding="utf-8"))) for file in files]


def row(number: int, scored: Sequence[Scored]) -> dict[str, str]:
    """The table's row of a round."""
    counts = {
        name: sum(s.score == name for s in scored) for name in ("right", "defensible", "weak", "confidently wrong")
    }
    rest = {
        "overclaimed": sum(s.overclaimed for s in scored),
        "advice leads": sum(s.leads for s in scored),
        "harmful": sum(bool(s.harmful) for s in scored),
    }
    numbers = {"round": number, "reports": len(scored), **counts, **rest}
    return {**{name: str(n) for name, n in numbers.items()}, "date": datetime.date.today().isoformat()}


def keep(found: Mapping[str, str], table: Path = TABLE) -> bool:
    """Append a round's first result. -> whether it was the first."""
    lines = table.read_text(encoding="utf-8").splitlines() if table.exists() else ["\t".join(COLUMNS)]
    if any(line.split("\t")[0] == found["round"] for line in lines):
        return False
    table.write_text("\n".join([*lines, "\t".join(found[name] for name in COLUMNS)]) + "\n", encoding="utf-8")
    return True


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.field.run", description=__doc__)
    parser.add_argument("round", type=int)
    parser.add_argument("--reports", action="store_true", help="a paragraph for each report that is not right in all")
    options = parser.parse_args(arguments)
    given = reports(options.round)
    if not given:
        print(f"no round {options.round}", file=sys.stderr)
        return 2
    scored = [score(name, answer(report["input"]), report["label"]) for name, report in given]
    for one in scored:
        marks = ["OVERCLAIMED"] * one.overclaimed + ["no advice"] * (not one.leads) + ["HARMFUL"] * bool(one.harmful)
        print(
            f"{one.name}: {one.score}: {one.said.cause} {one.said.confidence} (label {one.label['cause']}) {' '.join(marks)}"
        )
        if options.reports and (one.score != "right" or marks):
            print(f"    wanted: {one.label['advice_leads_to']['any_of']}; harmful: {one.harmful}")
            for fix in one.said.fixes[:3]:
                print("    - " + fix.replace("\n", "\n      $ "))
    found = row(options.round, scored)
    print("| " + " | ".join(COLUMNS) + " |\n| " + " | ".join(found[name] for name in COLUMNS) + " |")
    print("kept as this round's first result" if keep(found) else "this round's first result stands in rounds.tsv")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
