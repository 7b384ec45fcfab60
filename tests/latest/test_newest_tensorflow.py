"""The plain library from events to a SavedModel.

`make test-latest` runs this with the newest TensorFlow and a Python that TFX does not support,
where nothing but the library is installed. In the pinned environment other tests say as much.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys

import numpy as np
import pytest

import recommenders_tf as rtf

K = 5
FREE_OF = ("tfx", "apache_beam", "tensorflow_transform", "tensorflow_serving", "serving")


@pytest.fixture(scope="module")
def trained():
    """A two-tower model after a few epochs, the held-out events, and its losses."""
    import tensorflow as tf

    print(f"Python {sys.version.split()[0]}, TensorFlow {tf.__version__}")
    tf.keras.utils.set_random_seed(7)
    train, test = rtf.data.synthetic(num_users=200, num_items=100, num_events=6000).split(
        "leave_last_out"
    )
    encoded = rtf.data.encode(train)
    model = rtf.models.TwoTower(encoded.schema, embedding_dim=16)
    model.compile()
    return model, test, model.fit(encoded, epochs=4, verbose=0).history["loss"]


def test_training_lowers_the_loss_and_beats_chance(trained):
    model, test, losses = trained
    assert losses[-1] < losses[0]
    assert model.evaluate(test)["HR@10"] > 2 * 10 / len(test.items)


def test_the_saved_model_answers_what_the_index_answers(trained, tmp_path):
    import tensorflow as tf

    model, test, _ = trained
    users = test.events["user_id"].unique()[:20].tolist()
    offline = model.recommend(users, k=K)
    exported = model.export(tmp_path / "1")
    recommend = tf.saved_model.load(str(exported)).signatures["recommend"]
    specs = recommend.structured_input_signature[1]
    absent = {name: tf.zeros([0] * len(s.shape), s.dtype) for name, s in specs.items()}
    asked = {"user_id": tf.constant(users), "k": tf.constant(K), "exclude_seen": tf.constant(True)}
    served = recommend(**{**absent, **asked})
    items = np.char.decode(served["item_id"].numpy().astype(bytes), "utf-8")
    assert items.ravel().tolist() == offline["item_id"].tolist()
    np.testing.assert_allclose(served["score"].numpy().ravel(), offline["score"], atol=1e-5)


def test_a_large_model_file_round_trips(tmp_path):
    encoded = rtf.data.encode(rtf.data.load("synthetic"))
    model = rtf.models.TwoTower(encoded.schema)
    model.compile()
    model.fit(encoded, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = rtf.load_model(tmp_path / "model.keras")
    users = encoded.log.users["user_id"][:20].tolist()
    np.testing.assert_allclose(
        loaded.recommend(users, k=K)["score"], model.recommend(users, k=K)["score"], atol=1e-6
    )


def test_the_package_carries_the_schemas_of_its_datasets():
    folder = pathlib.Path(rtf.data.__file__).with_name("schemas")
    schemas = {path.stem: rtf.FeatureSchema.load(path) for path in folder.glob("*.yaml")}
    assert set(rtf.data.names()) - {"synthetic"} <= set(schemas)
    assert all(schema.user_id and schema.item_id for schema in schemas.values())


def test_the_library_loads_neither_pipeline_nor_server(tmp_path):
    program = (
        "import sys, recommenders_tf as rtf; from recommenders_tf import registry;"
        "[registry.get(name) for name in registry.names()];"
        f"print([name for name in {FREE_OF} if name in sys.modules])"
    )
    # From another folder, so that what is installed is imported and not the checkout.
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert answer.stdout.strip() == "[]", answer.stderr
