"""Which version of the user's code is used: the last one that could be imported."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

from mlorch.daemon.code import Child, Code
from mlorch.daemon.orders import Rejected
from mlorch.events import CodeLoaded, CodeRejected
from mlorch.log import EventLog
from mlorch.settings import Settings

logger = logging.getLogger(__name__)

_LOOK = 1.0
"""Seconds between two looks whether a file has changed."""

_AGAIN = 5.0
"""Seconds after which the code is loaded again where its process ended by itself."""


class Loading:
    """Loads the user's code, again whenever it changes, and keeps the last that loads."""

    def __init__(self, log: EventLog, settings: Settings) -> None:
        self._log = log
        self._settings = settings
        self._next: Code | None = None
        self._refused: Code | None = None
        self._old: list[Code] = []
        self._looked = 0.0
        self._not_before = 0.0
        self.code: Code | None = None
        """The code that is used; None until some was loaded."""

    def look(self, *, now: bool = False) -> None:
        """Load the code where there is none, or where it changed; `now` looks though it just did."""
        moment = time.monotonic()
        if self._next is not None or moment < self._not_before:
            return
        if not now and moment - self._looked < _LOOK:
            return
        self._looked = moment
        newest = self._refused or self.code
        is_lost = newest is not None and newest.rejected is None and (newest.is_gone or newest.loaded is None)
        if newest is None or is_lost or newest.has_changed():
            self._next = Code(self._settings)

    def hear(self, at: float) -> Iterator[Child]:
        """Take in what the processes say; yield the forked ones that have ended."""
        for code in [one for one in (self.code, self._next, *self._old) if one is not None]:
            yield from code.hear()
        if self._next is not None:
            self._judge(self._next, at)
        if self.code is not None and self.code.is_gone:
            logger.error("the process with the project's code ended; it is loaded again")
            self.code.close()
            self.code = None
        for code in [one for one in self._old if not one.children]:
            self._old.remove(code)
            code.close()

    @property
    def is_refused(self) -> bool:
        """Tell whether the code as it is now does not load."""
        return self._refused is not None

    @property
    def is_changing(self) -> bool:
        """Tell whether runs had better wait for the code that is being loaded."""
        return self._next is not None and self._next.is_loading

    def connections(self) -> list[Connection]:
        codes = (self.code, self._next, *self._old)
        return [one.control for one in codes if one is not None and not one.is_gone]

    def close(self) -> None:
        """Let the processes with the code end; runs that they forked go on."""
        for code in (self.code, self._next, self._refused, *self._old):
            if code is not None:
                code.close()

    def _judge(self, code: Code, at: float) -> None:
        """Use the code that was loaded, or say why not."""
        if code.loaded is not None:
            self._log.append([CodeLoaded(at=at, fingerprint=code.loaded.fingerprint)])
            logger.info("the project's code was loaded (%s)", code.loaded.fingerprint)
            if self._refused is not None:
                self._refused.close()
            if self.code is not None:
                self._old.append(self.code)
            self.code, self._next, self._refused = code, None, None
        elif code.rejected is not None or code.is_gone or code.is_late:
            told = code.rejected or _unsaid(code)
            self._log.append([CodeRejected(at=at, fingerprint=told.fingerprint, error=told.error)])
            logger.error("the project's code does not load: %s", told.error["message"])
            if self._refused is not None:
                self._refused.close()
            code.close()
            self._refused, self._next = code, None
            self._not_before = time.monotonic() + (0.0 if code.rejected else _AGAIN)


def _unsaid(code: Code) -> Rejected:
    if code.is_late:
        message = "importing it takes too long; move what takes long into the assets"
    else:
        message = "the process that imported it ended without a word; its output says more"
    return Rejected({"type": "WorkerError", "message": message}, {}, "")
