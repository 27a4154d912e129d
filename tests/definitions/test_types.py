"""Types of one's own."""

from __future__ import annotations

import pytest

from mlorch import DagsterType, In, Out, TypeCheck, asset, job, materialize, op
from mlorch.definitions.types import PythonObjectDagsterType, check_dagster_type
from mlorch.errors import TypeCheckError

Even = DagsterType(lambda _, value: type(value) is int and value % 2 == 0, name="Even")
Told = DagsterType(lambda _, value: TypeCheck(False, "never fits"), name="Told")
Number = PythonObjectDagsterType((int, float), name="Number")


@op(out=Out(Even))
def four():
    return 4


@op
def three():
    return 3


@op(ins={"number": In(Even)})
def half(number):
    return number // 2


def test_a_value_that_fits_passes_through_inputs_and_outputs():
    @job
    def halves():
        half(four())

    assert halves.execute_in_process().output_for_node("half") == 2


def test_an_input_that_does_not_fit_fails_its_step():
    @job
    def halves():
        half(three())

    result = halves.execute_in_process(raise_on_error=False)
    assert result.failures[0].error["message"].endswith("got 3 where its annotation says Even")


def test_an_asset_may_have_a_type_and_its_reader_another():
    @asset(dagster_type=Even)
    def a():
        return 2

    @asset
    def b(a: Told):  # type: ignore[valid-type]
        return a

    result = materialize([a, b], raise_on_error=False)
    assert [one.asset for one in result.materializations] == ["a"]
    assert r"got 2 (never fits) where its annotation says Told" in result.failures[0].error["message"]


def test_an_output_that_does_not_fit_is_not_kept():
    @asset(dagster_type=Even)
    def a():
        return 3

    with pytest.raises(TypeCheckError, match="asset 'a' returned 3 where its annotation says Even"):
        materialize([a])


def test_a_type_is_asked_in_a_test():
    assert check_dagster_type(Number, 0.5).success
    assert check_dagster_type(Number, "x") == TypeCheck(False, "it is a str")
