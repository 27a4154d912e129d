"""mlorch job: what jobs there are, and running one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mlorch.cli.carrying import carry_out, make_request, read_partitions, read_tags
from mlorch.cli.completion import job_names
from mlorch.cli.config import Files, Text, read_configs
from mlorch.cli.detaching import leave
from mlorch.cli.options import Detach, Executor, NoWait, ResultAsJson, Workers

job = typer.Typer(help="List jobs, and run one.", no_args_is_help=True, rich_markup_mode=None)


@job.command("list")
def list_jobs(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List the jobs that the project declares."""
    from mlorch.app.opening import open_app
    from mlorch.cli.output import print_json, print_table

    found = [_about(one) for one in open_app(context.obj).definitions.jobs.values()]
    if as_json:
        print_json(found)
        return
    rows = [(one["job"], one["makes"], one["partitions"] or "-", one["description"] or "") for one in found]
    print_table(("job", "makes", "partitions", "description"), rows)


@job.command()
def execute(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The job.", autocompletion=job_names)],
    *,
    partition: Annotated[str | None, typer.Option(help="One partition key.")] = None,
    config: Files = None,
    config_json: Text = None,
    tag: Annotated[list[str] | None, typer.Option(help="KEY=VALUE, recorded with the run.")] = None,
    executor: Executor = None,
    workers: Workers = None,
    detach: Detach = False,
    no_wait: NoWait = False,
    as_json: ResultAsJson = False,
) -> None:
    """Run a job, of assets or of ops.

    Examples: mlorch job execute nightly · mlorch job execute score --partition 2013-02-01 -c config.yaml
    """
    from mlorch.app.launching import launch
    from mlorch.app.opening import open_app

    opened = open_app(context.obj, flags={"executor": executor, "workers": workers})
    request = make_request(
        opened,
        partitions=read_partitions(partition),
        run_config=read_configs(config or (), config_json),
        tags=read_tags(tag or ()),
    )
    found = opened.definitions.job(name)
    if detach:
        from mlorch.app.detaching import queue_job

        leave(
            opened,
            lambda: queue_job(opened.definitions, opened.instance, opened.settings, found, request),
            as_json=as_json,
        )
    result = carry_out(
        opened,
        lambda listener: launch(opened.definitions, opened.instance, found, request, listener),
        no_wait=no_wait,
        as_json=as_json,
        request=request,
    )
    raise typer.Exit(result.exit_code)


def _about(found: Any) -> dict[str, Any]:
    from mlorch.definitions.jobs import AssetJob

    is_of_assets = isinstance(found, AssetJob)
    makes = str(found.selection or "*") if is_of_assets else f"{len(found.op_nodes)} ops"
    return {
        "job": found.name,
        "makes": makes,
        "kind": "assets" if is_of_assets else "ops",
        "partitions": str(found.partitions_def) if found.partitions_def is not None else None,
        "tags": dict(found.tags),
        "description": found.description,
    }
