from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
import pandera.polars as pp
import polars as pl
import pytest
from pandera.config import config_context
from pandera.typing.pandas import DataFrame, Index
from pandera.typing.polars import DataFrame as PolarsFrame
from pandera.typing.polars import LazyFrame

from mlorch.definitions.io import InputContext, OutputContext
from mlorch.definitions.keys import AssetKey
from mlorch.errors import SchemaError
from mlorch.iomanagers.files import MemoryStore
from mlorch.iomanagers.frames import ParquetIOManager
from mlorch.iomanagers.kinds import KINDS
from mlorch.iomanagers.schemas import digest, validated

KEY = AssetKey("flights")


class Flights(pa.DataFrameModel):
    carrier: str = pa.Field(isin=["AA", "UA"])
    flight: int = pa.Field(ge=1, coerce=True)
    delay: float = pa.Field(nullable=True, ge=-60, coerce=True)

    @pa.check("flight")
    def odd(cls, flight: Any) -> Any:
        return flight % 2 == 1

    class Config:
        strict = True
        unique = ["carrier", "flight"]  # noqa: RUF012


class PolarsFlights(pp.DataFrameModel):
    carrier: str = pp.Field(isin=["AA", "UA"])
    flight: int = pp.Field(ge=1, coerce=True)
    delay: float = pp.Field(nullable=True, ge=-60, coerce=True)

    @pp.check("flight")
    def odd(cls, data: Any) -> Any:
        return data.lazyframe.select(pl.col(data.key) % 2 == 1)

    class Config:
        strict = True
        unique = ["carrier", "flight"]  # noqa: RUF012


GOOD: dict[str, list[Any]] = {"carrier": ["AA", "UA"], "flight": ["1", "3"], "delay": [None, 5]}
BAD: dict[str, list[Any]] = {
    "carrier": ["AA", "AA", "XX", None, "UA"],
    "flight": [1, 1, 3, 4, 5],
    "delay": [0.0, 1.0, -61.0, None, float("inf")],
}


def pandas_frame(columns: Mapping[str, list[Any]]) -> Any:
    return pd.DataFrame(columns, index=range(10, 10 * (len(columns["flight"]) + 1), 10))


def lazy_frame(columns: Mapping[str, list[Any]]) -> Any:
    return pl.LazyFrame(columns)


LIBRARIES: dict[str, tuple[Any, Any, int]] = {
    "pandas": (DataFrame[Flights], pandas_frame, 10),
    "polars": (PolarsFrame[PolarsFlights], pl.DataFrame, 1),
    "lazy": (LazyFrame[PolarsFlights], lazy_frame, 1),
}
"""Annotation, maker of frames, and the step of its row labels."""

each_library = pytest.mark.parametrize("library", LIBRARIES)


def rows(frame: Any) -> list[tuple[Any, ...]]:
    eager = frame.collect() if isinstance(frame, pl.LazyFrame) else frame
    plain = eager.rows() if isinstance(eager, pl.DataFrame) else eager.itertuples(index=False, name=None)
    return [tuple(None if cell != cell else cell for cell in row) for row in plain]


@each_library
def test_a_frame_comes_out_as_its_schema_wants_it(library: str) -> None:
    annotation, make, _ = LIBRARIES[library]
    given = make(GOOD)
    accepted = KINDS.accept(given, annotation, "asset 'flights' returned")
    assert type(accepted) is type(given)
    assert rows(accepted) == [("AA", 1, None), ("UA", 3, 5.0)]
    assert rows(given) == [("AA", "1", None), ("UA", "3", 5)], "the frame of the user stays as it was"


@each_library
def test_every_failure_is_reported_at_once(library: str) -> None:
    annotation, make, step = LIBRARIES[library]
    with pytest.raises(SchemaError) as broken:
        KINDS.accept(make(BAD), annotation, "asset 'flights' returned")
    report: dict[str, Any] = broken.value.report
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert (report["where"], report["rows"]) == ("asset 'flights' returned", 5)
    assert report["schema"].endswith("Flights")
    assert sorted(report["counts"]) == [
        ["carrier", "isin(['AA', 'UA'])", 1],
        ["carrier", "not_nullable", 1],
        ["carrier, flight", "multiple_fields_uniqueness", 2],
        ["delay", "greater_than_or_equal_to(-60)", 1],
        ["flight", "odd", 1],
    ]
    assert report["failures"] == 6
    first = 10 if library == "pandas" else 0
    samples = {sample["(row)"]: sample for sample in report["samples"]}
    assert list(samples) == [first + step * number for number in range(4)]
    third = samples[first + 2 * step]
    assert sorted(third.pop("(breaks)")) == [
        "carrier: isin(['AA', 'UA'])",
        "delay: greater_than_or_equal_to(-60)",
    ]
    assert third == {"(row)": first + 2 * step, "carrier": "XX", "flight": 3, "delay": -61.0}


@each_library
def test_the_message_is_a_small_table(library: str) -> None:
    annotation, make, _ = LIBRARIES[library]
    with pytest.raises(SchemaError) as broken:
        KINDS.accept(make(BAD), annotation, "asset 'flights' returned")
    heading, titles, *lines = str(broken.value).splitlines()
    assert heading.startswith("asset 'flights' returned a frame that breaks ")
    assert heading.endswith("Flights, 5 rows:")
    assert titles.split() == ["column", "check", "failures", "for", "example"]
    assert len(lines) == 5
    (line,) = (line for line in lines if "isin" in line)
    assert line.split() == ["carrier", "isin(['AA',", "'UA'])", "1", "XX"]


@each_library
def test_missing_and_surplus_columns_and_wrong_types_are_reported_too(library: str) -> None:
    annotation, make, _ = LIBRARIES[library]
    with pytest.raises(SchemaError) as broken:
        KINDS.accept(
            make({"flight": ["one"], "delay": [1.0], "extra": [1]}), annotation, "asset 'flights' returned"
        )
    counts: Any = broken.value.report["counts"]
    assert ["carrier", "column_in_dataframe", 1] in counts
    assert ["extra", "column_in_schema", 1] in counts
    assert any("coerce_dtype" in check for _, check, _ in counts)


@each_library
def test_no_more_than_twenty_rows_are_kept_as_samples(library: str) -> None:
    annotation, make, _ = LIBRARIES[library]
    many = {"carrier": ["AA"] * 500, "flight": list(range(0, 1000, 2)), "delay": [-100.0] * 500}
    with pytest.raises(SchemaError) as broken:
        KINDS.accept(make(many), annotation, "asset 'flights' returned")
    report: dict[str, Any] = broken.value.report
    assert ["delay", "greater_than_or_equal_to(-60)", 500] in report["counts"]
    assert len(report["samples"]) == 20


def test_rows_that_share_a_label_are_told_by_their_position() -> None:
    with pytest.raises(SchemaError) as broken:
        KINDS.accept(pandas_frame(BAD).set_axis([7] * 5), DataFrame[Flights], "asset 'flights' returned")
    samples: Any = broken.value.report["samples"]
    assert [sample["(row)"] for sample in samples] == [0, 1, 2, 3]

    accepted = KINDS.accept(
        pandas_frame(GOOD).set_axis([7, 7]), DataFrame[Flights], "asset 'flights' returned"
    )
    assert list(accepted.index) == [7, 7]


class Labelled(pa.DataFrameModel):
    a: int = pa.Field(ge=0)
    key: Index[int] = pa.Field(ge=10)


def test_labels_are_told_as_they_are() -> None:
    frame = pd.DataFrame({"a": [1, -1]}, index=[1, 10])
    with pytest.raises(SchemaError) as broken:
        KINDS.accept(frame, DataFrame[Labelled], "asset 'x' returned")
    counts: Any = broken.value.report["counts"]
    assert ["(index)", "greater_than_or_equal_to(10)", 1] in counts

    levels = pd.MultiIndex.from_tuples([("x", 1), ("y", 2), ("z", 3), ("z", 4), ("z", 5)])
    with pytest.raises(SchemaError) as broken:
        KINDS.accept(pandas_frame(BAD).set_axis(levels), DataFrame[Flights], "asset 'x' returned")
    samples: Any = broken.value.report["samples"]
    assert [sample["(row)"] for sample in samples] == ["('x', 1)", "('y', 2)", "('z', 3)", "('z', 4)"]


def test_pandera_is_not_talked_out_of_it() -> None:
    with config_context(validation_enabled=False), pytest.raises(SchemaError):
        KINDS.accept(pandas_frame(BAD), DataFrame[Flights], "asset 'flights' returned")


# What bytes that were validated once vouch for


def kept(frame: Any, annotation: Any) -> tuple[Any, Mapping[str, Any]]:
    """Keep a frame; return what is read back and what was recorded."""
    store = MemoryStore()
    accepted = KINDS.accept(frame, annotation, "asset 'flights' returned")
    output = OutputContext(
        KEY, None, run_id="run", step_key="flights", annotation=annotation, path="flights", store=store
    )
    stored = ParquetIOManager().handle_output(output, accepted)
    metadata = json.loads(json.dumps(output.output_metadata))
    source = InputContext(
        KEY,
        None,
        annotation=annotation,
        path="flights",
        store=store,
        uri=stored.uri,
        content_hash=stored.content_hash,
        recorded_metadata=metadata,
    )
    return ParquetIOManager().load_input(source), metadata


@each_library
def test_recorded_metadata_names_the_schema(library: str) -> None:
    annotation, make, _ = LIBRARIES[library]
    _, metadata = kept(make(GOOD), annotation)
    assert metadata["schema"].endswith("Flights")
    assert metadata["schema_digest"] == digest(annotation.__args__[0])
    assert metadata["rows"] == 2


@each_library
def test_pointwise_checks_are_not_asked_again_of_bytes_that_passed_them(library: str) -> None:
    annotation, make, _ = LIBRARIES[library]
    _, metadata = kept(make(GOOD), annotation)
    impossible = make({"carrier": ["??"], "flight": [1], "delay": [1.0]})
    assert KINDS.accept(impossible, annotation, "asset 'x' got", [metadata]) is not None
    with pytest.raises(SchemaError):
        KINDS.accept(impossible, annotation, "asset 'x' got", [])
    with pytest.raises(SchemaError):
        KINDS.accept(impossible, annotation, "asset 'x' got", [metadata, {}])


@each_library
def test_functions_of_the_user_are_asked_each_time(library: str) -> None:
    annotation, make, _ = LIBRARIES[library]
    _, metadata = kept(make(GOOD), annotation)
    even = make({"carrier": ["AA"], "flight": [2], "delay": [1.0]})
    with pytest.raises(SchemaError, match="odd"):
        KINDS.accept(even, annotation, "asset 'x' got", [metadata])


@each_library
def test_uniqueness_is_asked_of_several_partitions_together(library: str) -> None:
    annotation, make, _ = LIBRARIES[library]
    first, metadata = kept(make(GOOD), annotation)
    assert KINDS.accept(first, annotation, "asset 'x' got", [metadata]) is not None
    both = KINDS.combine({"01": first, "02": first}, annotation)
    with pytest.raises(SchemaError) as broken:
        KINDS.accept(both, annotation, "asset 'x' got", [metadata, metadata])
    report: dict[str, Any] = broken.value.report
    assert report["counts"] == [["carrier, flight", "multiple_fields_uniqueness", 4]]


class Keys(pa.DataFrameModel):
    key: int = pa.Field(unique=True)


class PolarsKeys(pp.DataFrameModel):
    key: int = pp.Field(unique=True)


@pytest.mark.parametrize(
    ("annotation", "frame"),
    [
        (DataFrame[Keys], pd.DataFrame({"key": [1, 2]})),
        (PolarsFrame[PolarsKeys], pl.DataFrame({"key": [1, 2]})),
    ],
    ids=["pandas", "polars"],
)
def test_so_is_the_uniqueness_of_one_column(annotation: Any, frame: Any) -> None:
    part, metadata = kept(frame, annotation)
    both = KINDS.combine({"01": part, "02": part}, annotation)
    with pytest.raises(SchemaError, match="field_uniqueness"):
        KINDS.accept(both, annotation, "asset 'x' got", [metadata, metadata])


@each_library
def test_other_columns_than_the_recorded_ones_are_validated_in_full(library: str) -> None:
    annotation, make, _ = LIBRARIES[library]
    _, metadata = kept(make(GOOD), annotation)
    widened = make({"carrier": ["AA"], "flight": [1], "delay": [1.0], "extra": [1]})
    with pytest.raises(SchemaError, match="extra"):
        KINDS.accept(widened, annotation, "asset 'x' got", [metadata])


# digest


def model(**changes: Any) -> Any:
    field = {"ge": 0, **changes.pop("field", {})}
    config = type("Config", (), changes.pop("config", {}))
    body = {
        "a": pa.Field(**field),
        "__annotations__": {"a": changes.pop("type", int)},
        "Config": config,
        **changes,
    }
    return type("Model", (pa.DataFrameModel,), body)


CHANGES: dict[str, dict[str, Any]] = {
    "bound": {"field": {"ge": 1}},
    "another check": {"field": {"lt": 9}},
    "nullable": {"field": {"nullable": True}},
    "unique": {"field": {"unique": True}},
    "coerce": {"field": {"coerce": True}},
    "members": {"field": {"isin": ["a"]}},
    "type": {"type": float},
    "strict": {"config": {"strict": True}},
    "together unique": {"config": {"unique": ["a"]}},
    "another column": {"b": pa.Field(), "__annotations__": {"a": int, "b": int}},
}


def test_what_checks_the_same_has_the_same_digest() -> None:
    assert digest(model()) == digest(model())
    assert digest(model(field={"description": "a number"})) == digest(model())


def test_whatever_checks_something_else_has_another_digest() -> None:
    digests = {name: digest(model(**change)) for name, change in CHANGES.items()}
    assert None not in digests.values()
    assert len({*digests.values(), digest(model())}) == len(CHANGES) + 1


def test_a_parser_computes_something_so_nothing_is_vouched_for() -> None:
    @pa.dataframe_parser
    def doubled(cls: Any, frame: Any) -> Any:
        return frame * 2

    parsed = model(doubled=doubled)
    assert digest(parsed) is None
    accepted = validated(pd.DataFrame({"a": [1]}), parsed, "asset 'x' got")
    assert list(accepted["a"]) == [2]


SAME_ELSEWHERE = """
import pandera.pandas as pa
from mlorch.iomanagers.schemas import digest
class Model(pa.DataFrameModel):
    a: str = pa.Field(isin={"a", "b", "c", "d", "e"}, str_matches="^[a-e]$")
print(digest(Model))
"""


def test_a_digest_is_the_same_in_every_process() -> None:
    def run(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path.cwd())}
        command = [sys.executable, "-W", "error", "-c", SAME_ELSEWHERE]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    first = run("1")
    assert len(first) == 33
    assert run("2") == first
