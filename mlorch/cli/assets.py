"""mlorch assets: what is declared, and what was made of it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mlorch.cli.completion import asset_names

assets = typer.Typer(help="List and show assets.", no_args_is_help=True, rich_markup_mode=None)

VERSIONS_SHOWN = 10


@assets.command("list")
def list_assets(
    context: typer.Context,
    selection: Annotated[str | None, typer.Argument(help="Which assets; all by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List the assets with their group, partitions and upstream assets."""
    from mlorch.app.opening import open_app
    from mlorch.cli.output import print_json, print_table
    from mlorch.planning.selection import AssetSelection

    graph = open_app(context.obj).definitions.graph
    everything = AssetSelection.all(include_sources=True)
    wanted = (everything if selection is None else AssetSelection.from_string(selection)).resolve(graph)
    found = [_about(node) for node in graph.nodes.values() if node.spec.key in wanted]
    if as_json:
        print_json(found)
        return
    rows = [(one["asset"], one["group"], one["partitions"] or "-", ", ".join(one["deps"])) for one in found]
    print_table(("asset", "group", "partitions", "upstream"), rows)


@assets.command()
def show(
    context: typer.Context,
    asset: Annotated[str, typer.Argument(help="An asset.", autocompletion=asset_names)],
    partition: Annotated[str | None, typer.Option(help="Only this partition's versions.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show one asset and the newest versions of it."""
    from mlorch.app.checks import check_views
    from mlorch.app.opening import open_app
    from mlorch.cli.output import moment, print_json, print_table, short, size_text
    from mlorch.events import AssetMaterialized

    opened = open_app(context.obj)
    node = opened.definitions.graph.get(asset)
    key, about = node.key, _about(node)
    records = opened.record.log.read(kinds={AssetMaterialized.kind}, asset=key, newest_first=True)
    made = [one.event for one in records if isinstance(one.event, AssetMaterialized)]
    made = [one for one in made if partition is None or one.partition == partition][:VERSIONS_SHOWN]
    checks = check_views(opened.definitions, opened.record, f"key:{key}")
    if as_json:
        about["checks"] = [one.as_json() for one in checks]
        print_json({**about, "versions": [_version(one) for one in made]})
        return
    for name, value in about.items():
        if value:
            print(f"{name + ':':<14}{', '.join(map(str, value)) if isinstance(value, list) else value}")
    for one in checks:
        print(f"{'check:':<14}{one.key.name}  {one.status.lower()}{'  blocking' if one.is_blocking else ''}")
    if made:
        print()
        print_table(
            ("partition", "data version", "code", "made (UTC)", "size", "run"),
            [
                (
                    one.partition or "-",
                    short(one.data_version),
                    short(one.code_version) if one.is_code_declared else "undeclared",
                    moment(one.at),
                    size_text(one.size),
                    one.run_id[:8],
                )
                for one in made
            ],
        )


def _about(node: Any) -> dict[str, Any]:
    definition = node.definition
    return {
        "asset": node.key,
        "group": node.group,
        "description": node.spec.description,
        "kinds": list(node.kinds),
        "owners": list(node.owners),
        "tags": [f"{name}={value}" for name, value in node.tags.items()],
        "partitions": str(node.partitions_def) if node.partitions_def is not None else None,
        "deps": list(node.upstream),
        "automation": None if node.spec.automation_condition is None else str(node.spec.automation_condition),
        "external": node.is_external,
        "source": f"{definition.__module__}:{definition.__name__}" if definition is not None else None,
    }


def _version(made: Any) -> dict[str, Any]:
    names = "partition data_version code_version content_hash size uri run_id at metadata metrics"
    return {name: getattr(made, name) for name in names.split()}
