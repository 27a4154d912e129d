"""mlorch load and mlorch restore: any recorded version, with its exact bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlorch.cli.completion import asset_names

if TYPE_CHECKING:
    from mlorch.app.opening import App
    from mlorch.events import AssetMaterialized

Asset = Annotated[str, typer.Argument(help="An asset.", autocompletion=asset_names)]
PartitionKey = Annotated[str | None, typer.Option("--partition", help="One of its partitions.")]
DataVersion = Annotated[
    str | None, typer.Option("--data-version", help="A version that was recorded, or the beginning of one.")
]


def load(
    context: typer.Context,
    asset: Asset,
    *,
    partition: PartitionKey = None,
    data_version: DataVersion = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write a copy of its file here.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the copy.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what is recorded about it as JSON.")] = False,
) -> None:
    """Show a value, or copy its file.

    The latest, or any version that was recorded, with its exact bytes.
    """
    from mlorch.app.loading import find_version
    from mlorch.app.opening import open_app
    from mlorch.cli.output import print_json
    from mlorch.events import to_fields

    opened = open_app(context.obj)
    made = find_version(opened.record.log, asset, partition, data_version)
    if output is not None:
        _copy(opened, made, output, force)
    if as_json:
        print_json(to_fields(made))
    elif output is None:
        print(_preview(opened, made))


def restore(
    context: typer.Context, asset: Asset, partition: PartitionKey = None, data_version: DataVersion = None
) -> None:
    """Put a recorded version back in its place.

    Its exact bytes, where the asset's value belongs; the log stays as it is.
    """
    from mlorch.app.loading import find_version
    from mlorch.app.loading import restore as put_back
    from mlorch.app.opening import open_app
    from mlorch.cli.output import short

    instance = open_app(context.obj).record
    made = find_version(instance.log, asset, partition, data_version)
    print(f"{put_back(made, instance)} holds version {short(made.data_version)} again")


def _copy(opened: App, made: AssetMaterialized, output: Path, force: bool) -> None:
    from mlorch.app.loading import read_bytes
    from mlorch.errors import UserError

    data = read_bytes(made, opened.record)
    if output.is_dir():
        output /= (made.uri or "").rsplit("/", 1)[-1]
    if output.exists() and not force:
        raise UserError(f"{output} exists; give another name or --force")
    try:
        output.write_bytes(data)
    except OSError as error:
        raise UserError(f"{output} can't be written: {error.strerror}") from None
    print(f"{output}: {made.size} bytes, md5 {made.content_hash}")


def _preview(opened: App, made: AssetMaterialized) -> str:
    from mlorch.app.loading import load_value
    from mlorch.cli.output import moment, short, size_text

    # The project's code is imported only where its own IO manager has to read the value.
    is_own = (made.io_manager or "").startswith("resource:")
    value = load_value(made, opened.record, opened.definitions.resources if is_own else None)
    facts = (made.step, f"@{short(made.data_version)}", moment(made.at), size_text(made.size), made.uri or "")
    return f"{'  '.join(facts).rstrip()}\n{_text(value)}"


def _text(value: Any) -> str:
    import json

    if isinstance(value, dict | list | str | int | float | bool | None):
        return json.dumps(value, indent=2, ensure_ascii=False)
    text = repr(value)
    return text if len(text) < 10_000 else f"{text[:10_000]}\n… {len(text) - 10_000} characters more"
