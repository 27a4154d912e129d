"""Checks in the functions of assets, and what is recorded of them."""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa
import pytest
from pandera.typing import DataFrame

from mlorch import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetOut,
    Instance,
    MaterializeResult,
    Output,
    RetryPolicy,
    asset,
    asset_check,
    graph_asset,
    materialize,
    multi_asset,
    op,
)
from mlorch.errors import AssetCheckFailedError, SchemaError, TypeCheckError

FINE = AssetCheckSpec("fine", asset="made", description="It is fine.")


def made_with(*results, spec=FINE, **options):
    @asset(check_specs=[spec], **options)
    def made():
        yield Output(1)
        yield from results

    return made


def test_the_result_of_an_inline_check_is_about_the_value_that_was_made():
    result = materialize([made_with(AssetCheckResult(passed=True, metadata={"rows": 3}))])
    (fact,) = result.checks
    assert (fact.asset, fact.check, fact.passed, fact.metadata) == ("made", "fine", True, {"rows": 3})
    assert fact.data_version == result.materializations[0].data_version
    assert (fact.is_blocking, fact.severity) == (False, "ERROR")


def test_a_declared_check_without_a_result_fails_the_step():
    with pytest.raises(TypeCheckError, match="asset 'made' gave no result of its check 'fine'"):
        materialize([made_with()])


def test_a_result_that_is_not_declared_fails_the_step():
    with pytest.raises(TypeCheckError, match=r"the check 'other', which it does not declare.*made:fine"):
        materialize([made_with(AssetCheckResult(True, check_name="other"))])


def test_two_results_of_one_check_fail_the_step():
    with pytest.raises(TypeCheckError, match="two results of the check 'fine'"):
        materialize([made_with(AssetCheckResult(True), AssetCheckResult(True))])


def test_a_blocking_check_fails_the_step_after_the_value_is_kept_and_is_not_tried_again():
    spec = AssetCheckSpec("fine", asset="made", blocking=True)

    @asset
    def below(made): ...

    made = made_with(AssetCheckResult(passed=False), spec=spec, retry_policy=RetryPolicy(3))
    result = materialize([made, below], raise_on_error=False)
    assert [one.asset for one in result.materializations] == ["made"]
    assert result.failures[0].attempt == 1
    assert [one.step for one in result.skipped] == ["below"]
    with pytest.raises(AssetCheckFailedError, match="made:fine"):
        result.raise_failure()


def test_a_blocking_check_that_only_warns_stops_nothing():
    spec = AssetCheckSpec("fine", asset="made", blocking=True)
    failed = AssetCheckResult(passed=False, severity=AssetCheckSeverity.WARN)
    assert materialize([made_with(failed, spec=spec)]).success


def test_results_may_come_with_the_asset():
    @asset(check_specs=[FINE])
    def made():
        return MaterializeResult(check_results=[AssetCheckResult(passed=False, description="no")])

    (one,) = materialize([made]).get_asset_check_evaluations()
    assert (one.check_name, one.passed, one.description) == ("fine", False, "no")


def test_an_optional_asset_that_was_not_made_owes_no_results():
    @multi_asset(
        outs={"one": AssetOut(), "two": AssetOut(is_required=False)},
        check_specs=[AssetCheckSpec("c", asset="one"), AssetCheckSpec("c", asset="two")],
    )
    def several():
        yield Output(1, "one")
        yield AssetCheckResult(True, "one")

    assert [one.asset for one in materialize([several]).checks] == ["one"]


def test_an_op_in_the_graph_of_an_asset_gives_its_check():
    @op
    def make():
        return 4

    @op
    def look(value):
        return AssetCheckResult(passed=value == 4)

    @graph_asset(check_specs=[AssetCheckSpec("four", asset="built")])
    def built():
        value = make()
        return {"result": value, "built_four": look(value)}

    result = materialize([built])
    (fact,) = result.checks
    assert (fact.step, fact.asset, fact.passed) == ("built.look", "built", True)
    assert fact.data_version == result.materializations[0].data_version


def test_a_check_has_to_give_a_result():
    @asset
    def made():
        return 1

    @asset_check(asset=made)
    def silent():
        return True

    with pytest.raises(TypeCheckError, match="check 'made_silent' gave no result of its check 'silent'"):
        materialize([made, silent])


def test_a_check_may_ask_the_instance_for_what_was_made_a_moment_ago(tmp_path):
    @asset
    def made():
        return MaterializeResult(metadata={"rows": 5})

    @asset_check(asset=made)
    def enough(context):
        last = context.instance.get_latest_materialization_event("made")
        return AssetCheckResult(passed=last.run_id == context.run_id and last.fact.metadata["rows"] > 4)

    with Instance.local(tmp_path) as instance:
        result = materialize([made, enough], instance=instance)
        found = instance.get_latest_asset_check_evaluation(enough.check_key)
    assert found.passed
    assert found == result.get_asset_check_evaluations()[0]


class Rows(pa.DataFrameModel):
    amount: int = pa.Field(gt=0)


def table(*amounts):
    @asset
    def frame() -> DataFrame[Rows]:
        return pd.DataFrame({"amount": amounts})  # type: ignore[return-value]

    return frame


def test_a_schema_is_a_check_that_passed():
    result = materialize([table(1, 2, 3)])
    (fact,) = result.checks
    assert (fact.check, fact.passed, fact.data_version) == (
        "schema",
        True,
        result.materializations[0].data_version,
    )
    assert fact.metadata == {
        "schema": "Rows",
        "rows": 3,
        "failures": 0,
        "counts": [["amount", "int64", 0], ["amount", "greater_than(0)", 0]],
    }


def test_a_schema_is_a_check_that_failed_with_samples():
    result = materialize([table(1, -2)], raise_on_error=False)
    with pytest.raises(SchemaError):
        result.raise_failure()
    (fact,) = result.checks
    assert (fact.asset, fact.check, fact.passed, fact.data_version) == ("frame", "schema", False, None)
    assert (fact.metadata["failures"], len(fact.metadata["samples"])) == (1, 1)


def test_an_asset_without_a_schema_records_no_check():
    assert materialize([asset(name="plain")(lambda: 1)]).checks == []
