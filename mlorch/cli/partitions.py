"""mlorch partitions: which there are, and the keys of dynamic ones added and taken out."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from mlorch.cli.completion import asset_names

partitions = typer.Typer(
    help="List partitions; add and delete dynamic ones.", no_args_is_help=True, rich_markup_mode=None
)

_Name = Annotated[str, typer.Argument(help="The name of a DynamicPartitionsDefinition.")]
_Keys = Annotated[list[str], typer.Argument(help="Partition keys.")]


@partitions.command("list")
def list_partitions(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help="An asset, or a name of dynamic partitions.", autocompletion=asset_names)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List the partition keys of an asset, or of dynamic partitions, in their order."""
    from mlorch.app.opening import open_app
    from mlorch.app.partitions import partition_keys
    from mlorch.cli.output import print_json

    opened = open_app(context.obj)
    keys = partition_keys(opened.definitions, opened.record.log, name)
    if as_json:
        print_json(keys)
    elif keys:
        print("\n".join(keys))


@partitions.command()
def add(context: typer.Context, name: _Name, keys: _Keys) -> None:
    """Add keys to dynamic partitions; those that are there already stay."""
    from mlorch.app.opening import open_app
    from mlorch.app.partitions import require_set
    from mlorch.planning.dynamic import add_keys

    opened = open_app(context.obj)
    require_set(opened.definitions, name)
    added = add_keys(opened.instance.log, name, keys, time.time())
    there = len(set(keys)) - len(added)
    print(f"{name}: {len(added)} added" + (f", {there} there already" if there else ""))


@partitions.command()
def delete(context: typer.Context, name: _Name, keys: _Keys) -> None:
    """Take keys out of dynamic partitions; what was made of them stays."""
    from mlorch.app.opening import open_app
    from mlorch.app.partitions import delete_known

    opened = open_app(context.obj)
    delete_known(opened.instance.log, name, keys, time.time())
    print(f"{name}: {len(set(keys))} deleted")
