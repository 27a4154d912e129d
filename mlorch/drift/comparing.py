"""Current data beside their reference: is the difference both real and large?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from mlorch.drift import statistics
from mlorch.drift.kinds import SKIPPED, declared_kinds
from mlorch.drift.profile import ColumnProfile, Profile, read
from mlorch.drift.report import ColumnReport, Difference, DriftReport
from mlorch.drift.thresholds import distances, missing_distances, raised, settled
from mlorch.drift.verdict import Rule, check_names, judged

Key = TypeVar("Key")


def compare(
    reference: Any,
    current: Any,
    *,
    schema: Any = None,
    watch: Iterable[str] = (),
    weights: Mapping[str, float] | None = None,
    share: float = 0.5,
    min_rows: int = 100,
    thresholds: Mapping[str, float] | None = None,
    past: Sequence[Profile] = (),
) -> DriftReport:
    """Return how current data differ from their reference: frames of pandas or polars, or profiles.

    `schema` (pandera's) says what the reference's columns are. With ten or more `past` partitions what they
    differ by among themselves raises the `thresholds`. Raises UserError for columns that are not there.
    """
    rule = rule_of(watch=watch, weights=weights, share=share, min_rows=min_rows, thresholds=thresholds)
    return compare_partitions(reference, {"": current}, rule, schema=schema, past=past)[""]


def compare_partitions(
    reference: Any,
    current: Mapping[Key, Any],
    rule: Rule,
    *,
    schema: Any = None,
    past: Sequence[Profile] = (),
) -> dict[Key, DriftReport]:
    """Return the reports of several partitions: all their p-values are adjusted together."""
    known = reference if isinstance(reference, Profile) else read(reference, declared_kinds(schema))
    check_names(rule, list(known.columns))
    limits = _Limits(rule, past)
    found = [_measured(known, _beside(one, known), limits) for one in current.values()]
    return dict(zip(current, judged(found, rule), strict=True))


def rule_of(
    *,
    watch: Iterable[str] = (),
    weights: Mapping[str, float] | None = None,
    share: float = 0.5,
    min_rows: int = 100,
    thresholds: Mapping[str, float] | None = None,
) -> Rule:
    """Return a rule with every default settled. Raises UserError for a threshold that there is not."""
    return Rule(
        watch=tuple(watch), weights=weights, share=share, min_rows=min_rows, thresholds=settled(thresholds)
    )


class _Limits:
    """The thresholds of each column, found when they are first asked for."""

    def __init__(self, rule: Rule, past: Sequence[Profile]) -> None:
        self.rule = rule
        self.past = past
        self.found: dict[tuple[str, str], float] = {}

    def distribution(self, name: str, reference: ColumnProfile) -> float:
        """Return how far a distribution may be from the reference's."""
        if (name, "") not in self.found:
            default = self.rule.thresholds["numeric" if reference.kind == "numeric" else "categorical"]
            known = distances(name, reference, self.past)
            self.found[name, ""] = raised(default, known)
        return self.found[name, ""]

    def missing(self, name: str) -> float:
        """Return by how much the share of missing values may change."""
        if (name, "missing") not in self.found:
            known = missing_distances(name, self.past)
            self.found[name, "missing"] = raised(self.rule.thresholds["missing"], known)
        return self.found[name, "missing"]

    def unseen(self, reference: statistics.Counts) -> float:
        """Return how many rows may be of new categories: some are by nature, where many are rare."""
        return self.rule.thresholds["unseen"] + statistics.singletons(reference)


def _beside(current: Any, reference: Profile) -> Profile:
    """Return current data by the kinds of the reference."""
    if not isinstance(current, Profile):
        return read(current, {name: one.kind for name, one in reference.columns.items()})
    columns = {
        name: one.seen_as(reference.columns[name].kind) if name in reference.columns else one
        for name, one in current.columns.items()
    }
    return Profile(current.rows, columns)


def _measured(reference: Profile, current: Profile, limits: _Limits) -> DriftReport:
    """Return a report without its verdict, unless there are too few rows for one."""
    rows = (reference.rows, current.rows)
    if min(rows) < limits.rule.min_rows:
        return DriftReport("insufficient", rows, 0.0)
    columns = [
        _column(name, one, current.columns.get(name) or _absent(one, current), limits)
        for name, one in reference.columns.items()
    ]
    columns += [
        ColumnReport(name, one.kind, (0, one.values), skipped="it is not in the reference")
        for name, one in current.columns.items()
        if name not in reference.columns
    ]
    return DriftReport("no drift", rows, 0.0, tuple(columns))


def _absent(reference: ColumnProfile, current: Profile) -> ColumnProfile:
    """Return a column that is not there as one with nothing in it."""
    rows = max((one.rows for one in current.columns.values()), default=current.rows)
    return ColumnProfile("other", rows, rows).seen_as(reference.kind)


def _column(name: str, one: ColumnProfile, other: ColumnProfile, limits: _Limits) -> ColumnReport:
    differences: list[Difference] = []
    skipped = SKIPPED.get(one.kind, "")
    psi = js = None
    if not skipped and min(one.values, other.values) < limits.rule.min_rows:
        skipped = f"too few values: {other.values:,} beside {one.values:,}"
    if not skipped:
        differences = _distribution(one, other, limits, name)
        psi, js = _indices(one, other)
    return ColumnReport(
        name=name,
        kind=one.kind,
        rows=(one.values, other.values),
        differences=(*differences, _missing(one, other, limits.missing(name))),
        watched=name in limits.rule.watch,
        psi=psi,
        js=js,
        skipped=skipped,
    )


def _distribution(one: ColumnProfile, other: ColumnProfile, limits: _Limits, name: str) -> list[Difference]:
    threshold = limits.distribution(name, one)
    if one.numbers is not None and other.numbers is not None:
        gap, p = statistics.kolmogorov_smirnov(one.numbers, other.numbers)
        effect = statistics.wasserstein(one.numbers, other.numbers) / (one.numbers.sd or 1.0)
        return [Difference("distribution", "ks", gap, p, None, "wasserstein / sd", effect, threshold)]
    seen, now = one.counts or {}, other.counts or {}
    statistic, p = statistics.chi_squared(seen, now)
    effect = statistics.total_variation(seen, now)
    new = statistics.unseen(seen, now)
    return [
        Difference("distribution", "chi2", statistic, p, None, "total variation", effect, threshold),
        Difference("unseen", "", None, None, None, "share of rows", new, limits.unseen(seen)),
    ]


def _missing(one: ColumnProfile, other: ColumnProfile, threshold: float) -> Difference:
    measure = "change of share"
    if one.missing + other.missing in (0, one.rows + other.rows):
        # Nothing to ask of chance; a test without an outcome would only weaken the others.
        return Difference("missing", "", None, None, None, measure, 0.0, threshold)
    z, p = statistics.two_proportions(one.missing, one.rows, other.missing, other.rows)
    effect = abs(other.missing / other.rows - one.missing / one.rows)
    return Difference("missing", "z", z, p, None, measure, effect, threshold)


def _indices(one: ColumnProfile, other: ColumnProfile) -> tuple[float, float]:
    if one.numbers is not None and other.numbers is not None:
        p, q = statistics.binned(one.numbers, other.numbers)
    else:
        p, q = map(statistics.shares, statistics.aligned(one.counts or {}, other.counts or {}))
    return statistics.stability_index(p, q), statistics.jensen_shannon(p, q)
