"""`datasets` and `models`: what there is to choose from."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Annotated

import typer

from recommenders_tf.cli.console import print_json, print_table, working

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON for scripts instead of a table.")
]


def datasets(
    data_dir: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="Look here first, before RECOMMENDERS_TF_DATA and the cache.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the data sets that are known by name.

    One that is not on this machine is downloaded when it is first used.

    Example:
      recommenders-tf datasets
    """
    from recommenders_tf import data

    records = data.describe(data_dir)
    if as_json:
        print_json(records)
        return
    print_table(
        ("name", "events", "users", "items", "here", "licence"),
        (
            (
                r["name"],
                r["events"],
                r["users"],
                r["items"],
                "yes" if r["found"] else "no",
                r["licence"],
            )
            for r in records
        ),
    )


def models(as_json: JsonOption = False) -> None:
    """List the models.

    Those of kind retrieval find the best items in the whole catalogue; those of
    kind ranking put a few items in order and are used after one that retrieves.

    Examples:
      recommenders-tf models
      recommenders-tf models --json
    """
    from recommenders_tf import registry

    with working("Loading the models"):
        infos = registry.describe()
    if as_json:
        print_json([dataclasses.asdict(info) for info in infos])
        return
    rows = ((i.name, i.room, i.kind, i.summary, i.paper) for i in infos)
    print_table(("name", "room", "kind", "what it does", "paper"), rows)
