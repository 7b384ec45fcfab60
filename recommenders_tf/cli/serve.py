"""`serve`: exported models from a gRPC server."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import sys
from typing import Annotated

import typer

from recommenders_tf.cli.console import note


def serve(
    path: Annotated[
        pathlib.Path,
        typer.Argument(
            metavar="PATH",
            exists=True,
            file_okay=False,
            resolve_path=True,
            help="Folder that `export` wrote into; its highest version is served.",
            show_default=False,
        ),
    ],
    port: Annotated[int, typer.Option(min=1, max=65535, help="TCP port of the gRPC API.")] = 8500,
    name: Annotated[
        str | None,
        typer.Option(help="Name by which clients ask for the model; by default the folder's."),
    ] = None,
) -> None:
    """Serve an exported model over gRPC, as TF Serving does.

    It looks for new versions all the time: export again and they are served.
    Ctrl-C stops it.

    Examples:
      recommenders-tf serve models/movies
      recommenders-tf serve models/movies --port 9000 --name movies
    """
    if not all(importlib.util.find_spec(package) for package in ("grpc", "tensorflow_serving")):
        raise ModuleNotFoundError(
            "Serving needs packages that are not installed: pip install 'recommenders-tf[serving]'."
        )
    versions = [int(found.parent.name) for found in path.glob("[0-9]*/saved_model.pb")]
    if not versions:
        remedy = f"give {path.parent}" if path.name.isdigit() else "write one with `export`"
        raise ValueError(f"`{path}` holds no version of a model; {remedy}.")
    name = name or path.name
    note(f"Serving version {max(versions)} of `{name}` on port {port}; Ctrl-C stops it.")
    flags = [f"--port={port}", f"--model_name={name}", f"--model_base_path={path}"]
    # The server takes this process's place, so that signals reach it.
    os.execv(sys.executable, [sys.executable, "-m", "serving.server", *flags])
