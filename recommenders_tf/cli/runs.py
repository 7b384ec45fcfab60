"""The folder of a run: what `train` writes and the other commands read."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recommenders_tf.cli.console import working

if TYPE_CHECKING:
    from recommenders_tf.models.base import Recommender

RUNS = pathlib.Path("runs")
MODEL_FILE = "model.keras"
METRICS_FILE = "metrics.json"
SETTINGS_FILE = "run.json"

RunArgument = Annotated[
    pathlib.Path,
    typer.Argument(
        metavar="RUN", help="Folder that `train` wrote, or a .keras file.", show_default=False
    ),
]


@dataclasses.dataclass(frozen=True)
class Run:
    """A trained model and how it came to be.

    Args:
        model_file: The `.keras` file.
        settings: What `train` noted; empty for a model from elsewhere.
    """

    model_file: pathlib.Path
    settings: dict[str, Any]

    @classmethod
    def find(cls, path: pathlib.Path) -> Run:
        """Return the run of a folder, or of a model file.

        Raises:
            FileNotFoundError: There is no such run.
        """
        file = path / MODEL_FILE if path.is_dir() else path
        if not file.is_file():
            there = sorted(str(found.parent) for found in RUNS.glob(f"**/{MODEL_FILE}"))
            known = f"there are {', '.join(there)}" if there else "make one with `train`"
            raise FileNotFoundError(f"There is no trained model in `{path}`; {known}.")
        settings = file.with_name(SETTINGS_FILE)
        is_run = file.name == MODEL_FILE and settings.is_file()
        return cls(file, json.loads(settings.read_text("utf-8")) if is_run else {})

    def load(self) -> Recommender:
        """Load the model."""
        with working("Loading the model"):
            from recommenders_tf.models.saving import load_model

            return load_model(self.model_file)


def write_json(path: pathlib.Path, values: Any) -> None:
    """Write values for people and scripts to read."""
    path.write_text(json.dumps(values, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
