"""Command line of the quality benchmark."""

from __future__ import annotations

import pathlib
from typing import Annotated, Optional

import typer

from recommenders_tf.cli.run_app import run_app

app = typer.Typer(help="Measure the models under stated protocols.", no_args_is_help=True)


@app.command("run")
def run_command(
    configs: Annotated[
        list[pathlib.Path], typer.Argument(help="Files of benchmarks/quality/configs.")
    ],
    only: Annotated[Optional[str], typer.Option(help="Run this model only.")] = None,  # noqa: UP045
    seed: Annotated[Optional[int], typer.Option(help="Run this seed only.")] = None,  # noqa: UP045
    validation: Annotated[bool, typer.Option(help="Measure on validation; keep no row.")] = False,
    again: Annotated[bool, typer.Option(help="Run what has a row as well.")] = False,
) -> None:
    """Train the models of CONFIGS with each of their seeds and keep a row a metric.

    A model and seed that has a row is left out, so that the command goes on where it was stopped.
    """
    from benchmarks.quality.run import run

    for config in configs:
        run(config, only, seed, validation, again)


@app.command("curve")
def curve_command(
    config: Annotated[pathlib.Path, typer.Argument(help="A file of benchmarks/quality/configs.")],
    model: Annotated[str, typer.Argument(help="Its name there.")],
    epochs: Annotated[Optional[int], typer.Option(help="Instead of the config's.")] = None,  # noqa: UP045
    seed: Annotated[int, typer.Option(help="Of the training.")] = 1,
    test: Annotated[bool, typer.Option("--test", help="On the test part, not validation.")] = False,
) -> None:
    """Train MODEL of CONFIG and print its figures after every epoch; keep nothing."""
    from benchmarks.quality.curve import curve

    curve(config, model, epochs, seed, test)


@app.command("render")
def render_command() -> None:
    """Write docs/results.md from the rows."""
    from benchmarks.quality.render import render

    print(f"wrote {render()}")


if __name__ == "__main__":
    run_app(app, "python -m benchmarks.quality")
