import pathlib
import re

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import recommenders_tf as rtf
from recommenders_tf.models.start_from_vectors import start_from_vectors


@pytest.fixture(scope="module")
def train(planted_log):
    return rtf.data.encode(planted_log)


@pytest.fixture(scope="module")
def vectors(train) -> pd.DataFrame:
    model = rtf.models.Item2Vec(train.schema, embedding_dim=16, num_negatives=5)
    model.compile()
    model.fit(train, epochs=20, batch_size=256, verbose=0)
    return model.vectors()


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("two_tower", lambda model: model.candidate_tower.embed),
        ("deepfm", lambda model: model.embed),
    ],
)
def test_the_table_of_items_starts_from_them(train, vectors, name, layer) -> None:
    tf.keras.utils.set_random_seed(1)
    model = rtf.registry.get(name)(train.schema, embedding_dim=16)
    written = start_from_vectors(model, "item_id", vectors, train.tables.encoder)
    assert written == len(vectors)
    ids = train.tables.encoder.encode({"item_id": tf.constant(vectors.index)})["item_id"]
    found = tf.gather(layer(model).table("item_id"), ids).numpy()
    np.testing.assert_array_equal(found, vectors.to_numpy())
    model.compile()
    model.fit(train, epochs=1, verbose=0)
    moved = tf.gather(layer(model).table("item_id"), ids).numpy()
    assert (moved != found).any()
    close = np.sum(moved * found, axis=1) / np.linalg.norm(moved, axis=1)
    assert np.mean(close / np.linalg.norm(found, axis=1)) > 0.5


def test_other_values_keep_what_they_had(train) -> None:
    model = rtf.models.TwoTower(train.schema, embedding_dim=8)
    first = train.log.events["item_id"].iloc[0]
    vectors = pd.DataFrame(np.full([2, 8], 7.0), index=[first, "nothing"])
    assert start_from_vectors(model, "item_id", vectors, train.tables.encoder) == 1
    table = model.candidate_tower.embed.table("item_id").numpy()
    assert ((table == 7.0).all(axis=1)).sum() == 1
    assert not table[1].any()  # of unknown items


def test_what_does_not_fit_is_said(train) -> None:
    model = rtf.models.TwoTower(train.schema, embedding_dim=8)
    first = train.log.events["item_id"].iloc[0]
    encoder = train.tables.encoder
    with pytest.raises(ValueError, match=r"No embedding table of `item_id` in `.*` is 5 wide"):
        start_from_vectors(model, "item_id", pd.DataFrame(np.ones([1, 5]), [first]), encoder)
    with pytest.raises(ValueError, match="None of the 1 values is in the vocabulary"):
        start_from_vectors(model, "item_id", pd.DataFrame(np.ones([1, 8]), ["nothing"]), encoder)


def test_the_program_of_the_page_of_models_runs(capsys) -> None:
    page = pathlib.Path(__file__).parents[3] / "docs" / "models.md"
    programs = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    (program,) = (text for text in programs if "start_from_vectors" in text)
    exec(compile(program, page.name, "exec"), {"__name__": "__main__"})
    assert re.search(r"^[1-9]\d+ items start from a vector", capsys.readouterr().out, re.MULTILINE)
