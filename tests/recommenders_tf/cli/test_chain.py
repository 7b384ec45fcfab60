"""From events to a served answer, as a user types it."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

import recommenders_tf as rtf
from recommenders_tf.cli.main import main
from recommenders_tf.evaluation import Candidates, Evaluation
from recommenders_tf.training import TrainingConfig
from serving.client import ServingClient

COMMAND = pathlib.Path(sys.executable).with_name("recommenders-tf")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An empty folder to work in, with a cache of its own."""
    folder = tmp_path_factory.mktemp("cli")
    before, cache = pathlib.Path.cwd(), os.environ.get("XDG_CACHE_HOME")
    os.chdir(folder)
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    yield folder
    os.chdir(before)
    del os.environ["XDG_CACHE_HOME"]
    if cache is not None:
        os.environ["XDG_CACHE_HOME"] = cache


@pytest.fixture(scope="module")
def trained(place):
    """What a real `train --json` printed; its run is the default folder."""
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    hyper_parameters = ("--set", "embedding_dim=8", "--set", "learning_rate=0.01")
    return subprocess.run(
        [
            *(COMMAND, "train", "--model", "mf", "--synthetic", "--epochs", "2", "--json"),
            *hyper_parameters,
        ],
        cwd=place,
        env=environment,
        capture_output=True,
        check=True,
        text=True,
    )


@pytest.fixture(scope="module")
def run(trained):
    return pathlib.Path(json.loads(trained.stdout)["run"])


@pytest.fixture(scope="module")
def ranker(place):
    with pytest.raises(SystemExit) as ended:
        settings = ("--epochs", "1", "--set", "hidden_units=8", "-o", "runs/ranker")
        main(["train", "--model", "wide_deep", "--synthetic", *settings])
    assert not ended.value.code
    return pathlib.Path("runs/ranker")


@pytest.fixture
def call(capsys):
    """Returns the exit code, stdout and stderr of a call in this process."""

    def call(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return ended.value.code or 0, printed.out, printed.err

    return call


def test_train_prints_the_metrics_alone_and_its_progress_on_stderr(trained, run):
    result = json.loads(trained.stdout)
    assert set(result) == {"run", "metrics"}
    assert run == pathlib.Path("runs/mf-synthetic")
    assert 0 < result["metrics"]["NDCG@10"] < result["metrics"]["HR@10"] < 1
    assert "Training mf on 49,000 events of synthetic" in trained.stderr
    assert "Epoch 2/2  loss" in trained.stderr
    for noise in ("WARNING", "Warning", "cuda", "oneDNN", "Traceback"):
        assert noise not in trained.stderr


def test_the_folder_of_a_run_says_how_it_came_to_be(trained, run):
    assert json.loads((run / "metrics.json").read_text()) == json.loads(trained.stdout)["metrics"]
    settings = json.loads((run / "run.json").read_text())
    assert settings["model"] == "mf"
    assert settings["hyper_parameters"]["embedding_dim"] == 8
    assert settings["hyper_parameters"]["num_negatives"] == 8
    assert settings["data"] == {"synthetic": True, "max_bad_share": 0.01}
    assert settings["protocol"]["split"] == {"strategy": "leave_last_out"}
    assert settings["events"] == {"train": 49_000, "test": 1_000}
    assert settings["training"] == dataclasses.asdict(TrainingConfig(epochs=2))
    assert settings["versions"]["recommenders-tf"] == rtf.__version__
    assert len((run / "history.csv").read_text().splitlines()) == 3


def test_evaluate_measures_what_train_measured(trained, run, call):
    code, out, _ = call("evaluate", run, "--json")
    assert code == 0
    found = json.loads(out)
    assert found["metrics"] == pytest.approx(json.loads(trained.stdout)["metrics"], abs=1e-6)
    assert found["protocol"]["split"] == {"strategy": "leave_last_out"}
    for name, (low, high) in found["intervals"].items():
        assert low < found["metrics"][name] < high


def test_evaluate_keeps_what_it_measured_and_says_how(run, call, tmp_path):
    asked = ("-m", "NDCG", "-m", "Coverage", "-k", "5", "-k", "20", "-o", tmp_path / "result")
    few = ("--candidates", "popularity", "--num-candidates", "50", "--include-seen")
    code, out, err = call("evaluate", run, *asked, *few)
    assert code == 0
    assert "The last event of each user is test; ranked among 50 unseen items" in err
    assert "1,000 users of synthetic" in out and "95 % from" in out
    kept = Evaluation.load(tmp_path / "result")
    assert list(kept.metrics) == ["NDCG@5", "NDCG@20", "Coverage@5", "Coverage@20"]
    assert kept.protocol.candidates == Candidates("popularity", 50)
    assert not kept.protocol.exclude_seen
    assert all(f"{kept.metrics[name]:.4f}" in out for name in ("NDCG@5", "NDCG@20"))


def test_evaluate_refuses_a_split_whose_test_events_were_learned(run, call):
    code, out, err = call("evaluate", run / "model.keras", "--split", "time", "--json")
    assert (code, out) == (1, "")
    assert "The model has learned from 4," in err and "held-out pairs" in err


def test_train_and_evaluate_by_a_split_of_ones_own(place, call):
    split = ("--split", "users", "--test-share", "0.2", "--min-item-events", "5")
    code, out, _ = call(
        "train", "--model", "popularity", "--synthetic", *split, "-o", "runs/users", "--json"
    )
    assert code == 0
    metrics = json.loads(out)["metrics"]
    again = json.loads(call("evaluate", "runs/users", "--json")[1])
    assert again["metrics"] == pytest.approx(metrics, abs=1e-6)
    assert again["protocol"]["min_item_events"] == 5
    assert again["protocol"]["split"]["test_share"] == 0.2
    assert again["data"]["users"] == 200


def test_evaluate_wants_data_that_the_model_knows(run, call, tmp_path):
    copy = tmp_path / "copy.keras"
    copy.write_bytes((run / "model.keras").read_bytes())
    code, out, err = call("evaluate", copy)
    assert (code, out) == (1, "") and "Say which data" in err
    assert call("evaluate", copy, "--synthetic")[0] == 0

    log = rtf.data.synthetic(num_users=20, num_items=30, num_events=300)
    files = rtf.data.write_files(log, tmp_path / "files")
    schema = (files / "schema.yaml").read_text().replace("name: synthetic", "name: other")
    (files / "schema.yaml").write_text(schema)
    named = [part for t in ("events", "users", "items") for part in (f"--{t}", files / f"{t}.csv")]
    code, _, err = call("evaluate", run, *named, "--schema", files / "schema.yaml")
    assert code == 1
    assert "trained on `synthetic` and knows no user or item of `other`" in err


def test_recommend_gives_what_the_model_gives(run):
    users = ("u3", "u7")
    asked = [part for user in users for part in ("--user", user)]
    answer = subprocess.run(
        [COMMAND, "recommend", run, *asked, "-k", "3", "--json"],
        capture_output=True,
        check=True,
        text=True,
    )
    expected = rtf.load_model(run / "model.keras").recommend(users, k=3)
    records = json.loads(answer.stdout)
    assert [r["item_id"] for r in records] == expected["item_id"].tolist()
    assert [r["score"] for r in records] == pytest.approx(expected["score"].tolist(), rel=1e-5)
    assert [r["title"] for r in records] == expected["title"].tolist()
    assert [(r["user_id"], r["rank"]) for r in records][2:4] == [("u3", 3), ("u7", 1)]


def test_recommend_prints_titles(run, call):
    code, out, _ = call("recommend", run, "--user", "u3", "-k", "2")
    best = rtf.load_model(run / "model.keras").recommend(["u3"], k=2)
    assert code == 0
    assert "For user u3" in out
    assert all(title.split()[0] in out for title in best["title"])


def test_an_unknown_user_gets_an_answer_and_a_note(run, call):
    code, out, err = call("recommend", run, "--user", "nobody", "-k", "4", "--json")
    assert code == 0
    assert [record["rank"] for record in json.loads(out)] == [1, 2, 3, 4]
    assert "Not in the training data: user nobody; answered as an unknown user." in err


def test_candidates_and_seen_items(run, call):
    seen = rtf.load_model(run / "model.keras").tables.events.query("user_id == 'u3'")["item_id"]
    asked = ("--candidate", seen.iloc[0], "--candidate", "nothing")
    code, out, err = call("recommend", run, "-u", "u3", *asked, "--include-seen", "--json")
    assert code == 0
    assert [record["item_id"] for record in json.loads(out)] == [seen.iloc[0]]
    assert "Not in the training data: item nothing; left out." in err
    assert json.loads(call("recommend", run, "-u", "u3", *asked, "--json")[1]) == []


def test_somebody_is_known_by_a_history_alone(run, call):
    model = rtf.load_model(run / "model.keras")
    met = model.tables.events["item_id"].unique()[:2].tolist()
    asked = [part for item in (*met, "nothing") for part in ("--history", item)]
    code, out, err = call("recommend", run, *asked, "-k", "3")
    assert code == 0
    assert f"For somebody who met {met[0]}, {met[1]}, nothing" in out
    assert "Not in the training data: item nothing; left out." in err
    every = json.loads(call("recommend", run, *asked, "-k", "1000", "--json")[1])
    assert len(every) == 498
    assert not {record["item_id"] for record in every} & set(met)


def test_more_items_than_there_are(run, call):
    code, out, _ = call(
        "recommend", run, "-u", "u3", "-k", "1000000000", "--include-seen", "--json"
    )
    assert code == 0
    assert len(json.loads(out)) == 500


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("train", "--model", "two_towers", "--synthetic"), 1, "`two_towers`; did you mean"),
        (("train", "--model", "mf", "--dataset", "ml"), 1, "no data set 'ml'; there are"),
        (("train", "--model", "mf"), 1, "Say which data"),
        (("train", "--model", "mf", "--events", "no.csv"), 2, "no.csv"),
        (("train", "--model", "mf", "--synthetic", "--set", "dim=3"), 1, "`mf` has no hyper"),
        (("train", "--model", "mf", "--synthetic", "--epochs", "0"), 2, "--epochs"),
        (("train", "--model", "mf", "--synthetic", "--clip-norm", "0"), 1, "`clip_norm` must be"),
        (("train", "mf", "--synthetic"), 2, "(mf)"),
        (("train", "--synthetic"), 1, "Say which model: --model NAME"),
        (("evaluate", "runs/mf-synthetic", "-m", "NCDG"), 1, "There is no metric `NCDG`; there"),
        (("evaluate", "runs/mf-synthetic", "--fold-in", "0.5"), 1, "--fold-in does not go with"),
        (("evaluate", "runs/mf-synthetic", "--candidates", "file"), 1, "of kind `file` go with"),
        (("evaluate", "runs/none"), 1, "There is no trained model in `runs/none`; there are runs/"),
        (("recommend", "runs/mf-synthetic"), 1, "Name a user with --user, or what somebody met"),
        (("recommend", "runs/mf-synthetic", "-u", "u3", "-k", "0"), 2, "-k"),
        (("recommend", "runs/mf-synthetic", "-u", "u3", "--context", "tv"), 1, "COLUMN=VALUE"),
        (("recommend", "runs/mf-synthetic", "-u", "u3", "--context", "tv=1"), 1, "has `tv`, which"),
        (("recommend", "runs/mf-synthetic", "-u", "u3", "--candidate", "x"), 1, "None of the 1"),
        (("serve", "none"), 2, "none"),
        (("serve", "runs"), 1, "holds no version of a model; write one with `export`"),
    ],
)
def test_wrong_input_is_told_in_one_sentence(arguments, code, sentence, run, call):
    given, out, err = call(*arguments)
    assert (given, out) == (code, "")
    assert sentence in err
    assert "Traceback" not in err


def test_a_ranker_is_measured_but_finds_nothing(ranker, call):
    code, out, _ = call("evaluate", ranker, "--json")
    assert code == 0 and set(json.loads(out)["metrics"]) == {"AUC", "LogLoss", "ECE"}
    code, out, err = call("recommend", ranker, "-u", "u3")
    assert (code, out) == (1, "")
    assert "is a model of kind ranking" in err


def test_exports_become_versions_that_are_served(run, ranker, call):
    expected = json.loads(call("recommend", run, "-u", "u3", "--json")[1])
    assert call("export", run, "models/items")[:2] == (0, "models/items/1\n")
    code, _, err = call("export", run, "models/items/1")
    assert code == 1 and "`models/items/1` is there already" in err
    assert "give" in call("serve", "models/items/1")[2]

    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([COMMAND, "serve", "models/items", "--port", str(port)])
    try:
        with ServingClient(f"localhost:{port}", model="items") as client:
            client.wait_until_ready(120)
            answer = client.recommend(["u3"], k=10).for_user(0)
            assert [item for item, _ in answer] == [record["item_id"] for record in expected]
            assert [score for _, score in answer] == pytest.approx(
                [record["score"] for record in expected], rel=1e-5
            )
            assert call("export", run, "models/items", "--ranker", ranker)[1] == "models/items/2\n"
            while (ranked := client.recommend(["u3"], k=10)).version == 1:
                assert server.poll() is None
                time.sleep(0.1)
            assert len(ranked.for_user(0)) == 10
            assert all(0 < score < 1 for _, score in ranked.for_user(0))
            assert call("export", run, "models/items", "--index", "exact")[1] == "models/items/3\n"
            while (indexed := client.recommend(["u3"], k=10)).version == 2:
                assert server.poll() is None
                time.sleep(0.1)
            assert dict(indexed.for_user(0)) == pytest.approx(dict(answer), rel=1e-5)
    finally:
        server.send_signal(signal.SIGTERM)
    assert server.wait(60) == 0


def test_a_cascade_needs_one_of_each_kind(run, ranker, call):
    code, _, err = call("export", ranker, "models/wrong", "--index", "ivf")
    assert code == 1 and "there are no items for `index` 'ivf' to find" in err
    code, _, err = call("export", ranker, "models/wrong", "--ranker", run)
    assert code == 1
    assert "RUN is of kind ranking, --ranker of kind retrieval" in err
    assert not pathlib.Path("models/wrong").exists()
