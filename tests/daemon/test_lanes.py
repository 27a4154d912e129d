"""Who evaluates what is due: in order, and whatever one of them does, the others go on."""

from __future__ import annotations

import time
from typing import Any

from mlorch.daemon.lanes import Asked, Lanes
from mlorch.planning.ticks import TickAsked, TickOutcome
from tests.machines.ticking import NOON, Evaluators, skipped

SOME: list[Asked] = [TickAsked(name=f"sensor/{name}", number=1, due=NOON) for name in "abc"]


def lanes(limit: float = 60.0) -> Lanes:
    return Lanes(lambda name: None, lambda name: limit)


def heard(lanes: Lanes) -> list[tuple[str, str]]:
    return [(asked.name, status_of(answer)) for asked, answer in lanes.hear() if isinstance(asked, TickAsked)]


def status_of(answer: Any) -> str:
    assert isinstance(answer, TickOutcome)
    return str(answer.error.get("type", answer.status))


def test_what_is_asked_is_answered_in_order():
    found, code = lanes(), Evaluators()
    found.add(list(SOME))
    found.give(code)
    assert found.is_busy
    for name in "abc":
        code.answer(skipped)
        assert heard(found) == [(f"sensor/{name}", "SKIPPED")]
    assert not found.is_busy
    found.close()
    code.close()


def test_where_one_dies_it_failed_and_the_others_are_asked_of_another_process():
    found, code = lanes(), Evaluators()
    found.add(list(SOME))
    found.give(code)
    code.answer(skipped)
    assert heard(found) == [("sensor/a", "SKIPPED")]
    code.close()
    assert heard(found) == [("sensor/b", "WorkerError")]
    assert not found.is_busy, "a daemon that stops need not wait for what nobody is at"
    found.give(code)
    assert [one.name for one in code.asked()] == ["sensor/c"]
    found.close()
    code.close()


def test_one_that_takes_too_long_is_ended_and_fails():
    found, code = lanes(limit=0.05), Evaluators()
    found.add(SOME[:1])
    found.give(code)
    assert 0 < found.next_limit <= 0.05
    assert heard(found) == []
    time.sleep(0.06)
    assert heard(found) == [("sensor/a", "TimeoutError")]
    assert found.connections() == []
    code.close()


def test_new_code_gets_what_comes_next_and_the_old_one_answers_what_it_has():
    found, old, new = lanes(), Evaluators(), Evaluators()
    found.add(SOME[:1])
    found.give(old)
    found.add(SOME[1:2])
    found.give(new)
    old.answer(skipped)
    assert heard(found) == [("sensor/a", "SKIPPED")]
    found.give(new)
    assert [one.name for one in new.asked()] == ["sensor/b"]
    assert len(found.connections()) == 1
    found.close()
    old.close()
    new.close()
