"""`evaluate`: a trained model on held-out events."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Annotated

import typer

from recommenders_tf.cli.catalog import JsonOption
from recommenders_tf.cli.console import note, print_json, print_table, working
from recommenders_tf.cli.data_options import DataOptions
from recommenders_tf.cli.metric_options import PANEL, MetricOptions
from recommenders_tf.cli.options import flatten
from recommenders_tf.cli.protocol_options import AskedOptions, SplitOptions
from recommenders_tf.cli.runs import Run, RunArgument

if TYPE_CHECKING:
    from recommenders_tf.evaluation import Evaluation


@flatten
def evaluate(
    run: RunArgument,
    source: DataOptions,
    split: SplitOptions,
    asked: AskedOptions,
    measured: MetricOptions,
    output: Annotated[
        pathlib.Path | None,
        typer.Option(
            "--output",
            "-o",
            file_okay=False,
            help="Folder to keep the result in, with the values of every user.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a trained model on held-out events, and say how sure the figures are.

    A run is measured on the test events of the data and the split that it was
    trained with, unless others are named; a model that has learned from a
    test event is refused. For models that retrieve, each user with test events
    is one question: all items that the user has not met are put in order, and
    the metrics say where the held-out ones stand. Ties count against the model.
    Compare figures of one protocol alone.

    Examples:
      recommenders-tf evaluate runs/two_tower-movielens-100k
      recommenders-tf evaluate runs/mf -m NDCG -m Coverage -k 10 -k 50 --json
      recommenders-tf evaluate runs/mf --candidates popularity -o results/mf
      recommenders-tf evaluate model.keras --dataset movielens-100k --split time
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
    from recommenders_tf.evaluation import Protocol, evaluate

    trained_with = found.settings.get("protocol")
    protocol = split.over(Protocol.from_dict(trained_with) if trained_with else Protocol())
    protocol = asked.over(protocol)
    *_, test = source.split(log, protocol)
    with working(f"Measuring on {len(test):,} events"):
        result = evaluate(model, test, protocol, measured.lengths, measured.metrics or None)
        intervals = result.intervals(measured.confidence)
    if output is not None:
        result.save(output)
    if as_json:
        facts = {"protocol": protocol.to_dict(), "data": dict(result.data)}
        print_json({"metrics": result.metrics, "intervals": intervals, **facts})
        return
    note(protocol.describe())
    _print(result, intervals, measured.confidence)


def _print(
    result: Evaluation, intervals: dict[str, tuple[float, float]], confidence: float
) -> None:
    """Print metrics, with their intervals where users have values of their own."""
    nothing = (None, None)
    rows = [(name, mean, *intervals.get(name, nothing)) for name, mean in result.metrics.items()]
    if not intervals:
        print_table(("metric", "value"), [row[:2] for row in rows])
        return
    columns = ("metric", "mean", f"{100 * confidence:g} % from", "to")
    print_table(columns, rows, title=f"{len(result.users):,} users of {result.data['name']}")
