"""What a pipeline run is told: one typed, frozen config, read from YAML."""

from __future__ import annotations

import dataclasses
import pathlib
import typing

from recommenders_tf import training
from recommenders_tf.data.values import CleaningLimits
from recommenders_tf.typed_config import ConfigError, load

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
class ModelConfig(training.ModelConfig):
    """A model of the registry and how a pipeline trains it, which is without `patience`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.training.patience is not None:
            raise ConfigError(
                f"`training.patience` of `{self.model}` needs validation events, which a pipeline "
                "has not: its held-out events decide on the push. Find the number of `epochs` with "
                "`recommenders-tf train --patience` or `recommenders-tf tune`."
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
        return typing.cast(PipelineConfig, load(cls, path))
