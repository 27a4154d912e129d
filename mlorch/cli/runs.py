"""mlorch runs: what ran, and what it said."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mlorch.cli.config import Files, Text, read_configs
from mlorch.cli.detaching import leave
from mlorch.cli.options import Detach, Executor, NoWait, ResultAsJson, Workers

runs = typer.Typer(help="List and show runs and their logs.", no_args_is_help=True, rich_markup_mode=None)

RunId = Annotated[str, typer.Argument(help="A run, or the beginning of its id; 'last' is the newest.")]


@runs.command("list")
def list_runs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List the newest runs."""
    from mlorch.app.opening import open_app
    from mlorch.app.running import newest_runs
    from mlorch.cli.output import moment, print_json, print_table

    found = newest_runs(open_app(context.obj).record, limit)
    if as_json:
        print_json([one.as_json() for one in found])
        return
    rows = [
        (
            one.run_id[:8],
            one.status,
            moment(one.started_at),
            one.duration_text,
            one.job_name or "-",
            (one.parent_id or "-")[:8],
            one.counts_text,
        )
        for one in found
    ]
    print_table(("run", "status", "started (UTC)", "took", "job", "retry of", "steps"), rows)


@runs.command()
def show(
    context: typer.Context,
    run: RunId = "last",
    as_json: Annotated[bool, typer.Option("--json", help="Print every fact of the run as JSON.")] = False,
) -> None:
    """Show what a run did, step by step."""
    from mlorch.app.opening import open_app
    from mlorch.app.overseeing import why_waiting
    from mlorch.app.running import find_run
    from mlorch.cli.output import moment, print_json
    from mlorch.cli.progress import line_of
    from mlorch.events import to_fields

    opened = open_app(context.obj)
    found = find_run(opened.record, run)
    if as_json:
        facts = [{"seq": one.seq, "kind": one.event.kind, **to_fields(one.event)} for one in found.records]
        print_json({**found.as_json(), "retries": [one.run_id for one in found.retries], "facts": facts})
        return
    print(f"run {found.run_id}  {found.status}  {moment(found.started_at)}  {found.duration_text}")
    for name, value in found.about().items():
        print(f"{name + ':':<12}{value}")
    if not found.is_finished and not found.has_begun:
        why = why_waiting(opened.record, opened.settings, found)
        print(f"waits:      since {moment(found.started_at)} (UTC); {why}")
    for record in found.records:
        line = line_of(record.event)
        if line is not None:
            print(line)
    for failure in found.failures:
        print(f"\n{failure.step}: {failure.error['type']}: {failure.error['message']}")


@runs.command()
def logs(
    context: typer.Context,
    run: RunId = "last",
    step: Annotated[str | None, typer.Option(help="One step: ASSET or ASSET[PARTITION].")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """Show what the steps of a run wrote: context.log, standard output and standard error."""
    from mlorch.app.opening import open_app
    from mlorch.app.running import find_run
    from mlorch.cli.output import print_json
    from mlorch.errors import NotFoundError
    from mlorch.events import to_fields

    found = find_run(open_app(context.obj).record, run)
    outputs = [one for one in found.outputs if step is None or one.step == step]
    if step is not None and step not in found.steps:
        raise NotFoundError(f"run {found.run_id[:8]} has no step {step!r} (it has: {', '.join(found.steps)})")
    if as_json:
        print_json([to_fields(one) for one in outputs])
        return
    for one in outputs:
        _print_output(one)
    for failure in found.failures:
        if step in (None, failure.step):
            print(f"== {failure.step}, attempt {failure.attempt}: failed")
            print(failure.error["traceback"] or failure.error["message"])


@runs.command()
def cancel(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="RUN…", help="Runs, or the beginnings of their ids.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All runs that go, or wait.")] = False,
    patience: Annotated[float, typer.Option("--wait", help="Seconds to wait until they end.", min=0)] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print what became of them as JSON.")] = False,
) -> None:
    """End runs; what they have made is kept. A run whose process died is marked as canceled."""
    from mlorch.app.canceling import cancel_runs
    from mlorch.app.opening import open_app
    from mlorch.cli.output import print_json
    from mlorch.errors import UserError

    if bool(names) == every:
        raise UserError("name the runs to cancel, or give --all")
    done = cancel_runs(open_app(context.obj).instance, names or [], every=every, patience=patience)
    if as_json:
        print_json([{"run_id": one.run_id, "status": one.status} for one in done])
        return
    for one in done:
        print(f"run {one.run_id[:8]} {one.text}")
    if not done:
        print("no run goes or waits")


@runs.command()
def retry(
    context: typer.Context,
    run: RunId = "last",
    *,
    from_failure: Annotated[
        bool,
        typer.Option(
            "--from-failure/--from-start", help="Make only what was not made, or all of it; as declared now."
        ),
    ] = True,
    config: Files = None,
    config_json: Text = None,
    tag: Annotated[list[str] | None, typer.Option(help="KEY=VALUE, added to the tags of the run.")] = None,
    executor: Executor = None,
    workers: Workers = None,
    detach: Detach = False,
    no_wait: NoWait = False,
    as_json: ResultAsJson = False,
) -> None:
    """Run again what a run was to make, with its partitions, config and tags.

    A config is given again only where the one before had secrets, or to change it.
    """
    from mlorch.app.opening import open_app
    from mlorch.app.retrying import retry as again
    from mlorch.app.running import find_run
    from mlorch.cli.carrying import carry_out, make_request, read_tags

    opened = open_app(context.obj, flags={"executor": executor, "workers": workers})
    found = find_run(opened.instance, run)
    request = make_request(
        opened, run_config=read_configs(config or (), config_json), tags=read_tags(tag or ())
    )
    if detach:
        from mlorch.app.detaching import queue_retry

        leave(
            opened,
            lambda: queue_retry(
                opened.definitions,
                opened.instance,
                opened.settings,
                found,
                request,
                from_failure=from_failure,
            ),
            as_json=as_json,
        )
    result = carry_out(
        opened,
        lambda listener: again(
            opened.definitions, opened.instance, found, request, listener, from_failure=from_failure
        ),
        no_wait=no_wait,
        as_json=as_json,
        request=request,
    )
    raise typer.Exit(result.exit_code)


def _print_output(one: Any) -> None:
    from mlorch.cli.output import moment

    print(f"== {one.step}, attempt {one.attempt}")
    for at, level, message in one.log:
        print(f"{moment(at)} {level:<8}{message}")
    for name in ("stdout", "stderr"):
        text = getattr(one, name)
        if text:
            print(f"-- {name}\n{text.rstrip()}")
