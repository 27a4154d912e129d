"""What a model learned from, by its lineage, and the profile that is kept of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pandera.typing import DataFrame

from mlorch import Definitions, Instance, asset, materialize
from mlorch.app.references import find_reference, profile_of, schema_of
from mlorch.errors import NotFoundError, TypeCheckError
from tests.drift.world import Sales, Shop


@pytest.fixture
def shop(tmp_path) -> Iterator[Shop]:
    with Instance.local(tmp_path) as instance:
        yield Shop(instance)


def found(shop, model=None):
    return find_reference(shop.instance.log, shop.definitions().graph, "features", model)


def parts(reference):
    return [one.partition[:7] for one in reference.parts]


def test_without_a_model_there_is_no_reference(shop):
    shop.arrive("2024-01")
    assert found(shop) is None


def test_the_reference_is_what_the_latest_model_read(shop):
    shop.make("2024-01", "2024-02", "2024-03", "2024-04")
    reference = found(shop)
    assert parts(reference) == ["2024-02", "2024-03", "2024-04"]
    assert reference.model.partition == "2024-04-01"
    assert reference.to_json()["parts"][0] == ["2024-02-01", reference.parts[0].data_version]


def test_it_stays_what_was_read_though_newer_data_came(shop):
    shop.make("2024-01", "2024-02")
    before = found(shop)
    shop.arrive("2024-02", moved=1)
    assert found(shop).version == before.version
    shop.make("2024-02")
    after = found(shop)
    assert (parts(after), after.version == before.version) == (["2024-01", "2024-02"], False)


def test_an_older_month_made_again_is_not_the_latest(shop):
    shop.make("2024-01", "2024-02", "2024-03", "2024-04")
    shop.make("2024-01")
    assert parts(found(shop)) == ["2024-02", "2024-03", "2024-04"]


def test_a_named_model_must_have_read_it(shop):
    shop.make("2024-01")
    assert parts(found(shop, "model")) == ["2024-01"]
    assert found(shop, "evaluation") is not None

    @asset
    def other() -> int:
        return 1

    materialize([other], instance=shop.instance)
    with pytest.raises(NotFoundError, match="other was not made from 'features'"):
        found(shop, "other")


def test_what_lies_between_is_passed(tmp_path):
    from sklearn.dummy import DummyRegressor

    @asset
    def raw() -> DataFrame[Sales]:
        return DataFrame[Sales]({"price": [1.0], "amount": [2.0], "stars": [3]})

    @asset
    def cleaned(raw: DataFrame[Sales]) -> int:
        return len(raw)

    @asset
    def learned(cleaned: int) -> DummyRegressor:
        return DummyRegressor()

    with Instance.local(tmp_path) as instance:
        materialize([raw, cleaned, learned], instance=instance)
        graph = Definitions(assets=[raw, cleaned, learned]).graph
        reference = find_reference(instance.log, graph, "raw")
        assert [one.asset for one in reference.parts] == ["raw"]
        assert schema_of(graph, "raw") is Sales
        assert schema_of(graph, "cleaned") is schema_of(graph, "learned") is schema_of(graph, "no") is None
        with pytest.raises(TypeCheckError, match="cleaned is a int; drift is seen in frames"):
            profile_of(find_reference(instance.log, graph, "cleaned").parts, instance, {})


def test_a_profile_is_made_once_for_the_same_versions(shop, tmp_path):
    shop.make("2024-01", "2024-02", "2024-03")
    reference = found(shop)
    told: list[str] = []
    first = profile_of(reference.parts, shop.instance, {}, Sales, told.append)
    assert told == [f"reading features[2024-0{at}-01] ({at} of 3)" for at in (1, 2, 3)]
    assert first.rows == 1200
    assert first.columns["stars"].kind == "categorical"
    again = profile_of(reference.parts, shop.instance, {}, Sales, told.append)
    assert (len(told), again.to_json()) == (3, first.to_json())
    (kept,) = (tmp_path / ".mlorch" / "drift").rglob("*.json.gz")
    kept.write_bytes(b"half")
    assert profile_of(reference.parts, shop.instance, {}, Sales, told.append).to_json() == first.to_json()
    assert len(told) == 6
    assert (
        profile_of(reference.parts, shop.instance, {}, None, told.append).columns["stars"].kind == "numeric"
    )
    assert len(told) == 9
    profile_of(reference.parts[:1], shop.instance, {}, Sales, told.append)
    assert told[-1] == "reading features[2024-01-01]"


def test_in_memory_nothing_is_kept_and_nothing_fails():
    shop = Shop(Instance.ephemeral())
    shop.make("2024-01")
    assert profile_of(found(shop).parts, shop.instance, {}).rows == 400
