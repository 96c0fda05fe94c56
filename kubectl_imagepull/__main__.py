"""Where the command starts: from the first line on an interruption is silent, while the rest is still being imported."""

import _signal  # type: ignore[import-not-found]  # built in; `signal` itself would import for milliseconds
import os

_signal.signal(_signal.SIGINT, lambda *_: os._exit(130))

from .cli.main import main  # noqa: E402

if __name__ == "__main__":
    main()
