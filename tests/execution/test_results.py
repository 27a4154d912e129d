"""What functions give back, in every form that is read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlorch import (
    AssetMaterialization,
    AssetObservation,
    DataVersion,
    DynamicOut,
    DynamicOutput,
    ExpectationResult,
    Instance,
    MaterializeResult,
    MetadataValue,
    Out,
    Output,
    asset,
    job,
    materialize,
    op,
)
from mlorch.errors import TypeCheckError


def value_of(function):
    return materialize([asset(name="it")(function)]).asset_value("it")


def given_by(*results):
    def returned():
        return results[0]

    def yielded():
        yield from results

    return [returned, yielded] if len(results) == 1 else [yielded]


@pytest.mark.parametrize(
    ("result", "value"),
    [
        (Output(3), 3),
        (MaterializeResult(value=3), 3),
        (MaterializeResult(), None),
        (Output(None), None),
        ((1, 2), (1, 2)),
        ([Output, 1], [Output, 1]),
        ({}, {}),
    ],
    ids=repr,
)
def test_one_result_is_read_returned_or_yielded(result, value):
    assert [value_of(function) for function in given_by(result)] == [value, value]


def test_a_plain_tuple_is_the_value_of_the_one_output_and_the_values_of_several():
    @op
    def pair():
        return 1, 2

    @op(out={"a": Out(), "b": Out()})
    def two():
        return 1, 2

    @job
    def both():
        pair()
        two()

    result = both.execute_in_process()
    assert tuple(result.output_for_node("pair")) == (1, 2)
    assert (result.output_for_node("two", "a"), result.output_for_node("two", "b")) == (1, 2)


def test_outputs_in_a_tuple_that_name_none_are_those_at_their_places():
    @op(out={"a": Out(), "b": Out()})
    def two():
        return Output(1), Output(2, metadata={"x": 1})

    @op(out={"a": Out(), "b": Out()})
    def turned():
        return Output(2, "b"), Output(1, "a")

    @job
    def both():
        two()
        turned()

    result = both.execute_in_process()
    for name in ("two", "turned"):
        assert (result.output_for_node(name, "a"), result.output_for_node(name, "b")) == (1, 2)


def test_what_is_said_beside_the_value_is_recorded_in_its_order():
    @asset
    def it() -> Iterator[object]:
        yield AssetMaterialization("elsewhere", metadata={"link": MetadataValue.url("https://x")})
        yield AssetObservation("seen", tags={"dagster/data_version": "5"})
        yield ExpectationResult(False, "enough rows", "3 are few", {"rows": 3})
        yield Output(1, metadata={"rows": 3}, data_version=DataVersion("v"))

    instance = Instance.ephemeral()
    result = materialize([it], instance=instance)
    kinds = [one.kind for one in result.all_events]
    said = [one for one in kinds if one not in ("run_started", "step_started", "run_finished")]
    assert said == ["asset_materialized", "asset_observed", "check_evaluated", "asset_materialized"]
    elsewhere = instance.get_latest_materialization_event("elsewhere").asset_materialization
    assert elsewhere.metadata["link"].kind == "url"
    assert instance.get_latest_data_version_record("seen").data_version == "5"
    check = result.checks[0]
    assert (check.check, check.passed, check.severity, check.metadata) == (
        "enough rows",
        False,
        "WARN",
        {"rows": 3},
    )
    assert result.success
    assert result.materializations[-1].data_version == "v"


def test_what_an_op_does_not_have_is_refused_with_what_it_has():
    @op(out={"a": Out(), "b": Out(is_required=False)})
    def two():
        yield Output(1, "c")

    @job
    def it():
        two()

    with pytest.raises(TypeCheckError, match=r"op 'two' has no output 'c' \(it has: a, b\)"):
        it.execute_in_process()


def test_a_mapping_key_is_given_once():
    @op(out=DynamicOut())
    def several():
        yield DynamicOutput(1, "a")
        yield DynamicOutput(2, "a")

    @job
    def it():
        several()

    with pytest.raises(TypeCheckError, match="gave its output 'result' with the mapping_key 'a' twice"):
        it.execute_in_process()


def test_an_optional_output_of_which_nothing_is_said_stays_away():
    @asset(output_required=False)
    def perhaps():
        if False:
            yield Output(1)

    @asset
    def below(perhaps):
        return perhaps

    result = materialize([perhaps, below])
    assert result.success
    assert result.materializations == []
    assert [one.asset for one in result.skipped] == ["below"]
