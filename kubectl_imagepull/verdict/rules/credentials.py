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


RULES = (secret_is_malformed,)
