"""The command `recommenders-tf`: its parts, and what becomes of an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

import recommenders_tf
from recommenders_tf.cli import (
    catalog,
    compare,
    evaluate,
    export,
    recommend,
    schema,
    serve,
    train,
    tune,
)
from recommenders_tf.cli.run_app import run_app

NAME = "recommenders-tf"

app = typer.Typer(
    name=NAME,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "Look around": (catalog.datasets, catalog.models, schema.schema),
    "Train and try": (
        train.train,
        tune.tune,
        evaluate.evaluate,
        compare.compare,
        recommend.recommend,
    ),
    "Serve": (export.export, serve.serve),
}
for _panel, _members in _COMMANDS.items():
    for _command in _members:
        app.command(rich_help_panel=_panel)(_command)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"{NAME} {recommenders_tf.__version__}")
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", help="Show the traceback of an error; may stand after a command, too."
        ),
    ] = False,
) -> None:
    """Recommender systems in TensorFlow, from events to a gRPC server.

    Train a model, ask it for items, export it and serve it. Each command has a
    --help of its own, with examples.

    Try it:
      recommenders-tf train --model two_tower --dataset movielens-100k
      recommenders-tf recommend runs/two_tower-movielens-100k --user 196
      recommenders-tf export runs/two_tower-movielens-100k models/movies
      recommenders-tf serve models/movies
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit: 0 if all went well, 1 on an error, 2 if it was called wrongly.

    Args:
        arguments: The command line; None takes that of the process.
    """
    run_app(app, NAME, arguments)


if __name__ == "__main__":
    main()
