"""serving.py FOLDER NOON BEGAN PACE UNTIL: a daemon whose clock showed NOON when it BEGAN.

PACE of its seconds pass in a real one, and at UNTIL it stands still.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from mlorch.daemon.daemon import Daemon
from mlorch.daemon.serving import say
from mlorch.instance import Instance
from mlorch.settings import read_settings


def main() -> None:
    folder = Path(sys.argv[1])
    noon, began, pace, until = map(float, sys.argv[2:])
    say("text", is_verbose=True)
    settings = read_settings(folder)
    with Instance.of(settings) as instance:
        daemon = Daemon(settings, instance, lambda: min(noon + (time.time() - began) * pace, until), pace)
        signal.signal(signal.SIGTERM, lambda *_: daemon.stop())
        daemon.run()


if __name__ == "__main__":
    main()
