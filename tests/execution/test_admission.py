"""Which runs of a plan may begin."""

from __future__ import annotations

from mlorch.execution.admission import Entrance
from mlorch.execution.run import Run


class Room:
    """Room for so many runs."""

    def __init__(self, size):
        self.size, self.inside = size, []

    def try_admit(self, run_id, tags):
        if len(self.inside) >= self.size:
            return False
        self.inside.append(run_id)
        return True

    def leave(self, run_id, tags):
        if run_id in self.inside:
            self.inside.remove(run_id)


RUNS = [Run(run_id=name) for name in "abc"]


def test_without_a_gate_everything_may_begin():
    entrance = Entrance(None, RUNS)
    assert entrance.admits(2, 7)
    assert not entrance


def test_runs_come_in_by_their_numbers():
    room = Room(2)
    entrance = Entrance(room, RUNS)
    assert not entrance.admits(1, 5)
    assert entrance
    assert entrance.let_in() == [5]
    assert room.inside == ["a", "b"]
    assert entrance.admits(0, 1)
    assert entrance.admits(1, 6)


def test_a_run_waits_until_another_has_left():
    room = Room(1)
    entrance = Entrance(room, RUNS)
    assert not entrance.admits(0, 1)
    assert entrance.let_in() == [1]
    assert not entrance.admits(1, 2)
    assert entrance.let_in() == []
    entrance.leave(0)
    assert entrance.let_in() == [2]


def test_who_closes_leaves_nothing_behind():
    room = Room(2)
    entrance = Entrance(room, RUNS)
    entrance.admits(1, 5)
    entrance.let_in()
    entrance.close()
    assert room.inside == []
