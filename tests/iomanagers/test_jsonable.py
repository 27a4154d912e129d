from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlorch.definitions.io import InputContext, OutputContext
from mlorch.definitions.keys import AssetKey
from mlorch.errors import TypeCheckError
from mlorch.iomanagers.files import MemoryStore
from mlorch.iomanagers.jsonable import JsonIOManager, is_jsonable

KEY = AssetKey("made")


def written(value: Any) -> bytes:
    store = MemoryStore()
    stored = JsonIOManager().handle_output(
        OutputContext(KEY, None, run_id="run", step_key="made", annotation=Any, path="made", store=store),
        value,
    )
    return store.read(stored.uri, stored.content_hash)


def back(value: Any) -> Any:
    store = MemoryStore()
    stored = JsonIOManager().handle_output(
        OutputContext(KEY, None, run_id="run", step_key="made", annotation=Any, path="made", store=store),
        value,
    )
    return JsonIOManager().load_input(
        InputContext(
            KEY,
            None,
            annotation=Any,
            path="made",
            store=store,
            uri=stored.uri,
            content_hash=stored.content_hash,
        )
    )


TEXT = st.text(st.characters(), max_size=8)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


@given(VALUES)
@settings(deadline=None)
def test_json_values_come_back_equal_and_in_order(value: Any) -> None:
    assert is_jsonable(value)
    assert repr(back(value)) == repr(value)


def test_what_strict_json_lacks_comes_back_too() -> None:
    assert math.isnan(back(math.nan))
    assert back([math.inf, -math.inf]) == [math.inf, -math.inf]
    assert back("a lone surrogate: \ud800") == "a lone surrogate: \ud800"
    assert repr(back(np.float64(0.1))) == "0.1"


def test_files_are_for_people() -> None:
    assert written({"name": "Zürich", "auc": 0.7}).decode() == '{"name": "Zürich", "auc": 0.7}\n'


@pytest.mark.parametrize(
    "value", [(1,), {1: 2}, {1}, b"a", object(), np.int64(1), [[()]], {"a": {None: 1}}], ids=repr
)
def test_what_would_come_back_as_something_else_is_no_json_value(value: Any) -> None:
    assert not is_jsonable(value)


def test_what_json_cannot_hold_is_refused() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    for value in (object(), cycle, 10**5000):
        with pytest.raises(TypeCheckError, match="asset 'made' returned what JSON can't hold"):
            written(value)
