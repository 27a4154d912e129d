"""What the checks of a step came to."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from mlorch.definitions.checks import AssetCheckResult, AssetCheckSeverity, AssetCheckSpec, spec_meant
from mlorch.definitions.reports import ExpectationResult
from mlorch.errors import AssetCheckFailedError, SchemaError, TypeCheckError
from mlorch.events import CheckEvaluated
from mlorch.execution.arguments import owner_name
from mlorch.execution.call import Call
from mlorch.execution.metadata import plain, redacted
from mlorch.log import INITIAL, Slot

SCHEMA = "schema"
"""The name of the check that a schema as an annotation is."""


class Checker:
    """Takes the results of one attempt, each as it comes."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._results: list[tuple[AssetCheckSpec, AssetCheckResult, float]] = []

    def add(self, result: AssetCheckResult) -> None:
        """Take a result. Raises TypeCheckError for one that is not declared, or comes twice."""
        spec = spec_meant(result, self._call.checks, owner_name(self._call))
        if any(known.key == spec.key for known, _, _ in self._results):
            raise TypeCheckError(f"{owner_name(self._call)} gave two results of the check {spec.name!r}")
        self._results.append((spec, result, time.time()))

    def complete(self, made: Mapping[Slot, str]) -> None:
        """Raise TypeCheckError where a declared check has no result; what was not made needs none."""
        given = {spec.key for spec, _, _ in self._results}
        unmade = {target.slot[0] for target in self._call.targets} - {slot[0] for slot in made}
        for spec in self._call.checks:
            if spec.key not in given and str(spec.asset_key) not in unmade:
                raise TypeCheckError(
                    f"{owner_name(self._call)} gave no result of its check {spec.name!r} of "
                    f"{str(spec.asset_key)!r}; return or yield AssetCheckResult(passed=…)"
                )

    def facts(self, made: Mapping[Slot, str]) -> list[CheckEvaluated]:
        """Return what is recorded; `made` has the data versions of what the step itself has made."""
        versions = {**{one[:2]: one.data_version for one in self._call.checked}, **made}
        return [self._fact(*one, versions) for one in self._results]

    def refuse_failed(self) -> None:
        """Raise AssetCheckFailedError where a blocking check failed with ERROR."""
        failed = [spec.key.to_user_string() for spec, result, _ in self._results if _blocks(spec, result)]
        if failed:
            raise AssetCheckFailedError(
                f"blocking checks failed: {', '.join(failed)}; what is below waits until they pass"
            )

    def _fact(
        self, spec: AssetCheckSpec, result: AssetCheckResult, at: float, versions: Mapping[Slot, str]
    ) -> CheckEvaluated:
        asset = str(spec.asset_key)
        mine = [slot for slot in versions if slot[0] == asset and versions[slot] != INITIAL]
        one = self._call.partitions[0] if len(self._call.partitions) == 1 else None
        return CheckEvaluated(
            run_id=self._call.run.run_id,
            at=at,
            step=self._call.step,
            asset=asset,
            partition=one,
            check=spec.name,
            passed=bool(result.passed),
            severity=str(AssetCheckSeverity(result.severity).value),
            is_blocking=spec.blocking,
            description=result.description,
            metadata=redacted(plain(result.metadata or {}), self._call.run.secrets),
            data_version=versions[mine[0]] if len(mine) == 1 else None,
        )


def schema_checked(
    call: Call, slot: Slot, report: Mapping[str, Any], data_version: str | None = None
) -> CheckEvaluated:
    """Return what is recorded of a value that was held to its schema; one that broke it has no version."""
    return CheckEvaluated(
        run_id=call.run.run_id,
        at=time.time(),
        step=call.step,
        asset=slot[0],
        partition=slot[1],
        check=SCHEMA,
        passed=data_version is not None,
        metadata=redacted(dict(report), call.run.secrets),
        data_version=data_version,
    )


def expected(said: ExpectationResult, call: Call) -> CheckEvaluated:
    """Return what is recorded of an expectation that the function stated."""
    return CheckEvaluated(
        run_id=call.run.run_id,
        at=time.time(),
        step=call.step,
        asset=call.asset,
        partition=call.partition,
        check=said.label or "expectation",
        passed=bool(said.success),
        severity=AssetCheckSeverity.WARN.value,
        description=said.description,
        metadata=redacted(plain(said.metadata or {}), call.run.secrets),
    )


def broken_schema(call: Call, error: SchemaError, known: list[Any]) -> list[CheckEvaluated]:
    """Return what is recorded of a broken schema, unless it is `known` already."""
    if any(isinstance(one, CheckEvaluated) and one.check == SCHEMA and not one.passed for one in known):
        return []
    return [schema_checked(call, (call.asset, call.partition), error.report)]


def _blocks(spec: AssetCheckSpec, result: AssetCheckResult) -> bool:
    return spec.blocking and not result.passed and result.severity == AssetCheckSeverity.ERROR
