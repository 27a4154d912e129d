"""Definitions that stand where their function stood travel by that place, the others with what they hold."""

from __future__ import annotations

import pickle

import cloudpickle
import pytest

from mlorch import graph, op
from mlorch.definitions.importable import Importable


@op
def counted() -> int:
    """Counts."""
    return 3


@graph
def around():
    """Goes around."""
    return counted()


@pytest.mark.parametrize("definition", [counted, around], ids=["op", "graph"])
def test_what_can_be_imported_travels_by_its_name(definition: Importable):
    sent = pickle.dumps(definition)
    assert pickle.loads(sent) is definition
    assert len(sent) < 200


def test_what_stands_nowhere_travels_with_what_it_holds():
    @op
    def local(x: int) -> int:
        return x + 1

    arrived = pickle.loads(cloudpickle.dumps(local))
    assert arrived is not local
    assert (arrived.name, arrived.ins, arrived.outs) == ("local", local.ins, local.outs)
    assert arrived(1) == 2


def test_what_was_replaced_by_another_of_its_name_travels_with_what_it_holds():
    other = op(name="other")(lambda: 4)
    other.__name__ = "counted"
    other.__module__ = counted.__module__
    assert pickle.loads(cloudpickle.dumps(other)) is not counted


@pytest.mark.parametrize(("definition", "doc"), [(counted, "Counts."), (around, "Goes around.")], ids=str)
def test_what_is_known_of_the_function_stays(definition: Importable, doc: str):
    assert definition.__doc__ == doc
    assert definition.__wrapped__.__name__ == definition.__name__
    assert definition.__module__ == __name__
