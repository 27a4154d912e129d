"""Code versions and data versions."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlorch import AUTO, AssetSpec, Config, ConfigurableResource, Definitions, asset, materialize
from mlorch.events import Input
from mlorch.planning.versions import Declarations, canonical, config_digest, data_version

texts = st.text(max_size=6)
inputs = st.builds(Input, texts, st.none() | st.text(min_size=1, max_size=4), texts, st.none())
origins = st.tuples(
    texts,
    st.none() | st.text(min_size=1, max_size=4),
    texts,
    st.none() | texts,
    st.lists(inputs, max_size=3, unique=True),
)


def test_a_data_version_is_the_hash_of_what_the_value_was_made_from():
    """Golden: whoever changes this makes every value of every project stale."""
    read = [
        Input("features", "2013-02-01", "v2", 8),
        Input("features", "2013-01-01", "v1", 7),
        Input("clean", None, "INITIAL", None),
    ]
    text = (
        '{"asset":"ml/model","code":"3","config":"c0ffee","inputs":[["clean",null,"INITIAL"],'
        '["features","2013-01-01","v1"],["features","2013-02-01","v2"]],"partition":"2013-02-01"}'
    )
    found = data_version("ml/model", "2013-02-01", "3", "c0ffee", read)
    assert found == sha256(text.encode()).hexdigest()
    assert found == "a185f87949711d7e0869739dceb03ec3a5d852306358c47c12aa8d8284629b9a"


@given(origins, st.randoms(use_true_random=False))
def test_the_order_of_inputs_and_the_numbers_of_their_facts_do_not_count(origin, random):
    key, partition, code, digest, read = origin
    shuffled = [one._replace(seq=random.randint(1, 99)) for one in read]
    random.shuffle(shuffled)
    assert data_version(*origin) == data_version(key, partition, code, digest, shuffled)


@given(origins, origins)
def test_no_two_origins_meet_in_one_version(one, other):
    def told(origin):
        return (*origin[:4], frozenset(tuple(each[:3]) for each in origin[4]))

    assert (data_version(*one) == data_version(*other)) == (told(one) == told(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", None, "ab", None, ()), ("a", None, "a", "b", ())),
        (("ab", "c", "1", None, ()), ("a", "bc", "1", None, ())),
        (("a", None, "1", None, ()), ("a", "None", "1", None, ())),
        (("a", None, "1", None, ()), ("a", None, "1", "null", ())),
        (
            ("a", None, "1", None, [Input("ab", None, "c", 1)]),
            ("a", None, "1", None, [Input("a", None, "bc", 1)]),
        ),
        (
            ("a", None, "1", None, [Input("b", "c", "d", 1)]),
            ("a", None, "1", None, [Input("b", None, "c", 1), Input("d", None, "", 1)]),
        ),
    ],
    ids=["code and config", "asset and partition", "no partition", "no config", "input", "two inputs"],
)
def test_what_reads_alike_when_it_is_joined_differs(one, other):
    assert data_version(*one) != data_version(*other)


@given(st.dictionaries(texts, st.integers() | texts | st.lists(texts, max_size=2), max_size=5))
def test_equal_values_are_the_same_text_that_any_json_reads(value):
    text = canonical(dict(reversed(list(value.items()))))
    assert text == canonical(value)
    assert json.loads(text) == value
    assert text.isascii()
    assert config_digest(value) == sha256(text.encode()).hexdigest()


def test_what_is_different_json_is_another_text():
    values = [1, 1.0, True, "1", [1], {"1": 1}, None, "null", "é", "\\u00e9"]
    assert len({canonical(value) for value in values}) == len(values)


class Rate(Config):
    rate: float = 0.5


class Needs(Config):
    target: str


class Fetch(ConfigurableResource):
    def get(self) -> int:
        return 1


class FetchMore(ConfigurableResource):
    def get(self) -> int:
        return 2


def declared(one, **options):
    return Declarations(Definitions([one], resources={"api": Fetch()}).graph, **options)[str(one.key)]


def test_an_asset_declares_its_code_version_or_none():
    assert declared(asset(name="a")(lambda: 1)).code_version is None
    assert declared(asset(name="a", code_version="3")(lambda: 1)).code_version == "3"
    assert declared(asset(name="a", code_version=3)(lambda: 1)).code_version == "3"  # type: ignore[call-overload]
    assert declared(AssetSpec("a", code_version="3")).code_version is None, "external"


def test_auto_takes_the_code_itself_for_the_version():
    def one():
        return 1

    def other():
        return 2

    versions = [declared(asset(name="a", code_version=AUTO)(each)).code_version for each in (one, other, one)]
    assert versions[0] == versions[2] != versions[1]
    assert all(len(version) == 16 for version in versions)


def test_auto_for_the_project_leaves_what_is_declared():
    def one():
        return 1

    assert declared(asset(name="a")(one), auto=True) == declared(asset(name="a", code_version=AUTO)(one))
    assert declared(asset(name="a", code_version="3")(one), auto=True).code_version == "3"


def test_auto_sees_the_code_of_the_resources_that_an_asset_takes():
    def version(cls):
        def fetched(api: cls) -> int:  # type: ignore[valid-type]
            return api.get()  # type: ignore[attr-defined, no-any-return]

        one = asset(name="a", code_version=AUTO)(fetched)
        return Declarations(Definitions([one], resources={"api": cls()}).graph)["a"].code_version

    assert version(Fetch) == version(Fetch) != version(FetchMore)


def halving() -> type[Config]:
    class Steps(Config):
        rate: float = 0.5

        def steps(self) -> list[float]:
            return [self.rate, self.rate / 2]

    return Steps


def thirding() -> type[Config]:
    class Steps(Config):
        rate: float = 0.5

        def steps(self) -> list[float]:
            return [self.rate, self.rate / 3]

    return Steps


class OtherRate(Config):
    rate: float = 0.6


def test_auto_sees_the_methods_of_a_config_and_leaves_its_defaults_to_their_digest():
    def found(cls):
        def fitted(config: cls):  # type: ignore[valid-type]
            return config

        return declared(asset(name="a", code_version=AUTO)(fitted))

    assert found(halving()).code_version == found(halving()).code_version != found(thirding()).code_version
    assert found(Rate).code_version == found(OtherRate).code_version
    assert found(Rate).default_config_digest != found(OtherRate).default_config_digest


def test_the_default_config_counts_where_there_is_one():
    def taking(config_class):
        def fitted(config: config_class):  # type: ignore[valid-type]
            return config

        return asset(name="a")(fitted)

    assert declared(taking(Rate)).default_config_digest == config_digest({"rate": 0.5})
    assert declared(taking(Needs)).default_config_digest is None
    assert declared(asset(name="a")(lambda: 1)).default_config_digest is None


def test_what_is_recorded_is_what_these_functions_say():
    @asset(code_version="7")
    def source() -> int:
        return 1

    @asset
    def reads(source: int, config: Rate) -> int:
        return source

    first, second = materialize([source, reads]).materializations
    assert first.data_version == data_version("source", None, "7", None, ())
    assert (second.code_version, second.is_code_declared) == (second.run_id, False)
    digest = config_digest({"rate": 0.5})
    assert second.config_digest == second.default_config_digest == digest
    assert second.data_version == data_version("reads", None, second.run_id, digest, second.inputs)
