"""What modules and packages declare."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mlorch import (
    AssetKey,
    AssetSpec,
    Definitions,
    Instance,
    asset,
    load_assets_from_package_name,
    load_definitions_from_module,
    load_definitions_from_package_name,
    map_asset_specs,
    materialize,
)
from mlorch.errors import InvalidDefinitionError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
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
    import found_there.raw

    assert load_definitions_from_module(found_there.raw, resources={"x": 1}).resources["x"] == 1


@asset(group_name="old")
def a():
    return 1


@asset
def b(a):
    return a + 1


def test_definitions_answer_about_their_assets():
    defs = Definitions([a, b, AssetSpec("outside", deps=[b])])
    assert defs.resolve_asset_graph().get_all_asset_keys() == set(map(AssetKey, ("a", "b", "outside")))
    assert defs.resolve_assets_def("a") is a
    assert not defs.resolve_assets_def("outside").is_executable
    assert [str(spec.key) for spec in defs.resolve_all_asset_specs()] == ["a", "b", "outside"]
    with pytest.raises(InvalidDefinitionError, match="there is no asset 'outsid'; did you mean 'outside'"):
        defs.resolve_assets_def("outsid")


def test_specs_are_mapped_in_copies():
    defs = Definitions([a, b])
    mapped = defs.map_asset_specs(func=lambda one: one.replace_attributes(group_name="new"), selection="a")
    groups = {key: node.group for key, node in mapped.graph.nodes.items()}
    assert groups == {"a": "new", "b": "default"}
    assert defs.graph.nodes["a"].group == "old"


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


def test_values_are_loaded_of_several_assets():
    defs = Definitions([a, b])
    instance = Instance.ephemeral()
    materialize([a, b], instance=instance)
    with defs.get_asset_value_loader(instance) as loader:
        assert (loader.load_asset_value("a"), loader.load_asset_value("b")) == (1, 2)
