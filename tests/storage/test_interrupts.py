"""Ctrl-C amid a transaction: it is kept whole or not at all, and nobody waits for what it left open."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import pytest

from mlorch.events import RunStarted
from mlorch.storage.databases import writing
from mlorch.storage.interrupts import is_handled, undisturbed
from mlorch.storage.sql import open_log


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def pressed(done: list[str], times: int) -> None:
    with undisturbed():
        for _ in range(times):
            press()
        done.append("handled" if is_handled() else "left")


def test_an_interrupt_waits_until_the_block_is_over():
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        pressed(done, 1)
    assert done == ["handled"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interrupt_does_not_wait():
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        pressed(done, 2)
    assert done == []


def test_an_interrupted_transaction_is_kept_and_leaves_the_database_free(tmp_path: Path):
    log = open_log(tmp_path / "mlorch.db")
    with pytest.raises(KeyboardInterrupt), writing(log.engine):
        press()
    began = time.monotonic()
    assert log.append([RunStarted(run_id="r", at=1.0)]) == [1]
    assert time.monotonic() - began < 5
    log.close()


def test_other_threads_and_other_handlers_are_left_alone():
    found: list[object] = []

    def look() -> None:
        with undisturbed():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    mine = signal.signal(signal.SIGINT, lambda *_: found.append("mine"))
    try:
        with undisturbed():
            press()
    finally:
        signal.signal(signal.SIGINT, mine)
    assert found == [signal.default_int_handler, "mine"]
