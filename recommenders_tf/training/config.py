"""How to train, whatever the model: one definition for Python, the command and the pipeline."""

from __future__ import annotations

import dataclasses

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How to train, whatever the model.

    Args:
        epochs: Passes over the data.
        batch_size: Examples a step, over all devices and workers together.
        seed: Of the initial weights, the order of the examples, dropout and the negatives.
        optimizer: Name of an optimizer, see `recommenders_tf.optimizers.get`; None takes the one
            of the model's paper.
        learning_rate: Of that optimizer, or of the model's own; None takes the default. Of a model
            with several optimizers it is that of the deep part.
        clip_norm: Most that the norm of all gradients together may be; None lets them be.
        embedding_l2: Factor λ of the penalty λ/2 Σ v² on all embedding tables; above 0 every step
            writes every row of them.
        micro_batches: Parts in which the gradients of a batch are computed, one after another, so
            that memory holds the activations of one part.
        precision: Keras policy: `float32`, `mixed_bfloat16` or `mixed_float16`.
        jit_compile: Whether XLA compiles the step.
        steps_per_execution: Steps that run between two looks at the progress.
        devices: `auto` for the GPUs there are and else the processor, `cpu`, or the numbers of the
            GPUs to use, such as `0,2`.
        memory_growth: Whether a GPU's memory is taken as it is needed and not all at once.
        patience: Epochs without a better NDCG@10 (of a model that retrieves) or AUC (of one that
            ranks) on the validation events after which training ends, with the best weights; None
            trains all epochs.
        backup_steps: Steps between two backups, from which a killed run goes on; None makes one
            after every epoch.

    Raises:
        ValueError: A value is out of its range.

    Example:
        >>> TrainingConfig(epochs=3).batch_size
        1024
    """

    epochs: int = 10
    batch_size: int = 1024
    seed: int = 0
    optimizer: str | None = None
    learning_rate: float | None = None
    clip_norm: float | None = None
    embedding_l2: float = 0.0
    micro_batches: int = 1
    precision: str = "float32"
    jit_compile: bool = False
    steps_per_execution: int = 1
    devices: str = "auto"
    memory_growth: bool = True
    patience: int | None = None
    backup_steps: int | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "micro_batches", "steps_per_execution"):
            _check_at_least_one(name, getattr(self, name))
        for name in ("patience", "backup_steps"):
            if getattr(self, name) is not None:
                _check_at_least_one(name, getattr(self, name))
        for name in ("learning_rate", "clip_norm"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"`{name}` must be above 0; it is {value}.")
        for name in ("seed", "embedding_l2"):
            if getattr(self, name) < 0:
                raise ValueError(f"`{name}` must be at least 0; it is {getattr(self, name)}.")
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"`precision` is `{self.precision}`; it must be one of {', '.join(PRECISIONS)}."
            )
        if self.devices not in ("auto", "cpu") and not self.gpus:
            raise ValueError(
                f"`devices` is `{self.devices}`; it must be `auto`, `cpu` or numbers of GPUs with "
                "commas between, such as `0,2`."
            )

    @property
    def gpus(self) -> list[int]:
        """The numbers of the GPUs that `devices` names; none if it names none."""
        parts = self.devices.split(",")
        return [int(part) for part in parts] if all(p.strip().isdigit() for p in parts) else []


def _check_at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"`{name}` must be at least 1; it is {value}.")
