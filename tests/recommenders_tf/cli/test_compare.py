"""`compare`, as a user types it."""

from __future__ import annotations

import json
import pathlib

import pytest

import recommenders_tf as rtf
from recommenders_tf.cli.compare import entrants
from recommenders_tf.cli.compared_runs import ComparedRuns
from recommenders_tf.cli.data_options import DataOptions
from recommenders_tf.cli.main import main
from recommenders_tf.cli.metric_options import MetricOptions
from recommenders_tf.evaluation import Evaluation, Protocol
from recommenders_tf.training.config import TrainingConfig
from recommenders_tf.training.model_config import ModelConfig
from tests.html_page import HtmlPage

METRICS = ("-m", "NDCG", "-m", "Coverage", "-m", "PopularityBias", "-m", "AUC")
SPLIT = ("--split", "random", "--test-share", "0.25")


@pytest.fixture(scope="module")
def place(tmp_path_factory, planted_log):
    """A folder with the files of a log and a config."""
    folder = tmp_path_factory.mktemp("compare")
    rtf.data.write_files(planted_log, folder / "files")
    (folder / "small.yaml").write_text(
        "model: mf\nparameters: {embedding_dim: 4}\ntraining: {epochs: 2, patience: 1}\n"
    )
    return folder


@pytest.fixture(scope="module")
def asked(place):
    """Arguments of a comparison of three models that retrieve and one that ranks."""
    tables = [(f"--{t}", str(place / f"files/{t}.csv")) for t in ("events", "users", "items")]
    return (
        *("--models", "popularity,ease,lr", "--config", str(place / "small.yaml")),
        *(part for table in tables for part in table),
        *("--schema", str(place / "files/schema.yaml"), "--epochs", "1", *SPLIT),
        *("--output", str(place / "out")),
    )


@pytest.fixture
def call(capsys):
    """Returns the exit code, stdout and stderr of a call in this process."""

    def call(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["compare", *map(str, arguments)])
        printed = capsys.readouterr()
        return ended.value.code or 0, printed.out, printed.err

    return call


@pytest.fixture(scope="module")
def report(place, asked):
    """The JSON of a comparison that was stopped before its third model, and then went on."""
    patch = pytest.MonkeyPatch()
    train = rtf.training.train

    def stopped(model, *arguments, **named):
        if model.info.name == "lr":
            raise KeyboardInterrupt
        return train(model, *arguments, **named)

    patch.setattr(rtf.training, "train", stopped, raising=False)
    with pytest.raises((SystemExit, KeyboardInterrupt)):
        main(["compare", *asked, *METRICS])
    assert not (place / "out/report.html").exists()
    assert (place / "out/models/ease/compared.json").exists()
    patch.undo()
    before = stamp(place, "ease")
    with pytest.raises(SystemExit) as ended:
        main(["compare", *asked, *METRICS])
    assert not ended.value.code
    assert stamp(place, "ease") == before  # what was done is not done again
    return json.loads((place / "out/report.json").read_text())


def stamp(place: pathlib.Path, name: str) -> int:
    """Return when a model was written."""
    return (place / "out/models" / name / "model.keras").stat().st_mtime_ns


def test_all_models_are_measured_on_the_same_users(place, report):
    assert [model["name"] for model in report["models"]] == ["popularity", "ease", "lr", "mf"]
    kinds = [model["kind"] for model in report["models"]]
    assert kinds == ["retrieval", "retrieval", "ranking", "retrieval"]
    found = [Evaluation.load(place / "out/models" / n) for n in ("popularity", "ease", "mf")]
    assert len({tuple(one.users) for one in found}) == 1
    assert len({one.data["digest"] for one in found}) == 1
    told = {model["name"]: model["metrics"] for model in report["models"]}
    assert told["ease"]["NDCG@10"] > 1.2 * told["popularity"]["NDCG@10"]
    assert set(told["ease"]) == {"NDCG@10", "Coverage@10", "PopularityBias@10"}
    assert set(told["lr"]) == {"AUC"}
    assert report["models"][3]["parameters"] == {"embedding_dim": 4}
    assert report["models"][3]["training"]["patience"] == 1
    assert report["models"][1]["training"]["epochs"] == 1
    histories = {model["name"]: model["history"] for model in report["models"]}
    assert len(histories["mf"]["val_NDCG@10"]) == len(histories["mf"]["loss"]) <= 2
    assert set(histories["ease"]) == {"loss"}


def test_the_page_shows_the_json_and_names_no_folder(place, report):
    text = (place / "out/report.html").read_text("utf-8")
    table = HtmlPage(text).table("Metrics, with")
    for model in report["models"]:
        if model["kind"] == "retrieval":
            assert table[model["name"]]["NDCG@10"].startswith(f"{model['metrics']['NDCG@10']:.4f} ")
    assert HtmlPage(text).table("Metrics. Bold")["lr"]["AUC"] == f"{told_auc(report):.4f}"
    assert str(place) not in text and str(place) not in json.dumps(report)


def told_auc(report) -> float:
    return report["models"][2]["metrics"]["AUC"]


def test_a_model_of_the_comparison_is_a_run_like_any_other(place, report, capsys):
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["evaluate", str(place / "out/models/ease"), "-m", "NDCG", "--json"])
    found = json.loads(capsys.readouterr().out)
    expected = report["models"][1]["metrics"]["NDCG@10"]
    assert found["metrics"]["NDCG@10"] == pytest.approx(expected, abs=1e-6)
    assert found["protocol"]["split"]["test_share"] == 0.25


def test_other_questions_need_no_other_training(place, report, asked, call):
    before = {name: stamp(place, name) for name in ("popularity", "ease", "mf")}
    out = place / "out"
    code, printed, err = call(*asked, *METRICS, "-k", "5", "--candidates", "uniform", "--json")
    assert code == 0
    assert {name: stamp(place, name) for name in before} == before
    assert err.count("It was trained before.") == 4
    again = json.loads(printed)
    assert again["report"] == str(out / "report.html")
    assert set(again["metrics"]["ease"]) == {"NDCG@5", "Coverage@5", "PopularityBias@5"}
    assert "among 100 unseen items" in json.loads((out / "report.json").read_text())["asked"]
    # Other training does; and the models that it leaves alone are kept.
    code, printed, err = call(*asked, *METRICS, "--candidates", "uniform", "-k", "5", "--seed", "3")
    assert code == 0
    changed = {name for name in before if stamp(place, name) != before[name]}
    assert changed == {"popularity", "ease"}
    assert "NDCG@5" in printed and "It was trained and measured before." in err


@pytest.mark.parametrize("negatives", [0, 2])
def test_negatives_are_drawn_for_models_that_rank_alone(planted_log, negatives):
    source = DataOptions(synthetic=True, sampled_negatives=negatives)
    chosen = {name: ModelConfig(name) for name in ("ease", "lr")}
    runs = ComparedRuns(chosen, planted_log, source, Protocol(), MetricOptions())
    train, test = planted_log.split()
    assert (len(runs.plain.train), len(runs.plain.test)) == (len(train), len(test))
    assert len(runs.labelled.train) == (1 + negatives) * len(train)
    assert len(runs.labelled.test) == (1 + negatives) * len(test)
    assert (runs.labelled is runs.plain) == (negatives == 0)


def test_models_have_names_of_their_own(tmp_path):
    files = [tmp_path / f"{name}.yaml" for name in ("best", "small", "tuned")]
    for file, model in zip(files, ("mf", "mf", "ease"), strict=True):
        file.write_text(f"model: {model}\n")
    found = entrants("popularity, MF", files, {"epochs": 3})
    assert list(found) == ["popularity", "mf", "mf-best", "mf-small", "ease"]
    assert found["mf"].training == TrainingConfig(epochs=3)
    assert found["ease"].training == TrainingConfig()  # a file says its own
    assert list(entrants(None, files[1:], {})) == ["mf", "ease"]
    other = tmp_path / "other" / "best.yaml"
    other.parent.mkdir()
    other.write_text("model: mf\n")
    with pytest.raises(ValueError, match="Two models would be called `mf-best`: leave one out, or"):
        entrants("ease", [files[0], other], {})


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--models", "ease", "--synthetic"), 1, "takes two models or more; got ease: add names"),
        (("--synthetic",), 1, "takes two models or more; got none"),
        (("--models", "ease,eas", "--synthetic"), 1, "no model `eas`; did you mean `ease`?"),
        (("--models", "ease,ease", "--synthetic"), 1, "Two models would be called `ease`"),
        (("--models", "ease,mf"), 1, "Say which data"),
        (("--models", "ease,mf", "--synthetic", "-m", "NCDG"), 1, "There is no metric `NCDG`"),
        (
            ("--models", "ease,mf", "--synthetic", "-m", "Coverage"),
            1,
            "no --metric tells such models apart: add one of HR, Recall",
        ),
        (("--models", "ease,lr", "--synthetic", "-m", "NDCG"), 1, "add one of AUC, GAUC"),
        (
            ("--models", "ease,mf", "--synthetic", "--sampled-negatives", "1"),
            1,
            "--sampled-negatives is for models that rank, but `ease` retrieves",
        ),
        (("--models", "ease,mf", "-c", "no.yaml", "--synthetic"), 2, "no.yaml"),
    ],
)
def test_wrong_input_is_told_before_anything_is_trained(
    arguments, code, sentence, call, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    given, out, err = call(*arguments)
    assert (given, out) == (code, "")
    assert sentence in err and "Traceback" not in err
    assert not any(tmp_path.iterdir())


def test_the_hyper_parameters_of_a_config_are_checked_first(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "best.yaml"
    file.write_text("model: mf\nparameters: {dim: 3}\n")
    code, _, err = call("--models", "ease", "-c", file, "--synthetic")
    assert code == 1 and "`mf` has no hyper-parameter `dim`" in err
    assert list(tmp_path.iterdir()) == [file]
