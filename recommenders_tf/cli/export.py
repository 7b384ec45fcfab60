"""`export`: a SavedModel that any TF Serving loads."""

from __future__ import annotations

import pathlib
from typing import Annotated, cast

import typer

from recommenders_tf.cli.console import note, working
from recommenders_tf.cli.runs import Run, RunArgument


def export(
    run: RunArgument,
    path: Annotated[
        pathlib.Path,
        typer.Argument(
            metavar="PATH",
            file_okay=False,
            help="Folder of the model to serve; the export becomes its next version, PATH/1, "
            "PATH/2, ... A path that ends in a number is that version.",
            show_default=False,
        ),
    ],
    ranker: Annotated[
        pathlib.Path | None,
        typer.Option(
            metavar="RUN",
            help="A second run, of kind ranking, that puts in order what the first one finds.",
        ),
    ] = None,
    index: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="What finds the items of a large catalogue: exact, ivf or ivf_pq. All run on any "
            "TF Serving; the latter two look at a part of the items. Without one, all are scored.",
        ),
    ] = None,
) -> None:
    """Write a trained model as a SavedModel that TF Serving loads.

    It takes raw ids and holds all that an answer needs. Prints the folder.

    Examples:
      recommenders-tf export runs/two_tower-movielens-100k models/movies
      recommenders-tf export runs/two_tower models/movies --ranker runs/wide_deep
      recommenders-tf export runs/two_tower models/movies --index ivf
    """
    version = _version(path)
    model = Run.find(run).load()
    if ranker is None:
        with working("Exporting"):
            model.export(version, index)
    else:
        second = Run.find(ranker).load()
        if (model.kind, second.kind) != ("retrieval", "ranking"):
            raise ValueError(
                f"A cascade is a model of kind retrieval and one of kind ranking; RUN is of kind "
                f"{model.kind}, --ranker of kind {second.kind}."
            )
        with working("Exporting"):
            from recommenders_tf.cascade import Cascade
            from recommenders_tf.models.ranker import Ranker
            from recommenders_tf.models.retriever import Retriever

            Cascade(cast(Retriever, model), cast(Ranker, second)).export(version, index)
    print(version)
    note(f"Next: recommenders-tf serve {version.parent}")


def _version(path: pathlib.Path) -> pathlib.Path:
    """Return the folder of the version to write.

    Raises:
        FileExistsError: The version is there already.
    """
    if not path.name.isdigit():
        taken = [int(found.name) for found in path.glob("*") if found.name.isdigit()]
        return path / str(max(taken, default=0) + 1)
    if path.exists():
        raise FileExistsError(
            f"Version `{path}` is there already; give another number, or {path.parent} for the "
            "next one."
        )
    return path
