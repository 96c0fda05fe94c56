"""Reasons for which a container waits: what they say of its image."""

from __future__ import annotations

PULL_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
"""Waiting reasons of a failed pull (kubernetes: pkg/kubelet/images/types.go, cri-api pkg/errors/errors.go)."""
NOT_PULLING = frozenset(
    {
        "ContainerCreating",
        "PodInitializing",
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "PreStartHookError",
        "PostStartHookError",
        "StartError",
    }
)
PULLED_REASONS = NOT_PULLING - {"ContainerCreating", "PodInitializing"}
"""Waiting reasons of a container whose image is there."""
