"""mlorch pools: how many steps of one kind go at once, who holds their slots, and who waits."""

from __future__ import annotations

from typing import Annotated

import typer

pools = typer.Typer(
    help="List and set pools: how many steps that share something go at once.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Pool = Annotated[str, typer.Argument(help='The name that assets and ops give: @asset(pool="gpu").')]


@pools.command("list")
def list_pools(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List pools and limits of runs, with who holds their slots and who waits."""
    from mlorch.app.limits import limits_in_use
    from mlorch.app.opening import open_app
    from mlorch.cli.output import moment, print_json, print_table

    app = open_app(context.obj)
    found = limits_in_use(app.record, app.settings.limits)
    if as_json:
        print_json([one.as_json() for one in found])
        return
    if not found:
        print("no limits; 'mlorch pools set NAME SLOTS' sets one")
        return
    print_table(
        ("limit", "slots", "held", "waiting"),
        [(one.name, str(one.slots), str(len(one.held)), str(len(one.waiting))) for one in found],
    )
    for one in found:
        for claim in (*one.held, *one.waiting):
            state = "holds" if claim.is_held else "waits for"
            what = f"run {claim.owner[:8]}{f', {claim.item},' if claim.item else ''}"
            print(
                f"{what} {state} {one.name} since {moment(claim.since)} (process {claim.pid} on {claim.host})"
            )


@pools.command("set")
def set_pool(
    context: typer.Context,
    name: Pool,
    slots: Annotated[int, typer.Argument(help="Steps at once; 0 lets none begin.", min=0)],
) -> None:
    """Set the slots of a pool, whatever the settings say; runs that go follow within a second."""
    _set(context, name, slots)
    print(f"pool {name}: {slots} at once")


@pools.command("unset")
def unset_pool(context: typer.Context, name: Pool) -> None:
    """Forget the slots that were set: those of the settings count again."""
    slots = _set(context, name, None)
    print(f"pool {name}: {'no limit' if slots is None else f'{slots} at once'}")


def _set(context: typer.Context, name: str, slots: int | None) -> int | None:
    """Set or forget the slots of a pool and return those that now count."""
    from mlorch.app.limits import pool_sizes, set_pool
    from mlorch.app.opening import open_app

    app = open_app(context.obj)
    set_pool(app.instance, name, slots)
    return pool_sizes(app.instance, app.settings.limits).get(name)
