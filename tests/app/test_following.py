"""Telling other tools beside a command: until it is over, in turns, and again where one can't be reached."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from mlorch.app.following import Following
from mlorch.errors import BusyError


class Tool:
    """A follower with so many facts to tell; it can't be reached the first times it is asked."""

    every = 0.0
    what = "materializations"

    def __init__(self, name: str, facts: int, failures: int = 0) -> None:
        self.name = name
        self.facts = facts
        self.failures = failures
        self.asked: list[float] = []

    def has_news(self) -> bool:
        return self.facts > 0

    def waiting(self) -> int:
        return self.facts

    def drain(self, told: Callable[[int], None]) -> list[str]:
        self.asked.append(time.monotonic())
        if self.failures:
            self.failures -= 1
            raise ConnectionError("nobody answers\nat this address")
        done, self.facts = self.facts, 0
        told(done)
        return [f"{self.name} is told"]


def command_for(looks: int) -> Callable[[float], bool]:
    """Return an `is_over` for a command that is over after so many looks."""
    left = iter(range(looks))

    def is_over(seconds: float) -> bool:
        time.sleep(seconds / 10)
        return next(left, None) is None

    return is_over


def follow(
    *tools: Tool, looks: int = 5, turn: Any = nullcontext, **values: Any
) -> tuple[bool, list[dict[str, Any]]]:
    reports: list[dict[str, Any]] = []
    following = Following(tools, lambda **fields: reports.append(fields), command_for(looks), **values)
    return following.run(turn), reports


def test_what_happens_is_told_while_the_command_goes_on() -> None:
    tool = Tool("MLflow", 3)
    is_told, reports = follow(tool)
    assert is_told
    assert reports == [{"lines": ["MLflow is told"]}]


def test_what_is_left_is_told_at_the_end_with_progress() -> None:
    tool = Tool("MLflow", 3)
    is_told, reports = follow(tool, looks=0)
    assert is_told
    assert reports == [
        {"mirror": "MLflow", "done": 0, "of": 3, "what": "materializations"},
        {"mirror": "MLflow", "done": 3, "of": 3, "what": "materializations"},
        {"lines": ["MLflow is told"]},
    ]


def test_a_tool_that_can_not_be_reached_delays_no_other_and_its_share_waits() -> None:
    dead, living = Tool("MLflow", 3, failures=99), Tool("DVC", 1)
    is_told, reports = follow(dead, living)
    assert not is_told
    assert living.facts == 0
    line = "MLflow: nobody answers at this address; 3 materializations wait for `mlorch mirror`"
    assert reports[-1] == {"lines": ["DVC is told", line]}


def test_it_is_tried_again_ever_more_rarely_and_once_more_at_the_end() -> None:
    tool = Tool("MLflow", 3, failures=99)
    follow(tool, looks=60, pauses=(0.05, 0.2))
    *pauses, _ = [after - before for before, after in zip(tool.asked, tool.asked[1:], strict=False)]
    assert pauses[0] >= 0.05
    assert pauses[1] >= 0.1
    assert all(pause >= 0.2 for pause in pauses[2:])
    assert len(tool.asked) < 10


def test_one_that_takes_a_part_at_a_time_is_not_asked_more_rarely() -> None:
    class Slow(Tool):
        def drain(self, told: Callable[[int], None]) -> list[str]:
            self.facts -= 1
            told(1)
            return super().drain(told)

    tool = Slow("webhook", 40, failures=12)
    follow(tool, looks=60, pauses=(0.03, 10.0))
    assert len(tool.asked) >= 10


def test_a_tool_that_comes_back_is_told() -> None:
    tool = Tool("MLflow", 3, failures=2)
    is_told, _ = follow(tool, looks=40, pauses=(0.02, 0.1))
    assert is_told


def test_the_one_that_waits_for_its_turn_leaves_when_another_told_its_share() -> None:
    tool = Tool("MLflow", 3)
    asked = 0

    @contextmanager
    def turn() -> Iterator[None]:
        nonlocal asked
        asked += 1
        if asked == 4:
            tool.facts = 0
        raise BusyError("another process tells")
        yield

    is_told, reports = follow(tool, looks=2, turn=turn)
    assert is_told
    assert tool.asked == []
    assert reports == [{"lines": []}]


def test_it_takes_its_turn_when_the_other_is_done() -> None:
    tool = Tool("MLflow", 3)
    asked = 0

    @contextmanager
    def turn() -> Iterator[None]:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise BusyError("another process tells")
        yield

    is_told, _ = follow(tool, looks=1, turn=turn)
    assert is_told
    assert len(tool.asked) == 1
