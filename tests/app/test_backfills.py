"""Backfills as the log knows them."""

from __future__ import annotations

import pytest

from mlorch import Config, DailyPartitionsDefinition, Definitions, Instance, asset
from mlorch.app.backfilling import run_backfill
from mlorch.app.backfills import cancel_backfill, find_backfill, newest_backfills, resume_backfill, unfinished
from mlorch.app.choosing import Choice
from mlorch.app.materializing import Request
from mlorch.errors import NotFoundError, UserError
from mlorch.events import BACKFILL_TAG, BackfillStarted, RunStarted, StepStarted
from mlorch.queries.partitions import slots_in_progress
from mlorch.queries.runs import find_runs

DAYS = DailyPartitionsDefinition(start_date="2024-01-01", end_date="2024-01-04")
FIRST, SECOND, THIRD = DAYS.get_partition_keys()


class Day(Config):
    broken: str = ""


@asset(partitions_def=DAYS, code_version="1")
def fragile(context, config: Day) -> int:
    if context.partition_key == config.broken:
        raise ValueError("bad day")
    return 1


def config(broken):
    return {"ops": {"fragile": {"config": {"broken": broken}}}}


def failed(instance):
    request = Request(run_config=config(SECOND), tags={"team": "ml"})
    result = run_backfill(Definitions([fragile]), instance, request, Choice(every=True))
    assert result.status == "FAILURE"
    return result.backfill_id


def test_a_resumed_backfill_keeps_its_id_tags_and_config():
    instance = Instance.ephemeral()
    name = failed(instance)
    again = resume_backfill(Definitions([fragile]), instance, name, Request())
    assert (again.backfill_id, again.status, len(again.failures)) == (name, "FAILURE", 1)
    result = resume_backfill(Definitions([fragile]), instance, "last", Request(run_config=config("")))
    assert [one.partition for one in result.materializations] == [SECOND]
    (found,) = newest_backfills(instance)
    assert (found.status, found.failures, found.counts["made"]) == ("SUCCESS", [], 3)
    assert {run.tags["team"] for run in instance.get_runs()} == {"ml"}


def test_what_has_made_everything_is_not_resumed():
    instance = Instance.ephemeral()
    result = run_backfill(Definitions([fragile]), instance, Request(), Choice(every=True))
    with pytest.raises(UserError, match="nothing to resume"):
        resume_backfill(Definitions([fragile]), instance, result.backfill_id, Request())
    with pytest.raises(UserError, match="has ended already"):
        cancel_backfill(instance, result.backfill_id)


def test_a_backfill_is_found_by_the_beginning_of_its_id():
    instance = Instance.ephemeral()
    name = failed(instance)
    assert find_backfill(instance, name[:6]).backfill_id == name
    with pytest.raises(NotFoundError, match="no backfill 'nothing'"):
        find_backfill(instance, "nothing")


def begun(instance, name="b"):
    """What a process leaves behind that dies in its first step."""
    tags = {BACKFILL_TAG: name}
    instance.log.append(
        [
            BackfillStarted(run_id=name, at=1.0, targets={"fragile": [FIRST, SECOND]}),
            RunStarted(run_id="r", at=2.0, tags=tags),
            StepStarted(run_id="r", at=3.0, step=f"fragile[{FIRST}]", asset="fragile", partition=FIRST),
        ]
    )


def test_a_dead_one_is_told_to_who_makes_the_same():
    instance = Instance.ephemeral()
    begun(instance)
    assert [one.backfill_id for one in unfinished(instance, [("fragile", SECOND)])] == ["b"]
    assert not list(unfinished(instance, [("fragile", THIRD)]))
    assert newest_backfills(instance)[0].status == "DEAD"


def test_the_runs_of_a_living_backfill_live():
    instance = Instance.ephemeral()
    begun(instance)
    assert [run.status for run in find_runs(instance.log, {"b"})] == ["STARTED"]
    assert [run.status for run in find_runs(instance.log, ())] == ["DEAD"]
    assert slots_in_progress(instance.log, {"b"}) == {("fragile", FIRST)}


def test_a_secret_is_given_again():
    instance = Instance.ephemeral()
    instance.log.append([BackfillStarted(run_id="b", at=1.0, config={"ops": {"x": "***"}})])
    with pytest.raises(UserError, match="give it again with --config"):
        resume_backfill(Definitions([fragile]), instance, "b", Request())
