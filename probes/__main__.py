"""Runs a plan and writes what it sees as framed lines.

The plan is a JSON object, in the file named by the first argument or, for "-", on standard input (the only way in for a
credential).
"""

from __future__ import annotations

import faulthandler
import json
import os
import platform
import sys
import threading
from typing import Optional

from .frames import Frames
from .host.files import needed, room_beside, show_only
from .place import on_node, on_workstation
from .plan import Login, Node, Pull
from .timing import Deadline


def first_of(lock: Optional[str]) -> bool:
    """True for the first of several containers that were given the same plan: one of them walks, the others end."""
    if not lock:
        return True
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return False
    except OSError:
        return True
    return True


def main() -> int:
    """-> 0: the plan was walked to its end; 3: time ran out; 4: another container walks; 2: no usable plan; 5: more of the host
    is to be mounted first."""
    source = sys.argv[1] if len(sys.argv) > 1 else "-"
    try:
        if source == "-":
            plan = json.load(sys.stdin)
        else:
            with open(source) as file:
                plan = json.load(file)
        pulls = [Pull(**{**p, "logins": tuple(Login(**login) for login in p.get("logins", ()))}) for p in plan["pulls"]]
        frames = Frames(str(plan["nonce"]), pulls)
        budget = float(plan["budget"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"probes: no usable plan: {type(error).__name__}", file=sys.stderr)
        return 2
    if not first_of(plan.get("lock")):
        return 4

    def out_of_time() -> None:
        try:
            frames.end(complete=False)
        finally:
            os._exit(3)  # a thread may be stuck in a call that nothing can interrupt

    timer = threading.Timer(budget, out_of_time)
    timer.daemon = True
    timer.start()
    # where such a call keeps the interpreter to itself, no timer of it comes round; the file stays open until the end
    faulthandler.dump_traceback_later(budget + 2, file=open(os.devnull, "w"), exit=True)  # noqa: SIM115
    room = None
    if plan.get("place") != "node":
        place = on_workstation([str(host) for host in plan.get("token_hosts") or ()])
    else:
        root = str(plan.get("root", ""))
        show_only([str(path) for path in plan.get("shown") or ()])
        # the host's /etc is there only beside its own /usr and /lib, at their own paths
        usr = "" if os.path.isdir(f"{root}/etc") else None
        node = Node(str(plan.get("runtime", "")), str(plan.get("kubelet", "")))
        place = on_node(root, usr, node, "/etc/resolv.conf")
        room = room_beside(root) if root else None
        for pull in pulls if plan.get("more") else ():
            place.endpoints(pull)
        if plan.get("more") and needed():
            # what a configuration names can be mounted; without it a setting would be missed
            frames.more(needed())
            return 5
    versions = f"{platform.python_implementation()} {platform.python_version()}"
    about = {"python": versions, "machine": platform.machine(), "container": plan.get("container", "")}
    frames.write({"kind": "hello", **about, **place.says})
    if room is not None:
        frames.emit("storage", "node", "", room)
    from .walk import Walk  # not above: what asks is compiled while the reader has the first frame

    Walk(place, frames.emit, frames.learn, Deadline(budget)).run(pulls)
    timer.cancel()
    frames.end(complete=True)
    sys.stdout.flush()
    os._exit(0)  # name look-ups that were given up on would hold the interpreter


if __name__ == "__main__":
    sys.exit(main())
