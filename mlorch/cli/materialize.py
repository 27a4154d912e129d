"""mlorch materialize: make assets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlorch.cli.carrying import carry_out, make_request, read_partitions, read_tags
from mlorch.cli.completion import asset_names, job_names
from mlorch.cli.config import Files, Text, read_configs
from mlorch.cli.detaching import leave
from mlorch.cli.options import Detach, Executor, NoWait, ResultAsJson, Workers

if TYPE_CHECKING:
    from mlorch.app.materializing import Request
    from mlorch.app.opening import App
    from mlorch.planning.plan import Plan

SELECTION_HELP = (
    "Which assets: * (all), NAME, +NAME (and all upstream), NAME+ (downstream), 1+NAME (one level), "
    "key:PRE*, group:G, tag:K=V, roots( ), sinks( ), and, or, not, ( )."
)


def materialize(
    context: typer.Context,
    selection: Annotated[
        list[str] | None, typer.Argument(help=SELECTION_HELP, autocompletion=asset_names)
    ] = None,
    *,
    select: Annotated[str | None, typer.Option("--select", help="The selection, as an option.")] = None,
    job: Annotated[
        str | None, typer.Option(help="A job: its selection and config.", autocompletion=job_names)
    ] = None,
    partition: Annotated[str | None, typer.Option(help="One partition key.")] = None,
    partition_range: Annotated[
        str | None, typer.Option(help="FIRST...LAST, both included.", metavar="FIRST...LAST")
    ] = None,
    all_partitions: Annotated[bool, typer.Option("--all-partitions", help="Every partition.")] = False,
    stale: Annotated[
        bool, typer.Option("--stale", help="Only what is missing or stale, and what that makes stale.")
    ] = False,
    config: Files = None,
    config_json: Text = None,
    tag: Annotated[list[str] | None, typer.Option(help="KEY=VALUE, recorded with the run.")] = None,
    executor: Executor = None,
    workers: Workers = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and change nothing.")] = False,
    detach: Detach = False,
    no_wait: NoWait = False,
    as_json: ResultAsJson = False,
) -> None:
    """Make assets, or a selection of them.

    Examples: mlorch materialize · mlorch materialize "+model" --partition 2013-02-01 ·
    mlorch materialize --all-partitions --stale
    """
    from mlorch.app.opening import open_app

    opened = open_app(context.obj, flags={"executor": executor, "workers": workers})
    chosen = [*(selection or ()), *([select] if select else ())]
    request = make_request(
        opened,
        selection=chosen or None,
        partitions=read_partitions(partition, partition_range, all_partitions),
        only_stale=stale,
        run_config=read_configs(config or (), config_json),
        tags=read_tags(tag or ()),
    )
    if detach and not dry_run:
        _leave(opened, job, request, as_json)
    if job is not None:
        request = _of_job(opened, job, request)
    if dry_run:
        from mlorch.app.materializing import plan_request

        _print_plan(plan_request(opened.definitions, opened.record, request), as_json)
        return
    from mlorch.app.materializing import run_request

    result = carry_out(
        opened,
        lambda listener: run_request(opened.definitions, opened.instance, request, listener),
        no_wait=no_wait,
        as_json=as_json,
        request=request,
    )
    raise typer.Exit(result.exit_code)


def _leave(opened: App, job: str | None, request: Request, as_json: bool) -> None:
    from mlorch.app.detaching import queue_job, queue_materialization

    if job is None:
        leave(
            opened,
            lambda: queue_materialization(opened.definitions, opened.instance, opened.settings, request),
            as_json=as_json,
        )
    _of_job(opened, job, request)
    found = opened.definitions.job(job)
    leave(
        opened,
        lambda: queue_job(opened.definitions, opened.instance, opened.settings, found, request),
        as_json=as_json,
    )


def _of_job(opened: App, name: str, request: Request) -> Request:
    from mlorch.app.launching import of_job
    from mlorch.definitions.jobs import AssetJob
    from mlorch.errors import UserError

    job = opened.definitions.job(name)
    if not isinstance(job, AssetJob):
        raise UserError(f"job {name!r} makes no assets; run it with: mlorch job execute {name}")
    return of_job(job, request)


def _print_plan(plan: Plan, as_json: bool) -> None:
    from mlorch.cli.output import print_json, print_table

    def why(unit: Any) -> str:
        causes = "; ".join(dict.fromkeys(cause.reason for cause in unit.causes))
        return causes or ("if its inputs change" if unit.is_conditional else "")

    rows = [(slot[0], slot[1] or "", why(unit)) for unit in plan.units for slot in unit.slots]
    if as_json:
        steps = [{"asset": asset, "partition": part or None, "why": text} for asset, part, text in rows]
        print_json({"steps": steps, "fresh": len(plan.fresh)})
    elif rows:
        print_table(("asset", "partition", "why"), rows)
        print(f"{len(rows)} to do, {len(plan.fresh)} fresh; nothing was run")
    else:
        print(f"nothing to do: {len(plan.fresh)} fresh")
