"""What came of a run, read from ML Metadata and the artifacts."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from typing import Any

import tensorflow_model_analysis as tfma
from ml_metadata.proto import metadata_store_pb2
from tfx.components.evaluator import constants as evaluator_constants
from tfx.dsl.io import fileio
from tfx.orchestration import metadata

from tfx_pipeline.accounting import REPORT_FILE
from tfx_pipeline.trainer import METRICS_FILE


@dataclasses.dataclass(frozen=True)
class Step:
    """A component of a run.

    Args:
        name: Name of the component.
        number: Its place in the run, from 1.
        total: Number of components.
        execution: Id in ML Metadata; None while it runs.
        cached: Whether an earlier run's results were taken.
        seconds: How long it took.
    """

    name: str
    number: int
    total: int
    execution: int | None = None
    cached: bool = False
    seconds: float = 0.0

    def finished(self, execution: int, cached: bool, seconds: float) -> Step:
        """Return the step as it has ended."""
        return dataclasses.replace(self, execution=execution, cached=cached, seconds=seconds)


class RunResult:
    """What a finished run has made.

    Args:
        steps: Its components.
        store: ML Metadata.

    Attributes:
        steps: Its components.
        rows: Account of all rows: `rows_in`, `rows_used`, `quarantined`, `unknown_columns`.
        metrics: What the Trainer measured.
        blessed: Whether the model reached what it must.
        failures: Why not, one sentence each.
        pushed: Folder of the pushed model; None if there is none.
    """

    def __init__(self, steps: Sequence[Step], store: metadata.Metadata) -> None:
        self.steps = tuple(steps)
        self._executions = {step.name: step.execution for step in steps}
        with store as handle:
            examples = self._output(handle, "ExampleGen", "Examples")
            model_run = self._output(handle, "Trainer", "ModelRun")
            evaluation = self._output(handle, "Evaluator", "ModelEvaluation")
            blessing = self._output(handle, "Evaluator", "ModelBlessing")
            pushed = self._output(handle, "Pusher", "PushedModel")
        self.rows = _read_json(examples.uri, REPORT_FILE)
        self.metrics = _read_json(model_run.uri, METRICS_FILE)
        self.blessed = fileio.exists(
            os.path.join(blessing.uri, evaluator_constants.BLESSED_FILE_NAME)
        )
        self.failures = [] if self.blessed else list(_failures(evaluation.uri))
        destination = pushed.custom_properties["pushed_destination"].string_value
        self.pushed = destination or None

    @property
    def all_cached(self) -> bool:
        """Whether nothing had to be done; looking for the last blessed model is nothing."""
        return all(step.cached for step in self.steps if step.name != "Resolver")

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values, for JSON."""
        return {
            "blessed": self.blessed,
            "failures": self.failures,
            "pushed": self.pushed,
            "metrics": self.metrics,
            "rows": self.rows,
            "steps": {s.name: {"cached": s.cached, "seconds": s.seconds} for s in self.steps},
        }

    def _output(
        self, handle: metadata.Metadata, component: str, kind: str
    ) -> metadata_store_pb2.Artifact:
        """Return the output of a component that has the given type."""
        events = handle.store.get_events_by_execution_ids([self._executions[component]])
        made = [e.artifact_id for e in events if e.type == metadata_store_pb2.Event.OUTPUT]
        artifacts = handle.store.get_artifacts_by_id(made)
        (found,) = (artifact for artifact in artifacts if artifact.type == kind)
        return found


def _read_json(folder: str, name: str) -> Any:
    with fileio.open(os.path.join(folder, name)) as file:
        return json.loads(file.read())


def _failures(evaluation: str) -> list[str]:
    """Return what a model failed at, one sentence each."""
    sentences = []
    for validation in tfma.load_validation_result(evaluation).metric_validations_per_slice:
        for failure in validation.failures:
            key, threshold = failure.metric_key, failure.metric_threshold
            value = failure.metric_value.double_value.value
            if key.is_diff:
                least = threshold.change_threshold.absolute.value
                sentences.append(
                    f"{key.name} is {-value:.4f} below the last blessed model's, more than the "
                    f"{-least:.4f} allowed"
                )
            else:
                least = threshold.value_threshold.lower_bound.value
                sentences.append(f"{key.name} is {value:.4f}, below the {least:.4f} asked for")
    return sentences
