"""Command line of the speed benchmark; `all` is what `make bench` runs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from recommenders_tf.cli.run_app import run_app

app = typer.Typer(help="Measure speed beside peers and the machine.", no_args_is_help=True)
Quick = Annotated[bool, typer.Option("--quick", help="Tiny sizes, to try it out; keeps no row.")]


@app.command()
def limits(quick: Quick = False) -> None:
    """What the machine allows: matrix products, memory in order and at random."""
    from benchmarks.speed import limits

    _show(limits.run(quick), quick)


@app.command()
def step(
    model: Annotated[str, typer.Option(help="deepfm, dcn_v2, dlrm or din; all by default.")] = "",
    vocabulary: Annotated[int, typer.Option(help="Ids of a field; 10^4 and 10^6 by default.")] = 0,
    threads: Annotated[int, typer.Option(help="1 and all processors by default.")] = 0,
    peer: Annotated[str, typer.Option(help="deepctr_peer or plain_keras; both by default.")] = "",
    quick: Quick = False,
) -> None:
    """Examples per second of training, ours and peers' by turns."""
    from benchmarks.speed import step

    choice = step.Choice(
        models=[model] if model else step.MODELS,
        vocabularies=[vocabulary] if vocabulary else step.VOCABULARIES,
        threads=[threads] if threads else sorted({1, os.cpu_count() or 1}),
        peers=[peer] if peer else list(step.PEERS),
    )
    _show(step.run(choice, quick), quick)


@app.command()
def optimizers(quick: Quick = False) -> None:
    """Updates of an embedding table: rows a second, and how they depend on its size."""
    from benchmarks.speed import optimizers

    _show(optimizers.run(quick), quick)


@app.command()
def precision(quick: Quick = False) -> None:
    """Bfloat16 beside float32: speed, and quality on a real data set."""
    from benchmarks.speed import precision

    _show(precision.run(quick), quick)


@app.command()
def profile(quick: Quick = False) -> None:
    """Where the time of a training step goes."""
    from benchmarks.speed import profile

    _show(profile.run(quick), quick)


@app.command("input")
def input_command(quick: Quick = False) -> None:
    """Rows a second of the loaders."""
    from benchmarks.speed import input as loaders

    _show(loaders.run(quick), quick)


@app.command()
def matrix(quick: Quick = False) -> None:
    """Models of the matrix beside implicit and RecBole, evaluation beside RecBole's."""
    from benchmarks.speed import matrix

    _show(matrix.run(quick), quick)


@app.command("time-to-equal")
def time_to_equal_command(
    minutes: Annotated[float, typer.Option(help="How long each of RecBole's models trains.")] = 20,
    quick: Quick = False,
) -> None:
    """Sequence models beside RecBole's: how soon as good, and how fast evaluated."""
    from benchmarks.speed import time_to_equal

    _show(time_to_equal.run(minutes, quick), quick)


@app.command("memory")
def memory_command(quick: Quick = False) -> None:
    """Most memory of models of the matrix at a million users and a hundred thousand items."""
    from benchmarks.speed import bounded_memory

    _show(bounded_memory.run(quick), quick)


@app.command("all")
def all_command(quick: Quick = False) -> None:
    """Measure everything, the limits first; each part can be run by its own name too."""
    parts = (limits, input_command, optimizers, precision, profile, matrix, memory_command, step)
    for part in parts:
        typer.echo(f"--- {part.__name__.removesuffix('_command')}")
        part(quick=quick)


@app.command()
def render() -> None:
    """Write docs/speed.md and its plot from the rows."""
    from benchmarks.speed.render import render

    typer.echo(f"wrote {render()}")


def _show(rows: Iterable[dict[str, Any]], quick: bool) -> None:
    """Print the rows as they come, and keep them unless they are of a trial."""
    from benchmarks.speed.results import describe, keep

    for row in rows:
        typer.echo(describe(row))
        if not quick:
            keep(row)


if __name__ == "__main__":
    run_app(app, "python -m benchmarks.speed")
