"""The pods of our runs, watched once for all that wait for them."""

from __future__ import annotations

from ..kube import watch
from ..kube.client import Api
from ..model.runs import MANAGED_BY
from ..node.created_objects import Client
from ..node.watched import Pods, Watched
from .collect import Emit, Outcome


class RunPods:
    """A source beside others: what happens to the pods of our runs in one namespace. Whoever waits for one asks `client`."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api, self._namespace, self._pods = api, namespace, Pods()
        self.client: Client = Watched(api, namespace, self._pods)
        self._stopped = False

    def run(self, emit: Emit) -> Outcome:
        """Until it is stopped, or may not watch: then each run asks for its own pod."""
        selector = ",".join(f"{key}={value}" for key, value in MANAGED_BY.items())
        try:
            for what, pods in watch.pods(self._api, self._namespace, selector):
                if self._stopped:
                    break
                if what == "all":
                    self._pods.listed(pods)
                elif what == "lost":
                    self._pods.lost()
                for pod in pods if what in ("there", "gone") else ():
                    self._pods.changed(pod, what == "gone")
        finally:
            self._pods.lost()
        return Outcome()

    def stop(self) -> None:
        """Its thread ends with the next thing that happens, and nothing is left of a watch.

        What it has told so far may lack a pod that is to be removed: whoever waits for one asks from now on.
        """
        self._stopped = True
        self._pods.close()
