"""The framed lines that a walk writes: the one protocol of every vantage.

A frame is one line `imagepull/1 NONCE {json}`; the nonce is the plan's, so a line that something else writes to the same log is
not taken for one of ours. The first frame is of kind "hello", the last one of kind "end".
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any, Dict, List, Sequence, Tuple

from .observation import Observation
from .plan import Pull
from .redaction import Secrets

PROTOCOL = "imagepull/1"
MOST_FRAME = 32 << 10
TERMINATION_MESSAGE = "/dev/termination-log"
TERMINATION_BYTES = 3900
"""The kubelet keeps 4 KiB of a termination message."""
OWN_WORDS = frozenset({"kind", "hop", "role", "pull", "outcome"})
"""Of a frame: nothing from outside is in them."""
SHORTEST_TOKEN = 8
"""Characters. A host that grants less hides no words of others with it."""


class Frames:
    """Writes frames, one at a time, and remembers a short form of them for the termination message.

    Everything that leaves goes through here, so no frame holds a login of the pulls or a token that was learnt on the way.
    """

    def __init__(self, nonce: str, pulls: Sequence[Pull] = ()) -> None:
        self._nonce, self._lock = nonce, threading.Lock()
        named = [word for p in pulls for word in (p.host, p.repository, p.asked, *(login.secret for login in p.logins))]
        self._secrets = Secrets(["anonymous", *named])
        for pull in pulls:
            for login in pull.logins:
                self._secrets.learn(login.password, login.username)
        self._short: List[List[Any]] = []
        self.closed = False

    def learn(self, token: str) -> None:
        """A token that was granted: no frame from now on quotes it."""
        if len(token) >= SHORTEST_TOKEN:
            self._secrets.learn(token)

    def write(self, frame: Dict[str, Any]) -> None:
        """One frame, with its time."""
        frame = {name: value if name in OWN_WORDS else self._secrets.clean(value) for name, value in frame.items()}
        frame["at"] = round(time.time(), 3)
        line = json.dumps(frame, separators=(",", ":"))
        if len(line) > MOST_FRAME:
            line = json.dumps({**frame, "data": {"cut": True}}, separators=(",", ":"))
        with self._lock:
            if self.closed:
                return
            sys.stdout.write(f"{PROTOCOL} {self._nonce} {line}\n")
            sys.stdout.flush()
            self.closed = frame["kind"] == "end"
            if frame["kind"] == "seen":
                self._short.append([frame[k] for k in ("hop", "role", "host", "outcome", "pull")])

    def emit(self, hop: str, role: str, host: str, seen: Observation, pull: str = "") -> None:
        """One observation."""
        about = {"hop": hop, "role": role, "host": host, "pull": pull}
        self.write(
            {
                "kind": "seen",
                **about,
                "outcome": seen.outcome,
                "summary": seen.summary,
                "data": seen.data,
                "attempt": seen.attempt,
                "via": seen.via,
                "ms": seen.ms,
            }
        )

    def end(self, complete: bool) -> None:
        """The last frame; whatever comes after it is dropped."""
        self.write({"kind": "end", "complete": complete, "frames": len(self._short)})
        self._leave_message()

    def more(self, paths: List[Tuple[str, str]]) -> None:
        """What the host's configuration names besides what is mounted."""
        self.write({"kind": "more", "paths": paths})
        self._leave_message(more=paths)

    def _leave_message(self, **more: Any) -> None:
        """A summary where the kubelet finds it, for readers without the right to read logs."""
        if not os.path.exists(TERMINATION_MESSAGE):
            return
        whole = {"protocol": PROTOCOL, "nonce": self._nonce, "seen": self._short, **more}
        text = json.dumps(whole, separators=(",", ":"))
        while len(text) > TERMINATION_BYTES and self._short:
            self._short.pop()
            text = json.dumps(
                {"protocol": PROTOCOL, "nonce": self._nonce, "seen": self._short, "cut": True}, separators=(",", ":")
            )
        try:
            with open(TERMINATION_MESSAGE, "w") as file:
                file.write(text)
        except OSError:
            pass  # not writable for this user: the log says the same and more
