"""Values that a closure holds count in full, and the same in every process."""

from __future__ import annotations

import datetime
import enum
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePosixPath, PureWindowsPath
from types import FunctionType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlorch.planning.fingerprint.values import value_text


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass
class Point:
    x: int
    y: object = None


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a: object) -> None:
        self.a = a


class Unwilling:
    def __reduce_ex__(self, protocol: object) -> Any:
        raise KeyError(protocol)


def text(value: object) -> str:
    """Classes and functions by name, where a walk would number them."""
    return value_text(value, lambda one: one.__qualname__ if isinstance(one, type | FunctionType) else None)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner)
        | st.frozensets(st.integers() | st.text())
        | st.dictionaries(st.text(), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(PLAIN, PLAIN)
def test_equal_texts_are_equal_values(one: object, other: object) -> None:
    same = (one == other and repr(one) == repr(other)) or (one == other and isinstance(one, frozenset))
    assert (text(one) == text(other)) == same


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(Point, id="dataclass"),
        pytest.param(Slotted, id="slots"),
        pytest.param(Decimal, id="decimal"),
        pytest.param(lambda n: datetime.datetime(2020, 1, n, tzinfo=datetime.UTC), id="instant"),
        pytest.param(np.arange, id="array"),
        pytest.param(np.random.default_rng, id="random generator"),
        pytest.param(lambda n: np.array([Point(n)]), id="array of objects"),
        pytest.param(lambda n: list(Color)[n - 1], id="enumeration"),
        pytest.param(lambda n: OrderedDict(a=n), id="subclass of dict"),
        pytest.param(lambda n: {"a": {n, "b"}}, id="set"),
        pytest.param(lambda n: bytearray([n]), id="bytearray"),
        pytest.param(lambda n: "a".join if n == 1 else "b".join, id="method"),
        pytest.param(lambda n: np.dtype(f"f{4 * n}"), id="dtype"),
        pytest.param(slice, id="slice"),
    ],
)
def test_objects_count_by_their_state(make: Callable[[int], object]) -> None:
    assert text(make(1)) == text(make(1)) != text(make(2))


def test_an_object_may_hold_itself() -> None:
    one, other = Point(1), Point(1, Point(1))
    one.y = one
    other.y.y = other  # type: ignore[attr-defined]
    assert text(one) == text(one) != text(other)


def test_an_object_may_hold_its_own_method() -> None:
    one = Slotted(None)
    one.a = one.__init__  # type: ignore[misc]
    assert text(one) == text(one)


@pytest.mark.parametrize(
    "value", [threading.Lock(), Unwilling(), (x for x in "ab")], ids=["lock", "error", "generator"]
)
def test_what_can_not_be_pickled_counts_by_its_class(value: object) -> None:
    assert text(value) == f"{type(value).__qualname__}()"


def test_a_value_nested_too_deep_counts_by_its_class() -> None:
    deep: list[object] = []
    for _ in range(20_000):
        deep = [deep]
    assert text(deep) == "list"


def test_systems_agree_on_a_path() -> None:
    assert text(PurePosixPath("a/b")) == text(PureWindowsPath("a\\b"))


def test_processes_agree_on_sets() -> None:
    program = (
        "from mlorch.planning.fingerprint.values import value_text\n"
        "print(value_text({frozenset({'a', 'b', n}) for n in 'cdef'}, lambda one: None))"
    )
    command = [sys.executable, "-c", program]
    texts = {
        subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True).stdout for seed in "123"
    }
    assert len(texts) == 1
    assert texts != {b""}
