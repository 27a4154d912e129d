"""mlorch pools, as people type it."""

from __future__ import annotations

import json

from mlorch import Instance
from mlorch.app.limits import pools_of
from mlorch.definitions.limits import Limits


def test_pools_are_set_and_listed(project):
    assert project("pools", "list", "--json").out == "[]\n"
    assert project("pools", "set", "gpu", "2").out == "pool gpu: 2 at once\n"
    assert json.loads(project("pools", "list", "--json").out) == [
        {"name": "pool gpu", "slots": 2, "held": [], "waiting": []}
    ]
    assert project("pools", "unset", "gpu").out == "pool gpu: no limit\n"
    assert project("pools", "list", "--json").out == "[]\n"


def test_settings_count_where_nothing_is_set(project):
    project.edit(
        "pyproject.toml", "[tool.mlorch.mlflow]", "[tool.mlorch.pools]\ngpu = 1\n[tool.mlorch.mlflow]"
    )
    assert "pool gpu" in project("pools", "list").out
    project("pools", "set", "gpu", "0")
    assert project("pools", "unset", "gpu").out == "pool gpu: 1 at once\n"


def test_who_holds_and_who_waits_is_listed(project):
    limits = Limits(pools={"gpu": 1})
    project("pools", "set", "gpu", "1")
    with Instance.local(project.folder) as instance, pools_of(instance, limits, "0123456789", {}) as pools:
        pools.acquire("gpu", "fit")
        pools.acquire("gpu", "score")
        lines = project("pools", "list").out.splitlines()
        found = json.loads(project("pools", "list", "--json").out)
    assert lines[1].split() == ["pool", "gpu", "1", "1", "1"]
    assert lines[2].startswith("run 01234567, fit, holds pool gpu since ")
    assert lines[3].startswith("run 01234567, score, waits for pool gpu since ")
    assert [one["item"] for one in (*found[0]["held"], *found[0]["waiting"])] == ["fit", "score"]


def test_a_pool_has_no_negative_slots(project):
    assert project("pools", "set", "gpu", "--", "-1").code == 2
