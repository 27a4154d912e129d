"""mlorch materialize: make assets."""

from __future__ import annotations

import sys
from contextlib import ExitStack, redirect_stdout
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlorch.cli.completion import asset_names, job_names
from mlorch.cli.config import Files, Text, read_configs

if TYPE_CHECKING:
    from mlorch.app.materializing import Request
    from mlorch.app.mirroring import Mirroring
    from mlorch.app.opening import App
    from mlorch.app.results import ExecutionResult
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
    executor: Annotated[
        str | None, typer.Option(help="in_process, threads or processes.", show_default=False)
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Steps at once.", min=1, show_default=False)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and change nothing.")] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Leave MLflow and DVC to a process in the background.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Make assets, or a selection of them.

    Examples: mlorch materialize · mlorch materialize "+model" --partition 2013-02-01 ·
    mlorch materialize --all-partitions --stale
    """
    from mlorch.app.opening import open_app

    opened = open_app(context.obj, flags={"executor": executor, "workers": workers})
    chosen = [*(selection or ()), *([select] if select else ())]
    request = _request(
        opened,
        {
            "selection": chosen or None,
            "partitions": _partitions(partition, partition_range, all_partitions),
            "only_stale": stale,
            "run_config": read_configs(config or (), config_json),
            "tags": _tags(tag or ()),
            "job": job,
        },
    )
    if dry_run:
        from mlorch.app.materializing import plan_request

        _print_plan(plan_request(opened.definitions, opened.record, request), as_json)
        return
    result = _run(opened, request, no_wait=no_wait, as_json=as_json)
    raise typer.Exit(result.exit_code)


def _run(opened: App, request: Request, *, no_wait: bool, as_json: bool) -> ExecutionResult:
    from mlorch.app.materializing import Listener, run_request
    from mlorch.app.mirroring import mirroring, mirrors_of
    from mlorch.cli.progress import Stopwatch, showing

    watch = Stopwatch()
    told: list[Mirroring] = []
    # What the user's code prints must not come between a script and its JSON.
    with redirect_stdout(sys.stderr if as_json else sys.stdout), ExitStack() as mirrors:
        with showing() as progress:

            def planned(plan: Plan) -> None:
                progress.planned(plan)
                if plan.steps:
                    beside = mirroring(opened.settings, wait=not no_wait, tell=_tell)
                    told.append(mirrors.enter_context(beside))

            listener = Listener(planned, progress.happened, progress.waiting)
            result = run_request(opened.definitions, opened.instance, request, listener)
        _print_failures(result)
        _tell(_summary(result, watch))
    names = mirrors_of(opened.settings)
    if names and told and told[0].is_complete:
        _tell(f"{names}: told in the background" if no_wait else f"{names}: up to date ({watch})")
    if as_json:
        _print_result(result)
    return result


def _request(opened: App, given: dict[str, Any]) -> Request:
    from mlorch.app.materializing import Request
    from mlorch.app.opening import git_state, run_source

    settings = opened.settings
    if given["job"] is not None:
        job = opened.definitions.resolve_job_def(given["job"])
        given["selection"] = given["selection"] or job.selection
        given["run_config"] = given["run_config"] or job.config
        given["tags"] = {**job.tags, **given["tags"]}
    return Request(
        **given,
        executor=settings.executor,
        workers=settings.workers,
        auto=settings.code_version == "auto",
        project=settings.name,
        source=run_source(),
        git=git_state(settings.project),
    )


def _partitions(key: str | None, span: str | None, every: bool) -> Any:
    from mlorch.app.targets import Partitions
    from mlorch.errors import UserError

    if span is None:
        return Partitions(key=key, all=every)
    first, dots, last = span.partition("...")
    if not (first and dots and last):
        raise UserError(f"--partition-range {span!r} should be FIRST...LAST, such as 2013-01-01...2013-03-01")
    return Partitions(key=key, range=(first, last), all=every)


def _tags(given: list[str] | tuple[()]) -> dict[str, str]:
    from mlorch.errors import UserError

    tags = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise UserError(f"--tag {one!r} should be KEY=VALUE")
        tags[name] = value
    return tags


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


def _print_failures(result: ExecutionResult) -> None:
    for failure in result.failures:
        error = failure.error
        text = error["traceback"] or f"{error['type']}: {error['message']}"
        _tell(f"\n{failure.step} failed:\n{text.rstrip()}")


def _summary(result: ExecutionResult, watch: object) -> str:
    if not result.run_id:
        return f"nothing is stale: {len(result.plan.fresh)} fresh ({watch})"
    blocked = sum(one.is_blocked for one in result.skipped)
    counts = {
        "made": len(result.materializations),
        "fresh": len(result.plan.fresh) + len(result.skipped) - blocked,
        "failed": len(result.failures),
        "blocked": blocked,
    }
    text = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"run {result.run_id[:8]}: {text} in {watch}"


def _print_result(result: ExecutionResult) -> None:
    from mlorch.cli.output import print_json
    from mlorch.events import to_fields

    print_json(
        {
            "run_id": result.run_id or None,
            "success": result.success,
            "fresh": len(result.plan.fresh),
            "materializations": [to_fields(one) for one in result.materializations],
            "skipped": [to_fields(one) for one in result.skipped],
            "failures": [to_fields(one) for one in result.failures],
        }
    )


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
