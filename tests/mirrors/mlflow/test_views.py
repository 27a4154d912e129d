"""Prepared views, in the form that MLflow's interface reads."""

from __future__ import annotations

import json
from pathlib import Path

from mlorch.mirrors.mlflow.views import PREFIX, envelope, is_same, prepared_views, view_url


def views(**values):
    defaults = {"metrics": ["auc"], "config": ["depth"], "is_model": True, "is_partitioned": True}
    return prepared_views(["features", "group/labels"], **{**defaults, **values})


def test_one_by_lineage_one_by_partition_and_one_by_each_upstream() -> None:
    assert list(views()) == ["lineage", "partition", "up-features", "up-group-labels"]
    assert list(views(is_model=False, is_partitioned=False)) == ["lineage"]


def test_the_view_by_lineage_shows_versions_and_what_changed() -> None:
    _, state = views()["lineage"]
    assert state["groupBy"] is None
    assert state["orderByKey"] == "params.`partition`"
    assert state["selectedColumns"][:4] == [
        "tags.`mlorch.changed`",
        "params.`partition`",
        "params.`code_version`",
        "params.`up/features`",
    ]
    assert "metrics.`auc`" in state["selectedColumns"]


def test_without_partitions_the_newest_comes_first() -> None:
    _, state = views(is_partitioned=False)["lineage"]
    assert (state["orderByKey"], state["orderByAsc"]) == ("attributes.start_time", False)


def test_the_view_by_an_upstream_groups_by_its_version() -> None:
    _, state = views()["up-group-labels"]
    assert state["groupBy"] == {
        "aggregateFunction": "average",
        "groupByKeys": [{"mode": "param", "groupByData": "up/group/labels"}],
    }


def test_a_view_is_recognized_whenever_it_was_written() -> None:
    view = views()["lineage"]
    assert is_same(envelope(view, 1), envelope(view, 2))
    assert not is_same(envelope(view, 1), envelope(views()["partition"], 1))
    assert not is_same(None, envelope(view, 1))
    assert not is_same("eJwrzy_KSVEEAB0JBF4", envelope(view, 1))


def test_the_installed_interface_knows_the_names_we_write() -> None:
    import mlflow

    build = Path(mlflow.__file__).parent / "server" / "js" / "build" / "static" / "js"
    scripts = "".join(path.read_text(errors="ignore") for path in build.glob("*.js"))
    state = views()["up-features"][1]
    url, _, query = view_url("7", "lineage").partition("?")
    words = [
        f'"{PREFIX}"', *json.loads(envelope(("x", {}), 1)), *state, *state["groupBy"],
        *state["groupBy"]["groupByKeys"][0], '"param"', '"average"', '".`"', '"attributes.start_time"',
        *(pair.partition("=")[0] for pair in query.split("&")), "machine_learning",
    ]  # fmt: skip
    assert [word for word in words if word not in scripts] == []
    assert url == "#/experiments/7/runs"
