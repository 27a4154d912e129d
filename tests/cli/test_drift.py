"""mlorch drift: data beside their reference, for people, for scripts, and by the exit code."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

MOVING = """\
import numpy as np
import pandas as pd
from sklearn.dummy import DummyRegressor

from mlorch import AssetExecutionContext, Definitions, StaticPartitionsDefinition, asset

parts = StaticPartitionsDefinition(["old", "new"])


@asset(partitions_def=parts)
def features(context: AssetExecutionContext) -> pd.DataFrame:
    rng = np.random.default_rng(len(context.partition_key))
    shift = 1.0 if context.partition_key == "new" else 0.0
    return pd.DataFrame({
        "x": rng.normal(shift, 1, 500), "y": rng.normal(size=500), "word": rng.choice(["a", "b"], 500),
    })


@asset
def total(features: dict[str, pd.DataFrame]) -> int:
    return len(features)


@asset(partitions_def=parts)
def model(features: pd.DataFrame) -> DummyRegressor:
    return DummyRegressor().fit(features[["y"]], features["x"])


defs = Definitions(assets=[features, total, model])
"""


@pytest.fixture
def shop(project):
    project.write("shop.py", MOVING)
    assert project("materialize", "features", "--all-partitions").code == 0
    assert project("materialize", "total").code == 0
    assert project("materialize", "model", "--partition", "old").code == 0
    return project


def test_the_exit_code_says_whether_data_drifted(shop):
    calm = shop("drift", "features[old]", "features[old]")
    assert calm.code == 0
    assert "features[old] (500 rows) beside features[old] (500 rows)" in calm.out
    assert "No drift. 0 of 3 columns drifted." in calm.out
    assert shop("drift", "features[old]", "features[new]").code == 0
    moved = shop("drift", "features[old]", "features[new]", "--watch", "x")
    assert moved.code == 1
    assert "Drift of x: effect" in moved.out
    assert "██████████" in moved.out
    assert "x*" in moved.out
    assert shop("drift", "features[old]", "features[new]", "--share", "0.3").code == 1


def test_a_model_stands_for_what_it_learned_from(shop):
    found = shop("drift", "model[old]", "features[new]", "--watch", "x")
    assert found.code == 1
    assert "features that model[old] learned from (500 rows)" in found.out


def test_json_is_the_whole_report(shop):
    found = shop("drift", "features[old]", "features", "--watch", "x", "--json")
    said = json.loads(found.out)
    assert (said["reference"], said["current"], said["verdict"]) == ("features[old]", "features", "drift")
    assert said["rows"] == {"reference": 500, "current": 1000}
    assert said["drifted"] == ["x"]
    assert "reading features[new] (1 of 2)" in found.err


def test_versions_and_files_are_data_too(shop, tmp_path):
    rng = np.random.default_rng(0)
    pd.DataFrame({"x": rng.normal(2, 1, 300)}).to_parquet(tmp_path / "later.parquet")
    pd.DataFrame({"x": rng.normal(2, 1, 300)}).to_csv(tmp_path / "later.csv", index=False)
    files = str(tmp_path / "later.parquet"), str(tmp_path / "later.csv")
    assert shop("drift", *files, "--watch", "x").code == 0
    version = json.loads(shop("load", "features", "--partition", "old", "--json").out)["data_version"]
    found = shop("drift", f"features@{version}", files[1], "--watch", "x")
    assert found.code == 1


def test_files_need_no_project(shop, tmp_path, monkeypatch):
    pd.DataFrame({"x": np.arange(50.0)}).to_csv(tmp_path / "few.csv", index=False)
    (shop.folder / "pyproject.toml").unlink()
    found = shop("drift", str(tmp_path / "few.csv"), str(tmp_path / "few.csv"))
    assert found.code == 0
    assert "Too few rows to tell: 50 beside 50." in found.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["features[old]", "nothing.csv"], "nothing.csv can't be read"),
        (["features[older]", "features[old]"], "no materialized partition 'older'"),
        (["futures", "features"], "'futures' was never materialized"),
        (["total", "features[old]"], "total is a int; drift is seen in frames"),
        (["features[old]", "features[new]", "--watch", "z"], "no column 'z' to watch"),
        (["features[", "features"], "is no data; write asset, asset[partition]"),
        (["model[old]", "total"], "was not made from 'total'"),
    ],
)
def test_what_is_wrong_is_named(shop, arguments, words):
    found = shop("drift", *arguments)
    assert found.code == 2
    assert words in found.err
