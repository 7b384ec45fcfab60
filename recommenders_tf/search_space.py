"""What a search may try: the values of an argument, declared where a model is registered."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

SCALES = ("linear", "log")


@dataclasses.dataclass(frozen=True)
class Range:
    """Every number from the least to the most; whole numbers if both ends are.

    Args:
        least: First of them.
        most: Last of them.
        scale: How they are drawn: `linear` alike, `log` alike in every order of magnitude.

    Raises:
        ValueError: The ends are in the wrong order, or have no logarithm where one is needed.

    Example:
        >>> 16 in Range(8, 64, "log"), 0.5 in Range(8, 64, "log")
        (True, False)
    """

    least: float
    most: float
    scale: str = "linear"

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f"`scale` must be one of {', '.join(SCALES)}; it is {self.scale!r}.")
        if not self.least < self.most:
            raise ValueError(f"`least` must be below `most`; got {self.least} and {self.most}.")
        if self.scale == "log" and self.least <= 0:
            raise ValueError(f"`least` of a `log` scale must be above 0; it is {self.least}.")

    def __contains__(self, value: Any) -> bool:
        kinds = (int,) if self.is_whole else (int, float)
        return type(value) in kinds and self.least <= value <= self.most

    @property
    def is_whole(self) -> bool:
        """Whether the numbers are whole."""
        return isinstance(self.least, int) and isinstance(self.most, int)


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of a few values.

    Args:
        options: The values: numbers, texts, truths, None, or tuples of numbers.

    Example:
        >>> (64, 32) in Choice(((64, 32), (128, 64)))
        True
    """

    options: tuple[Any, ...]

    def __contains__(self, value: Any) -> bool:
        return value in self.options


SearchSpace = Mapping[str, Range | Choice]

COMMON: SearchSpace = {
    "embedding_dim": Range(4, 256, "log"),
    "hidden_dim": Range(16, 1024, "log"),
    "hidden_units": Choice(((64,), (128, 64), (256, 128, 64), (400, 400, 400))),
    "learning_rate": Range(1e-4, 0.1, "log"),
    "dropout": Range(0.0, 0.8),
    "batch_norm": Choice((False, True)),
    "num_negatives": Range(1, 16, "log"),
    "num_neighbours": Range(10, 1000, "log"),
    "shrinkage": Range(0.0, 200.0),
}
"""What is tried of an argument of this name where a model declares nothing else."""


def complete(declared: SearchSpace, defaults: Mapping[str, Any]) -> dict[str, Range | Choice]:
    """Return the whole space of a model: what it declares, and `COMMON` for its other arguments.

    Args:
        declared: What the model says of its arguments, or of fields of `TrainingConfig`.
        defaults: Arguments of its constructor with their defaults, which join the options of a
            choice.

    Example:
        >>> complete({"l2": Range(1.0, 9.0)}, {"l2": 2.0, "hidden_units": (8,), "explicit": False})
        {'hidden_units': Choice(options=((8,), (64,), (128, 64), (256, 128, 64), (400, 400, 400))),
         'l2': Range(least=1.0, most=9.0, scale='linear')}
    """
    common = {name: values for name, values in COMMON.items() if name in defaults}
    return {
        name: _with_default(values, defaults[name]) if name in defaults else values
        for name, values in {**common, **declared}.items()
    }


def _with_default(values: Range | Choice, default: Any) -> Range | Choice:
    if isinstance(values, Range) or default in values:
        return values
    return Choice((default, *values.options))
