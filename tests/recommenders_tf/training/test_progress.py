import io

import pytest
import tensorflow as tf
from rich.console import Console
from rich.progress import Progress

import recommenders_tf as rtf
from recommenders_tf.training.progress import Report


class Seen(Report):
    """Keeps where the bar stood after every part and every step."""

    def __init__(self, bar: Progress) -> None:
        super().__init__(bar)
        self.places: list[tuple[str, float, float | None]] = []

    def on_part_end(self, part, parts):
        super().on_part_end(part, parts)
        self._keep("part")

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        self._keep("step")

    def _keep(self, what):
        (task,) = self._bar.tasks
        self.places.append((what, task.completed, task.total))


@pytest.mark.parametrize("shows", [True, False])
def test_every_sweep_moves_the_bar_of_a_model_that_is_solved_at_once(shows):
    encoded = rtf.data.encode(rtf.data.synthetic(num_users=30, num_items=20, num_events=200))
    found = []
    for _ in range(2):
        tf.keras.utils.set_random_seed(1)
        model = rtf.models.ALS(encoded.schema, embedding_dim=4, sweeps=3)
        model.compile()
        seen = Seen(Progress(console=Console(file=io.StringIO())))
        callbacks = [seen] if shows else None
        found.append(model.fit(encoded, batch_size=16, verbose=0, callbacks=callbacks).history)
        parts = [("part", 1, 3), ("part", 2, 3), ("part", 3, 3)]
        assert seen.places == ([*parts, ("step", 1, 2), ("step", 2, 2)] if shows else [])
    assert found[0] == found[1]
