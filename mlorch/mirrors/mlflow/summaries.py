"""What came of a run as files: lineage.md for people, lineage.json for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from mlorch.events import (
    AssetMaterialized,
    BackfillStarted,
    CheckEvaluated,
    Input,
    Json,
    RunStarted,
    StepFailed,
    StepSkipped,
    StepSucceeded,
)
from mlorch.log import Slot, slot_name
from mlorch.mirrors.mlflow.lineage import JSON, Urls, cell, link, moment, node, span, table
from mlorch.mirrors.mlflow.outcomes import Outcome, failure_name
from mlorch.mirrors.mlflow.versions import short

_MOST_ROWS = 1_000
_MOST_NAMES = 3


def job_name(run: RunStarted) -> str:
    """Return "job [partition]", or what was selected where the run is of no job."""
    name = run.job or _names(run.selection) or "materialize"
    if not run.partitions:
        return name
    return (
        f"{name} {span('', run.partitions)}" if len(run.partitions) > 1 else f"{name} [{run.partitions[0]}]"
    )


def backfill_name(start: BackfillStarted) -> str:
    """Return "backfill: assets [first … last] (number)", the partitions those of the asset with most."""
    most = max(start.targets.values(), key=lambda keys: len(keys or ()), default=None)
    return f"backfill: {_names(list(start.targets))} {span('', most) if most else ''}".rstrip()


def asset_table(
    start: BackfillStarted, made: Collection[Slot], failed: Collection[Slot], urls: Urls
) -> list[str]:
    """Return the lines of a table of how many partitions of each asset a backfill made."""
    counts = Counter(asset for asset, _ in made), Counter(asset for asset, _ in failed)
    rows = (
        (link(asset, urls.get(asset)), str(len(keys or [None])), *(str(one[asset]) for one in counts))
        for asset, keys in start.targets.items()
    )
    return _table(("asset", "planned", "made", "failed"), rows)


def job_markdown(outcome: Outcome) -> str:
    """Return tables of what a run made, each with a link to its own run, of its ops, and of what failed."""
    run, end = outcome.run, outcome.end
    tables = [
        _table(("failed", "error"), map(_failure, outcome.failed)),
        _table(("check", "of", "result", "why"), map(_check, outcome.checks)),
        made_table(outcome.made, outcome.urls),
        _table(("observed", "data version"), ((cell(slot_name((one.asset, one.partition))),
            f"`{cell(short(one.data_version))}`") for one in outcome.observed)),
        _table(("op", "seconds", "kept"), map(_op, outcome.ops)),
        _table(("left out", "why"), map(_skip, outcome.skipped)),
    ]  # fmt: skip
    head = [f"# {cell(job_name(run))}", "", f"{end.status}, {moment(run.at)} to {moment(end.at)}."]
    return "\n".join(line for lines in [head, *filter(None, tables)] for line in [*lines, ""])


def made_table(made: Sequence[AssetMaterialized], urls: Urls) -> list[str]:
    """Return the lines of a table of materializations, each with a link to its own run; none without any."""
    rows = (
        (
            link(slot_name((one.asset, one.partition)), urls.get(one.materialization_id)),
            f"`{cell(short(one.data_version))}`",
            cell(short(one.code_version)),
            ", ".join(dict.fromkeys(each.asset for each in one.inputs)),
        )
        for one in made
    )
    return _table(("made", "data version", "code version", "from"), rows)


def job_json(outcome: Outcome) -> str:
    """Return what a run made, with the exact versions that went in."""
    run = outcome.run
    document: dict[str, Json] = {
        "run_id": run.run_id,
        "job": run.job,
        "status": outcome.end.status,
        "git": dict(run.git) if run.git else None,
        "made": [
            {
                **node(Input(one.asset, one.partition, one.data_version, None), one),
                "page": outcome.urls.get(one.materialization_id),
            }
            for one in outcome.made
        ],
        "observed": [
            node(Input(one.asset, one.partition, one.data_version, None), one) for one in outcome.observed
        ],
        "ops": [{"step": one.step, "outputs": list(one.outputs)} for one in outcome.ops],
        "checks": [
            {"asset": one.asset, "partition": one.partition, "check": one.check, "passed": one.passed,
             "severity": one.severity, "metadata": dict(one.metadata)}
            for one in outcome.checks
        ],
        "failed": [{"step": one.step, "slots": list(one.failed), **one.error} for one in outcome.failed],
        "left_out": [{"step": one.step, "reason": one.reason} for one in outcome.skipped],
    }  # fmt: skip
    return json.dumps(document, indent=1, ensure_ascii=False, default=str)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return " ".join(names[:_MOST_NAMES]) + more


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    found = list(rows)
    if not found:
        return []
    lines = table(head, found[:_MOST_ROWS])
    if len(found) > _MOST_ROWS:
        lines += ["", f"{len(found) - _MOST_ROWS:,} more stand in {JSON}."]
    return lines


def _failure(one: StepFailed) -> tuple[str, str]:
    error = f"{one.error.get('type', 'Error')}: {one.error.get('message', '')}"
    return cell(failure_name(one)), cell(error[:500])


def _check(one: CheckEvaluated) -> tuple[str, str, str, str]:
    return (
        cell(one.check),
        cell(slot_name((one.asset, one.partition))),
        "passed" if one.passed else f"failed ({one.severity})",
        cell((one.description or "")[:500]),
    )


def _op(one: StepSucceeded) -> tuple[str, str, str]:
    kept = ", ".join(str(output["uri"]) for output in one.outputs if output.get("uri"))
    return cell(one.step), f"{one.at - one.started_at:.2f}", cell(kept)


def _skip(one: StepSkipped) -> tuple[str, str]:
    return cell(one.step), cell(one.reason)
