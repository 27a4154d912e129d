"""Runs and steps go as the limits allow, over all processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from mlorch import Instance
from mlorch.app.limits import Gate, admitted, limits_in_use, pool_sizes, pools_of, set_pool
from mlorch.definitions.limits import Limits, TagLimit
from mlorch.errors import BusyError, UserError

ONE = Limits(runs=1, pools={"gpu": 1})

HOLDER = """
import sys
from mlorch import Instance
from mlorch.app.limits import admitted, pools_of
from mlorch.definitions.limits import Limits

limits = Limits(runs=1, pools={"gpu": 1})
with Instance.local(sys.argv[1]) as instance, admitted(instance, limits, "other", {}):
    with pools_of(instance, limits, "other", {}) as pools:
        assert pools.acquire("gpu", "train")
        print("holds", flush=True)
        input()
"""


@pytest.fixture
def instance(tmp_path):
    with Instance.local(tmp_path) as instance:
        yield instance


@pytest.fixture
def other(tmp_path):
    """Another process, which holds the slot of runs and that of the pool `gpu` until it is told to end."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout.readline() == "holds\n"
        yield process
        process.kill()


def test_runs_wait_for_each_other_across_processes(other, instance):
    with (
        pytest.raises(BusyError, match=r"the limit of runs \(1 at once, held by other\) is reached"),
        admitted(instance, ONE, "mine", {}, patience=0.3),
    ):
        pass
    told: list[str] = []

    def end() -> None:
        other.stdin.write("\n")
        other.stdin.flush()

    threading.Timer(0.5, end).start()
    with admitted(instance, ONE, "mine", {}, waiting=told.append):
        (runs,) = [one for one in limits_in_use(instance, ONE) if one.name == "runs"]
        assert ([one.owner for one in runs.held], runs.waiting) == (["mine"], ())
    assert told == ["the limit of runs (1 at once, held by other) is reached; run mine waits for it"]
    assert {one.held for one in limits_in_use(instance, ONE)} == {()}


def test_what_a_killed_process_held_is_free_at_once(other, instance):
    with pools_of(instance, ONE, "mine", {}) as pools:
        assert not pools.acquire("gpu", "train")
        other.kill()
        other.wait()
        began = time.monotonic()
        with admitted(instance, ONE, "mine", {}, patience=5):
            while not pools.acquire("gpu", "train"):
                time.sleep(0.01)
        assert time.monotonic() - began < 2


def test_a_gate_lets_the_runs_of_a_backfill_begin_one_by_one(instance):
    limits = Limits(runs=2, tags=(TagLimit(key="month", limit=1, is_per_value=True),))
    gate = Gate(instance, limits, "backfill")
    june, july = {"month": "june"}, {"month": "july"}
    assert gate.try_admit("a", june)
    assert not gate.try_admit("b", june)
    assert gate.why_not(june) == "the limit of tag month=june (1 at once, held by a) is reached"
    assert gate.try_admit("c", july)
    gate.leave("a", june)
    assert gate.try_admit("b", june)
    assert not gate.try_admit("d", {})
    assert gate.why_not({}) == "the limit of runs (2 at once, held by b, c) is reached"
    gate.leave("c", july)
    assert gate.try_admit("d", {})


def test_the_more_urgent_run_goes_first(instance):
    gate = Gate(instance, Limits(runs=1), "backfill")
    assert gate.try_admit("a", {})
    assert not gate.try_admit("b", {})
    assert not gate.try_admit("c", {"dagster/priority": "1"})
    gate.leave("a", {})
    assert not gate.try_admit("b", {})
    assert gate.try_admit("c", {"dagster/priority": "1"})
    with pytest.raises(UserError, match="should be a whole number"):
        gate.try_admit("d", {"mlorch/priority": "soon"})


def test_without_limits_nothing_is_written(instance):
    gate = Gate(instance, Limits(), "run")
    assert gate.try_admit("run", {"team": "ml"})
    with pools_of(instance, Limits(), "run", {}) as pools:
        assert pools.acquire("gpu", "train")
        assert limits_in_use(instance, Limits()) == []
        pools.release("gpu", "train")
    gate.leave("run", {"team": "ml"})


def test_an_instance_in_memory_has_no_limits():
    instance = Instance.ephemeral()
    with admitted(instance, ONE, "one", {}), admitted(instance, ONE, "two", {}):
        assert [(one.name, one.held) for one in limits_in_use(instance, ONE)] == [
            ("pool gpu", ()),
            ("runs", ()),
        ]
    with pools_of(instance, ONE, "one", {}) as pools:
        assert pools.acquire("gpu", "a")
        assert pools.acquire("gpu", "b")


def test_steps_share_a_pool_and_give_it_back_however_the_run_ends(instance):
    def break_off() -> None:
        with pools_of(instance, ONE, "one", {}) as pools:
            assert pools.acquire("gpu", "a")
            assert not pools.acquire("gpu", "b")
            assert pools.acquire("cpu", "b")
            pools.release("gpu", "a")
            assert pools.acquire("gpu", "b")
            assert not pools.acquire("gpu", "c")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert [(one.held, one.waiting) for one in limits_in_use(instance, ONE)] == [((), ()), ((), ())]


def test_pools_that_are_set_go_before_the_settings_and_at_once(instance):
    with pools_of(instance, ONE, "one", {}) as pools:
        assert pools.acquire("gpu", "a")
        assert not pools.acquire("gpu", "b")
        set_pool(instance, "gpu", 2)
        set_pool(instance, "disk", 0)
        assert pool_sizes(instance, ONE) == {"gpu": 2, "disk": 0}
        time.sleep(0.3)
        assert pools.acquire("gpu", "b")
        assert not pools.acquire("disk", "b")
    set_pool(instance, "gpu", None)
    assert pool_sizes(instance, ONE) == {"gpu": 1, "disk": 0}


def test_limits_say_who_holds_and_who_waits(other, instance):
    with pools_of(instance, ONE, "mine", {"mlorch/priority": "3"}) as pools:
        pools.acquire("gpu", "fit")
        gpu, runs = (one.as_json() for one in limits_in_use(instance, ONE))
    assert (gpu["name"], gpu["slots"]) == ("pool gpu", 1)
    assert [(one["run_id"], one["item"], one["pid"]) for one in gpu["held"]] == [
        ("other", "train", other.pid)
    ]
    assert [(one["run_id"], one["item"], one["priority"]) for one in gpu["waiting"]] == [("mine", "fit", 3)]
    assert [(one["run_id"], one["item"]) for one in runs["held"]] == [("other", None)]
