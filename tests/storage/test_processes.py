from __future__ import annotations

import os
import subprocess
import sys
import time

from mlorch.storage.processes import birth_of, is_dead


def test_a_process_lives_until_it_ends() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    birth = birth_of(child.pid)
    assert birth is not None
    assert birth == birth_of(child.pid) != birth_of(os.getpid())
    assert not is_dead(child.pid, birth)
    child.kill()
    # Nobody has asked how it ended: its number is still taken.
    while not is_dead(child.pid, birth):
        time.sleep(0.001)
    assert birth_of(child.pid) is None
    child.communicate()
    assert is_dead(child.pid, birth)


def test_a_later_process_of_the_same_number_is_another() -> None:
    birth = birth_of(os.getpid())
    assert birth is not None
    place, _, ticks = birth.rpartition(" ")
    assert is_dead(os.getpid(), f"{place} {int(ticks) - 1}")


def test_of_another_machine_nothing_is_known() -> None:
    birth = birth_of(os.getpid())
    assert birth is not None
    assert not is_dead(os.getpid(), f"0-{birth} 1")
    assert not is_dead(2**30, None)
    assert birth_of(2**30) is None
