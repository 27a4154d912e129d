"""Functions that make several assets."""

from __future__ import annotations

import pickle

import pytest

from mlorch import (
    AssetIn,
    AssetKey,
    AssetOut,
    AssetSpec,
    BackfillPolicy,
    DataVersion,
    Definitions,
    Instance,
    MaterializeResult,
    Output,
    StaticPartitionsDefinition,
    asset,
    materialize,
    multi_asset,
)
from mlorch.app.materializing import Request, run_request
from mlorch.app.targets import Partitions
from mlorch.errors import InvalidDefinitionError, InvalidSelectionError, TypeCheckError
from mlorch.planning.versions import data_version

OPTIONAL = AssetOut(is_required=False)
PAIR = {"a": AssetOut(), "b": AssetOut()}


def made(result):
    return [one.asset for one in result.materializations]


def message(result):
    return result.failures[0].error["message"]


@multi_asset(outs={"a": OPTIONAL, "b": OPTIONAL}, can_subset=True)
def chosen(context):
    for name in sorted(context.selected_output_names):
        yield Output(name, name)


@multi_asset(outs={"first": AssetOut(key_prefix="p"), "second": AssetOut(key=["q", "r"])}, group_name="g")
def placed() -> tuple[int, str]:
    """What it is for."""
    return 1, "2"


def test_outs_have_keys_prefixes_groups_and_the_types_of_a_tuple():
    assert placed.keys == {AssetKey(["p", "first"]), AssetKey(["q", "r"])}
    assert {spec.group_name for spec in placed.specs.values()} == {"g"}
    assert [out.dagster_type for out in placed.op.outs.values()] == [int, str]
    assert placed.get_asset_spec("q/r").description == "What it is for."
    result = materialize([placed])
    assert (result.asset_value("p/first"), result.asset_value("q/r")) == (1, "2")


def test_a_value_that_does_not_fit_its_part_of_the_tuple_is_refused_after_what_did():
    @multi_asset(outs=PAIR)
    def both() -> tuple[int, str]:
        return 1, 2  # type: ignore[return-value]

    result = materialize([both], raise_on_error=False)
    assert made(result) == ["a"]
    assert "returned int where its annotation says str" in message(result)


@pytest.mark.parametrize("selection", [["a"], ["b"], ["a", "b"]])
def test_a_subset_is_made_of_what_is_asked_for(selection):
    result = materialize([chosen], selection=selection)
    assert made(result) == selection
    assert [one.step for one in result.materializations] == ["chosen"] * len(selection)


def test_what_was_not_asked_for_is_refused():
    @multi_asset(outs={"a": OPTIONAL, "b": OPTIONAL}, can_subset=True)
    def both():
        yield Output(1, "a")
        yield Output(2, "b")

    result = materialize([both], selection=["a"], raise_on_error=False)
    assert made(result) == ["a"]
    assert "gave its output 'b', which was not asked for" in message(result)


def test_what_is_made_together_is_selected_together():
    @multi_asset(outs=PAIR)
    def both():
        return 1, 2

    with pytest.raises(InvalidSelectionError, match="'both' makes 'a' only together with 'b'"):
        materialize([both], selection=["a"])


def test_below_what_stays_away_nothing_is_made_and_the_run_succeeds():
    @multi_asset(outs={"a": OPTIONAL, "b": OPTIONAL})
    def some():
        yield Output(1, "a")

    @asset
    def below_a(a):
        return a

    @asset
    def below_b(b):
        return b

    @asset(deps=[below_b])
    def further():
        return 1

    result = materialize([some, below_a, below_b, further])
    assert result.success
    assert made(result) == ["a", "below_a"]
    assert sorted(one.asset for one in result.skipped) == ["below_b", "further"]


def test_what_came_before_a_failure_stays_and_what_is_below_waits():
    @multi_asset(outs=PAIR)
    def half():
        yield Output(1, "a")
        raise ValueError("broke")

    @asset
    def below(a):
        return a

    result = materialize([half, below], raise_on_error=False)
    assert made(result) == ["a"]
    assert [one.asset for one in result.failures] == ["a"]
    assert result.failures[0].failed == (("a", None), ("b", None))
    assert result.asset_value("a") == 1


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ([Output(1, "a")], "did not give its output 'b'"),
        ([Output(1, "c")], r"no output 'c' \(it has: a, b\)"),
        ([Output(1, "a"), Output(1, "a")], "gave its output 'a' twice"),
        ([1], r"yielded 1; with several outputs it has to be Output\(value, output_name=…\)"),
        ([MaterializeResult("c")], r"does not make the asset 'c' \(it makes: a, b\)"),
        ([MaterializeResult()], r"makes several assets; say which with MaterializeResult\(asset_key=…\)"),
    ],
)
def test_what_is_given_has_to_be_what_is_declared(outputs, said):
    @multi_asset(outs=PAIR)
    def both():
        yield from outputs

    with pytest.raises(TypeCheckError, match=said):
        materialize([both])


@pytest.mark.parametrize("returned", [1, {"a": 1, "b": 2}, (1, 2, 3)])
def test_several_outputs_are_returned_as_a_tuple(returned):
    @multi_asset(outs=PAIR)
    def both():
        return returned

    with pytest.raises(TypeCheckError, match=r"has the outputs a, b and returned .*; return a tuple of 2"):
        materialize([both])


def test_specs_are_made_when_the_function_ends_unless_they_may_be_skipped():
    @multi_asset(specs=[AssetSpec("a"), AssetSpec("b"), AssetSpec("c", skippable=True)])
    def tables():
        yield MaterializeResult("b", metadata={"rows": 1})

    assert made(materialize([tables])) == ["b", "a"]


def test_a_sibling_has_the_version_that_was_just_made():
    version = {"now": "1"}

    @multi_asset(specs=[AssetSpec("a"), AssetSpec("b", deps=["a"], code_version="1")])
    def tables():
        yield MaterializeResult("a", data_version=DataVersion(version["now"]))
        yield MaterializeResult("b")

    instance = Instance.ephemeral()
    for now in ("1", "2"):
        version["now"] = now
        below = materialize([tables], instance=instance).materializations[1]
        assert [one[:3] for one in below.inputs] == [("a", None, now)]
        assert below.data_version == data_version("b", None, "1", None, below.inputs)


def test_siblings_come_in_the_order_of_their_dependencies():
    @multi_asset(specs=[AssetSpec("a"), AssetSpec("b", deps=["a"])])
    def tables():
        yield MaterializeResult("b")
        yield MaterializeResult("a")

    result = materialize([tables], raise_on_error=False)
    assert made(result) == ["b"]
    assert "gave b before a, on which it depends" in message(result)


def test_a_subset_below_a_sibling_reads_its_recorded_version():
    @multi_asset(
        specs=[AssetSpec("a", skippable=True), AssetSpec("b", deps=["a"], skippable=True)], can_subset=True
    )
    def tables(context):
        for key in sorted(context.selected_asset_keys):
            yield MaterializeResult(key)

    instance = Instance.ephemeral()
    first = materialize([tables], instance=instance).materializations[0]
    second = materialize([tables], instance=instance, selection=["b"]).materializations
    assert [one.asset for one in second] == ["b"]
    assert second[0].inputs[0].data_version == first.data_version


def edges(definition):
    return {
        str(key): sorted(one.key for one in definition.dependencies_of(str(key))) for key in definition.keys
    }


def test_all_read_all_unless_internal_deps_say_otherwise():
    @multi_asset(outs=PAIR, deps=["order"])
    def plain(up):
        return 1, 2

    @multi_asset(outs=PAIR, internal_asset_deps={"a": {AssetKey("up")}, "b": {AssetKey("a")}})
    def inner(up):
        return 1, 2

    @multi_asset(outs=PAIR, internal_asset_deps={"b": {AssetKey("a")}})
    def partly(up):
        return 1, 2

    assert edges(plain) == {"a": ["order", "up"], "b": ["order", "up"]}
    assert edges(inner) == {"a": ["up"], "b": ["a"]}
    assert edges(partly) == {"a": ["up"], "b": ["a"]}


def test_specs_have_their_own_deps_and_the_arguments_that_none_of_them_names():
    @multi_asset(
        specs=[AssetSpec("a", deps=["x"]), AssetSpec("b", deps=["a"])],
        ins={"given": AssetIn(key="elsewhere")},
    )
    def tables(given): ...

    assert edges(tables) == {"a": ["elsewhere", "x"], "b": ["a", "elsewhere"]}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, r"give outs=\{NAME: AssetOut\(…\)\} or specs=\[AssetSpec\(…\)\]"),
        ({"outs": PAIR, "specs": [AssetSpec("x")]}, "give outs=.* or specs="),
        ({"outs": PAIR, "internal_asset_deps": {"c": set()}}, "internal_asset_deps names 'c'"),
        (
            {"outs": PAIR, "internal_asset_deps": {"b": {AssetKey("upp")}}},
            "of 'b' names 'upp', which it neither reads nor makes; did you mean 'up'",
        ),
        ({"specs": [AssetSpec("x"), AssetSpec("x")]}, "two specs have the key 'x'"),
        ({"outs": {"a": AssetOut(), "b": AssetOut(key="a")}}, "makes 'a' twice"),
        ({"outs": PAIR, "nme": "x"}, "@multi_asset has no argument 'nme'"),
        (
            {"specs": [AssetSpec("x"), AssetSpec("y", partitions_def=StaticPartitionsDefinition(["1"]))]},
            "all its assets are made together and need one partitions_def",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(options, said):
    with pytest.raises(InvalidDefinitionError, match=said):

        @multi_asset(**options)
        def both(up):
            return 1, 2


def test_a_key_is_declared_once_among_all_definitions():
    @asset
    def a():
        return 1

    with pytest.raises(InvalidDefinitionError, match="asset key 'a' is declared twice"):
        Definitions([a, chosen])


def test_one_stale_asset_makes_the_function_run_and_with_can_subset_only_it_is_made():
    calls = []

    def declare(can_subset, version):
        @multi_asset(
            outs={"a": AssetOut(code_version="1"), "b": AssetOut(code_version=version)}, can_subset=can_subset
        )
        def both(context):
            calls.append(sorted(context.selected_output_names))
            for name in sorted(context.selected_output_names):
                yield Output(1, name)

        return both

    for can_subset, again in ((True, ["b"]), (False, ["a", "b"])):
        calls.clear()
        instance = Instance.ephemeral()
        for version in ("1", "1", "2"):
            materialize([declare(can_subset, version)], instance=instance, only_stale=True)
        assert calls == [["a", "b"], again]


SOME = StaticPartitionsDefinition(["1", "2", "3"])


def test_several_partitions_of_several_assets_are_made_by_one_call():
    calls = []

    @multi_asset(outs=PAIR, partitions_def=SOME, backfill_policy=BackfillPolicy.single_run())
    def both(context):
        calls.append(list(context.partition_keys))
        by_key = {key: int(key) for key in context.partition_keys}
        return by_key, {key: -value for key, value in by_key.items()}

    instance = Instance.ephemeral()
    result = run_request(Definitions([both]), instance, Request(partitions=Partitions(all=True)))
    result.raise_failure()
    assert calls == [["1", "2", "3"]]
    assert len(result.materializations) == 6
    assert result.asset_value("b", "2") == -2


def test_a_partition_of_several_assets_is_made_by_one_call():
    @multi_asset(outs=PAIR, partitions_def=SOME)
    def both(context):
        return context.partition_key, context.partition_key * 2

    result = materialize([both], partition_key="2")
    assert (result.asset_value("a"), result.asset_value("b")) == ("2", "22")


@multi_asset(specs=[AssetSpec("x"), AssetSpec(["p", "y"])])
def importable(): ...


def test_it_travels_to_other_processes_by_its_name():
    assert pickle.loads(pickle.dumps(importable)) is importable


def test_calling_it_calls_the_function():
    assert placed() == (1, "2")
