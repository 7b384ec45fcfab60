"""Command line of the quality benchmark."""

from __future__ import annotations

import pathlib
from typing import Annotated, Optional

import typer

app = typer.Typer(help="Measure the models under stated protocols.", no_args_is_help=True)


@app.command("run")
def run_command(
    config: Annotated[pathlib.Path, typer.Argument(help="A file of benchmarks/quality/configs.")],
    model: Annotated[Optional[str], typer.Option(help="Run this model only.")] = None,  # noqa: UP045
    validation: Annotated[bool, typer.Option(help="Measure on validation; keep no row.")] = False,
) -> None:
    """Train the models of CONFIG with each of its seeds and append a row a metric."""
    from benchmarks.quality.run import RESULTS, run
    from benchmarks.records import append

    for row in run(config, model, validation):
        print(f"{row['model']:12} {row['metric']:8} {row['mean']:.4f} ± {row['std']:.4f}")
        if not validation:
            append(RESULTS, row)


@app.command("render")
def render_command() -> None:
    """Write docs/results.md from the rows."""
    from benchmarks.quality.render import render

    print(f"wrote {render()}")


if __name__ == "__main__":
    app()
