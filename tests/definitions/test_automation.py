"""Automation conditions as values, and what takes them."""

from __future__ import annotations

import pickle
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from mlorch import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetOut,
    AssetsDefinition,
    AssetSelection,
    AssetSpec,
    AutomationCondition,
    AutomationConditionSensorDefinition,
    Definitions,
    asset,
    asset_check,
    graph_asset,
    load_assets_from_modules,
    map_asset_specs,
    multi_asset,
    op,
)
from mlorch.errors import InvalidDefinitionError, UserError

EAGER = AutomationCondition.eager()
MISSING = AutomationCondition.missing()
UPDATED = AutomationCondition.newly_updated()
CHANGED = AutomationCondition.data_version_changed()
TEXT: Any = "missing"


# Values


def test_a_condition_is_a_value() -> None:
    assert AutomationCondition.eager() == EAGER
    assert hash(AutomationCondition.eager()) == hash(EAGER)
    assert pickle.loads(pickle.dumps(EAGER)) == EAGER
    assert AutomationCondition.on_missing() != EAGER


def test_what_is_joined_alike_lies_side_by_side() -> None:
    assert ((MISSING & UPDATED) & CHANGED).operands == (MISSING, UPDATED, CHANGED)
    assert ((MISSING | UPDATED) | CHANGED).operands == (MISSING, UPDATED, CHANGED)
    labelled = (MISSING & UPDATED).with_label("both")
    assert (labelled & CHANGED).operands == (labelled, CHANGED)
    assert (~MISSING).operands == (MISSING,)


def test_the_conditions_people_know_have_their_labels() -> None:
    assert EAGER.get_label() == "eager"
    assert AutomationCondition.on_missing().get_label() == "on_missing"
    assert AutomationCondition.on_cron("@daily").get_label() == "on_cron(@daily, UTC)"
    assert AutomationCondition.any_deps_updated().get_label() == "any_deps_updated"


def test_conditions_are_told_as_they_are_written() -> None:
    one = (MISSING & ~UPDATED | EAGER).since(CHANGED).newly_true()
    assert str(one) == "((missing & ~newly_updated) | eager).since(data_version_changed).newly_true()"
    assert str(AutomationCondition.any_deps_match(MISSING)) == "any_deps_match(missing)"


def test_replace_finds_values_names_and_labels_at_any_depth() -> None:
    by_label = EAGER.replace("any_deps_missing", MISSING)
    assert ~MISSING in by_label.operands
    by_name = EAGER.replace("newly_updated", CHANGED)
    assert by_name == EAGER.replace(UPDATED, CHANGED)
    assert by_name != EAGER
    window = AutomationCondition.in_latest_time_window(timedelta(days=7))
    assert window in EAGER.replace(AutomationCondition.in_latest_time_window(), window).operands
    assert EAGER.replace("eager", MISSING) == MISSING
    assert EAGER.replace("nothing of this name", MISSING) == EAGER


def test_without_leaves_one_out() -> None:
    window = AutomationCondition.in_latest_time_window()
    assert window not in EAGER.without(window).operands
    assert len(EAGER.without(window).operands) == len(EAGER.operands) - 1
    with pytest.raises(InvalidDefinitionError, match="not one of three or more"):
        EAGER.without(MISSING)
    with pytest.raises(InvalidDefinitionError, match="not one of three or more"):
        (MISSING & UPDATED).without(MISSING)


def test_allow_and_ignore_reach_what_looks_at_dependencies() -> None:
    raw = AssetSelection.keys("raw")
    narrowed = EAGER.ignore(raw)
    assert narrowed != EAGER
    assert narrowed.replace("any_deps_missing", MISSING) != EAGER.replace("any_deps_missing", MISSING)
    assert MISSING.ignore(raw) == MISSING
    one = AutomationCondition.any_deps_missing()
    assert one.allow(raw).setting("allow") == raw
    assert one.allow(raw).allow(AssetSelection.keys("other")).setting("allow") == raw | AssetSelection.keys(
        "other"
    )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: AutomationCondition.on_cron("every day"), "no cron expression"),
        (lambda: AutomationCondition.on_cron("@daily", "Europe/Berlim"), "Europe/Berlin"),
        (lambda: MISSING & TEXT, "no AutomationCondition"),
        (lambda: MISSING.since(TEXT), "no AutomationCondition"),
        (lambda: AutomationCondition.any_deps_match(TEXT), "no AutomationCondition"),
    ],
    ids=["cron", "zone", "and", "since", "deps"],
)
def test_what_is_no_condition_is_refused(wrong: Any, says: str) -> None:
    with pytest.raises(InvalidDefinitionError, match=says):
        wrong()


# What takes them


def test_assets_take_a_condition() -> None:
    @asset(automation_condition=EAGER)
    def one() -> int:
        return 1

    @multi_asset(specs=[AssetSpec("two", automation_condition=EAGER), AssetSpec("three")])
    def several() -> None: ...

    @multi_asset(outs={"four": AssetOut(automation_condition=EAGER)})
    def outs() -> int:
        return 4

    @op
    def number() -> int:
        return 5

    @graph_asset(automation_condition=EAGER)
    def five() -> Any:
        return number()

    six = AssetsDefinition.from_op(number, automation_conditions_by_output_name={"result": EAGER})
    assert one.spec.automation_condition == EAGER
    assert [several.get_asset_spec(key).automation_condition for key in ("two", "three")] == [EAGER, None]
    assert [each.spec.automation_condition for each in (outs, five, six)] == [EAGER] * 3


def test_checks_take_a_condition() -> None:
    @asset_check(asset="numbers", automation_condition=EAGER)
    def positive() -> AssetCheckResult:
        return AssetCheckResult(passed=True)

    assert positive.check_specs[0].automation_condition == EAGER
    assert AssetCheckSpec("even", asset="numbers", automation_condition=EAGER).automation_condition == EAGER


def test_copies_keep_the_condition_or_get_another() -> None:
    @asset(automation_condition=EAGER)
    def one() -> int:
        return 1

    (grouped,) = map_asset_specs(lambda spec: spec.replace_attributes(group_name="all"), [one])
    (changed,) = map_asset_specs(lambda spec: spec.replace_attributes(automation_condition=None), [one])
    assert grouped.spec.automation_condition == EAGER
    assert changed.spec.automation_condition is None


def test_assets_of_a_module_get_a_condition_where_they_have_none() -> None:
    module = ModuleType("some")
    vars(module).update(one=conditioned("one"), two=asset(name="two")(lambda: 2), three=AssetSpec("three"))
    other = AutomationCondition.on_missing()
    found = {
        one.key.to_user_string(): one
        for one in load_assets_from_modules([module], automation_condition=other)
    }
    assert found["one"].spec.automation_condition == EAGER
    assert found["two"].spec.automation_condition == other
    assert found["three"].automation_condition is None


@pytest.mark.parametrize(
    "declare",
    [
        lambda wrong: AssetSpec("one", automation_condition=wrong),
        lambda wrong: asset(name="one", automation_condition=wrong)(lambda: None),
        lambda wrong: AssetCheckSpec("good", asset="one", automation_condition=wrong),
        lambda wrong: AutomationConditionSensorDefinition("s", target="*", default_condition=wrong),
    ],
    ids=["spec", "asset", "check", "sensor"],
)
def test_what_takes_a_condition_takes_nothing_else(declare: Any) -> None:
    with pytest.raises(InvalidDefinitionError, match=r"AutomationCondition\.eager\(\)"):
        declare("eager")


# Sensors


def conditioned(name: str) -> AssetsDefinition:
    @asset(name=name, automation_condition=EAGER)
    def one() -> int:
        return 1

    return one


def test_there_is_a_sensor_where_something_has_a_condition() -> None:
    @asset
    def plain() -> int:
        return 1

    assert Definitions([plain]).sensors == {}
    (found,) = Definitions([plain, conditioned("one")]).sensors.values()
    assert found.name == "default_automation_condition_sensor"
    assert found.default_status == "STOPPED"


def test_merged_definitions_have_one_such_sensor() -> None:
    merged = Definitions.merge(Definitions([conditioned("one")]), Definitions([conditioned("two")]))
    assert list(merged.sensors) == ["default_automation_condition_sensor"]


def test_who_declares_a_sensor_of_this_name_has_that() -> None:
    own = AutomationConditionSensorDefinition(
        "default_automation_condition_sensor",
        target="*",
        default_status="RUNNING",
        minimum_interval_seconds=5,
    )
    assert Definitions([conditioned("one")], sensors=[own]).sensors == {own.name: own}


def test_its_function_is_the_daemon_s() -> None:
    sensor = AutomationConditionSensorDefinition("own", target="*")
    with pytest.raises(UserError, match="evaluate_automation_conditions"):
        sensor(None)
