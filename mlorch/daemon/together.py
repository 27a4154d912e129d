"""Several commands of mlorch at once, which begin and end together."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

_LOOK = 0.2
"""Seconds between two looks whether one has ended."""

_PATIENCE = 10.0
"""Seconds for which what hangs on after the others have ended is waited for."""


def run_together(commands: Mapping[str, Sequence[str]], tell: Callable[[str], None]) -> bool:
    """Run commands, by what people call them, until a signal ends all; tell whether one ended by itself.

    The first signal asks all to end, another asks once more, which hurries the daemon. Where one ends by
    itself, so do the others.
    """
    together = _Together(commands, tell)
    before = {number: signal.signal(number, together.stop) for number in _SIGNALS}
    try:
        return together.wait()
    finally:
        together.kill()
        for number, handler in before.items():
            signal.signal(number, handler)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Together:
    def __init__(self, commands: Mapping[str, Sequence[str]], tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._is_stopping = False
        # In sessions of their own, as Ctrl-C would reach them twice otherwise.
        self._processes = {
            name: subprocess.Popen(
                [sys.executable, "-P", "-m", "mlorch", *command],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            for name, command in commands.items()
        }

    def stop(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Ask all to end, or to hurry."""
        self._is_stopping = True
        for process in self._living():
            process.terminate()

    def wait(self) -> bool:
        """Return when all have ended: whether one did by itself."""
        while not self._is_stopping:
            ended = [name for name, process in self._processes.items() if process.poll() is not None]
            if ended:
                self._give_up(ended)
                return True
            time.sleep(_LOOK)
        self._see_off()
        return False

    def kill(self) -> None:
        for process in self._living():
            process.kill()
            process.wait()

    def _give_up(self, ended: Sequence[str]) -> None:
        code = self._processes[ended[0]].returncode
        others = [name for name in self._processes if name not in ended]
        rest = f"; {' and '.join(others)} is ended too" if others else ""
        self._tell(f"{ended[0]} ended by itself with exit code {code}{rest}")
        self.stop()
        self._see_off()

    def _see_off(self) -> None:
        """Wait until all have ended: as long as the daemon takes, and what hangs on then a little longer."""
        first = next(iter(self._processes.values()))
        while first.poll() is None:
            time.sleep(_LOOK)
        deadline = time.monotonic() + _PATIENCE
        while self._living() and time.monotonic() < deadline:
            time.sleep(_LOOK)

    def _living(self) -> list[subprocess.Popen[bytes]]:
        return [one for one in self._processes.values() if one.poll() is None]
