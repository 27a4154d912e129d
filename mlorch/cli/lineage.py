"""mlorch lineage: what a value was made from."""

from __future__ import annotations

from typing import Annotated

import typer

from mlorch.cli.completion import asset_names


def lineage(
    context: typer.Context,
    asset: Annotated[str, typer.Argument(help="An asset.", autocompletion=asset_names)],
    partition: Annotated[str | None, typer.Option(help="One of its partitions.")] = None,
    data_version: Annotated[
        str | None, typer.Option(help="An older version, or the beginning of one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show what a value was made from.

    The tree of versions, all the way up, by what was recorded.
    """
    from mlorch.app.lineage import ancestry
    from mlorch.app.loading import find_version
    from mlorch.app.opening import open_app
    from mlorch.cli.output import moment, print_json, short
    from mlorch.log import slot_name

    log = open_app(context.obj).record.log
    tree = list(ancestry(log, find_version(log, asset, partition, data_version)))
    if as_json:
        print_json(
            [
                {
                    "asset": one.slot[0],
                    "partition": one.slot[1],
                    "depth": one.depth,
                    "data_version": one.data_version,
                    "code_version": one.fact.code_version if one.fact else None,
                    "run_id": one.fact.run_id if one.fact else None,
                    "at": one.fact.at if one.fact else None,
                }
                for one in tree
            ]
        )
        return
    for one in tree:
        about = "not made by mlorch"
        if one.fact is not None:
            code = short(one.fact.code_version) if one.fact.is_code_declared else "undeclared"
            about = f"code {code}  {moment(one.fact.at)}"
        more = "  (shown above)" if one.is_repeated else ""
        print(f"{'   ' * one.depth}{slot_name(one.slot)}  @{short(one.data_version)}  {about}{more}")
