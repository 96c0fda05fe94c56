"""What the two sides of a run have to agree on, though neither imports the other: the command, Python probes and the shell's."""

from __future__ import annotations

import re

from kubectl_imagepull.node import bundle, frames, job, kubelet_api, mounts, probe_log, run_pod
from kubectl_imagepull.node.bundle import script
from probes import frames as probes
from probes import manifest
from probes.host import files, trust

SHELL = script()


def assigned(name: str) -> str:
    """The value that the shell gives a variable at its start."""
    found = re.search(rf"^{name}=(?:'([^']*)'|(\S+))", SHELL, re.M)
    assert found is not None, name
    return found[1] if found[1] is not None else found[2]


def test_the_protocol() -> None:
    assert frames.PROTOCOL == probes.PROTOCOL == assigned("PROTOCOL")
    assert probes.MOST_FRAME + 200 < frames.MOST_LINE, "the longest frame with its nonce is read"


def test_the_summary_in_the_termination_message() -> None:
    written = probes.Frames("n")
    frame = {"kind": "seen", **{field: field for field in probe_log.SUMMARY}}
    written.write(frame)
    assert written._short == [list(probe_log.SUMMARY)]


def test_exit_codes() -> None:
    """0 walked, 2 no plan, 3 out of time, 4 another walks, 5 more wanted: what a command or a shell adds is none of these."""
    mine = {0, 2, 3, 4, 5}
    assert bundle.NOT_OURS not in mine and not mine & set(run_pod.NO_PROGRAM)
    assert set(map(int, re.findall(r"\bexit (\d)\b", SHELL))) <= mine


def test_what_is_accepted_of_a_manifest() -> None:
    """The same kinds; only Python, as containerd does, takes any other as well."""
    assert set(assigned("accept").split(", ")) == set(manifest.ACCEPT.split(", ")) - {"*/*"}


def test_bundles_are_looked_for_in_one_order() -> None:
    listed = re.search(r"^for file in (ssl/certs/.*?); do$", SHELL, re.M | re.S)
    assert listed is not None
    assert [f"/etc/{word}" for word in listed[1].replace("\\", " ").split()] == list(trust.CA_BUNDLES)
    mounted = {path.path for paths in mounts.BY_SYSTEM.values() for path in paths}
    assert {"/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/pki/ca-trust/extracted"} <= mounted


def test_how_little_room_is_low() -> None:
    assert (files.LOW_SHARE, files.LOW_BYTES) == (kubelet_api.LOW_SHARE, kubelet_api.LOW_BYTES)


def test_what_can_be_asked_for_is_what_can_be_added() -> None:
    for kind in (mounts.FILE, mounts.FOLDER):
        files.show_only(["/etc/hosts"])
        try:
            files.need("/host", "/etc/x", kind)
            assert mounts.added(files.needed()) == (mounts.HostPath("/etc/x", kind),)
        finally:
            files.show_only([])
            files._NEEDED.clear()


def test_the_shell_is_told_what_is_shown() -> None:
    assert "IMAGEPULL_SHOWN" in SHELL
    assert job.HOST != job.NO_HOST and job.NO_HOST.startswith("/proc/")


def test_what_a_probe_may_say_of_itself() -> None:
    """The weaker words of its first frame are those that the reader knows."""
    said = set(re.findall(r'\\"(resolver|trust)\\":\\"\$(\w+)\\"', SHELL))
    assert {name for name, _ in said} <= set(frames.WEAKER)
