"""`tune`: the hyper-parameters of a model, chosen on validation events."""

from __future__ import annotations

import dataclasses
import enum
import pathlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recommenders_tf import registry
from recommenders_tf.cli.catalog import JsonOption
from recommenders_tf.cli.console import note, print_json, print_table, working
from recommenders_tf.cli.data_options import DataOptions
from recommenders_tf.cli.model_options import ModelOptions
from recommenders_tf.cli.options import flatten
from recommenders_tf.cli.protocol_options import SplitOptions
from recommenders_tf.cli.runs import RUNS
from recommenders_tf.cli.training_options import TrainingOptions

if TYPE_CHECKING:
    from recommenders_tf.tuning import Found, Trial

_PANEL = "Search"
_SHOWN = 10


class Method(str, enum.Enum):
    """How the next trial is chosen."""

    RANDOM = "random"
    HYPERBAND = "hyperband"
    BAYESIAN = "bayesian"


@flatten
def tune(
    context: typer.Context,
    chosen: ModelOptions,
    source: DataOptions,
    split: SplitOptions,
    options: TrainingOptions,
    method: Annotated[
        Method,
        typer.Option(
            help="random; hyperband: many trials of few epochs, of which the best go on; bayesian: "
            "what past trials make likely.",
            metavar="NAME",
            rich_help_panel=_PANEL,
        ),
    ] = Method.RANDOM,
    trials: Annotated[
        int | None,
        typer.Option(
            help="Most trials; 20 by default, and of hyperband as many as --epochs asks for.",
            min=1,
            show_default=False,
            rich_help_panel=_PANEL,
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(help="Trials at a time, a process each.", min=1, rich_help_panel=_PANEL)
    ] = 1,
    output: Annotated[
        pathlib.Path | None,
        typer.Option(
            "--output",
            "-o",
            file_okay=False,
            help="Folder of the search; by default runs/tune-MODEL-DATASET. One that was stopped "
            "goes on, and one that has ended does with more --trials.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Search the hyper-parameters of a model.

    Each model declares what to try (`recommenders-tf models --json` shows it);
    --set holds one fast. A trial trains for --epochs at most and is judged by
    its best epoch on validation events, split off the training events: NDCG@10
    of models that retrieve, AUC of those that rank. Test events are not read.

    The best goes to best.yaml in the folder of the search, for `train --config`,
    which then learns from the validation events, too.

    Examples:
      recommenders-tf tune --model ease --dataset ml-100k
      recommenders-tf tune --model mf --synthetic --method bayesian --workers 2
      recommenders-tf tune --model bpr --synthetic --set embedding_dim=32
    """
    given = options.given(context)
    base = chosen.read(given)
    log = source.load()
    with working("Loading TensorFlow"):
        from recommenders_tf import evaluation, tuning

        cls = registry.get(base.model)
    base = dataclasses.replace(base, parameters=chosen.parameters(cls, base))
    space = {k: values for k, values in tuning.search_space(base).items() if k not in given}
    search = tuning.SearchConfig(method.value, trials, workers, base.training.seed)
    source.check_labels(log, cls)
    protocol = split.over(evaluation.Protocol())
    train, validation, _ = source.split(log, protocol, validation=True)
    folder = output or RUNS / f"tune-{base.model}-{source.name}"
    if space:
        note(
            f"Tuning {', '.join(space)} of {base.model} on {len(train):,} events and "
            f"{len(validation):,} for validation; each trial tells of itself in {folder}/trial_*/."
        )
    progress = _Progress()
    try:
        found = tuning.tune(base, train, validation, folder, search, space, progress.show)
    except KeyboardInterrupt:
        note("Stopped. The same command goes on from here.")
        raise
    file, best = folder / tuning.BEST_FILE, found.trials[0]
    if as_json:
        print_json({"config": str(file), found.metric: best.score, **found.best.to_dict()})
        return
    _print(found)
    note(f"Next: recommenders-tf train --config {file}, on the same data.")


class _Progress:
    """A table on stderr that grows by a line with each trial."""

    def __init__(self) -> None:
        self._best: float | None = None

    def show(self, trial: Trial) -> None:
        """Print the line of a trial, and headings above the first."""
        if self._best is None:
            note("trial   metric     best  epochs  values")
        self._best = max(self._best or 0.0, trial.score or 0.0)
        score = "failed" if trial.score is None else f"{trial.score:.4f}"
        values = " ".join(f"{name}={_text(value)}" for name, value in trial.values.items())
        line = f"{trial.name:>5} {score:>8} {self._best:>8.4f} {trial.epochs:>7}  {values}"
        note(line if trial.error is None else f"{line}  {trial.error}")


def _print(found: Found) -> None:
    """Print the best trials."""
    names = list(found.trials[0].values)
    print_table(
        ("trial", found.metric, "epochs", *names),
        [
            (trial.name, trial.score, trial.epochs, *(_text(trial.values[n]) for n in names))
            for trial in found.trials[:_SHOWN]
        ],
        title=f"Best of {len(found.trials)} trials",
    )


def _text(value: Any) -> str:
    """Return a value as --set takes it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
