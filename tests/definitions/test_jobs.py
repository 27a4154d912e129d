"""Jobs: a named selection with parameters."""

from __future__ import annotations

import pytest

from mlorch import Config, DailyPartitionsDefinition, RunConfig, define_asset_job
from mlorch.errors import InvalidDefinitionError


class Training(Config):
    rate: float = 0.5


def test_a_job_means_everything_unless_it_says_what():
    job = define_asset_job("nightly")
    assert (job.name, job.selection, job.partitions_def, job.config) == ("nightly", None, None, None)
    assert (job.description, job.tags) == (None, {})


def test_a_job_keeps_what_it_is_given():
    days = DailyPartitionsDefinition(start_date="2024-01-01")
    config = RunConfig({"model": Training(rate=1)})
    job = define_asset_job(
        "nightly", ["a", "b+"], partitions_def=days, config=config, description="At night.", tags={"x": "y"}
    )
    assert job.selection == ("a", "b+")
    assert (job.partitions_def, job.config) == (days, config)
    assert (job.description, job.tags) == ("At night.", {"x": "y"})


def test_a_selection_of_one_is_text():
    assert define_asset_job("nightly", "group:ml").selection == "group:ml"


def test_a_reserved_name_is_refused():
    with pytest.raises(InvalidDefinitionError, match="'config' is reserved"):
        define_asset_job("config")
