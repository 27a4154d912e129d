"""Executors: the same run in this process, in threads and in worker processes."""

from __future__ import annotations

import gc
import time
from importlib import import_module

import pytest

from mlorch import Definitions, Instance
from mlorch.app.materializing import Request, run_request


@pytest.fixture
def restless():
    """Threads take turns whenever Python collects garbage."""

    def give_way(phase, info):
        time.sleep(0.0001)

    gc.callbacks.append(give_way)
    yield
    gc.callbacks.remove(give_way)


def test_steps_whose_source_is_parsed_at_once_do_not_disturb_each_other(tmp_path, monkeypatch, restless):
    """Python before 3.11.8 fails where two threads parse at once, as drawing a traceback does too."""
    monkeypatch.syspath_prepend(tmp_path)
    much = "".join(f"value_{i} = [1, (2, {{'x': {i}}}), lambda x: x + {i}]\n" for i in range(300))
    assets = []
    for i in range(8):
        function = (
            f"\n@asset\ndef parsed_{i}() -> int:\n    return sum([1, 2, int('{'x' if i % 2 else i}')])\n"
        )
        (tmp_path / f"parsed_at_once_{i}.py").write_text(f"from mlorch import asset\n{much}{function}")
        assets.append(getattr(import_module(f"parsed_at_once_{i}"), f"parsed_{i}"))
    result = run_request(Definitions(assets), Instance.ephemeral(), Request(executor="threads", workers=8))
    assert [one.error["type"] for one in result.failures] == ["ValueError"] * 4
