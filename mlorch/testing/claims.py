"""Claims of the contracts: what holds, or how it fails to, without a test runner's help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


def claim(holds: object, otherwise: str) -> None:
    """Fail the test with a sentence that says what is wrong."""
    if not holds:
        raise AssertionError(otherwise)


@dataclass
class Raised:
    """What a block raised, None while it has not."""

    error: BaseException | None = None


@contextmanager
def refusing(*kinds: type[BaseException], otherwise: str) -> Iterator[Raised]:
    """Fail the test unless the block raises one of these."""
    raised = Raised()
    try:
        yield raised
    except kinds as error:
        raised.error = error
    claim(raised.error is not None, otherwise)


def is_equal(left: Any, right: Any) -> bool:
    """Tell whether two values are equal: of frames the cells and types, of arrays the bytes."""
    if type(left) is not type(right):
        return False
    if hasattr(left, "collect_schema") and hasattr(left, "collect"):
        left, right = left.collect(), right.collect()
    if hasattr(left, "equals"):
        return bool(left.equals(right)) and str(getattr(left, "dtypes", "")) == str(
            getattr(right, "dtypes", "")
        )
    if hasattr(left, "tobytes") and hasattr(left, "dtype"):
        return bool(
            left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
        )
    return bool(left == right)
