"""Which executor a run gets, of all that may say so."""

from __future__ import annotations

import pytest

from mlorch import (
    Definitions,
    Instance,
    asset,
    dask_executor,
    define_asset_job,
    in_process_executor,
    job,
    multiprocess_executor,
    op,
    threads_executor,
)
from mlorch.app.launching import launch
from mlorch.app.materializing import Request
from mlorch.app.performing import executor_for, settle_executor
from mlorch.definitions.executors import ExecutorDefinition
from mlorch.errors import InvalidConfigError, UserError

FOUR = {"execution": {"config": {"multiprocess": {"max_concurrent": 4, "start_method": {"spawn": {}}}}}}
SETTINGS = ExecutorDefinition("threads", {"max_concurrent": 6})


@pytest.mark.parametrize(
    ("asked", "declared", "expected"),
    [
        ({}, None, ("in_process", None)),
        ({"otherwise": SETTINGS}, None, ("threads", 6)),
        ({"otherwise": SETTINGS}, multiprocess_executor, ("processes", 6)),
        ({"otherwise": SETTINGS}, multiprocess_executor.configured({"max_concurrent": 2}), ("processes", 2)),
        ({"declared": threads_executor}, multiprocess_executor, ("threads", None)),
        ({"declared": threads_executor, "run_config": FOUR}, None, ("processes", 4)),
        ({"executor": "in_process", "run_config": FOUR}, None, ("in_process", None)),
        ({"executor": "processes", "run_config": FOUR}, None, ("processes", 4)),
        ({"workers": 3, "run_config": FOUR}, None, ("processes", 3)),
        ({"run_config": {"execution": {"config": {"max_concurrent": 5}}}}, threads_executor, ("threads", 5)),
    ],
)
def test_the_first_that_names_one_counts(asked, declared, expected):
    found = settle_executor(Request(**asked), declared)
    assert (found.name, found.max_concurrent) == expected


def test_an_address_of_the_executor_goes_before_that_of_the_settings():
    mine = dask_executor.configured({"cluster": {"existing": {"address": "tcp://mine:1"}}})
    assert settle_executor(Request(address="tcp://ours:2"), mine).address == "tcp://mine:1"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tag_concurrency_limits": [{"key": "db", "limit": 1}]}, "give the ops a pool"),
        ({"retries": {"disabled": {}}}, "retries can't be disabled"),
    ],
)
def test_what_is_not_carried_out_is_refused(fields, message):
    with pytest.raises(InvalidConfigError, match=message):
        settle_executor(Request(declared=multiprocess_executor.configured(fields)))


def test_workers_of_other_processes_need_values_that_they_can_read():
    with pytest.raises(UserError, match="needs values that its workers can read"):
        executor_for(Request(executor="processes"), Instance.ephemeral())


@op
def thread() -> str:
    import threading

    return threading.current_thread().name


@job(executor_def=threads_executor)
def in_threads():
    thread()


@asset
def made() -> str:
    import threading

    return threading.current_thread().name


def test_jobs_and_definitions_say_where_their_steps_run():
    here = "MainThread"
    nightly = define_asset_job("nightly")
    local = define_asset_job("local", executor_def=in_process_executor)
    everything = Definitions([made], jobs=[nightly, local, in_threads], executor=threads_executor)
    instance = Instance.ephemeral()
    assert launch(everything, instance, in_threads).output_for_node("thread") != here
    assert launch(everything, instance, nightly).asset_value("made") != here
    assert launch(everything, instance, local).asset_value("made") == here
    assert in_threads.execute_in_process().output_for_node("thread") == here
    assert everything.resolve_job_def("nightly").execute_in_process().asset_value("made") == here
