from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from mlorch.definitions.io import OutputContext
from mlorch.definitions.keys import AssetKey
from mlorch.errors import TypeCheckError
from mlorch.iomanagers.files import MemoryStore
from mlorch.iomanagers.objects import PickleIOManager

KEEP = """
import sys
from pathlib import Path
from mlorch.definitions.io import OutputContext
from mlorch.definitions.keys import AssetKey
from mlorch.iomanagers.files import open_store
from mlorch.iomanagers.objects import PickleIOManager

class Threshold:
    def __init__(self, at):
        self.at = at
    def __call__(self, value):
        return value > self.at

store = open_store(sys.argv[1], project=Path.cwd())
context = OutputContext(
    AssetKey("rule"), None, run_id="run", step_key="rule", annotation=Threshold, path="rule", store=store
)
PickleIOManager().handle_output(context, [Threshold(3), lambda value: -value])
"""


def test_what_a_script_defines_loads_where_the_script_is_not(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KEEP, str(tmp_path)], check=True)
    code = "import pickle, sys; rule, negate = pickle.load(sys.stdin.buffer); print(rule(4), negate(4))"
    with (tmp_path / "rule.pkl").open("rb") as file:
        done = subprocess.run(
            [sys.executable, "-c", code], stdin=file, capture_output=True, text=True, check=True
        )
    assert done.stdout == "True -4\n"


@pytest.mark.parametrize(
    "value", [threading.Lock(), (number for number in range(3))], ids=["lock", "generator"]
)
def test_what_cannot_be_pickled_is_refused(value: Any) -> None:
    store = MemoryStore()
    context = OutputContext(
        AssetKey("made"), None, run_id="run", step_key="made", annotation=Any, path="made", store=store
    )
    with pytest.raises(
        TypeCheckError, match=f"asset 'made' returned {type(value).__name__}, which can't be pickled"
    ):
        PickleIOManager().handle_output(context, value)
    assert store.files == {}
