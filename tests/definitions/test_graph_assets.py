"""Assets that graphs of ops make."""

from __future__ import annotations

import pickle

import pytest

from mlorch import (
    AUTO,
    CONTENT,
    AssetIn,
    AssetKey,
    AssetOut,
    AssetsDefinition,
    Config,
    Definitions,
    GraphOut,
    Instance,
    Out,
    Output,
    asset,
    graph,
    graph_asset,
    graph_multi_asset,
    materialize,
    op,
)
from mlorch.errors import InvalidDefinitionError, InvalidSelectionError
from mlorch.planning.versions import Declarations


@op
def one():
    return 1


@op
def plus_one(x):
    return x + 1


@op
def add(a, b):
    return a + b


@op(out={"x": Out(is_required=False), "y": Out(is_required=False)})
def first_only():
    yield Output(1, "x")


@graph_asset
def importable():
    return plus_one(one())


def made(result):
    return [one.asset for one in result.materializations]


def test_each_op_is_a_step_and_the_last_gives_the_asset():
    @asset
    def up():
        return 10

    @graph_asset(group_name="g", ins={"given": AssetIn(key="up")}, kinds={"python"})
    def total(given):
        """What it is."""
        return add(plus_one(given), one())

    result = materialize([up, total])
    steps = [fact.step for fact in result.all_events if fact.kind == "step_started"]
    assert sorted(steps) == ["total.add", "total.one", "total.plus_one", "up"]
    assert result.asset_value("total") == 12
    assert result.output_for_node("total.plus_one") == 11
    assert [one.asset for one in result.materializations[1].inputs] == ["up"]
    spec = total.spec
    assert (spec.group_name, spec.kinds, spec.description) == (
        "g",
        ("python",),
        "What it is.",
    )


def test_a_graph_makes_several_assets_and_all_of_them_together():
    @graph_multi_asset(outs={"low": AssetOut(), "high": AssetOut(key_prefix="p")}, group_name="g")
    def both():
        low = one()
        return {"low": low, "high": plus_one(low)}

    result = materialize([both])
    assert (result.asset_value("low"), result.asset_value("p/high")) == (1, 2)
    assert {spec.group_name for spec in both.specs.values()} == {"g"}
    with pytest.raises(InvalidSelectionError, match="'both' makes 'low' only together with 'p/high'"):
        materialize([both], selection=["low"])


def test_of_a_subset_only_what_is_asked_for_is_recorded():
    @graph_multi_asset(outs={"low": AssetOut(), "high": AssetOut()}, can_subset=True)
    def both():
        return {"low": one(), "high": plus_one(one())}

    assert made(materialize([both], selection=["high"])) == ["high"]
    assert sorted(made(materialize([both]))) == ["high", "low"]


def test_an_output_that_stays_away_is_not_made_and_nothing_below_it():
    @graph_multi_asset(outs={"x": AssetOut(is_required=False), "y": AssetOut(is_required=False)})
    def both():
        x, y = first_only()
        return {"x": x, "y": y}

    @asset
    def below(y):
        return y

    result = materialize([both, below])
    assert result.success
    assert made(result) == ["x"]


def test_an_op_that_fails_fails_the_asset_and_blocks_what_is_below():
    @op
    def broken(x):
        raise ValueError("broke")

    @graph_asset
    def total():
        return broken(one())

    @asset
    def below(total):
        return total

    result = materialize([total, below], raise_on_error=False)
    assert made(result) == []
    assert [one.step for one in result.failures] == ["total.broken"]
    assert [one.asset for one in result.skipped] == ["below"]


class Rate(Config):
    rate: int = 1


@op
def scaled(config: Rate, x):
    return config.rate * x


def test_the_config_of_an_op_is_that_of_the_asset_and_makes_another_version():
    @graph_asset(code_version="1")
    def total():
        return scaled(one())

    instance = Instance.ephemeral()
    config = {"ops": {"total": {"ops": {"scaled": {"config": {"rate": 5}}}}}}
    plain = materialize([total], instance=instance)
    other = materialize([total], instance=instance, run_config=config)
    assert (plain.asset_value("total"), other.asset_value("total")) == (1, 5)
    versions = [one.data_version for result in (plain, other) for one in result.materializations]
    assert len(set(versions)) == 2
    assert other.materializations[0].config == {"scaled": {"rate": 5}}


def fingerprint(definition):
    return Declarations(Definitions([definition]).graph)[str(definition.key)].code_version


def test_its_fingerprint_changes_with_an_inner_op_and_with_the_wiring_and_not_otherwise():
    def declare(step, wired):
        @op
        def changed(x):
            return step(x)

        @graph_asset(name="total", code_version=AUTO)
        def total():
            return wired(changed, one())

        return fingerprint(total)

    def double(x):
        return x * 2

    def triple(x):
        return x * 3

    def once(changed, x):
        return changed(x)

    def twice(changed, x):
        return plus_one(changed(x))

    assert declare(double, once) == declare(double, once)
    assert len({declare(double, once), declare(triple, once), declare(double, twice)}) == 3


def test_only_what_is_stale_is_made_and_equal_bytes_stop_what_is_below():
    runs = []

    def declare(version):
        @op
        def noted():
            runs.append("op")
            return 7

        @graph_asset(code_version=version)
        def total():
            return noted()

        @asset(code_version="1")
        def below(total):
            runs.append("below")
            return total

        return [total, below]

    instance = Instance.ephemeral()
    for version in ("1", "1", "2"):
        materialize(declare(version), instance=instance, only_stale=True)
    assert runs == ["op", "below", "op", "below"]


def test_assets_of_an_op_have_its_name_or_those_of_its_outputs():
    @op(code_version="3")
    def model():
        return 5

    @op(out={"train": Out(), "test": Out(code_version="9")})
    def split():
        return [1], [2]

    one_asset = AssetsDefinition.from_op(model, group_name="g", key_prefix="p")
    assert materialize([one_asset]).asset_value("p/model") == 5
    assert (one_asset.spec.code_version, one_asset.spec.group_name) == ("3", "g")
    several = AssetsDefinition.from_op(
        split, keys_by_output_name={"test": AssetKey("held")}, tags_by_output_name={"train": {"a": "b"}}
    )
    assert several.keys_by_output_name == {"train": AssetKey("train"), "test": AssetKey("held")}
    assert several.get_asset_spec("held").code_version == "9"
    assert several.get_asset_spec("train").tags == {"a": "b"}
    assert materialize([several]).asset_value("held") == [2]


def test_assets_of_a_graph_read_what_its_inputs_are():
    @graph(out={"low": GraphOut(), "high": GraphOut()})
    def both(x):
        low = plus_one(x)
        return {"low": low, "high": plus_one(low)}

    @asset
    def up():
        return 1

    definition = AssetsDefinition.from_graph(
        both,
        keys_by_input_name={"x": AssetKey("up")},
        keys_by_output_name={"low": AssetKey("l"), "high": AssetKey("h")},
        internal_asset_deps={"high": {AssetKey("l")}},
    )
    assert {one.key for one in definition.dependencies_of("h")} == {"l"}
    assert {one.key for one in definition.dependencies_of("l")} == {"up"}
    result = materialize([up, definition])
    assert (result.asset_value("l"), result.asset_value("h")) == (2, 3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"keys_by_input_name": {"y": AssetKey("up")}}, "<op plus_one> has no input or output 'y'"),
        ({"keys_by_output_name": {"rsult": AssetKey("up")}}, "did you mean 'result'"),
        ({"group": "g"}, "from_op has no argument 'group'"),
    ],
)
def test_what_does_not_fit_an_op_is_refused_by_name(options, said):
    with pytest.raises(InvalidDefinitionError, match=said):
        AssetsDefinition.from_op(plus_one, **options)


def test_equal_bytes_are_one_version_where_content_gives_it():
    @graph_asset(data_version=CONTENT)
    def total():
        return plus_one(one())

    @graph_multi_asset(outs={"low": AssetOut(), "high": AssetOut()}, data_version=CONTENT)
    def both():
        return {"low": one(), "high": plus_one(one())}

    made = {one.asset: one.data_version for one in materialize([total, both]).materializations}
    assert made["total"] == made["high"] != made["low"]
    with pytest.raises(InvalidDefinitionError, match="data_version can be CONTENT"):

        @graph_asset(data_version="1")  # type: ignore[call-overload]
        def other():
            return one()


@pytest.mark.parametrize(
    ("returned", "said"), [(None, "'total' returns nothing"), (3, "returns 3 for its output")]
)
def test_a_graph_that_returns_no_output_of_an_op_is_refused(returned, said):
    with pytest.raises(InvalidDefinitionError, match=said):

        @graph_asset
        def total():
            one()
            return returned


def test_it_travels_to_other_processes_by_its_name():
    assert pickle.loads(pickle.dumps(importable)) is importable
    assert materialize([importable]).asset_value("importable") == 2
