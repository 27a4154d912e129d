"""Measure mlorch beside its floor: the same work in plain Python, in turn, in one go.

usage: python bench [graphs] [startup] [jumps] [year] [executors] [backfill] [history] [daemon]

A time alone means nothing on a noisy machine: read the ratios.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ALL = ("graphs", "startup", "jumps", "year", "executors", "backfill", "history", "daemon")


def main() -> int:
    names = sys.argv[1:] or list(ALL)
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(f"there is no benchmark {unknown[0]!r} (there are: {', '.join(ALL)})", file=sys.stderr)
        return 2
    # Without its bytecode every start-up looks three times too slow.
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    failed = 0
    for name in names:
        print(f"== {name}", flush=True)
        failed |= subprocess.run(
            [sys.executable, HERE / f"{name}.py"], env=environment, check=False
        ).returncode
    return int(failed != 0)


if __name__ == "__main__":
    sys.exit(main())
