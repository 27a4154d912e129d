"""`mlorch new`: a project from a template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mlorch.scaffold import Question


def new(
    project: Annotated[
        Path | None, typer.Argument(help="The folder to make; its name is the project's.", show_default=False)
    ] = None,
    template: Annotated[str, typer.Option(help="What the project is made from.")] = "batch-retraining",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take the defaults.")] = False,
    list_templates: Annotated[bool, typer.Option("--list", help="List the templates.")] = False,
) -> None:
    """Make a project from a template.

    One that runs: assets, schemas, tests and sample data, to start from.
    """
    import shlex

    from mlorch import scaffold
    from mlorch.app.initializing import initialize

    if list_templates:
        for one in scaffold.find_templates().values():
            typer.echo(f"{one.name}  {one.description}")
        return
    if project is None:
        raise typer.BadParameter("Say which folder to make, such as: mlorch new churn-model")
    chosen = scaffold.find_template(template)
    scaffold.check_target(project)
    answers = scaffold.collect(chosen, project.resolve().name, _default if yes else _prompt)
    files = scaffold.render(chosen, answers)
    scaffold.create(project, files)
    typer.echo(f"{project} holds a new project, made from {chosen.name}")
    for line in initialize(project.resolve()):
        typer.echo(line)
    typer.echo(f"Next: cd {shlex.quote(str(project))} && make setup test run")


def _default(question: Question, default: str) -> str:
    return default


def _prompt(question: Question, default: str) -> str:
    from mlorch.errors import UserError

    def check(answer: str) -> str:
        try:
            return question.check(answer)
        except UserError as error:
            raise typer.BadParameter(str(error)) from None

    given: str = typer.prompt(question.prompt, default=default, value_proc=check)
    return given
