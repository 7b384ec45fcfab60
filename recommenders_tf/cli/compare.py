"""`compare`: models trained and measured on the same events, and one report of them all."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recommenders_tf import registry
from recommenders_tf.cli.catalog import JsonOption
from recommenders_tf.cli.compared_runs import ComparedRuns
from recommenders_tf.cli.console import note, print_json, print_table, working
from recommenders_tf.cli.data_options import DataOptions
from recommenders_tf.cli.metric_options import MetricOptions
from recommenders_tf.cli.options import flatten
from recommenders_tf.cli.protocol_options import AskedOptions, SplitOptions
from recommenders_tf.cli.runs import RUNS
from recommenders_tf.cli.training_options import TrainingOptions
from recommenders_tf.training.config import TrainingConfig
from recommenders_tf.training.model_config import ModelConfig

if TYPE_CHECKING:
    from recommenders_tf.evaluation.report import ComparedModel

_PANEL = "Comparison"


@flatten
def compare(
    context: typer.Context,
    source: DataOptions,
    split: SplitOptions,
    asked: AskedOptions,
    options: TrainingOptions,
    measured: MetricOptions,
    models: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME,…",
            help="Models by name, with their default hyper-parameters and the training that the "
            "options say. The first is one that the others are held against, beside the best.",
            show_default=False,
            rich_help_panel=_PANEL,
        ),
    ] = None,
    configs: Annotated[
        list[pathlib.Path] | None,
        typer.Option(
            "--config",
            "-c",
            exists=True,
            dir_okay=False,
            help="One more model, by YAML with the keys model, parameters and training, as `tune` "
            "writes it; may be given several times. Its training is what the file says.",
            show_default=False,
            rich_help_panel=_PANEL,
        ),
    ] = None,
    examples: Annotated[
        int,
        typer.Option(min=0, help="Users whose lists are shown.", rich_help_panel=_PANEL),
    ] = 3,
    output: Annotated[
        pathlib.Path | None,
        typer.Option(
            "--output",
            "-o",
            file_okay=False,
            help="Folder of the report and of the runs; by default runs/compare-DATASET. Models "
            "that are there already, trained alike, are not trained again.",
            show_default=False,
            rich_help_panel=_PANEL,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train models on the same events, ask them the same, and report on them all.

    The events are cut once, by one protocol. The folder gets report.html, one
    page that needs no network: metrics with intervals, which models differ by
    more than chance, accuracy against popularity and coverage, groups of users
    and of items, lists of some users, curves of the training. Its figures are in
    report.json, the runs in models/. A comparison that was stopped goes on.

    Examples:
      recommenders-tf compare --models popularity,item_knn,ease --dataset ml-100k
      recommenders-tf compare --models ease --config best.yaml --dataset ml-100k
      recommenders-tf compare --models lr,fm,deepfm --synthetic --epochs 3
    """
    chosen = entrants(models, configs or [], options.given(context))
    log = source.load()
    with working("Loading TensorFlow"):
        from recommenders_tf.evaluation import Protocol
        from recommenders_tf.evaluation.report import gather_facts, write_report
    folder = output or RUNS / f"compare-{source.name}"
    protocol = asked.over(split.over(Protocol()))
    runs = ComparedRuns(chosen, log, source, protocol, measured)
    note(protocol.describe())
    compared = runs.run(folder / "models")
    with working("Writing the report"):
        cut = runs.plain
        facts = gather_facts(compared, cut.train, cut.test, measured.confidence, examples)
        page = write_report(facts, folder)
    if as_json:
        print_json(
            {"report": str(page), "metrics": {m.name: m.evaluation.metrics for m in compared}}
        )
        return
    _print(compared)
    note(f"The report is {page}.")


def entrants(
    models: str | None, configs: Sequence[pathlib.Path], given: Mapping[str, Any]
) -> dict[str, ModelConfig]:
    """Return the models to compare, by the names that they get in the report.

    A config is named after its model, or after model and file where that name is taken.

    Args:
        models: Names with commas between.
        configs: Files.
        given: Fields of `TrainingConfig` for those without a file.

    Raises:
        ValueError: There are fewer than two models, or two that would have one name.
        UnknownModelError: There is no such model.
    """
    known, named = registry.names(), [name.strip() for name in (models or "").split(",")]
    # One that is known needs no look at its class, for which TensorFlow would be loaded.
    names = [name if name in known else registry.get(name).info.name for name in named if name]
    found = [(name, ModelConfig(name, training=TrainingConfig(**given))) for name in names]
    loaded = [(path.stem, ModelConfig.load(path)) for path in configs]
    of_all = names + [config.model for _, config in loaded]
    for stem, config in loaded:
        alone = of_all.count(config.model) == 1
        found.append((config.model if alone else f"{config.model}-{stem}", config))
    labels = [label for label, _ in found]
    if twice := [label for label in labels if labels.count(label) > 1]:
        raise ValueError(
            f"Two models would be called `{twice[0]}`: leave one out, or give a config another "
            "file name."
        )
    if len(found) < 2:
        raise ValueError(
            f"To compare takes two models or more; got {', '.join(labels) or 'none'}: add names to "
            "--models or a --config."
        )
    return dict(found)


def _print(compared: list[ComparedModel]) -> None:
    """Print the metrics of the models, a table for each kind."""
    for kind in ("retrieval", "ranking"):
        metrics = {m.name: m.evaluation.metrics for m in compared if m.kind == kind}
        if metrics:
            names = dict.fromkeys(name for values in metrics.values() for name in values)
            rows = [(name, *(values.get(name) for values in metrics.values())) for name in names]
            print_table(("metric", *metrics), rows)
