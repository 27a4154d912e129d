"""Facts for tests: any that hypothesis can think of, and short ways to write the common ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from hypothesis import strategies as st

from mlorch.events import KINDS, AssetMaterialized, Event, Input, RunStarted, StepStarted
from mlorch.log import slot_name

names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
texts = st.text(max_size=40)
times = st.floats(min_value=0, max_value=4e9)
numbers = st.floats(allow_nan=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
inputs = st.builds(Input, names, st.none() | names, texts, st.none() | st.integers(1, 10**9))

_BY_ANNOTATION: Mapping[str, st.SearchStrategy[Any]] = {
    "str": texts,
    "str | None": st.none() | texts,
    "bool": st.booleans(),
    "int": st.integers(0, 2**63),
    "int | None": st.none() | st.integers(0, 2**63),
    # No -0.0: it is equal to the 0.0 that a log need not keep.
    "float": numbers.map(lambda one: one + 0.0),
    "float | None": st.none() | numbers.map(lambda one: one + 0.0),
    "tuple[str, ...]": st.lists(texts, max_size=4).map(tuple),
    "tuple[Input, ...]": st.lists(inputs, max_size=20).map(tuple),
    "tuple[tuple[float, str, str], ...]": st.lists(st.tuples(numbers, texts, texts), max_size=4).map(tuple),
    "tuple[tuple[str, str | None], ...]": st.lists(st.tuples(names, st.none() | names), max_size=3).map(
        tuple
    ),
    "tuple[Mapping[str, Json], ...]": st.lists(
        st.dictionaries(texts, json_values, max_size=3), max_size=3
    ).map(tuple),
    "Mapping[str, str]": st.dictionaries(texts, texts, max_size=4),
    "Mapping[str, int]": st.dictionaries(texts, st.integers(), max_size=4),
    "Mapping[str, Json]": st.dictionaries(texts, json_values, max_size=4),
    "Mapping[str, Json] | None": st.none() | st.dictionaries(texts, json_values, max_size=4),
}
_BY_NAME = {"run_id": names, "name": names, "asset": names, "partition": st.none() | names, "at": times}


def _any_of(cls: type[Event]) -> st.SearchStrategy[Event]:
    values = {
        one.name: _BY_NAME[one.name] if one.name in _BY_NAME else _BY_ANNOTATION[str(one.type)]
        for one in fields(cls)
    }
    return st.builds(cls, **values)


events: st.SearchStrategy[Event] = st.one_of([_any_of(cls) for cls in KINDS.values()])
"""Any event of any kind."""


def started(asset: str = "a", partition: str | None = None, *, run_id: str = "r") -> Event:
    """An attempt at a step began."""
    step = slot_name((asset, partition))
    return StepStarted(run_id=run_id, at=1.0, step=step, asset=asset, partition=partition)


def made(asset: str = "a", partition: str | None = None, *, run_id: str = "r", **more: Any) -> Event:
    """A value was made."""
    step = slot_name((asset, partition))
    return AssetMaterialized(run_id=run_id, at=1.0, step=step, asset=asset, partition=partition, **more)


def run_started(run_id: str = "r") -> Event:
    """A run began."""
    return RunStarted(run_id=run_id, at=1.0)
