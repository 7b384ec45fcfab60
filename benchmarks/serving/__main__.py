"""Command line of the benchmark of the model server; `make bench-serving` runs it."""

from __future__ import annotations

from typing import Annotated

import typer

from recommenders_tf.cli.run_app import run_app

app = typer.Typer(help="Measure the model server with ghz.", no_args_is_help=True)


@app.command()
def run(
    model: Annotated[str, typer.Option(help="cascade or deepfm; both by default.")] = "",
    seconds: Annotated[float, typer.Option(help="Of one measurement.")] = 5.0,
    rounds: Annotated[int, typer.Option(help="Measurements by turns; the median counts.")] = 5,
    address: Annotated[
        str, typer.Option(help="host:port of a TF Serving that serves the same folders.")
    ] = "",
    again: Annotated[bool, typer.Option("--again", help="Also what this commit has.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="A second each, to try it out; keeps no row.")
    ] = False,
) -> None:
    """Requests a second and latency, by batch, in closed and open loop, beside peers.

    What the commit has a row of is left out, so a run that was stopped goes on where it was.
    """
    from benchmarks.serving.measure import MODELS, Plan, measure
    from benchmarks.speed.results import describe, keep

    plan = Plan(1.0 if quick else seconds, 1 if quick else rounds, address, again or quick)
    for name in [model] if model else MODELS:
        for row in measure(name, plan):
            typer.echo(f"{describe(row)}, ms {row['ms']}")
            if not quick:
                keep(row)


@app.command()
def folders() -> None:
    """Write the models, for a TF Serving of your own, and print where they are."""
    from benchmarks.serving.measure import MODELS
    from benchmarks.serving.models import served

    for name in MODELS:
        typer.echo(served(name).folder)


if __name__ == "__main__":
    run_app(app, "python -m benchmarks.serving")
