import dataclasses

import numpy as np
import pytest

import recommenders_tf as rtf
from recommenders_tf import metrics
from recommenders_tf.data import Split
from recommenders_tf.evaluation import Protocol, evaluate
from recommenders_tf.evaluation.labelled import predict
from recommenders_tf.schema import FeatureSchema, SchemaError

RANDOM = Protocol(Split("random", test_share=0.25, seed=1))


@pytest.fixture(scope="module")
def ranker(parts):
    encoded, _ = parts
    model = rtf.models.LR(encoded.schema, name="lr")
    model.compile()
    model.fit(encoded, epochs=2, batch_size=256, verbose=0)
    return model


def test_metrics_of_labels_are_the_formulas_of_every_event(parts, ranker):
    encoded, test = parts
    found = evaluate(ranker, test, RANDOM)
    labels = (test.events["rating"] >= 4).to_numpy(float)
    rows = rtf.data.EncodedLog(test, encoded.tables)
    features, encoded_labels = rows.gather(np.arange(len(test)))
    np.testing.assert_array_equal(encoded_labels, labels)
    logits = ranker(features).numpy()[:, 0]
    assert found.metrics == pytest.approx(
        {
            "AUC": metrics.auc(labels, logits),
            "GAUC": metrics.gauc(labels, logits, test.events["user_id"]),
            "LogLoss": metrics.log_loss(labels, logits),
            "ECE": metrics.calibration_error(labels, 1 / (1 + np.exp(-logits))),
        },
        abs=1e-5,
    )
    assert not found.per_user and not len(found.users)


def test_evaluate_of_a_ranker_adds_gauc_and_log_loss(parts, ranker):
    _, test = parts
    values, expected = ranker.evaluate(test, verbose=0), evaluate(ranker, test, RANDOM).metrics
    assert set(values) == {"loss", "auc", "gauc", "log_loss"}
    assert values["gauc"] == expected["GAUC"]
    assert values["log_loss"] == expected["LogLoss"]
    assert values["log_loss"] == pytest.approx(values["loss"], abs=5e-3)  # that of batches


def test_gauc_has_no_value_where_every_user_has_one_event(last_parts, ranker):
    _, test = last_parts
    found = evaluate(ranker, test, Protocol(), metrics=("AUC", "GAUC"))
    assert list(found.metrics) == ["AUC"]
    assert "gauc" not in ranker.evaluate(test, verbose=0)


def in_stars(log):
    """Return a log whose label is the rating as it is."""
    stars = dataclasses.replace(log.schema["rating"], positive_from=None)
    return dataclasses.replace(log, schema=log.schema.replace([stars]))


@pytest.mark.parametrize("unit", ["stars", "0 or 1"])
def test_a_rating_is_compared_as_the_model_learned_it(planted_log, unit):
    log = in_stars(planted_log) if unit == "stars" else planted_log
    train, test = log.split("random", test_share=0.25, seed=1)
    encoded = rtf.data.encode(train)
    model = rtf.models.SVD(encoded.schema, embedding_dim=4)
    model.compile()
    model.fit(encoded, epochs=1, verbose=0)
    ratings = test.events["rating"].to_numpy()
    targets = ratings if unit == "stars" else (ratings >= 4).astype(float)
    errors = model.score(test.events) - targets
    expected = {"RMSE": np.sqrt(np.mean(errors**2)), "MAE": np.mean(np.abs(errors))}
    found = evaluate(model, test, RANDOM, metrics=("RMSE", "MAE")).metrics
    assert found == pytest.approx(expected, rel=1e-5)
    assert model.evaluate(test)["RMSE"] == pytest.approx(expected["RMSE"], rel=1e-5)
    some = ratings.copy()
    some[:100] = np.nan  # one that nobody has told
    unknown = dataclasses.replace(test, events=test.events.assign(rating=some))
    if unit == "stars":
        found = evaluate(model, unknown, RANDOM, metrics=("MAE",)).metrics
        assert found["MAE"] == pytest.approx(np.mean(np.abs(errors[100:])), rel=1e-5)


def test_of_two_labels_a_ranker_has_the_first_and_ratings_their_own(planted_log):
    liked = dataclasses.replace(planted_log.schema["rating"], name="liked", source="rating")
    columns = [c for c in planted_log.schema.columns.values() if c.name != "rating"]
    stars = in_stars(planted_log).schema["rating"]
    schema = FeatureSchema([*columns, liked, stars], planted_log.schema.name)
    train, test = dataclasses.replace(planted_log, schema=schema).split("random", seed=1)
    encoded = rtf.data.encode(train)
    ratings = test.events["rating"].to_numpy()
    for cls, targets in ((rtf.models.LR, ratings >= 4), (rtf.models.SVD, ratings)):
        model = cls(encoded.schema)
        model.compile()
        model.fit(encoded, epochs=1, verbose=0)
        found = evaluate(model, test, RANDOM, metrics=("RMSE",)).metrics
        errors = model.score(test.events) - targets
        assert found["RMSE"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-5), cls


def test_metrics_of_a_label_of_stars_are_refused(planted_log, table_of, model_of):
    train, test = in_stars(planted_log).split()
    encoded = rtf.data.encode(train)
    with pytest.raises(SchemaError, match=r"`AUC` .* `rating` is [25]: give it `positive_from`"):
        evaluate(model_of(encoded, table_of(encoded, 9)), test, Protocol(), metrics=("AUC",))


def test_labels_are_predicted_in_blocks_as_at_once(parts, ranker, monkeypatch):
    encoded, test = parts
    rows = rtf.data.EncodedLog(test, encoded.tables)
    at_once = predict(ranker, rows)
    monkeypatch.setattr("recommenders_tf.evaluation.labelled._BLOCK_ROWS", 500)
    for block, whole in zip(predict(ranker, rows), at_once, strict=True):
        np.testing.assert_allclose(block, whole, rtol=1e-5)


def test_a_log_without_labels_says_so(planted_log, table_of, model_of):
    schema = planted_log.schema
    columns = [c for c in schema.columns.values() if c.kind.value != "label"]
    bare = dataclasses.replace(planted_log, schema=FeatureSchema(columns, schema.name))
    train, test = bare.split()
    encoded = rtf.data.encode(train)
    with pytest.raises(SchemaError, match="has no label to compare scores with"):
        evaluate(model_of(encoded, table_of(encoded, 9)), test, Protocol(), metrics=("AUC",))
