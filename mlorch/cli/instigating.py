"""What mlorch schedule and mlorch sensor have in common."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mlorch.app.instigating import InstigatorView, Kind, Preview
    from mlorch.app.opening import App
    from mlorch.planning.ticks import RunAsked

AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


def print_list(context: typer.Context, kind: Kind, as_json: bool) -> None:
    from mlorch.app.instigating import instigator_views
    from mlorch.app.opening import open_app
    from mlorch.cli.output import print_json, print_table

    opened = open_app(context.obj)
    found = instigator_views(opened.definitions, opened.record.log, kind)
    if as_json:
        print_json([one.as_json() for one in found])
        return
    timing = ("cron", "zone") if kind == "schedule" else ("asked every",)
    rows = [(one.name, _status(one), *_timing(one), _jobs(one), _last(one), _next(one)) for one in found]
    print_table((kind, "status", *timing, "jobs", "last tick (UTC)", "next tick (UTC)"), rows)


def turn(context: typer.Context, kind: Kind, names: Sequence[str], every: bool, wanted: bool | None) -> None:
    from mlorch.app.instigating import find_instigators
    from mlorch.app.instigating import turn as turn_instigators
    from mlorch.app.opening import open_app
    from mlorch.app.overseeing import daemon_at_work
    from mlorch.cli.carrying import tell

    opened = open_app(context.obj)
    log = opened.instance.log
    found = find_instigators(opened.definitions, log, kind, names, every=every)
    after = turn_instigators(log, found, wanted)
    for before, one in zip(found, after, strict=True):
        still = " already" if before.is_on == one.is_on and wanted is not None else ""
        if one.is_on:
            print(f"{kind} {one.name} is running{still}; next tick: {_next(one)} UTC")
        else:
            print(f"{kind} {one.name} is stopped{still}")
    if any(one.is_on for one in after) and daemon_at_work(opened.instance) is None:
        tell("no daemon runs: start one with 'mlorch daemon'")


def print_preview(
    opened: App, found: InstigatorView, due: float | None, cursor: str | None, as_json: bool
) -> None:
    """Ask a schedule or sensor, print what it would come to, and exit."""
    from mlorch.app.instigating import preview

    # What the user's code prints must not come between a script and its JSON.
    with redirect_stdout(sys.stderr if as_json else sys.stdout):
        seen = preview(opened.definitions, opened.record, found, due=due, cursor=cursor)
    if as_json:
        _print_as_json(seen)
    else:
        _print_outcome(seen, found)
    raise typer.Exit(1 if seen.outcome.status == "FAILURE" else 0)


def tick_text(outcome: Any) -> str:
    """Return what a tick came to, in a line; of one that was recorded or of one that was not."""
    if outcome.status == "FAILURE":
        return f"FAILURE: {outcome.error.get('type')}: {outcome.error.get('message')}"
    if outcome.runs:
        return f"SUCCESS, {counted(len(outcome.runs), 'run')}"
    return f"SKIPPED: {outcome.reason}" if outcome.reason else "SKIPPED"


def counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _status(one: InstigatorView) -> str:
    return ("RUNNING" if one.is_on else "STOPPED") + ("" if one.is_as_declared else ", by hand")


def _timing(one: InstigatorView) -> tuple[str, ...]:
    declared = one.declared
    return (", ".join(declared.crons), declared.timezone) if declared.crons else (f"{declared.interval:g} s",)


def _jobs(one: InstigatorView) -> str:
    return " ".join(one.declared.jobs) or "-"


def _last(one: InstigatorView) -> str:
    from mlorch.cli.output import moment

    last = one.state.last
    return f"{moment(last.at)} {tick_text(last)}" if last is not None else "-"


def _next(one: InstigatorView) -> str:
    from mlorch.cli.output import moment

    return moment(one.next_at) if one.next_at is not None else "-"


def _print_outcome(seen: Preview, found: InstigatorView) -> None:
    from mlorch.cli.carrying import tell
    from mlorch.cli.output import moment

    outcome = seen.outcome
    kind = "schedule" if found.declared.crons else "sensor"
    when = f", tick of {moment(outcome.due)} UTC" if found.declared.crons else ""
    print(f"{kind} {found.name}{when}: {tick_text(outcome)}")
    for run in outcome.runs:
        print(f"   {_run_text(run)}{' (there was a run before: no other)' * (run.run_key in seen.repeated)}")
    for fact in outcome.facts:
        print(f"   records {fact.kind.replace('_', ' ')}{_about(fact)}")
    if kind == "sensor" and outcome.status != "FAILURE" and outcome.cursor is not None:
        print(f"   cursor {outcome.cursor}")
    if outcome.error.get("traceback"):
        tell(str(outcome.error["traceback"]).rstrip())


def _run_text(run: RunAsked) -> str:
    import json

    parts = [f"job {run.job}" if run.job is not None else " ".join(run.selection)]
    if run.job is not None and run.selection:
        parts.append(f"assets {' '.join(run.selection)}")
    parts += [f"partition {one}" for one in (run.partition, *run.partitions) if one is not None]
    parts += [f"check {one}" for one in run.checks]
    parts += [f"run key {run.run_key}"] if run.run_key is not None else []
    parts += [f"config {json.dumps(run.config, default=str)}"] if run.config else []
    parts += [f"{name}={value}" for name, value in run.tags.items() if not name.startswith("mlorch/")]
    return ", ".join(parts)


def _about(fact: Any) -> str:
    keys = getattr(fact, "keys", None)
    if keys is not None:
        return f" {fact.name}: {', '.join(keys)}"
    asset, partition = getattr(fact, "asset", None), getattr(fact, "partition", None)
    name = f" {asset}{f'[{partition}]' if partition is not None else ''}" if asset is not None else ""
    told = [one for one in (getattr(fact, "why", ""), getattr(fact, "held", "")) if one]
    return f"{name}: {'; '.join(told)}" if told else name


def _print_as_json(seen: Preview) -> None:
    from dataclasses import asdict

    from mlorch.cli.output import print_json
    from mlorch.events import to_fields

    outcome = seen.outcome
    runs = [{**asdict(one), "is_repeated": one.run_key in seen.repeated} for one in outcome.runs]
    print_json(
        {
            "name": outcome.name,
            "due": outcome.due,
            "status": outcome.status,
            "reason": outcome.reason,
            "cursor": outcome.cursor,
            "runs": runs,
            "facts": [{"kind": one.kind, **to_fields(one)} for one in outcome.facts],
            "error": dict(outcome.error),
            "seconds": outcome.seconds,
        }
    )
