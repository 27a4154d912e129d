"""What modules and packages declare."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from mlorch import (
    AssetKey,
    AssetSpec,
    asset,
    load_assets_from_package_name,
    load_definitions_from_module,
    load_definitions_from_package_name,
    map_asset_specs,
    materialize,
)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package of two modules, one of which reads what the other makes."""
    folder = tmp_path / "found_there"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "inner" / "__init__.py").write_text("")
    (folder / "raw.py").write_text(
        "from mlorch import *\n@asset\ndef raw(): return 1\nnightly = define_asset_job('nightly')\n"
    )
    (folder / "inner" / "made.py").write_text(
        "from mlorch import asset\nfrom found_there.raw import raw\n@asset\ndef made(raw): return raw\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield "found_there"
    for name in [one for one in sys.modules if one.startswith("found_there")]:
        del sys.modules[name]


def test_the_assets_of_a_package_are_those_of_all_its_modules_each_once(package):
    found = load_assets_from_package_name(package, group_name="g", key_prefix="p")
    assert sorted(str(one.key) for one in found) == ["p/made", "p/raw"]
    assert {one.spec.group_name for one in found} == {"g"}


def test_the_definitions_of_a_package_have_its_jobs(package):
    found = load_definitions_from_package_name(package)
    assert set(found.graph.nodes) == {"raw", "made"}
    assert found.resolve_job_def("nightly").execute_in_process().success


def test_the_definitions_of_a_module_have_its_resources(package):
    raw = import_module(f"{package}.raw")
    assert load_definitions_from_module(raw, resources={"x": 1}).resources["x"] == 1


@asset
def a():
    return 1


@asset
def b(a):
    return a + 1


def test_a_mapped_spec_may_have_another_name_and_other_deps():
    (made, spec) = map_asset_specs(
        lambda one: one.replace_attributes(key=AssetKey(["p", *one.key.path])).merge_attributes(
            deps=["more"]
        ),
        [b, AssetSpec("x")],
    )
    assert made.key == AssetKey(["p", "b"])
    assert {one.key for one in made.dependencies} == {"a", "more"}
    assert str(spec.key) == "p/x"
    assert materialize([a, made]).asset_value("p/b") == 2
