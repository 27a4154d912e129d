"""mlorch partitions, and the counts of status by dimension."""

from __future__ import annotations

import json

import pytest

STORES = """\
from mlorch import DynamicPartitionsDefinition, MultiPartitionsDefinition

stores = DynamicPartitionsDefinition("stores")


@asset(partitions_def=stores)
def stock() -> int:
    return 1


@asset(partitions_def=MultiPartitionsDefinition({"date": days, "store": stores}))
def sold(stock: int) -> int:
    return stock


defs = Definitions(assets=[stock, sold, numbers])
"""


@pytest.fixture
def stores(project):
    text = (project.folder / "shop.py").read_text()
    project.write("shop.py", text[: text.index("defs = Definitions(")] + STORES)
    return project


def test_keys_are_added_listed_made_and_deleted(stores):
    assert stores("partitions", "list", "stores").out == ""
    assert stores("partitions", "add", "stores", "north", "south", "north").out == "stores: 2 added\n"
    assert stores("partitions", "add", "stores", "south", "east").out == "stores: 1 added, 1 there already\n"
    assert stores("partitions", "list", "stores").out == "north\nsouth\neast\n"
    assert json.loads(stores("partitions", "list", "stock", "--json").out) == ["north", "south", "east"]
    assert stores("materialize", "stock", "--partition", "north").code == 0
    assert stores("partitions", "delete", "stores", "north", "east").out == "stores: 2 deleted\n"
    assert stores("materialize", "stock", "--partition", "north").code == 2
    assert stores("partitions", "list", "sold").out.splitlines()[0] == "2024-01-01|south"


def test_names_and_keys_that_are_not_there_suggest_the_nearest(stores):
    stores("partitions", "add", "stores", "north")
    for words, said in (
        (("add", "store", "x"), "did you mean 'stores'"),
        (("list", "stok"), "did you mean 'stock'"),
        (("list", "numbers"), "has no partitions"),
        (("delete", "stores", "nort"), "did you mean 'north'"),
        (("add", "stores", "a..."), "stands for a range"),
    ):
        answer = stores("partitions", *words)
        assert answer.code == 2
        assert said in answer.err


def test_status_counts_by_a_dimension(stores):
    stores("partitions", "add", "stores", "north", "south")
    stores("materialize", "stock", "--all-partitions")
    assert stores("materialize", "sold", "--partition", "2024-01-02|north").code == 0
    lines = [line.split() for line in stores("status", "--by", "store").out.splitlines()]
    assert ["sold", "north", "1", "fresh,", "2", "missing"] in lines
    assert ["sold", "south", "3", "missing"] in lines
    (found,) = json.loads(stores("status", "sold", "--by", "date", "--json").out)
    assert found["by_dimension"]["2024-01-02"]["FRESH"] == 1
    assert stores("status", "--by", "place").code == 2
