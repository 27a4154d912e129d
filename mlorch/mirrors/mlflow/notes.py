"""The notes of runs and experiments: Markdown that people read first."""

from __future__ import annotations

from collections.abc import Mapping

from mlorch.definitions.tags import WHY
from mlorch.events import AssetMaterialized, BackfillStarted, RunStarted, StepFailed
from mlorch.log import slot_name
from mlorch.mirrors.mlflow.contents import TAG_LENGTH, cut
from mlorch.mirrors.mlflow.history import Origin
from mlorch.mirrors.mlflow.lineage import Urls, cell, link, moment, table, upstream_rows
from mlorch.mirrors.mlflow.outcomes import Outcome, failure_name
from mlorch.mirrors.mlflow.summaries import made_table
from mlorch.mirrors.mlflow.versions import changes

_MOST_ROWS = 30
_MOST_FAILURES = 5
_TRACEBACK = 1_500


def run_note(origin: Origin, urls: Urls) -> str:
    """Return what changed since the materialization before, then what went in."""
    lines = [_what_changed(origin.event, origin.previous)]
    why = origin.run is not None and why_it_ran(origin.run)
    if why:
        lines += ["", why]
    rows = upstream_rows(origin.direct, urls)
    if rows:
        lines += ["", *table(("upstream", "data version", "code version", "made"), rows[:_MOST_ROWS])]
    if len(rows) > _MOST_ROWS:
        lines += ["", f"{len(rows) - _MOST_ROWS:,} more upstreams are left out here."]
    return cut("\n".join(lines), TAG_LENGTH)


def _what_changed(event: AssetMaterialized, previous: AssetMaterialized | None) -> str:
    if previous is None:
        return "The first materialization."
    found = changes(event, previous)
    what = ", ".join(f"**{cell(one)}**" for one in found)
    name = slot_name((previous.asset, previous.partition))
    return (
        f"Changed since {cell(name)} `@{cell(previous.data_version[:8])}` of {moment(previous.at)}: {what}."
    )


def why_it_ran(run: RunStarted | BackfillStarted) -> str:
    """Return why a sensor asked for a run, "" where nobody said."""
    why, sensor = run.tags.get(WHY), run.tags.get("mlorch/sensor")
    if not why:
        return ""
    return f"Why: {cell(why)}{f' (sensor {cell(sensor)})' if sensor else ''}."


def job_note(outcome: Outcome, earlier: str | None = None) -> str:
    """Return why a run ran and how it ended: what failed and why, then the table of what it made.

    `earlier` is the page of the run that it tries again.
    """
    end = outcome.end
    why = why_it_ran(outcome.run)
    lines = [*([why, ""] if why else []), f"{end.status}{': ' + end.reason if end.reason else ''}"]
    if earlier is not None:
        lines += ["", f"Tries [an earlier run]({earlier}) again."]
    for one in outcome.failed[:_MOST_FAILURES]:
        lines += ["", *_failure(one)]
    if len(outcome.failed) > _MOST_FAILURES:
        lines += ["", f"{len(outcome.failed) - _MOST_FAILURES:,} more steps failed."]
    for check in outcome.failed_checks[:_MOST_FAILURES]:
        name = slot_name((check.asset, check.partition))
        why = f": {cell(check.description)}" if check.description else ""
        lines += ["", f"**{cell(name)}** failed the check {cell(check.check)} ({check.severity}){why}"]
    return cut("\n".join([*lines, "", *made_table(outcome.made, outcome.urls)]).rstrip(), TAG_LENGTH)


def _failure(one: StepFailed) -> list[str]:
    error = one.error
    name = cell(failure_name(one))
    lines = [f"**{name}** failed: {cell(str(error.get('type')))}: {cell(str(error.get('message')))}"]
    traceback = str(error.get("traceback") or "").strip()
    if traceback:
        lines += ["", "```", traceback[-_TRACEBACK:].replace("```", "'''"), "```"]
    return lines


def experiment_note(description: str, views: Mapping[str, str], upstreams: Mapping[str, str]) -> str:
    """Return what an asset is, with links, by title, to its prepared views and its upstreams' experiments."""
    lines = [description.strip()] if description and description.strip() else []
    if views:
        lines += ["", "Views: " + " · ".join(link(title, url) for title, url in views.items())]
    if upstreams:
        lines += ["", "Upstream: " + " · ".join(link(asset, url) for asset, url in upstreams.items())]
    return cut("\n".join(lines).strip(), TAG_LENGTH)
