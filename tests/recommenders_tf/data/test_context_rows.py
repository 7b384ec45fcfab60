import numpy as np
import pytest
import tensorflow as tf

from recommenders_tf import data
from recommenders_tf.data.context_rows import FIRST, LAST, PLACE, ContextRows

SCHEMA = data.spec("synthetic").schema
USERS = np.array([3, 2, 3, 2, 9, 2, 3])
ITEMS = np.array([10, 11, 12, 13, 14, 15, 16])
TIMES = np.array([5, 1, 5, 3, 0, 2, 1])


@pytest.mark.parametrize(("window", "reach"), [(None, 9), (1, 1)])
def test_contexts_are_the_neighbours_in_time(window, reach) -> None:
    rows = ContextRows(USERS, ITEMS, TIMES, SCHEMA, window)
    histories = [[11, 15, 13], [16, 10, 12], [14]]
    assert rows.sequence.tolist() == [item for items in histories for item in items]
    batch = {name: part.numpy() for name, part in rows.gather(tf.range(len(rows))).items()}
    found = {
        int(item): rows.sequence[first:last].tolist()
        for item, first, last in zip(batch["item_id"], batch[FIRST], batch[LAST], strict=True)
    }
    expected = {
        item: items[max(0, place - reach) : place + reach + 1]
        for items in histories[:2]
        for place, item in enumerate(items)
    }
    assert found == expected
    assert (rows.sequence[batch[PLACE]] == batch["item_id"]).all()
