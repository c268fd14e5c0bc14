"""The `recipes` command."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from recipes_lib.book import report
from recipes_lib.book.commands import Commands, RunCommand
from recipes_lib.book.errors import BookError, nearest
from recipes_lib.book.notebook import claim_records, read_notebook
from recipes_lib.book.project import Book
from recipes_lib.book.run import EXECUTED
from recipes_lib.book.run import run as run_recipes
from recipes_lib.book.task import last_run

ENGINES = ("local", "ray")
Names = Annotated[
    list[str] | None, typer.Argument(help="Recipes, by name; all where none is given.")
]


def _at_home(path: Path | None) -> Path | None:
    """Resolve `~`, which shells leave as it is in `--out=~/mine`."""
    return path and path.expanduser()


Executed = Annotated[
    Path | None,
    typer.Option(
        callback=_at_home, help="Folder of the executed notebooks; default: _build/executed."
    ),
]

app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, help=__doc__)


@app.command("list")
def list_() -> None:
    """List the recipes, their claims and parameters, and what became of their last run."""
    book = Book.find(Path.cwd())
    table = Table(
        "recipe", "title", "claims", "parameters", "seconds", "verdicts", box=None, pad_edge=False
    )
    for recipe in book.recipes:
        path = book.root / EXECUTED / recipe.path.name
        done = path if last_run(path) else recipe.path
        seconds = last_run(done).get("seconds")
        table.add_row(
            recipe.name,
            escape(recipe.title),
            str(len(book.registry.of(recipe.name))),
            escape(", ".join(f"{name}={value!r}" for name, value in recipe.parameters.items())),
            "" if seconds is None else f"{seconds:.1f}",
            report.verdicts(claim_records(read_notebook(done))),
        )
    Console().print(table)


@app.command(cls=RunCommand)
def run(
    names: Names = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", metavar="KEY VALUE", help="Set a parameter; repeatable."),
    ] = None,
    scale: Annotated[str | None, typer.Option(help="quick or full.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, …")] = None,
    seed: Annotated[
        str | None, typer.Option(metavar="INTEGER", help="Base seed of the replicates.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Recipes at once; default: one per core, or one on a GPU."),
    ] = None,
    engine: Annotated[str, typer.Option(help="local, or ray: as tasks of a cluster.")] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="The Ray cluster, its workers set up as this machine is; "
            "default: RAY_ADDRESS, else one here."
        ),
    ] = None,
    out: Executed = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail where a verdict differs from the book's.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Run the unchanged again, too.")] = False,
) -> None:
    """Execute recipes in parallel; those that did not change since are left alone."""
    book, console = Book.find(Path.cwd()), Console()
    given = dict(pair.split("=", 1) for pair in parameter or [])
    sugar = {"scale": scale, "device": device, "seed": seed}
    given |= {name: value for name, value in sugar.items() if value is not None}
    if engine not in ENGINES:
        raise BookError(f"engine {engine!r} is unknown; {nearest(engine, ENGINES)}")
    if address and engine != "ray":
        raise BookError("--address names a Ray cluster; add --engine ray")
    how: dict[str, Any] = {"jobs": jobs, "engine": engine, "address": address, "force": force}
    outcomes = run_recipes(
        book, names or [], given, out=out or book.root / EXECUTED, console=console, **how
    )
    console.print(report.table(outcomes))
    differing = [f"{row.name}: {claim}" for row in outcomes for claim in row.differing]
    if differing:
        console.print(f"differs from the book's verdict: {'; '.join(differing)}", markup=False)
    raise typer.Exit(_exit_code(outcomes, strict and bool(differing)))


def _exit_code(outcomes: list[report.Outcome], differs: bool) -> int:
    statuses = {row.status for row in outcomes}
    return 130 if "interrupted" in statuses else int(differs or "failed" in statuses)


@app.command()
def check(
    names: Names = None,
    contract_only: Annotated[
        bool, typer.Option("--contract-only", help="Do not run anything.")
    ] = False,
    executed: Annotated[
        Path | None,
        typer.Option(
            callback=_at_home,
            help="Check the outputs of the executed notebooks in this folder instead.",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail on timings that are undecided here, too.")
    ] = False,
    lax: Annotated[
        bool, typer.Option("--lax", help="Compare nothing: only see that every cell runs.")
    ] = False,
) -> None:
    """Check recipes against their contract, then their stored outputs against a fresh run."""
    # Commands import their own module: what one needs would slow down the start of the others.
    from recipes_lib.book.check import check as check_recipes

    if lax and (strict or contract_only):
        raise BookError("--lax runs and compares nothing; drop it, or --strict and --contract-only")
    how: dict[str, Any] = {"contract_only": contract_only, "executed": executed}
    how |= {"strict": strict, "lax": lax}
    passed = check_recipes(Book.find(Path.cwd()), names or [], **how)
    raise typer.Exit(int(not passed))


@app.command()
def build(
    executed: Executed = None,
    one_page: Annotated[
        bool, typer.Option("--print", help="All on one page, to print or to save as a PDF.")
    ] = False,
) -> None:
    """Build the book from executed notebooks."""
    from recipes_lib.book.build import build as build_book

    book = Book.find(Path.cwd())
    built = build_book(book, executed or book.root / EXECUTED, one_page=one_page)
    if built is None:
        print("recipes: the book was not built; mend what is said above", file=sys.stderr)
        raise typer.Exit(1)
    index, new = built
    print(f"{'Open' if new else 'Unchanged. Open'} {index}")


@app.command()
def ledger(
    executed: Executed = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Print every claim that was put to the test, with its verdicts."""
    from recipes_lib.book.ledger import rows, to_json, to_table

    book = Book.find(Path.cwd())
    found = rows(book, executed or book.root / EXECUTED)
    print(to_json(found)) if json else Console().print(to_table(found))


@app.command("gpu-report")
def gpu_report(executed: Executed = None) -> None:
    """Put the verdicts of notebooks that were executed on a GPU into the ledger's GPU column."""
    from recipes_lib.book.gpu import write

    book = Book.find(Path.cwd())
    print(f"Wrote {write(book, executed or book.root / EXECUTED)}")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The concept, as a Python name: batch_size.")],
    title: Annotated[str | None, typer.Option(help="The question, as the page's title.")] = None,
) -> None:
    """Start a recipe from the template."""
    from recipes_lib.book.new import create

    path = create(
        Book.find(Path.cwd()), name, title or f"What does {name.replace('_', ' ')} change?"
    )
    print(f"Created {path}; now write it, then `recipes run {name} --out chapters`")
    print(f"and `recipes check {name}`")
