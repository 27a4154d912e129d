"""When a column has drifted, and when a whole frame has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mlorch.drift.adjustment import benjamini_hochberg
from mlorch.drift.report import ColumnReport, Difference, DriftReport
from mlorch.drift.thresholds import DEFAULTS
from mlorch.errors import UserError, nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When data are so different that something should be done.

    A column has drifted when a difference is significant under Benjamini–Hochberg at `q` and its effect
    reaches its threshold; the data have, when `share` of the columns has (by `weights`, as a model's feature
    importances, where given) or any that is watched.
    """

    watch: tuple[str, ...] = ()
    weights: Mapping[str, float] | None = None
    share: float = 0.5
    min_rows: int = 100
    thresholds: Mapping[str, float] = field(default_factory=lambda: DEFAULTS)
    q: float = 0.05


def check_names(rule: Rule, known: Sequence[str]) -> None:
    """Raise UserError where a rule names a column that is not there."""
    for name in (*rule.watch, *(rule.weights or {})):
        if name not in known:
            raise UserError(f"the data have no column {name!r} to watch or to weigh{nearest(name, known)}")


def judged(reports: Sequence[DriftReport], rule: Rule) -> list[DriftReport]:
    """Return reports with their adjusted p and their verdicts; what was compared together is judged so."""
    asked = [
        each.p
        for one in reports
        for column in one.columns
        for each in column.differences
        if each.p is not None
    ]
    adjusted = iter(benjamini_hochberg(asked))
    found = []
    for one in reports:
        columns = []
        for column in one.columns:
            differences = tuple(
                _judged(each, None if each.p is None else next(adjusted), rule.q)
                for each in column.differences
            )
            columns.append(replace(column, differences=differences))
        found.append(
            one if one.verdict == "insufficient" else _concluded(replace(one, columns=tuple(columns)), rule)
        )
    return found


def _judged(one: Difference, adjusted: float | None, q: float) -> Difference:
    is_significant = adjusted is None or adjusted < q
    return replace(one, adjusted_p=adjusted, drifted=is_significant and one.effect >= one.threshold)


def _concluded(report: DriftReport, rule: Rule) -> DriftReport:
    weights = {one.name: _weight(one, rule) for one in report.columns if one.differences}
    total = sum(weights.values())
    share = sum(weights[one.name] for one in report.columns if one.drifted) / total if total else 0.0
    is_seen = any(one.drifted and one.watched for one in report.columns)
    has_drifted = is_seen or (share >= rule.share and share > 0)
    return replace(report, share=share, verdict="drift" if has_drifted else "no drift")


def _weight(column: ColumnReport, rule: Rule) -> float:
    return 1.0 if rule.weights is None else rule.weights.get(column.name, 0.0)
