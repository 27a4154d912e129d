"""What a comparison found, for people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from mlorch.drift.kinds import Kind

Verdict = Literal["drift", "no drift", "insufficient"]
Aspect = Literal["distribution", "missing", "unseen"]

MODERATE, LARGE = 0.1, 0.25
"""Where readers of a stability index, or of a Jensen–Shannon distance, draw the lines."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One aspect of a column: whether it differs by more than chance (p), and by how much (effect)."""

    aspect: Aspect
    test: str
    """"ks", "chi2" or "z"; "" where nothing is asked of chance."""
    statistic: float | None
    p: float | None
    adjusted_p: float | None
    """By Benjamini–Hochberg, over all columns and partitions that were looked at together."""
    measure: str
    """What the effect is: "wasserstein / sd", "total variation", "change of share" or "share of rows"."""
    effect: float
    threshold: float
    drifted: bool = False


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """A column: `rows` have a value in the reference and in the current data."""

    name: str
    kind: Kind
    rows: tuple[int, int]
    differences: tuple[Difference, ...] = ()
    watched: bool = False
    psi: float | None = None
    js: float | None = None
    skipped: str = ""
    """Why its distribution was not compared."""

    @property
    def drifted(self) -> bool:
        """Whether it drifted in any aspect."""
        return any(one.drifted for one in self.differences)

    @property
    def strongest(self) -> Difference | None:
        """The aspect that is furthest over its threshold, or nearest below it; drifted ones first."""
        return max(
            self.differences, key=lambda one: (one.drifted, one.effect / (one.threshold or 1.0)), default=None
        )


@dataclass(frozen=True, slots=True)
class DriftReport:
    """Current data beside their reference. `share` is how much of the columns drifted, by their weights."""

    verdict: Verdict
    rows: tuple[int, int]
    share: float
    columns: tuple[ColumnReport, ...] = ()

    @property
    def drifted(self) -> list[str]:
        """The names of the columns that drifted, watched ones first, then the strongest."""
        found = [one for one in self.columns if one.drifted]
        return [one.name for one in sorted(found, key=lambda one: (not one.watched, -_ratio(one)))]

    def column(self, name: str) -> ColumnReport:
        """Return what was found of a column. Raises KeyError."""
        found = {one.name: one for one in self.columns}
        return found[name]

    def why(self, where: str = "") -> str:
        """Return the verdict in a line: "drift of distance in features[2013-02]: effect 0.31 ≥ 0.1"."""
        place = f" in {where}" if where else ""
        if self.verdict == "insufficient":
            return f"too few rows to tell{place}: {self.rows[1]:,} beside {self.rows[0]:,}"
        if self.verdict == "no drift":
            return f"no drift{place}"
        names = [name for name in self.drifted if self.column(name).watched] or self.drifted
        first = self.column(names[0]).strongest
        assert first is not None
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        what = "" if first.aspect == "distribution" else f" ({first.aspect})"
        return (
            f"drift of {', '.join(names[:5])}{more}{place}: "
            f"effect {first.effect:.2g}{what} ≥ {first.threshold:.2g}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads, ready for `json`."""
        return {
            "verdict": self.verdict,
            "share": self.share,
            "rows": {"reference": self.rows[0], "current": self.rows[1]},
            "drifted": self.drifted,
            "columns": [_column_to_json(one) for one in self.columns],
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> DriftReport:
        """Rebuild what `to_json` gave."""
        columns = tuple(_column_from_json(one) for one in said["columns"])
        return cls(said["verdict"], _pair(said["rows"]), said["share"], columns)


def band(value: float) -> Literal["", "moderate", "large"]:
    """Return how readers call a stability index or a Jensen–Shannon distance; "" is small."""
    return "large" if value >= LARGE else "moderate" if value >= MODERATE else ""


def _ratio(column: ColumnReport) -> float:
    first = column.strongest
    return first.effect / (first.threshold or 1.0) if first is not None else 0.0


def _column_to_json(column: ColumnReport) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": column.name,
        "kind": column.kind,
        "drifted": column.drifted,
        "watched": column.watched,
        "rows": {"reference": column.rows[0], "current": column.rows[1]},
        "differences": [
            {each.name: getattr(one, each.name) for each in fields(one)} for one in column.differences
        ],
    }
    for name, value in (("psi", column.psi), ("js", column.js)):
        if value is not None:
            said |= {name: value, f"{name}_band": band(value)}
    return {**said, "skipped": column.skipped} if column.skipped else said


def _column_from_json(said: Mapping[str, Any]) -> ColumnReport:
    differences: Sequence[Mapping[str, Any]] = said["differences"]
    return ColumnReport(
        name=said["name"],
        kind=said["kind"],
        rows=_pair(said["rows"]),
        differences=tuple(Difference(**one) for one in differences),
        watched=said["watched"],
        psi=said.get("psi"),
        js=said.get("js"),
        skipped=said.get("skipped", ""),
    )


def _pair(said: Mapping[str, int]) -> tuple[int, int]:
    return said["reference"], said["current"]
