from __future__ import annotations

import os
import subprocess
import sys
import time

from mlorch.storage.processes import birth_of, is_alive


def test_a_process_lives_until_it_ends() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    birth = birth_of(child.pid)
    assert birth is not None
    assert birth == birth_of(child.pid) != birth_of(os.getpid())
    assert is_alive(child.pid, birth) is True
    child.kill()
    # Nobody has asked how it ended: its number is still taken.
    while is_alive(child.pid, birth):
        time.sleep(0.001)
    assert birth_of(child.pid) is None
    child.communicate()
    assert is_alive(child.pid, birth) is False


def test_a_later_process_of_the_same_number_is_another() -> None:
    birth = birth_of(os.getpid())
    assert birth is not None
    place, _, ticks = birth.rpartition(" ")
    assert is_alive(os.getpid(), f"{place} {int(ticks) - 1}") is False


def test_of_another_machine_nothing_is_known() -> None:
    birth = birth_of(os.getpid())
    assert birth is not None
    assert is_alive(os.getpid(), f"0-{birth} 1") is None
    assert is_alive(2**30, None) is None
    assert birth_of(2**30) is None
