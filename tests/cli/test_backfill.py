"""mlorch backfill and mlorch backfills, as the shell would run them."""

from __future__ import annotations

import json


def test_a_backfill_makes_partitions_and_what_reads_them(project):
    answer = project("backfill", "daily", "--partitions", "2024-01-01,2024-01-03")
    assert answer.code == 0
    assert "2 to make in 2 runs" in answer.err
    assert "2 made in" in answer.err
    assert project("load", "daily", "--partition", "2024-01-03").out.endswith("\n3\n")


def test_a_dry_run_prints_the_runs_and_changes_nothing(project):
    answer = project("backfill", "daily", "month", "--all", "--dry-run")
    assert answer.code == 0
    assert "4 runs, 4 to make, 0 fresh; nothing was run" in answer.out
    runs = json.loads(project("backfill", "daily", "--partitions", "2024-01-02", "--dry-run", "--json").out)
    assert runs == {"runs": [{"assets": ["daily"], "partitions": ["2024-01-02"]}], "fresh": 0}
    assert not (project.folder / ".mlorch").exists()


def test_what_is_missing_and_what_failed(project):
    project("backfill", "daily", "--partitions", "2024-01-01")
    project.edit("shop.py", "return context.partition_time_window.start.day", "raise ValueError('bad day')")
    answer = project("backfill", "daily", "--missing")
    assert answer.code == 1
    assert "failed   daily[2024-01-02]  ValueError" in answer.err
    assert "2 failed" in answer.err
    project.edit("shop.py", "raise ValueError('bad day')", "return 7")
    assert "2 made" in project("backfill", "daily", "--failed").err
    assert "nothing is left to make" in project("backfill", "daily", "--missing").err


def test_mistakes_are_told_before_anything_runs(project):
    answer = project("backfill", "daily")
    assert (answer.code, "say which partitions with --partitions" in answer.err) == (2, True)
    assert project("backfill", "daily", "--missing", "--stale").code == 2
    assert (
        "there is no partition '2023-01-01'" in project("backfill", "daily", "--partitions", "2023-01-01").err
    )
    assert project("backfills", "show").code == 2


def test_backfills_are_listed_and_shown(project):
    project("backfill", "daily", "--all")
    listed = json.loads(project("backfills", "list", "--json").out)
    assert [(one["status"], one["counts"]["made"]) for one in listed] == [("SUCCESS", 3)]
    assert "3 of 3 made" in project("backfills", "list").out
    shown = project("backfills", "show")
    assert "daily: 3 of 3 made  2024-01-01 … 2024-01-03" in shown.out
    answer = project("backfills", "resume")
    assert (answer.code, "nothing to resume" in answer.err) == (2, True)
    assert "ended already: SUCCESS" in project("backfills", "cancel", "last").err


def test_a_failed_backfill_is_resumed(project):
    project.edit(
        "shop.py",
        "return context.partition_time_window.start.day",
        "return 1 // (2 - int(context.partition_key[-1]))",
    )
    assert project("backfill", "daily", "--all", "--tag", "team=ml").code == 1
    project.edit("shop.py", "return 1 // (2 - int(context.partition_key[-1]))", "return 5")
    assert "1 made" in project("backfills", "resume").err
    (one,) = json.loads(project("backfills", "list", "--json").out)
    assert (one["status"], one["counts"]["made"], one["tags"]) == ("SUCCESS", 3, {"team": "ml"})
