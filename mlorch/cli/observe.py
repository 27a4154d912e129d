"""mlorch observe and mlorch assets report: what is made elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from mlorch.cli.carrying import carry_out, make_request, read_tags
from mlorch.cli.completion import asset_names
from mlorch.cli.config import Files, Text, read_configs
from mlorch.cli.options import NoWait, ResultAsJson


def observe(
    context: typer.Context,
    selection: Annotated[
        list[str] | None,
        typer.Argument(help="Which assets; all observable ones by default.", autocompletion=asset_names),
    ] = None,
    *,
    partition: Annotated[str | None, typer.Option(help="One partition key.")] = None,
    config: Files = None,
    config_json: Text = None,
    tag: Annotated[list[str] | None, typer.Option(help="KEY=VALUE, recorded with the run.")] = None,
    no_wait: NoWait = False,
    as_json: ResultAsJson = False,
) -> None:
    """Look which data version assets that are made elsewhere have now."""
    from mlorch.app.observing import observable, observe_assets
    from mlorch.app.opening import open_app

    opened = open_app(context.obj)
    keys = observable(opened.definitions, selection)
    request = make_request(
        opened, run_config=read_configs(config or (), config_json), tags=read_tags(tag or ())
    )
    result = carry_out(
        opened,
        lambda listener: observe_assets(
            opened.definitions, opened.instance, keys, request, listener, partition_key=partition
        ),
        no_wait=no_wait,
        as_json=as_json,
        request=request,
    )
    raise typer.Exit(result.exit_code)


def report(
    context: typer.Context,
    asset: Annotated[str, typer.Argument(help="An asset.", autocompletion=asset_names)],
    *,
    partition: Annotated[str | None, typer.Option(help="The partition that was made.")] = None,
    data_version: Annotated[
        str | None, typer.Option(help="Its data version; a new one by default.", show_default=False)
    ] = None,
    code_version: Annotated[
        str | None, typer.Option(help="The version of the code that made it.", show_default=False)
    ] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE, recorded with it; a VALUE may be JSON.")
    ] = None,
) -> None:
    """Record that an asset was made elsewhere; what depends on it is stale then."""
    from mlorch.app.opening import open_app
    from mlorch.app.reporting import report_materialization
    from mlorch.log import slot_name

    opened = open_app(context.obj)
    made = report_materialization(
        opened.definitions,
        opened.instance,
        asset,
        partition=partition,
        data_version=data_version,
        code_version=code_version,
        metadata=read_metadata(metadata or ()),
    )
    print(f"recorded: {slot_name((str(made.asset_key), partition))} was made")


def read_metadata(given: Sequence[str]) -> dict[str, Any]:
    """Return metadata written NAME=VALUE; what is no JSON is text. Raises UserError for anything else."""
    from mlorch.errors import UserError

    found: dict[str, Any] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise UserError(f"--metadata {one!r} should be NAME=VALUE")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
