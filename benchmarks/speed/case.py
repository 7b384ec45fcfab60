"""What is trained in one comparison, and the least work that any implementation does for it."""

from __future__ import annotations

import dataclasses

from benchmarks.speed.shapes import Dense, mlp

BATCH = 4096
DIM = 16
LEARNING_RATE = 0.002
CROSS_LAYERS = 3
BOTTOM_UNITS = (64, DIM)
ATTENTION_UNITS = (80, 40)
SHORTEST_HISTORY = 5


@dataclasses.dataclass(frozen=True)
class Case:
    """One model on data of one shape.

    Args:
        model: Registry name.
        vocabulary: Ids of every field but the category, padding and unknown included.
        fields: Names of the fields of one id.
        numerics: Number of float columns.
        history: Places of the two lists of past items and their categories; 0 for none.
        hidden_units: Hidden layers of the network.
        batch_size: Examples a step.
    """

    model: str
    vocabulary: int
    fields: tuple[str, ...]
    numerics: int = 0
    history: int = 0
    hidden_units: tuple[int, ...] = (256, 128, 64)
    batch_size: int = BATCH

    @property
    def histories(self) -> dict[str, str]:
        """The field that each list collects, by the list's name."""
        return {f"past_{name}": name for name in self.fields[1:3]} if self.history else {}

    @property
    def mean_history(self) -> float:
        """Places of a list that are filled, on the average; lengths are drawn evenly."""
        return (SHORTEST_HISTORY + self.history) / 2

    @property
    def numeric_names(self) -> list[str]:
        """The names of the float columns."""
        return [f"numeric_{i}" for i in range(self.numerics)]

    def vocabulary_of(self, field: str) -> int:
        """Return the number of ids of a field."""
        return max(100, self.vocabulary // 100) if field == "category" else self.vocabulary

    @property
    def table_rows(self) -> int:
        """Rows of all embedding tables together."""
        return sum(self.vocabulary_of(field) for field in self.fields)

    @property
    def layers(self) -> list[Dense]:
        """The matrix products of the model's equations, for one batch."""
        rows, concatenated = self.batch_size, DIM * len(self.fields)
        if self.model == "deepfm":
            return mlp(rows, (concatenated, *self.hidden_units, 1))
        if self.model == "dcn_v2":
            cross = [Dense(rows, concatenated, concatenated)] * CROSS_LAYERS
            top = Dense(rows, concatenated + self.hidden_units[-1], 1)
            return [*cross, *mlp(rows, (concatenated, *self.hidden_units)), top]
        if self.model == "dlrm":
            vectors = len(self.fields) + 1
            dots = Dense(rows * vectors, DIM, vectors)  # of every example with itself
            top = (vectors * (vectors - 1) // 2 + DIM, *self.hidden_units, 1)
            return [*mlp(rows, (self.numerics, *BOTTOM_UNITS)), dots, *mlp(rows, top)]
        attention = mlp(round(rows * self.mean_history), (4 * DIM, *ATTENTION_UNITS, 1))
        joined = DIM * (len(self.fields) + len(self.histories))
        return [*attention * len(self.histories), *mlp(rows, (joined, *self.hidden_units, 1))]

    @property
    def flops(self) -> int:
        """Of the matrix products of a training step, forward and backward."""
        return sum(layer.flops for layer in self.layers)

    @property
    def ids(self) -> float:
        """Embedding rows that an example reads, and updates, on the average."""
        return len(self.fields) + self.mean_history * len(self.histories)


def cases(vocabulary: int, batch_size: int = BATCH) -> dict[str, Case]:
    """Return the compared models, by name, at a size of vocabulary."""
    names = ("user_id", "item_id", *(f"field_{i}" for i in range(2, 26)))
    visit = ("user_id", "item_id", "category")
    return {
        "deepfm": Case("deepfm", vocabulary, names, batch_size=batch_size),
        "dcn_v2": Case("dcn_v2", vocabulary, names, batch_size=batch_size),
        "dlrm": Case("dlrm", vocabulary, names, numerics=13, batch_size=batch_size),
        "din": Case("din", vocabulary, visit, 0, 50, (200, 80), batch_size),
    }
