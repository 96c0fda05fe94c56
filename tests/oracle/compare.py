"""Our reading of a case against the oracle's. A kind has a generator, the question it asks, and what
differs.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from kubectl_imagepull.image.keyring import BadPullSecret, Credential, Keyring
from kubectl_imagepull.image.platform import Platform, choose
from kubectl_imagepull.image.reference import InvalidReference, Reference
from probes import challenge
from tests.oracle import cases

Answer = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """generate draws a case; question puts it to the oracle; differs says in what we and its answer do not
    agree.
    """

    name: str
    generate: Callable[[cases.Pick], Any]
    question: Callable[[Any], dict[str, Any]]
    differs: Callable[[Any, Answer], str | None]


# ------------------------------------------------------------------------------------------------------------
# references


def _reference_question(text: str) -> dict[str, Any]:
    return {"Kind": "reference", "Text": base64.b64encode(text.encode()).decode()}


def _reference_differs(text: str, answer: Answer) -> str | None:
    return _one_grammar(text, answer["Reference"], legacy=False) or _one_grammar(text, answer["Legacy"], legacy=True)


def _one_grammar(text: str, theirs: dict[str, str], legacy: bool) -> str | None:
    grammar = "legacy: " if legacy else ""
    try:
        ours = Reference.parse(text, legacy=legacy)
    except InvalidReference as error:
        # Python and Go may differ in which letters outside ASCII are upper case, which decides between two
        # texts
        if not theirs["Error"]:
            return f"{grammar}we refuse it ({error.grammar_error}), they take it: {theirs}"
        if text.isascii() and theirs["Error"] != error.grammar_error:
            return f"{grammar}our error {error.grammar_error!r}, theirs {theirs['Error']!r}"
        if error.suggestion is not None:
            Reference.parse(error.suggestion, legacy=legacy)
        return None
    if theirs["Error"]:
        return f"{grammar}we take it, they refuse it: {theirs['Error']}"
    fields = [
        "domain",
        "path",
        "tag",
        "digest",
        *([] if legacy else ["normalised", "repository"]),
    ]
    for name in fields:
        if getattr(ours, name) != theirs[name.capitalize()]:
            return f"{grammar}our {name} {getattr(ours, name)!r}, theirs {theirs[name.capitalize()]!r}"
    return None


# ------------------------------------------------------------------------------------------------------------
# keyrings


def _data(secret: dict[str, str]) -> dict[str, str]:
    return {secret["key"]: base64.b64encode(secret["document"].encode("latin-1")).decode()}


def _keyring_question(case: dict[str, Any]) -> dict[str, Any]:
    secrets = [{"Name": s["name"], "Type": s["type"], "Data": _data(s)} for s in case["secrets"]]
    return {
        "Kind": "keyring",
        "Secrets": secrets,
        "Images": case["images"],
        "Repositories": case["repositories"],
    }


def secret_objects(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The case's secrets as the API gives them."""
    return [{"metadata": {"name": s["name"]}, "type": s["type"], "data": _data(s)} for s in case["secrets"]]


def _keyring_differs(case: dict[str, Any], answer: Answer) -> str | None:
    try:
        ring = Keyring.from_secrets(secret_objects(case))
    except BadPullSecret as error:
        if error.kubelet_text != answer["Error"]:
            return f"our error {error.kubelet_text!r}, theirs {answer['Error']!r}"
        return None
    if answer["Error"]:
        return f"we decode it, they fail: {answer['Error']}"
    ours = [ring.lookup(image) for image in case["images"]]
    ours += [ring.lookup_repository(name) for name in case["repositories"]]
    for name, mine, theirs in zip([*case["images"], *case["repositories"]], ours, answer["Lookups"], strict=True):
        if not _same_order(ring, mine, theirs):
            shown = [(c.secret, c.username, c.password) for c in mine]
            return f"for {name!r} we find {shown}, they {[tuple(t.values()) for t in theirs]}"
    return None


def _triple(credential: Credential) -> tuple[str, bytes, bytes]:
    return (
        credential.secret,
        credential.username.encode("utf-8", "surrogateescape"),
        credential.password.encode("utf-8", "surrogateescape"),
    )


def _same_order(ring: Keyring, ours: list[Credential], theirs: list[dict[str, str]]) -> bool:
    """Equal in order, but for spellings of one key in one secret: those come in the order of a Go map."""
    key_of = {id(credential): indexed.key for indexed in ring._index for credential in indexed.credentials}
    at = 0
    for _, group in groupby(ours, key=lambda credential: (key_of[id(credential)], credential.secret)):
        mine = sorted(map(_triple, group))
        part = theirs[at : at + len(mine)]
        if mine != sorted(
            (t["Secret"], base64.b64decode(t["Username"] or ""), base64.b64decode(t["Password"] or "")) for t in part
        ):
            return False
        at += len(mine)
    return at == len(theirs)


# ------------------------------------------------------------------------------------------------------------
# challenges


def _challenges_question(lines: list[str]) -> dict[str, Any]:
    # net/textproto takes the white space off before a client sees the header
    return {"Kind": "challenges", "Lines": [line.strip(" \t") for line in lines]}


def _challenges_differ(lines: list[str], answer: Answer) -> str | None:
    for runtime, name in ((challenge.CONTAINERD, "Containerd"), (challenge.CRIO, "Distribution")):
        ours = challenge.runtime_challenges(lines, runtime)
        theirs = [(c["Scheme"], c["Params"]) for c in answer[name]]
        if ours != theirs:
            return f"{runtime}: we read {ours}, they {theirs}"
    for name, has_credentials in (("Anonymous", False), ("Credentials", True)):
        made = challenge.answered_by(lines, challenge.CONTAINERD, has_credentials)
        theirs = answer[name]
        agrees = made.error in theirs if made.error else made.scheme == theirs
        if made.error == "no supported auth scheme":
            agrees = "failed to find supported auth scheme" in theirs
        # a realm that is no URL is found out only when the request for a token is made
        if not agrees and not (
            made.scheme == "bearer" and theirs.startswith("error: invalid token auth challenge realm")
        ):
            return f"{name}: we answer {made}, they {theirs!r}"
    return _standard_differs(lines)


def _standard_differs(lines: list[str]) -> str | None:
    """Where a line holds one undamaged challenge without oddities, the standard and containerd read the
    same.
    """
    for line in lines:
        read = challenge.read_challenges([line])
        if len(read) != 1 or read[0].malformed or read[0].token68 or line[:1] in ", \t\r\n":
            continue
        scheme, params = challenge.runtime_challenges([line], challenge.CRIO)[0]
        plain = len(params) == len(read[0].params) and not any(f"{s}=" in line or f"={s}" in line for s in " \t\r\n")
        if plain and line.count("=") == len(params) and (scheme, params) != (read[0].scheme, read[0].params):
            return f"one challenge in {line!r}: by the standard {read[0]}, to runtimes {(scheme, params)}"
    return None


# ------------------------------------------------------------------------------------------------------------
# token requests


_PLAIN_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]*)?(?:[/?#]|$)")


def _token_question(case: dict[str, Any]) -> dict[str, Any]:
    return {
        "Kind": "token", "Params": case["params"], "Repository": case["repository"],
        "Username": case["username"], "Password": case["password"],
    }  # fmt: skip


def _token_differs(case: dict[str, Any], answer: Answer) -> str | None:
    theirs = answer["Requests"] or []
    try:
        ours = challenge.token_requests(
            case["params"], challenge.CONTAINERD, case["repository"], case["username"], bool(case["password"])
        )
    except challenge.BadRealm as error:
        # containerd goes on with a user name in the realm, with odd hosts, and with what only its transport
        # refuses
        asked = [r["URL"] for r in theirs if _PLAIN_ADDRESS.match(r["URL"]) and " " not in case["params"]["realm"]]
        return f"we refuse the realm ({error}), they ask {asked}" if asked else None
    if answer["Error"] and not theirs:
        return f"we ask {[r.url for r in ours]}, they fail: {answer['Error']}"
    mine = []
    for request in ours:
        form: dict[str, list[str]] = {}
        for name, value in request.form or ():
            form.setdefault(name, []).append(value)
        if request.secret_field:
            form[request.secret_field] = [case["password"]]
        mine.append({"Method": request.method, "URL": request.url, "Form": form or None, "Basic": request.basic})
    # a fragment is kept in Go's URL and not sent
    theirs = [{**request, "URL": request["URL"].partition("#")[0]} for request in theirs]
    return None if mine == theirs else f"we ask {mine}, they {theirs}"


# ------------------------------------------------------------------------------------------------------------
# platforms


def _platform_question(case: dict[str, Any]) -> dict[str, Any]:
    return {"Kind": "platform", "Node": case["node"], "Entries": case["entries"]}


def _platform_differs(case: dict[str, Any], answer: Answer) -> str | None:
    entries = [{"platform": entry, "digest": str(i)} for i, entry in enumerate(case["entries"])]
    node = Platform.of_descriptor({"platform": case["node"]})
    assert node is not None
    order = []
    left = entries
    while (choice := choose({"manifests": left}, node)).descriptor is not None:
        order.append(int(choice.descriptor["digest"]))
        left = [entry for entry in left if entry is not choice.descriptor]
    return None if order == answer["Order"] else f"we order {order}, they {answer['Order']}"


KINDS = (
    Kind("references", cases.reference, _reference_question, _reference_differs),
    Kind("keyrings", cases.keyring, _keyring_question, _keyring_differs),
    Kind("challenges", cases.challenges, _challenges_question, _challenges_differ),
    Kind("tokens", cases.token, _token_question, _token_differs),
    Kind("platforms", cases.platform, _platform_question, _platform_differs),
)
