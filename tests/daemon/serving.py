"""serving.py FOLDER NOON BEGAN PACE UNTIL: a daemon whose clock showed NOON when it BEGAN.

PACE of its seconds pass in a real one, and at UNTIL it stands still.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from mlorch.daemon.serving import serve
from mlorch.settings import read_settings


def main() -> None:
    folder = Path(sys.argv[1])
    noon, began, pace, until = map(float, sys.argv[2:])
    serve(
        read_settings(folder),
        is_verbose=True,
        now=lambda: min(noon + (time.time() - began) * pace, until),
        pace=pace,
    )


if __name__ == "__main__":
    main()
