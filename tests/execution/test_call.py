"""A call is complete in itself: definitions of every kind travel, also those made inside of functions."""

from __future__ import annotations

from importlib import import_module

from mlorch import Instance
from mlorch.app.materializing import Request, run_request

DECLARED = """\
from mlorch import (
    AUTO,
    AssetOut,
    AssetsDefinition,
    AssetSpec,
    DagsterType,
    Definitions,
    MetadataValue,
    Out,
    Output,
    asset,
    graph_asset,
    graph_multi_asset,
    multi_asset,
    op,
)


def declare():
    whole = DagsterType(lambda _, value: isinstance(value, int), name="Whole")

    @op
    def one():
        return 1

    @op(out=Out(whole))
    def plus_one(x):
        return x + 1

    @op
    def five():
        return 5

    @graph_asset(code_version=AUTO)
    def two():
        return plus_one(one())

    @graph_multi_asset(outs={"low": AssetOut(), "high": AssetOut()})
    def both():
        low = one()
        return {"low": low, "high": plus_one(low)}

    @multi_asset(outs={"a": AssetOut(is_required=False), "b": AssetOut(is_required=False)}, can_subset=True)
    def some(context):
        for name in sorted(context.selected_output_names):
            yield Output(name, name, metadata={"link": MetadataValue.url("https://x")})

    outside = AssetsDefinition(specs=[AssetSpec("raw"), AssetSpec("clean", deps=["raw"])])

    @asset(deps=["clean"])
    def all_of_them(two, a, high, five):
        return [two, a, high, five]

    tagged = [one.map_asset_specs(lambda spec: spec.merge_attributes(tags={"q": "1"})) for one in (two, some)]
    return Definitions([*tagged, both, AssetsDefinition.from_op(five), outside, all_of_them])
"""


def test_definitions_made_inside_of_a_function_travel_to_worker_processes(tmp_path, monkeypatch):
    (tmp_path / "declared_inside.py").write_text(DECLARED)
    monkeypatch.syspath_prepend(tmp_path)
    definitions = import_module("declared_inside").declare()
    with Instance.local(tmp_path) as instance:
        result = run_request(definitions, instance, Request(executor="processes", workers=1))
        assert [one.error["message"] for one in result.failures] == []
        assert result.asset_value("all_of_them") == [2, "a", 2, 5]
        made = {one.asset: one for one in result.materializations}
        assert made["two"].definition["tags"] == {"q": "1"}
        assert made["a"].metadata == {"link": {"$metadata": "url", "value": "https://x"}}
