"""Command line of the retrieval benchmark; a run that was stopped goes on where it was."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from recommenders_tf.cli.run_app import run_app

app = typer.Typer(help="Recall and speed of top-K search beside peers.", no_args_is_help=True)


@app.command()
def run(
    items: Annotated[int, typer.Option(help="Vectors in the catalogue.")] = 1_000_000,
    only: Annotated[list[str] | None, typer.Option(help="A contender; all by default.")] = None,
    threads: Annotated[int, typer.Option(help="1 and all processors by default.")] = 0,
) -> None:
    """Measure what has no row of this commit yet, and keep each row as it comes.

    hnswlib lives in an environment of its own, `make .venv-retrieval-peers/.installed`.
    """
    from benchmarks.records import append
    from benchmarks.retrieval.planted import Planted
    from benchmarks.retrieval.run import RESULTS
    from benchmarks.retrieval.run import run as measure

    numbers = [threads] if threads else sorted({1, os.cpu_count() or 1})
    for row in measure(Planted(items), only or [], numbers):
        append(RESULTS, row)
        typer.echo(
            f"{row['contender']}, {row['setting']}, batch {row['batch']}, threads "
            f"{row['threads']}: recall {row['recall']:.3f}, {row['qps']:,.0f} queries/s"
        )


@app.command()
def plot() -> None:
    """Write the plot and the tables of docs/index-search.md from the rows."""
    from benchmarks.retrieval.render import render

    typer.echo(f"wrote {render()}")


if __name__ == "__main__":
    run_app(app, "python -m benchmarks.retrieval")
