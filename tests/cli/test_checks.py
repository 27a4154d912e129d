"""mlorch checks: list, show, run; and what status, runs and assets say of checks and freshness."""

from __future__ import annotations

import json

import pytest

CHECKED = """\
from datetime import timedelta

from mlorch import (
    AssetCheckResult, AssetCheckSeverity, Definitions, FreshnessPolicy, asset, asset_check,
)


@asset(freshness_policy=FreshnessPolicy.time_window(timedelta(hours=1)))
def orders() -> list[int]:
    return [1, 2, 3]


@asset
def report(orders: list[int]) -> int:
    return sum(orders)


@asset_check(asset=orders, description="No order is negative.")
def positive(orders: list[int]) -> AssetCheckResult:
    return AssetCheckResult(passed=min(orders) > 0, metadata={"least": min(orders)})


@asset_check(asset=orders)
def many(orders: list[int]) -> AssetCheckResult:
    return AssetCheckResult(len(orders) > 5, severity=AssetCheckSeverity.WARN, description="only a few")


defs = Definitions(assets=[orders, report], asset_checks=[positive, many])
"""


@pytest.fixture
def shop(project):
    project.write("shop.py", CHECKED)
    return project


def test_checks_run_with_their_asset_and_are_listed(shop):
    listed = json.loads(shop("checks", "list", "--json").out)
    assert {one["check"]: one["status"] for one in listed} == {"positive": "NEVER", "many": "NEVER"}
    done = shop("materialize")
    assert done.code == 0
    assert "check    orders:many  warns: only a few" in done.err
    lines = {line.split()[1]: line for line in shop("checks", "list").out.splitlines()[1:]}
    assert "passed" in lines["positive"]
    assert "warn" in lines["many"]


def test_status_tells_of_failing_checks_and_of_freshness(shop):
    assert "UNKNOWN" in shop("status").out
    shop("materialize")
    lines = {line.split()[0]: line for line in shop("status").out.splitlines()}
    assert "PASS" in lines["orders"]
    assert "check many warns" in lines["orders"]
    found = {one["asset"]: one for one in json.loads(shop("status", "--json").out)}
    assert found["orders"]["failing_checks"] == {"many": "WARN"}
    assert (found["orders"]["freshness"], found["report"]["freshness"]) == ("PASS", "NOT_APPLICABLE")


def test_status_has_no_freshness_where_no_asset_has_a_policy(project):
    assert "freshness" not in project("status").out


def test_checks_alone_are_run_without_making_anything(shop):
    assert "never materialized" in shop("checks", "run", "orders").err
    shop("materialize", "orders")
    shop.edit("shop.py", "min(orders) > 0", "min(orders) > 2")
    done = shop("checks", "run", "orders", "--check", "positive", "--json")
    assert done.code == 1
    found = json.loads(done.out)
    assert found["materializations"] == []
    assert [one["check"] for one in found["checks"]] == ["positive"]
    assert "there" not in shop("checks", "run", "report").out
    assert "did you mean 'positive'" in shop("checks", "run", "--check", "positiv").err


def test_a_check_is_shown_with_what_it_recorded(shop):
    shop("materialize")
    out = shop("checks", "show", "orders", "positive").out
    assert "No order is negative." in out
    assert "least: 1" in out
    assert "positive" in shop("checks", "show", "orders", "positiv").err
    assert "positive  passed" in shop("assets", "show", "orders").out
    assert "check    orders:positive  passed" in shop("runs", "show").out
