"""mlorch checks: what is promised of assets, and whether it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlorch.cli.completion import asset_names

if TYPE_CHECKING:
    from mlorch.app.checks import CheckView

checks = typer.Typer(
    help="List, show and run the checks of assets.", no_args_is_help=True, rich_markup_mode=None
)

Selection = Annotated[
    list[str] | None, typer.Argument(help="Which assets; all by default.", autocompletion=asset_names)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]

ROWS_SHOWN = 5


@checks.command("list")
def list_checks(context: typer.Context, selection: Selection = None, as_json: AsJson = False) -> None:
    """List the checks of assets with what they came to last."""
    from mlorch.app.checks import check_views
    from mlorch.app.opening import open_app
    from mlorch.cli.output import moment, print_json, print_table

    opened = open_app(context.obj)
    found = check_views(opened.definitions, opened.record, selection)
    if as_json:
        print_json([one.as_json() for one in found])
        return
    rows = [
        (
            str(one.key.asset_key),
            one.key.name,
            one.status.lower(),
            "blocking" if one.is_blocking else "",
            moment(one.evaluations[0].timestamp) if one.evaluations else "-",
        )
        for one in found
    ]
    print_table(("asset", "check", "status", "", "evaluated (UTC)"), rows)


@checks.command()
def show(
    context: typer.Context,
    asset: Annotated[str, typer.Argument(help="An asset.", autocompletion=asset_names)],
    check: Annotated[str | None, typer.Argument(help="One of its checks; all by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what the checks of an asset came to, with what they recorded."""
    from mlorch.app.checks import check_views
    from mlorch.app.opening import open_app
    from mlorch.cli.output import print_json
    from mlorch.errors import NotFoundError, nearest

    opened = open_app(context.obj)
    every = check_views(opened.definitions, opened.record, f"key:{asset}")
    found = [one for one in every if check in (None, one.key.name)]
    if not found:
        known = [one.key.name for one in every]
        raise NotFoundError(
            f"{asset!r} has no check{f' {check!r}' if check else ''}{nearest(check or '', known)}"
        )
    if as_json:
        print_json([one.as_json() for one in found])
        return
    for one in found:
        _print_check(one)


@checks.command()
def run(
    context: typer.Context,
    selection: Selection = None,
    *,
    check: Annotated[list[str] | None, typer.Option("--check", help="Only checks of this name.")] = None,
    partition: Annotated[str | None, typer.Option(help="One partition.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the checks of assets, and make nothing."""
    from mlorch.app.checks import run_checks
    from mlorch.app.opening import open_app
    from mlorch.cli.carrying import carry_out, make_request, read_partitions

    opened = open_app(context.obj)
    request = make_request(opened, selection=selection or None, partitions=read_partitions(partition))
    result = carry_out(
        opened,
        lambda listener: run_checks(opened.definitions, opened.instance, request, check or (), listener),
        no_wait=False,
        as_json=as_json,
    )
    failed = any(not one.passed and one.severity == "ERROR" for one in result.checks)
    raise typer.Exit(result.exit_code or int(failed))


def _print_check(one: CheckView) -> None:
    from mlorch.cli.output import moment

    print(f"{one.key.to_user_string()}  {one.status.lower()}{'  blocking' if one.is_blocking else ''}")
    if one.description:
        print(f"   {one.description}")
    for each in one.evaluations:
        where = f"[{each.partition}] " if each.partition is not None else ""
        verdict = "passed" if each.passed else "failed" if each.severity == "ERROR" else "warns"
        told = f": {each.description}" if each.description else ""
        print(f"   {where}{verdict}  {moment(each.timestamp)}  run {each.run_id[:8]}{told}")
        for name, value in each.metadata.items():
            print(f"      {name}: {_text(value)}")


def _text(value: Any) -> str:
    if not isinstance(value, list) or len(value) <= ROWS_SHOWN:
        return str(value)
    shown = ", ".join(map(str, value[:ROWS_SHOWN]))
    return f"{shown} and {len(value) - ROWS_SHOWN} more"
