"""`python -m tfx_pipeline`: run the pipeline here, or compile it for Kubeflow."""

from __future__ import annotations

import dataclasses
import enum
import logging
import pathlib
import re
import shlex
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recommenders_tf.cli.console import errors, note, print_json, print_table, quiet

if TYPE_CHECKING:
    from tfx_pipeline.results import RunResult, Step

# Commands import TFX when they run: it takes many seconds, and --help shall not wait for it.

NAME = "python -m tfx_pipeline"
_LONGEST = 400
UNBLESSED = 3
"""Exit status of a run whose model did not reach what it must."""

app = typer.Typer(
    name=NAME,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Config = Annotated[
    pathlib.Path,
    typer.Option("--config", "-c", help="YAML file; the folder `configs` has some to start from."),
]


class Runner(str, enum.Enum):
    """What a pipeline is compiled for."""

    KUBEFLOW = "kubeflow"


@app.callback()
def start() -> None:
    """From events to a validated model in a folder that a model server watches.

    The steps: read and check the events, make point-in-time-correct examples, validate them,
    learn vocabularies, train a retriever and a ranker, judge them on held-out events against
    thresholds and the last model that passed, and push the model if it is good enough.

    Try it:
      python -m tfx_pipeline run --config configs/synthetic.yaml
      python -m tfx_pipeline run --config configs/movielens_100k.yaml
    """


@app.command()
def run(
    config: Config,
    data_dir: Annotated[
        pathlib.Path | None,
        typer.Option(help="Folder with the data, in place of the config's `data.data_dir`."),
    ] = None,
    beam: Annotated[
        str,
        typer.Option(
            help='Further options of Beam, such as "--direct_num_workers=2 '
            '--direct_running_mode=multi_processing".'
        ),
    ] = "",
    cache: Annotated[
        bool,
        typer.Option(help="Take over what an earlier run has made, if its inputs are the same."),
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show the logs of TFX, Beam and TensorFlow.")
    ] = False,
) -> None:
    """Run the pipeline on this machine.

    A second run with nothing changed takes all from the cache; a run that was killed goes on
    where it stopped. Exit status: 0 if the model is pushed, 3 if it is not good enough, 1 on an
    error.
    """
    settings = _load(config)
    if data_dir is not None:
        settings = dataclasses.replace(
            settings, data=dataclasses.replace(settings.data, data_dir=str(data_dir))
        )
    settings = dataclasses.replace(settings, beam=(*settings.beam, *shlex.split(beam)))
    if verbose:
        logging.basicConfig(level=logging.INFO)
    else:
        logging.disable(logging.ERROR)
    with errors.status("Loading TFX"):
        from tfx_pipeline.runners import local
    result = local.run(settings, show_step, cache)
    if json:
        print_json(result.to_dict())
    else:
        show_result(result)
    if not result.blessed:
        raise typer.Exit(UNBLESSED)


@app.command("compile")
def compile_command(
    config: Config,
    output: Annotated[
        pathlib.Path, typer.Option("--output", "-o", help="YAML file to write.")
    ] = pathlib.Path("pipeline.yaml"),
    runner: Annotated[
        Runner, typer.Option(help="What the pipeline shall run on.")
    ] = Runner.KUBEFLOW,
) -> None:
    """Write the pipeline for Kubeflow Pipelines v2; the config needs a section `kubeflow`."""
    settings = _load(config)
    logging.disable(logging.ERROR)
    with errors.status("Loading TFX"):
        from tfx_pipeline.runners import kubeflow
    path = kubeflow.compile_pipeline(settings, output)
    note(f"Wrote {path} for {runner.value}: submit it with a KFP client or on Vertex AI Pipelines.")


def show_step(step: Step) -> None:
    """Print on stderr that a component has begun or has ended."""
    head = f"{step.number:>2}/{step.total}  {step.name:<18}"
    if step.execution is None:
        if errors.is_terminal:
            errors.print(f"{head} running", end="\r")
    else:
        errors.print(f"{head} {'cached ' if step.cached else 'done   '} {step.seconds:6.1f} s")


def show_result(result: RunResult) -> None:
    """Print what came of a run."""
    for table, names in result.rows["unknown_columns"].items():
        note(f"Columns of the {table} that the schema does not know are left out: {names}.")
    for table, reasons in result.rows["quarantined"].items():
        counts = ", ".join(f"{reason}: {count:,}" for reason, count in reasons.items())
        note(f"Bad rows of the {result.rows['rows_in'][table]:,} {table} are set aside: {counts}.")
    metrics, models = result.metrics, result.metrics["models"]
    rows = {"popularity": "popularity", models["retriever"]: "retriever"}
    rows[f"{models['retriever']}, then {models['ranker']}"] = "cascade"
    print(
        f"On {metrics['held_out_events']:,} held-out events, among all {metrics['items']:,} items:"
    )
    print_table(
        ["model", "HR@10", "NDCG@10", "AUC"],
        [
            *([name, *_ranking(metrics[key]), None] for name, key in rows.items()),
            [models["ranker"], None, None, metrics["ranker"]["auc"]],
        ],
    )
    if result.blessed:
        again = ", as an earlier run had done" if result.all_cached else ""
        note(f"The model passed and is pushed to {result.pushed}{again}. Serve it:")
        folder = pathlib.Path(result.pushed).parent
        note(f"  python -m serving.server --model_name=recommender --model_base_path={folder}")
    else:
        note(f"The model is not pushed: {'; '.join(result.failures)}.")


def _ranking(metrics: dict[str, float]) -> list[float]:
    return [metrics["HR@10"], metrics["NDCG@10"]]


def _load(path: pathlib.Path) -> Any:
    from tfx_pipeline.config import PipelineConfig

    return PipelineConfig.load(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit.

    Args:
        arguments: The command line; None takes that of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    quiet()
    try:
        app([argument for argument in given if argument != "--debug"], prog_name=NAME)
    except Exception as error:
        if debug:
            raise
        note(f"Error: {sentence(error)}")
        sys.exit(1)


def sentence(error: BaseException) -> str:
    """Return what an error says, in one line."""
    own = ("recommenders_tf.", "tfx_pipeline.")
    # Libraries wrap what went wrong in what they were doing; our own errors say it themselves.
    while not type(error).__module__.startswith(own) and (
        inner := error.__cause__ or error.__context__
    ):
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}."
    text = str(error.args[0] if error.args else error).strip().split("\n")[-1]
    text = re.sub(r" \[while running '.*$", "", text)
    if type(error).__module__.startswith(own) or isinstance(error, OSError):
        return text
    text = textwrap.shorten(text, _LONGEST, placeholder=" …")
    return f"{type(error).__name__}: {text} (--debug shows where)"


if __name__ == "__main__":
    main()
