"""The command `madx`: thin commands over the recipe, the plan, the runner and the report.

Errors are printed as a problem line and a hint line; `--debug` shows the traceback. Nothing heavy is
imported before a command needs it, so `madx --help` answers at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from madx_pipeline import __version__
from madx_pipeline.cli_adapters import adapters
from madx_pipeline.cli_export import export
from madx_pipeline.environment import set_environment
from madx_pipeline.errors import MadxError

app = typer.Typer(
    name="madx",
    help="Staged MAD-X: language adapters, task adapters, zero-shot transfer, and a report per language.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

RecipeArgument = Annotated[str, typer.Argument(help="A recipe file, or the name of a shipped recipe.")]
HomeOption = Annotated[Path, typer.Option("--home", help="Folder of the store and the reports.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

DEFAULT_RECIPE = "quickstart"
DEFAULT_HOME = Path("madx_runs")


@app.callback(invoke_without_command=True)
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks (may stand anywhere).")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"madx-pipeline {__version__}")
        raise typer.Exit


@app.command()
def run(
    recipe: RecipeArgument = DEFAULT_RECIPE,
    *,
    home: HomeOption = DEFAULT_HOME,
    only: Annotated[str | None, typer.Option("--only", metavar="STAGE", help="Run jobs of this stage only.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="STAGE", help="Run up to this stage.")] = None,
    language: Annotated[str | None, typer.Option("--language", help="Run what this language needs.")] = None,
    runner: Annotated[str | None, typer.Option("--runner", help="serial, local, ray or slurm.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes side by side here.")] = None,
    address: Annotated[str | None, typer.Option("--address", help="A Ray cluster that is there (ray).")] = None,
    leave: Annotated[bool, typer.Option("--leave", help="Leave when all is in the queue (slurm).")] = False,
    force: Annotated[str | None, typer.Option("--force", metavar="STAGE", help="Make these again.")] = None,
    locked: Annotated[bool, typer.Option("--locked", help="Take no adapter that the lock file does not hold.")] = False,
) -> None:
    """Run a recipe to its report; what is finished is found, not made again."""
    from madx_pipeline.commands.run import RunOptions, run_recipe
    from madx_pipeline.runners import Choice

    options = RunOptions(only, until, language, Choice(runner, workers, address, leave), force, locked)
    raise typer.Exit(run_recipe(recipe, home, options))


@app.command()
def plan(recipe: RecipeArgument = DEFAULT_RECIPE, home: HomeOption = DEFAULT_HOME, json: JsonOption = False) -> None:
    """Show every job: its fingerprint, whether it is there, and if not, what changed."""
    from madx_pipeline.commands.plan import show_plan

    show_plan(recipe, home, as_json=json)


@app.command()
def status(recipe: RecipeArgument = DEFAULT_RECIPE, home: HomeOption = DEFAULT_HOME, json: JsonOption = False) -> None:
    """Show where every job stands, who works on it, and how long the rest will take."""
    from madx_pipeline.commands.status import show_status

    show_status(recipe, home, as_json=json)


@app.command()
def report(
    recipes: Annotated[
        list[str] | None, typer.Argument(help="Recipe files or names of shipped recipes; several are set side by side.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Write the report again from what is in the store; of several recipes, also what they have in common."""
    from madx_pipeline.commands.report import report_recipes

    raise typer.Exit(report_recipes(recipes or [DEFAULT_RECIPE], home))


@app.command(name="list")
def list_(
    what: Annotated[str, typer.Argument(help="stages, cards, recipes or languages.")], json: JsonOption = False
) -> None:
    """List stages, cards, recipes or languages."""
    from madx_pipeline.commands.pages import list_things

    list_things(what, as_json=json)


@app.command()
def show(name: Annotated[str, typer.Argument(help="A stage, card, recipe or language.")]) -> None:
    """Show the page of a stage, a card, a recipe or a language."""
    from madx_pipeline.commands.pages import show_thing

    show_thing(name)


@app.command()
def init(name: Annotated[str, typer.Argument(help="The name of a shipped recipe.")] = DEFAULT_RECIPE) -> None:
    """Copy a shipped recipe into the current folder, to change it."""
    from madx_pipeline.commands.pages import copy_recipe

    copy_recipe(name)


@app.command()
def verify(home: HomeOption = DEFAULT_HOME) -> None:
    """Compare every artifact in the store with its checksums."""
    from madx_pipeline.commands.verify import verify_store

    raise typer.Exit(verify_store(home))


@app.command(name="run-job")
def run_job(
    job: Annotated[str | None, typer.Argument(metavar="FOLDER", help="Folder of its artifact in the store.")] = None,
    *,
    from_list: Annotated[
        Path | None, typer.Option("--from-list", help="A file with a folder a line, of which Slurm's task takes one.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Do one job that `madx run` has written down under the home folder (what Slurm runs)."""
    from madx_pipeline.commands.run_job import run_job as do

    raise typer.Exit(do(job, from_list, home))


app.command()(export)
app.add_typer(adapters, name="adapters")


def main() -> NoReturn:
    """Entry point: turns errors into lines and exit codes."""
    set_environment()
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    try:
        app(arguments)
    except MadxError as error:
        if debug:
            raise
        for problem in error.problems:
            typer.echo(f"error: {problem.message}", err=True)
            if problem.hint:
                typer.echo(f"  hint: {problem.hint}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:
        if debug:
            raise
        typer.echo(f"error: {type(error).__name__}: {' '.join(str(error).split())}", err=True)
        typer.echo("  hint: This may be a mistake of ours; --debug shows where it happened.", err=True)
        sys.exit(1)
    sys.exit(0)
