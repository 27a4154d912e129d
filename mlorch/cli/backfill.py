"""mlorch backfill and mlorch backfills: make many partitions, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlorch.cli.carrying import carry_out, make_request, read_tags, tell
from mlorch.cli.completion import asset_names
from mlorch.cli.config import Files, Text, read_configs
from mlorch.cli.detaching import leave
from mlorch.cli.materialize import SELECTION_HELP
from mlorch.cli.options import Detach, Executor, NoWait, Workers

if TYPE_CHECKING:
    from mlorch.app.backfills import BackfillView
    from mlorch.app.choosing import Choice
    from mlorch.app.materializing import Request
    from mlorch.app.opening import App
    from mlorch.planning.plan import Plan

backfills = typer.Typer(
    help="List, show, cancel and resume backfills.", no_args_is_help=True, rich_markup_mode=None
)

AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
Name = Annotated[
    str,
    typer.Argument(metavar="BACKFILL", help="A backfill, or the beginning of its id; 'last' is the newest."),
]


def backfill(
    context: typer.Context,
    selection: Annotated[
        list[str] | None, typer.Argument(help=SELECTION_HELP, autocompletion=asset_names)
    ] = None,
    *,
    partitions: Annotated[
        list[str] | None,
        typer.Option(help="Keys and ranges of the first assets, with commas.", metavar="KEY,FIRST...LAST"),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every partition.")] = False,
    missing: Annotated[bool, typer.Option("--missing", help="Only what was never made.")] = False,
    stale: Annotated[
        bool, typer.Option("--stale", help="Only what is missing or stale, and what that makes stale.")
    ] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only what failed last, and what could not be made for it.")
    ] = False,
    config: Files = None,
    config_json: Text = None,
    tag: Annotated[list[str] | None, typer.Option(help="KEY=VALUE, recorded with every run.")] = None,
    executor: Executor = None,
    workers: Workers = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the runs and change nothing.")] = False,
    detach: Detach = False,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Make many partitions, by as many runs as the assets' BackfillPolicy says.

    Examples: mlorch backfill "features+" --partitions 2013-01...2013-06,2013-12 ·
    mlorch backfill --missing · mlorch backfill model --failed --workers 4 --executor processes
    """
    from mlorch.app.backfilling import plan_backfill, run_backfill
    from mlorch.app.opening import open_app

    opened = open_app(context.obj, flags={"executor": executor, "workers": workers})
    choice = _choice(partitions or (), missing, stale, failed, every)
    request = make_request(
        opened,
        selection=selection or None,
        run_config=read_configs(config or (), config_json),
        tags=read_tags(tag or ()),
    )
    if dry_run:
        _print_plan(plan_backfill(opened.definitions, opened.record, request, choice), as_json)
        return
    _tell_unfinished(opened, request, choice)
    if detach:
        from mlorch.app.detaching import queue_backfill

        leave(
            opened,
            lambda: queue_backfill(opened.definitions, opened.instance, opened.settings, request, choice),
            as_json=as_json,
        )
    _carry_out(
        opened,
        lambda listener: run_backfill(opened.definitions, opened.instance, request, choice, listener),
        no_wait=no_wait,
        as_json=as_json,
    )


@backfills.command("list")
def list_backfills(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1)] = 20,
    as_json: AsJson = False,
) -> None:
    """List the newest backfills."""
    from mlorch.app.backfills import newest_backfills
    from mlorch.app.opening import open_app
    from mlorch.cli.output import moment, print_json, print_table

    found = newest_backfills(open_app(context.obj).record, limit)
    if as_json:
        print_json([one.as_json() for one in found])
        return
    rows = [
        (
            one.backfill_id[:8],
            one.status,
            moment(one.started.at),
            _took(one),
            " ".join(one.started.selection[:3]) + (" …" if len(one.started.selection) > 3 else ""),
            _counts(one),
        )
        for one in found
    ]
    print_table(("backfill", "status", "started (UTC)", "took", "assets", "asset partitions"), rows)


@backfills.command()
def show(context: typer.Context, name: Name = "last", as_json: AsJson = False) -> None:
    """Show what a backfill is to make, what it has made, and what failed."""
    from mlorch.app.backfills import find_backfill
    from mlorch.app.opening import open_app
    from mlorch.app.overseeing import why_waiting
    from mlorch.cli.output import moment, print_json

    opened = open_app(context.obj)
    found = find_backfill(opened.record, name)
    if as_json:
        made = sorted((asset, partition or "") for asset, partition in found.made)
        print_json({**found.as_json(), "targets": dict(found.started.targets), "made": made})
        return
    print(f"backfill {found.backfill_id}  {found.status}  {moment(found.started.at)}  {_took(found)}")
    for asset, partitions in found.started.targets.items():
        count = sum(one[0] == asset for one in found.made)
        some = f"  {partitions[0]} … {partitions[-1]}" if partitions else ""
        print(f"{asset}: {count} of {len(partitions or [None])} made{some}")
    if found.queued is not None:
        print(f"waits: {why_waiting(opened.record, opened.settings, found.queued)}")
        return
    if found.finished is not None and found.finished.reason:
        print(f"ended: {found.finished.reason}")
    print(f"{found.counts['runs']} runs; mlorch runs list shows them")
    for failure in found.failures:
        print(f"\n{failure.step}: {failure.error['type']}: {failure.error['message']}")


@backfills.command()
def cancel(
    context: typer.Context,
    name: Name,
    patience: Annotated[float, typer.Option("--wait", help="Seconds to wait until it ends.", min=0)] = 10.0,
) -> None:
    """End a backfill; what it has made is kept. One whose process died is marked as canceled."""
    from mlorch.app.backfills import cancel_backfill
    from mlorch.app.opening import open_app

    done = cancel_backfill(open_app(context.obj).instance, name, patience=patience)
    print(f"backfill {done.run_id[:8]} {done.text}")


@backfills.command()
def resume(
    context: typer.Context,
    name: Name = "last",
    *,
    config: Files = None,
    config_json: Text = None,
    executor: Executor = None,
    workers: Workers = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Go on with a backfill that was killed, canceled or failed: make what it has not made."""
    from mlorch.app.backfills import resume_backfill
    from mlorch.app.opening import open_app

    opened = open_app(context.obj, flags={"executor": executor, "workers": workers})
    request = make_request(opened, run_config=read_configs(config or (), config_json))
    _carry_out(
        opened,
        lambda listener: resume_backfill(opened.definitions, opened.instance, name, request, listener),
        no_wait=no_wait,
        as_json=as_json,
    )


def _carry_out(opened: App, verb: Any, *, no_wait: bool, as_json: bool) -> None:
    result = carry_out(opened, verb, no_wait=no_wait, as_json=as_json, what="backfill")
    raise typer.Exit(result.exit_code)


def _choice(words: Any, missing: bool, stale: bool, failed: bool, every: bool) -> Choice:
    from mlorch.app.choosing import Choice
    from mlorch.errors import UserError

    flags = {"missing": missing, "stale": stale, "failed": failed}
    given: list[Any] = [name for name, is_given in flags.items() if is_given]
    if len(given) > 1:
        raise UserError("give one of --missing, --stale and --failed, not several")
    return Choice(tuple(words), given[0] if given else "", every)


def _tell_unfinished(opened: App, request: Request, choice: Choice) -> None:
    from mlorch.app.backfilling import slots_of_backfill
    from mlorch.app.backfills import unfinished

    slots = slots_of_backfill(opened.definitions, opened.record, request, choice)
    for one in unfinished(opened.record, slots):
        counts = one.counts
        tell(
            f"backfill {one.backfill_id[:8]} was broken off with {counts['made']:,} of {counts['planned']:,} "
            f"made; 'mlorch backfills resume {one.backfill_id[:8]}' goes on with it, "
            f"'mlorch backfills cancel {one.backfill_id[:8]}' forgets it"
        )


def _took(one: BackfillView) -> str:
    return f"{one.seconds:.1f} s" if one.has_begun else "-"


def _counts(one: BackfillView) -> str:
    if one.queued is not None:
        return "waits"
    counts = one.counts
    failed = f", {counts['failed']:,} failed" if counts["failed"] else ""
    return f"{counts['made']:,} of {counts['planned']:,} made{failed}"


def _print_plan(plan: Plan, as_json: bool) -> None:
    from mlorch.cli.output import print_json, print_table
    from mlorch.planning.backfill import steps_by_run

    runs = []
    for steps in steps_by_run(plan):
        assets = list(dict.fromkeys(slot[0] for step in steps for slot in step.unit.slots))
        partitions = list(dict.fromkeys(key for step in steps for key in step.unit.partitions))
        runs.append({"assets": assets, "partitions": partitions})
    if as_json:
        print_json({"runs": runs, "fresh": len(plan.fresh)})
        return
    rows = [(number, _span(one["partitions"]), " ".join(one["assets"])) for number, one in enumerate(runs, 1)]
    if rows:
        print_table(("run", "partitions", "assets"), rows)
    print(f"{len(runs)} runs, {len(plan.slots)} to make, {len(plan.fresh)} fresh; nothing was run")


def _span(partitions: list[str]) -> str:
    return partitions[0] if len(partitions) == 1 else "...".join([*partitions[:1], *partitions[-1:]])
