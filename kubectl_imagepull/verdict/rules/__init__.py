"""The rules, one module a hop. Their order is the path's, and is read here: among equals, the first decides."""

from __future__ import annotations

from ..rule import Rule
from . import (
    auth,
    blobs,
    connect,
    credentials,
    dns,
    manifest,
    platform,
    policy,
    rate,
    reference,
    registry,
    runtime,
    storage,
    tls,
)

ALL: tuple[Rule, ...] = (
    *reference.RULES,
    *policy.RULES,
    *credentials.RULES,
    *dns.RULES,
    *connect.RULES,
    *tls.RULES,
    *registry.RULES,
    *auth.RULES,
    *rate.RULES,
    *manifest.RULES,
    *platform.RULES,
    *blobs.RULES,
    *storage.RULES,
    *runtime.RULES,
)
