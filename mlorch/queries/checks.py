"""What checks came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlorch.definitions.checks import AssetCheckEvaluation, AssetCheckSeverity
from mlorch.definitions.keys import AssetKey
from mlorch.events import CheckEvaluated

if TYPE_CHECKING:
    from mlorch.log import EventLog


def evaluation_of(fact: CheckEvaluated) -> AssetCheckEvaluation:
    """Return what a check came to, as people ask for it."""
    return AssetCheckEvaluation(
        asset_key=AssetKey.from_user_string(fact.asset),
        check_name=fact.check,
        passed=fact.passed,
        metadata=fact.metadata,
        severity=AssetCheckSeverity(fact.severity),
        description=fact.description,
        blocking=fact.is_blocking,
        partition=fact.partition,
        data_version=fact.data_version,
        run_id=fact.run_id,
        timestamp=fact.at,
    )


def latest_evaluations(
    log: EventLog, asset: str, check: str | None = None, partition: str | None = None
) -> dict[tuple[str, str | None], AssetCheckEvaluation]:
    """Return the newest evaluation of each check of an asset, or of one, by its name and partition."""
    found: dict[tuple[str, str | None], AssetCheckEvaluation] = {}
    for record in log.read(kinds={CheckEvaluated.kind}, asset=asset, newest_first=True):
        fact = record.event
        assert isinstance(fact, CheckEvaluated)
        if check in (None, fact.check) and partition in (None, fact.partition):
            found.setdefault((fact.check, fact.partition), evaluation_of(fact))
    return found


NEWEST_CHECKS = 2_000
"""Evaluations that are looked through for checks that fail."""


def failing_checks(log: EventLog) -> dict[str, dict[str, str]]:
    """Return by asset the checks that did not pass last, with their severity; of the newest evaluations."""
    latest: dict[tuple[str, str, str | None], CheckEvaluated] = {}
    for record in log.read(kinds={CheckEvaluated.kind}, newest_first=True, limit=NEWEST_CHECKS):
        fact = record.event
        if isinstance(fact, CheckEvaluated):
            latest.setdefault((fact.asset, fact.check, fact.partition), fact)
    found: dict[str, dict[str, str]] = {}
    for (asset, check, _), fact in latest.items():
        if not fact.passed and found.get(asset, {}).get(check) != "ERROR":
            found.setdefault(asset, {})[check] = fact.severity
    return found
