"""What a request says of its circumstances, as tensors."""

import numpy as np
import pytest

from recommenders_tf.schema import Column, Kind, Role
from recommenders_tf.signature_inputs import context_row

COLUMNS = [
    Column("device", Kind.CATEGORICAL, Role.CONTEXT),
    Column("hour", Kind.NUMERIC, Role.CONTEXT),
    Column("moods", Kind.MULTI_HOT, Role.CONTEXT),
]


def test_a_row_has_the_type_of_its_column() -> None:
    row = context_row(COLUMNS, {"device": 7, "hour": "21.5", "moods": ["calm", "late"]})
    assert row["device"].numpy().tolist() == [b"7"]
    assert row["hour"].numpy().tolist() == [21.5] and row["hour"].dtype == np.float32
    assert row["moods"].numpy().tolist() == [[b"calm", b"late"]]
    assert context_row(COLUMNS, {"moods": []})["moods"].shape == (1, 0)
    assert context_row(COLUMNS, {}) == {}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"mood": "calm"}, "`mood`, which is no context column of the schema: `device`, `hour`"),
        ({"hour": "late"}, "has 'late' for `hour`, which takes a number"),
        ({"moods": "calm"}, r"one text for `moods`, which takes several; wrap it, \['calm'\]"),
    ],
)
def test_what_does_not_fit_is_named(values, sentence) -> None:
    with pytest.raises(ValueError, match=sentence):
        context_row(COLUMNS, values)
