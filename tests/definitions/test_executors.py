"""Executors as jobs name them."""

from __future__ import annotations

import pytest

from mlorch import (
    dask_executor,
    in_process_executor,
    multi_or_in_process_executor,
    multiprocess_executor,
    threads_executor,
)
from mlorch.errors import InvalidDefinitionError
from mlorch.execution.executors import EXECUTORS


def test_each_names_one_that_there_is():
    named = {
        one.name for one in (in_process_executor, threads_executor, multiprocess_executor, dask_executor)
    }
    assert named == set(EXECUTORS)


def test_a_config_goes_on_top_and_leaves_the_one_below_alone():
    four = multiprocess_executor.configured({"max_concurrent": 4, "retries": {"disabled": {}}})
    two = four.configured({"max_concurrent": 2})
    assert [one.max_concurrent for one in (multiprocess_executor, four, two)] == [None, 4, 2]
    assert [one.are_retries_enabled for one in (multiprocess_executor, four, two)] == [True, False, False]


def test_none_at_once_means_as_many_as_the_executor_thinks_right():
    assert threads_executor.configured({"max_concurrent": 0}).max_concurrent is None


@pytest.mark.parametrize(
    ("config", "name", "workers"),
    [
        ({"multiprocess": {"max_concurrent": 3, "start_method": {"spawn": {}}}}, "processes", 3),
        ({"in_process": {}}, "in_process", None),
        ({"max_concurrent": 5}, "processes", 5),
    ],
)
def test_the_default_executor_is_one_of_two(config, name, workers):
    found = multi_or_in_process_executor.configured(config)
    assert (found.name, found.max_concurrent) == (name, workers)


@pytest.mark.parametrize(
    ("config", "address", "workers"),
    [
        ({"address": "tcp://here:8786"}, "tcp://here:8786", None),
        ({"cluster": {"existing": {"address": "tcp://here:8786"}}}, "tcp://here:8786", None),
        ({"cluster": {"local": {"n_workers": 2}}}, "", 2),
        ({"cluster": {"local": {}}}, "", None),
    ],
)
def test_a_cluster_is_one_that_is_there_or_a_local_one(config, address, workers):
    found = dask_executor.configured(config)
    assert (found.address, found.max_concurrent) == (address, workers)


@pytest.mark.parametrize(
    ("executor", "config", "message"),
    [
        (multiprocess_executor, {"max_conc": 1}, r"no field 'max_conc'; did you mean 'max_concurrent'"),
        (
            multiprocess_executor,
            {"max_concurrent": -1},
            r"'max_concurrent' should be a whole number from 0 on",
        ),
        (threads_executor, {"max_concurrent": True}, r"should be a whole number from 0 on, not True"),
        (dask_executor, {"address": 8786}, r"'address' should be text, not 8786"),
        (dask_executor, {"cluster": {"yarn": {}}}, r"start it yourself and give its address"),
        (in_process_executor, {"max_concurrent": 2}, r"'in_process' has no field 'max_concurrent'"),
    ],
)
def test_what_is_wrong_is_named(executor, config, message):
    with pytest.raises(InvalidDefinitionError, match=message):
        executor.configured(config)
