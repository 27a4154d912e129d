"""What steps print and log is kept for each step, whole up to a limit, and still goes where it went."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest

from mlorch import Definitions, Instance, asset
from mlorch.app.materializing import Request, run_request
from mlorch.events import OutputCaptured
from mlorch.execution.capture import LIMIT


def outputs(*functions, executor="in_process", workers=1) -> dict[str, Any]:
    instance = Instance.ephemeral()
    assets = Definitions(asset(function) for function in functions)
    run_request(assets, instance, Request(executor=executor, workers=workers))
    records = instance.log.read(kinds={OutputCaptured.kind})
    return {one.event.asset: one.event for one in records}


def test_what_a_step_writes_is_kept_by_stream_and_still_shown(capsys):
    def talks(context):
        print("out")
        print("err", file=sys.stderr)
        context.log.warning("%d left", 3)

    kept = outputs(talks)["talks"]
    assert (kept.stdout, kept.stderr) == ("out\n", "err\n")
    assert [entry[1:] for entry in kept.log] == [("WARNING", "3 left")]
    assert kept.log[0][0] == pytest.approx(kept.at, abs=60)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("out\n", "err\n")


def test_nothing_is_recorded_of_a_silent_step():
    def silent():
        return 1

    assert outputs(silent) == {}


def test_what_a_step_wrote_before_it_failed_is_kept():
    def fails(context):
        print("nearly")
        try:
            raise KeyError("cause")
        except KeyError:
            context.log.exception("going down")
        raise ValueError("no")

    kept = outputs(fails)["fails"]
    assert kept.stdout == "nearly\n"
    level, text = kept.log[0][1:]
    assert level == "ERROR"
    assert text.startswith("going down\nTraceback (most recent call last):\n")
    assert text.endswith("KeyError: 'cause'")


def test_each_of_the_steps_that_share_a_process_keeps_its_own():
    together = threading.Barrier(3)

    def step(name):
        def function(context):
            for i in range(50):
                together.wait(timeout=30)
                print(f"{name} {i}")
                context.log.info("%s", name)

        function.__name__ = name
        return function

    kept = outputs(*(step(name) for name in "abc"), executor="threads", workers=3)
    for name in "abc":
        assert kept[name].stdout == "".join(f"{name} {i}\n" for i in range(50))
        assert {entry[2] for entry in kept[name].log} == {name}


@pytest.mark.parametrize("executor", ["in_process", "threads"])
def test_the_streams_are_the_former_ones_after_a_run(executor):
    def talks():
        print("x")

    before = sys.stdout, sys.stderr
    outputs(talks, executor=executor)
    assert (sys.stdout, sys.stderr) == before


def test_one_text_beyond_the_limit_keeps_its_beginning():
    def shouts():
        print("x" * (LIMIT + 10), end="")

    assert outputs(shouts)["shouts"].stdout == f"{'x' * LIMIT}\n… 10 characters more were not kept\n"


def test_many_texts_beyond_the_limit_keep_those_that_came_first():
    def chatters():
        for i in range(LIMIT // 1000 + 5):
            print(f"{i % 10}" * 999)
        print("too late", file=sys.stderr)

    kept = outputs(chatters)["chatters"]
    assert kept.stdout.startswith("0" * 999 + "\n" + "1" * 999)
    assert kept.stdout.endswith("9\n\n… 5000 characters more were not kept\n")
    assert kept.stderr == "too late\n", "each stream has a limit of its own"


def test_log_records_have_the_limit_too():
    def logs(context):
        for _ in range(12):
            context.log.info("x" * (LIMIT // 10))

    kept = outputs(logs)["logs"]
    assert len(kept.log) == 11
    level, text = kept.log[-1][1:]
    assert (level, text) == ("WARNING", f"… {LIMIT // 10 * 2} characters more were not kept")


def test_a_message_that_does_not_fit_its_arguments_fails_no_step(capsys):
    def slips(context):
        context.log.info("%d apples", "no")
        print("still here")

    assert outputs(slips)["slips"].stdout.startswith("still here")
    assert "Logging error" in capsys.readouterr().err


def test_a_stream_can_be_used_as_usual(capfdbinary):
    def writes():
        sys.stdout.buffer.write(b"raw\n")
        sys.stdout.flush()
        print(sys.stdout.encoding, sys.stdout.isatty(), sys.stdout.writable(), sys.stdout.fileno() > 0)

    assert outputs(writes)["writes"].stdout == "utf-8 False True True\n"
    assert b"raw\n" in capfdbinary.readouterr().out
