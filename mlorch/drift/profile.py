"""What is kept of a frame to compare others with: about 8 KB a column, however many rows it had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlorch.drift import frames
from mlorch.drift.frames import Form
from mlorch.drift.kinds import Kind, declared_kinds, kind_of_counts, kind_of_numbers
from mlorch.drift.numbers import Numbers, numbers
from mlorch.drift.statistics import Counts


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """A column: `rows` looked at, `missing` among them, and the values by its kind."""

    kind: Kind
    rows: int
    missing: int
    numbers: Numbers | None = None
    counts: Counts | None = None

    @property
    def values(self) -> int:
        """How many rows have a value."""
        return self.rows - self.missing

    def seen_as(self, kind: Kind) -> ColumnProfile:
        """Return the same column as another kind, as far as it can be."""
        if kind == self.kind:
            return self
        if kind == "numeric" and self.counts is not None:
            return _numeric(self.rows, numbers(_expanded(self.counts)))
        if kind == "categorical" and self.numbers is not None:
            values, times = np.unique(self.numbers.values, return_counts=True)
            scale = self.numbers.count / max(len(self.numbers.values), 1)
            named = zip(map(frames.label, values), times, strict=True)
            return replace(
                self, kind=kind, numbers=None, counts={name: round(count * scale) for name, count in named}
            )
        if kind in ("numeric", "categorical"):
            # Nothing is known of its values: not one is what it should be.
            return replace(self, kind=kind, missing=self.rows, numbers=numbers([]), counts={})
        return replace(self, kind=kind, numbers=None, counts=None)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        said: dict[str, Any] = {"kind": self.kind, "rows": self.rows, "missing": self.missing}
        if self.numbers is not None:
            said["numbers"] = self.numbers.to_json()
        if self.counts is not None:
            said["counts"] = dict(self.counts)
        return said

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> ColumnProfile:
        """Rebuild what `to_json` gave."""
        known = Numbers.from_json(said["numbers"]) if "numbers" in said else None
        return cls(said["kind"], said["rows"], said["missing"], known, said.get("counts"))


@dataclass(frozen=True, slots=True)
class Profile:
    """A frame of `rows` rows, by column."""

    rows: int
    columns: Mapping[str, ColumnProfile]

    def compacted(self) -> Profile:
        """Return the same with 1001 values a column at most."""
        return Profile(self.rows, {name: _compacted(one) for name, one in self.columns.items()})

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads, ready for `json`."""
        columns = {name: one.to_json() for name, one in self.columns.items()}
        return {"rows": self.rows, "columns": columns}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Profile:
        """Rebuild what `to_json` gave."""
        columns = {name: ColumnProfile.from_json(one) for name, one in said["columns"].items()}
        return cls(said["rows"], columns)


def profile(frame: Any, schema: Any = None, *, seed: int = 0) -> Profile:
    """Return what is kept of a frame of pandas or polars; of one with over 100,000 rows, of a sample.

    `schema` is pandera's, or a model's. Raises UserError for what is no frame.
    """
    return read(frame, declared_kinds(schema), seed=seed).compacted()


def read(frame: Any, kinds: Mapping[str, Kind], *, seed: int = 0) -> Profile:
    """Return a frame by column with every value, those that are named as the kind given."""
    whole = frames.collected(frame)
    some = frames.sampled(whole, seed)
    return Profile(
        len(whole),
        {str(name): _column(some[name], kinds.get(str(name)), len(whole)) for name in some.columns},
    )


def _column(series: Any, kind: Kind | None, whole: int) -> ColumnProfile:
    form, rows = frames.form_of(series), len(series)
    if kind is None:
        return _told(series, form, whole)
    is_plain = form not in ("moment", "other")
    if kind == "numeric":
        return _numeric(rows, numbers(frames.floats(series) if is_plain else []))
    if kind == "categorical":
        return _counted(rows, kind, frames.counts(series, form) if is_plain else {})
    return ColumnProfile(kind, rows, frames.missing(series))


def _told(series: Any, form: Form, whole: int) -> ColumnProfile:
    """Return a column, perhaps a sample of the whole, as what its dtype and its values say."""
    rows, missing = len(series), frames.missing(series)
    if form in ("moment", "other"):
        return ColumnProfile("datetime" if form == "moment" else "other", rows, missing)
    if form == "number":
        values = frames.floats(series)
        kind = kind_of_numbers(values, whole)
        if kind == "numeric":
            return _numeric(rows, numbers(values))
        return _counted(rows, kind, frames.counts(series, form))
    known = frames.counts(series, form)
    return _counted(rows, kind_of_counts(form, len(known), rows - missing), known)


def _numeric(rows: int, values: Numbers) -> ColumnProfile:
    return ColumnProfile("numeric", rows, rows - values.count, numbers=values)


def _counted(rows: int, kind: Kind, known: Counts) -> ColumnProfile:
    missing = rows - sum(known.values())
    return ColumnProfile(kind, rows, missing, counts=known if kind == "categorical" else None)


def _compacted(column: ColumnProfile) -> ColumnProfile:
    return column if column.numbers is None else replace(column, numbers=column.numbers.compacted())


def _expanded(known: Counts) -> list[float]:
    found: list[float] = []
    for name, count in known.items():
        try:
            found += [float(name)] * count
        except ValueError:
            continue
    return found
