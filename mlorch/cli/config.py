"""mlorch config: the settings of the project, the run configs of jobs, and how these are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlorch.cli.completion import job_names

if TYPE_CHECKING:
    from mlorch.settings import Setting

config = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="What is set, and what a run can be told."
)

Name = Annotated[str, typer.Argument(metavar="JOB|SELECTION", autocompletion=job_names)]
Files = Annotated[
    list[Path] | None,
    typer.Option("--config", "-c", help="YAML or JSON: {ops: {ASSET: {config: {…}}}}; later ones go on top."),
]
Text = Annotated[
    str | None,
    typer.Option("--config-json", help="The same as JSON text; goes on top of files.", metavar="JSON"),
]


@config.command()
def show(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="SETTING…", help="Such as storage or daemon; all by default."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show each setting of the project and where it came from; passwords and secrets are masked.

    [tool.mlorch] in pyproject.toml goes before defaults, variables MLORCH_… go before that.
    """
    from mlorch.cli.output import print_json, print_table
    from mlorch.settings import explain_settings, find_project

    folder = context.obj or find_project()
    found = _chosen(explain_settings(folder), names)
    if as_json:
        print_json(
            [{"name": one.name, "value": one.value, "from": one.source, "where": one.where} for one in found]
        )
        return
    place = f"{folder}/"
    rows = [(one.name, _shown(one.value), one.where.replace(place, "") or one.source) for one in found]
    print_table(("setting", "value", "from"), rows)


@config.command()
def schema(context: typer.Context, name: Name) -> None:
    """Print the JSON schema of a run config, with defaults and descriptions, for editors and forms."""
    from mlorch.app.configuring import config_schema, configurable
    from mlorch.app.opening import open_app
    from mlorch.cli.output import print_json

    print_json(config_schema(configurable(open_app(context.obj).definitions, name)))


@config.command()
def scaffold(context: typer.Context, name: Name) -> None:
    """Print YAML to fill in.

    Example: mlorch config scaffold training > run.yaml
    """
    from mlorch.app.configuring import config_scaffold, configurable
    from mlorch.app.opening import open_app

    print(config_scaffold(configurable(open_app(context.obj).definitions, name)), end="")


@config.command()
def validate(
    context: typer.Context,
    name: Name,
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE…", help="YAML or JSON.")] = None,
    text: Text = None,
) -> None:
    """Check a run config as a run would, and run nothing."""
    from mlorch.app.configuring import configurable, validate_config
    from mlorch.app.opening import open_app

    given = read_configs(files or (), text)
    definitions = open_app(context.obj).definitions
    validate_config(definitions, configurable(definitions, name), given)
    print(f"{', '.join(map(str, files or ())) or 'the run config'}: fine")


def read_configs(files: Sequence[Path], text: str | None = None) -> dict[str, Any] | None:
    """Return the run config of files and a JSON text, later ones on top, or None without any.

    Raises InvalidConfigError, naming the file, where one can't be read.
    """
    found = [_read_file(path) for path in files]
    if text is not None:
        found.append(_parsed(text, "--config-json"))
    if not found:
        return None
    merged: dict[str, Any] = {}
    for one in found:
        merged = _merged(merged, one)
    return merged


def _chosen(found: Sequence[Setting], names: Sequence[str] | None) -> list[Setting]:
    """Return the settings of these names, and those of sections of these names."""
    from mlorch.errors import NotFoundError, nearest

    known = [one.name for one in found]
    sections = {name[:place] for name in known for place, letter in enumerate(name) if letter == "."}
    for name in names or ():
        if name not in known and name not in sections:
            raise NotFoundError(f"there is no setting {name!r}{nearest(name, [*known, *sections])}")
    return [one for one in found if not names or any(f"{one.name}.".startswith(f"{name}.") for name in names)]


def _shown(value: Any) -> str:
    import json

    if value in (None, ""):
        return "-"
    return value if isinstance(value, str) else json.dumps(value)


def _read_file(path: Path) -> dict[str, Any]:
    from mlorch.errors import InvalidConfigError

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidConfigError(f"the config file {path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidConfigError(f"the config file {path} can't be read: it is no UTF-8 text") from None
    return _parsed(text, str(path))


def _parsed(text: str, where: str) -> dict[str, Any]:
    """Return what YAML says; JSON is YAML."""
    import yaml

    from mlorch.errors import InvalidConfigError

    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidConfigError(f"{where} is no valid YAML: {error}") from None
    if not isinstance(found, dict):
        raise InvalidConfigError(f"{where} should hold {{ops: {{ASSET: {{config: {{FIELD: VALUE}}}}}}}}")
    return found


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both, mappings merged at every depth, any other value from above."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        both = isinstance(under, Mapping) and isinstance(value, Mapping)
        merged[name] = _merged(under, value) if both else value  # type: ignore[arg-type]
    return merged
