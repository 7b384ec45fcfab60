"""What a pipeline run is told: one typed, frozen config, read from YAML."""

from __future__ import annotations

import dataclasses
import difflib
import pathlib
import types
import typing
from collections.abc import Mapping
from typing import Any

import yaml

from recommenders_tf import registry
from recommenders_tf.data.values import CleaningLimits
from recommenders_tf.training.config import TrainingConfig


class ConfigError(ValueError):
    """A config that cannot work; the message names the key and the remedy."""


STRATEGIES = ("leave_last_out", "time")
"""Those of `data.Split` that Beam cuts by, without a look at all events of the log at once."""


@dataclasses.dataclass(frozen=True)
class SplitConfig:
    """Which events are held out for evaluation; see `EventLog.split`.

    Args:
        strategy: `leave_last_out` or `time`.
        test_share: Of `time`: share of the events that is held out.
        at: Of `time`: the cut itself in Unix seconds, in place of `test_share`.
    """

    strategy: str = "leave_last_out"
    test_share: float = 0.1
    at: int | None = None

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise ConfigError(
                f"`data.split.strategy` is `{self.strategy}`; it must be one of "
                f"{', '.join(STRATEGIES)}."
            )
        if not 0 < self.test_share < 1:
            raise ConfigError(
                f"`data.split.test_share` must lie between 0 and 1; it is {self.test_share}."
            )


@dataclasses.dataclass(frozen=True)
class FilesConfig:
    """Files of one's own, by their names in `data_dir`: csv, tsv (also .gz) or parquet.

    Args:
        events: Who met what and when.
        users: One row a user; none takes the users from the events.
        items: One row an item; none takes the items from the events.
    """

    events: str
    users: str | None = None
    items: str | None = None


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where the events come from, and what is done with them.

    Args:
        dataset: Name of a known data set, or
        files: files in `data_dir`, which need a `schema`.
        schema: Schema file; a known data set has its own.
        data_dir: Folder with the data; a known data set is also looked for elsewhere.
        split: Which events are held out.
        cleaning: What counts as a bad row, and how many are let pass.
        shards: Parts into which users and items are divided; one part fits into memory.
    """

    dataset: str | None = None
    files: FilesConfig | None = None
    schema: str | None = None
    data_dir: str | None = None
    split: SplitConfig = SplitConfig()
    cleaning: CleaningLimits = dataclasses.field(default_factory=CleaningLimits)
    shards: int = 8

    def __post_init__(self) -> None:
        if (self.dataset is None) == (self.files is None):
            raise ConfigError("`data` needs either `dataset` or `files`; give one of them.")
        if self.files is not None and (self.schema is None or self.data_dir is None):
            raise ConfigError("`data.files` need `data.data_dir` and `data.schema`; add both.")


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """A model of the registry and how it is trained.

    Args:
        model: Registry name.
        parameters: Arguments of the model beside the schema.
        training: How it is trained.
    """

    model: str
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        if self.model not in registry.names():
            raise ConfigError(
                f"There is no model `{self.model}`; known are {', '.join(registry.names())}."
            )
        if self.training.patience is not None:
            raise ConfigError(
                f"`training.patience` of `{self.model}` needs validation events, which a pipeline "
                "has not: its held-out events decide on the push. Find the number of `epochs` with "
                "`recommenders-tf train --patience`."
            )


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
    """What a model must reach before it is pushed, on the held-out events.

    Args:
        hit_rate: Least HR@10 over the full catalogue.
        auc: Least AUC of the ranker.
        max_drop: How far either may fall below the last blessed model's.
        slices: Raw feature columns by whose values the metrics are shown too.
    """

    hit_rate: float
    auc: float
    max_drop: float = 0.02
    slices: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class KubeflowConfig:
    """What a run on Kubeflow Pipelines needs.

    Args:
        image: Container image with this package and its `tfx` extra.
        pipeline_root: Where artifacts are written, such as `gs://bucket/runs`.
        data_dir: Folder with the data, as the containers see it, such as `/gcs/bucket/data`.
        serving_dir: Where models are pushed.
        work_dir: Folder for quarantined rows and checkpoints, as the containers see it, such as
            `/gcs/bucket/work`.
        cpu: Processors of the Trainer.
        memory: Memory of the Trainer in GB.
        gpu_type: Accelerator of the Trainer; none trains on its processors.
        gpu_count: Number of accelerators.
        beam: Beam options there.
    """

    image: str
    pipeline_root: str
    data_dir: str
    serving_dir: str
    work_dir: str
    cpu: float = 4.0
    memory: float = 16.0
    gpu_type: str | None = None
    gpu_count: int = 1
    beam: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class PipelineConfig:
    """A whole pipeline run.

    Args:
        name: Name of the pipeline; runs of one name share cache and blessed models.
        data: The events.
        retriever: Model that finds candidates in the whole catalogue.
        ranker: Model that puts them in order.
        evaluation: What a model must reach.
        pipeline_root: Folder for artifacts; quarantined rows and checkpoints too.
        serving_dir: Folder that a model server watches.
        num_retrieved: Candidates that the ranker sees.
        metadata_path: SQLite file of ML Metadata; none puts it into `pipeline_root`.
        beam: Beam options, such as `--direct_num_workers=2`.
        kubeflow: For `compile --runner kubeflow`.
    """

    name: str
    data: DataConfig
    retriever: ModelConfig
    ranker: ModelConfig
    evaluation: EvaluationConfig
    pipeline_root: str
    serving_dir: str
    num_retrieved: int = 200
    metadata_path: str | None = None
    beam: tuple[str, ...] = ()
    kubeflow: KubeflowConfig | None = None

    @classmethod
    def load(cls, path: str | pathlib.Path) -> PipelineConfig:
        """Read a config from YAML.

        Raises:
            ConfigError: The file is missing or no YAML mapping, or a key is unknown, missing or
                of another type.
        """
        try:
            values = yaml.safe_load(pathlib.Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ConfigError(
                f"There is no config `{path}`; the folder `configs` has some."
            ) from error
        except yaml.YAMLError as error:
            raise ConfigError(f"Config `{path}` is no YAML: {error}.") from error
        return from_dict(cls, values)


def from_dict(cls: type, values: Any, where: str = "") -> Any:
    """Build a config dataclass from plain values, section by section.

    Args:
        cls: The dataclass.
        values: Mapping of its fields.
        where: Path of the section, such as `data.split`, for messages.

    Raises:
        ConfigError: A key is unknown, missing or of another type.
    """
    section = f"section `{where}`" if where else "the config"
    if not isinstance(values, dict):
        raise ConfigError(f"{section.capitalize()} must be a mapping; it is {values!r}.")
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    if unknown := [key for key in values if key not in fields]:
        close = difflib.get_close_matches(str(unknown[0]), fields, n=1)
        hint = f"did you mean `{close[0]}`? " if close else ""
        raise ConfigError(
            f"There is no key `{unknown[0]}` in {section}: {hint}Known keys are "
            f"{', '.join(fields)}."
        )
    for name, field in fields.items():
        has_default = not (
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        )
        if name not in values and not has_default:
            raise ConfigError(f"The key `{name}` is missing in {section}; add it.")
    paths = {name: f"{where}.{name}".lstrip(".") for name in values}
    arguments = {name: _value(hints[name], v, paths[name]) for name, v in values.items()}
    try:
        return cls(**arguments)
    except ConfigError:
        raise
    except ValueError as error:  # of a dataclass that is not of the pipeline alone
        raise ConfigError(f"In {section}: {error}") from error


def _value(hint: Any, value: Any, where: str) -> Any:
    """Return one value in the type that its field asks for."""
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        hint = next(part for part in typing.get_args(hint) if part is not types.NoneType)
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value, where)
    origin = typing.get_origin(hint)
    if origin is tuple and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if origin is Mapping and isinstance(value, dict):
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if origin is None and type(value) is hint:
        return value
    name = {tuple: "a list of strings", Mapping: "a mapping"}.get(origin) or hint.__name__
    raise ConfigError(f"`{where}` must be {name}; it is {value!r}.")
