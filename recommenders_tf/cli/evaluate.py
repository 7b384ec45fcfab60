"""`evaluate`: a trained model on held-out events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from recommenders_tf.cli.catalog import JsonOption
from recommenders_tf.cli.console import print_json, print_table, working
from recommenders_tf.cli.data_options import DataOptions, Split
from recommenders_tf.cli.options import flatten
from recommenders_tf.cli.runs import Run, RunArgument

if TYPE_CHECKING:
    from recommenders_tf.data import EventLog
    from recommenders_tf.models.base import Recommender


@flatten
def evaluate(
    run: RunArgument,
    source: DataOptions,
    split: Annotated[
        Split | None, typer.Option(help="By default as in training, or leave_last_out.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a trained model on held-out events.

    A run is measured on the test events of the data it was trained on, unless
    other data is named. Models that retrieve get HR@10 and NDCG@10: every test
    event is ranked among all items that its user has not seen. Models that rank
    get the loss and the AUC.

    Examples:
      recommenders-tf evaluate runs/two_tower-movielens-100k
      recommenders-tf evaluate runs/mf --json
      recommenders-tf evaluate model.keras --dataset movielens-100k
    """
    found = Run.find(run)
    if not source.given and "data" in found.settings:
        source = DataOptions.from_dict(found.settings["data"])
    log = source.load()
    model = found.load()
    if log.schema.name != model.schema.name:
        raise ValueError(
            f"The model was trained on `{model.schema.name}` and knows no user or item of "
            f"`{log.schema.name}`; name the data it was trained on."
        )
    _, test = source.split(log, split or Split(found.settings.get("split", "leave_last_out")))
    metrics = measure(model, test)
    if as_json:
        print_json(metrics)
    else:
        print_table(("metric", "value"), metrics.items())


def measure(model: Recommender, test: EventLog) -> dict[str, float]:
    """Return the metrics of a model on test events, by name."""
    with working(f"Measuring on {len(test):,} events"):
        return (
            model.evaluate(test) if model.kind == "retrieval" else model.evaluate(test, verbose=0)
        )
