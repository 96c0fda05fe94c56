"""Pull secrets: what the API alone tells of them."""

from __future__ import annotations

from collections.abc import Iterator

from ...model import Finding, Subject
from ..confidence import found
from ..rule import rule
from ..view import CaseView


@rule("auth.secret_malformed")
def secret_is_malformed(case: CaseView) -> Iterator[Finding]:
    """A pull secret that cannot be decoded fails every image of the pod, whatever the registry thinks.

    kubernetes: pkg/credentialprovider/secrets/secrets.go; the kubelet gives up before it asks the runtime.
    """
    for secret in case.facts.secrets:
        if secret.state == "malformed":
            subject = Subject("pod", f"secret {secret.name}")
            yield found(
                case, "auth.secret_malformed", subject, "credentials", f"pull secret {secret.name}: {secret.why}"
            )


@rule("auth.secret_missing")
def secret_is_missing(case: CaseView) -> Iterator[Finding]:
    """A pull secret that is named and not there, where nobody says why the pull fails: that it was refused is likely, and no more
    than possible as long as no word of the registry is known."""
    if not case.facts.failing or case.message.names_cause or case.at("registry") or case.at("manifest"):
        return
    for secret in case.facts.secrets:
        if secret.state == "missing":
            reason = (
                f"pull secret {secret.name} does not exist, so nothing of it is sent; no word of the refusal is known"
            )
            also = ("auth.denied_or_missing", "image.name_unknown")
            yield found(case, "auth.secret_missing", case.registry, "credentials", reason, (), also, "possible")
            return


RULES = (secret_is_malformed, secret_is_missing)
