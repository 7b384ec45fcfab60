"""The clients against a real model server, each test with every kind of client."""

from __future__ import annotations

import grpc
import numpy as np
import pytest

from serving.client import (
    ServingClient,
    ServingError,
    Signature,
    TensorSpec,
    VersionStatus,
)

X = {"x": np.float32([[1], [2]])}


def test_predict(client):
    answer = client.predict(X)
    assert answer["half"].dtype == np.float32
    np.testing.assert_array_equal(answer["half"], [[2.5], [3]])
    np.testing.assert_array_equal(answer["double"], [[4], [6]])
    assert set(client.predict(X, outputs=["half"])) == {"half"}


def test_python_values_and_strings(client):
    np.testing.assert_array_equal(client.predict({"x": [[1.0]]})["half"], [[2.5]])
    words = {"word": np.array(["zero", "été"]), "offset": np.int64(1)}
    answer = client.predict(words, signature_name="lookup", version=3)
    np.testing.assert_array_equal(answer["id"], [1, 0])
    assert answer["shout"].tolist() == [b"zero!", "été!".encode()]


def test_large_messages(client):
    x = np.ones([1_500_000, 1], np.float32)
    assert client.predict({"x": x})["half"].sum() == 2.5 * len(x)


def test_metadata(client):
    signatures = client.metadata()
    assert set(signatures) == {
        *("serving_default", "lookup", "product", "numbers", "hold", "mark", "recommend")
    }
    assert signatures["product"] == Signature(
        {name: TensorSpec("float32", (None, None)) for name in "ab"},
        {"c": TensorSpec("float32", (None, None))},
    )
    lookup = client.metadata(version=3)["lookup"].inputs
    assert lookup["word"] == TensorSpec("string", (None,))
    assert (lookup["offset"].dtype, lookup["offset"].shape) == ("int64", ())
    assert lookup["offset"].default == 100
    assert lookup["suffix"].default == b"!"


def test_status(client):
    assert client.status() == client.status(version=3) == [VersionStatus(3, "AVAILABLE", "")]


def test_a_label_that_is_not_there(client):
    with pytest.raises(ServingError, match="Unrecognized servable version label: nightly"):
        client.predict(X, version="nightly")


def test_unix_socket(toy_server):
    with ServingClient(f"unix:{toy_server.base_path / 'socket'}", model="toy") as client:
        np.testing.assert_array_equal(client.predict(X)["half"], [[2.5], [3]])


def test_an_error_is_one_sentence_with_its_code(client, connect):
    with pytest.raises(ServingError) as raised:
        client.predict(X, version=9)
    assert raised.value.code is grpc.StatusCode.NOT_FOUND
    assert raised.value.details == "Servable not found for request: Specific(toy, 9)"
    # REST looks the version up first, since its answers tell no dtypes.
    call = "Metadata" if connect.over_rest else "Predict"
    assert str(raised.value) == (
        f"{call} of model toy at {connect.address} failed with NOT_FOUND: "
        "Servable not found for request: Specific(toy, 9)"
    )


def test_a_deadline(connect, tmp_path):
    gate = tmp_path / "gate"
    with connect(timeout=0.3) as client, pytest.raises(ServingError) as raised:
        client.predict({"path": str(gate)}, signature_name="hold")
    gate.touch()
    assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "took longer than 0.3 s" in str(raised.value)


def test_nobody_answers():
    with ServingClient("localhost:1", model="toy", retries=1) as client:
        with pytest.raises(ServingError, match="No model server answers at localhost:1 ") as raised:
            client.predict(X)
        with pytest.raises(ServingError, match=r"took longer than 0\.2 s"):
            client.wait_until_ready(0.2)
    assert raised.value.code is grpc.StatusCode.UNAVAILABLE


def test_waiting_for_a_model_that_is_not_there(connect):
    with (
        connect(model="nobody") as client,
        pytest.raises(ServingError, match="model nobody"),
    ):
        client.wait_until_ready(0.3)


def test_recommend(client, connect):
    answer = client.recommend(["u1", "u2"], k=2)
    assert answer.item_ids.tolist() == [["i1", "i2é"], ["i0", "i1"]]
    assert answer.scores.dtype == np.float32
    assert answer.scores.tolist() == [[2, 1], [3, 2]]
    assert (len(answer), answer.version) == (2, None if connect.over_rest else 3)
    assert answer.for_user(1) == [("i0", 3.0), ("i1", 2.0)]


def test_recommend_with_fewer_items_than_asked_for(client):
    answer = client.recommend(["u1"], k=4)
    assert answer.item_ids.tolist() == [["i1", "i2é", "", ""]]
    assert answer.scores.tolist() == [[2, 1, -np.inf, -np.inf]]
    assert answer.for_user(0) == [("i1", 2.0), ("i2é", 1.0)]


def test_recommend_among_candidates_seen_items_included(client):
    candidates = [["i0", "i2é"], ["i1"]]
    answer = client.recommend(["u1", "u2"], 2, exclude_seen=False, candidates=candidates)
    assert answer.item_ids.tolist() == [["i0", "i2é"], ["i1", ""]]


def test_recommend_takes_ids_as_people_have_them(client):
    expected = client.recommend(["7"], k=3).item_ids.tolist()
    for users in (np.array([7]), [7], "7", np.array(["7"]), [b"7"]):
        assert client.recommend(users, k=3).item_ids.tolist() == expected
    assert client.recommend([], k=3).item_ids.shape == (0, 3)


def test_recommend_leaves_out_a_history_the_model_does_not_take(client):
    assert client.recommend(["u1"], k=1, history=[["i1"]]).item_ids.tolist() == [["i1"]]


def test_recommend_refuses_what_would_change_the_answer(client):
    with pytest.raises(ValueError, match="`recommend` of model toy has no input hour; it takes "):
        client.recommend(["u1"], context={"hour": [3]})
    with pytest.raises(ValueError, match="`candidates` must be a list of 1 lists of item ids"):
        client.recommend(["u1"], candidates=["i1"])
    with pytest.raises(ValueError, match="`history` must be a list of 2 lists"):
        client.recommend(["u1", "u2"], history=[["i1"]])
