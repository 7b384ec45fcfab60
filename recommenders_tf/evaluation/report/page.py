"""The page of a report: HTML with its style and its plots in it, drawn from the facts alone."""

from __future__ import annotations

import json
import pathlib
import string
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from recommenders_tf.evaluation.report import plots, tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TEMPLATE = pathlib.Path(__file__).with_name("page.html")
PAGE_FILE, FACTS_FILE = "report.html", "report.json"


def write_report(facts: Mapping[str, Any], folder: str | pathlib.Path) -> pathlib.Path:
    """Write `report.html` and the `report.json` behind it; return the page.

    Args:
        facts: What `gather_facts` returned.
        folder: Where to write them.

    Example:
        >>> import tempfile
        >>> model = {"name": "lr", "model": "lr", "kind": "ranking", "history": {}, "intervals": {}}
        >>> data = {"name": "shop", "train_events": 900, "test_events": 100, "users": 9, "items": 5}
        >>> facts = {"data": data, "asked": "All.", "confidence": 0.95,
        ...          "models": [{**model, "metrics": {"AUC": 0.71}}]}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = write_report(facts, folder)
        ...     print(page.name, sorted(file.name for file in page.parent.iterdir()))
        report.html ['report.html', 'report.json']
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(facts, ensure_ascii=False, indent=1)
    (folder / FACTS_FILE).write_text(text + "\n", encoding="utf-8")
    page = folder / PAGE_FILE
    page.write_text(render(facts), encoding="utf-8")
    return page


def render(facts: Mapping[str, Any]) -> str:
    """Return the page: one HTML text that asks nothing of other hosts and runs no script.

    Args:
        facts: What `gather_facts` returned, or the same read from JSON.

    Example:
        >>> models = [
        ...     {"name": name, "model": name, "kind": "ranking", "parameters": {}, "training": {},
        ...      "history": {"loss": [0.6, 0.5]}, "metrics": {"AUC": auc}, "intervals": {}}
        ...     for name, auc in (("lr", 0.71), ("fm", 0.74))]
        >>> data = {"name": "shop", "train_events": 900, "test_events": 100, "users": 9, "items": 5}
        >>> page = render({"data": data, "asked": "All.", "confidence": 0.95, "models": models})
        >>> "<h1>2 models on shop</h1>" in page, "<b>0.7400</b>" in page
        (True, True)
    """
    models = facts["models"]
    retrievers = [model for model in models if model["kind"] == "retrieval"]
    rankers = [model for model in models if model["kind"] == "ranking"]
    parts = [
        _summary(facts),
        *(_retrieval(facts, retrievers) if retrievers else []),
        *(_ranking(rankers, facts["confidence"]) if rankers else []),
        _training(models),
        "<h2>How they were trained</h2>",
        tables.setting_table(models),
    ]
    title = f"{len(models)} models on {facts['data']['name']}"
    template = string.Template(_TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(title=escape(title), body="\n".join(parts))


def _summary(facts: Mapping[str, Any]) -> str:
    data = facts["data"]
    return (
        f"<p>Trained on {data['train_events']:,} events and measured on {data['test_events']:,} "
        f"events of {data['users']:,} users; the catalogue has {data['items']:,} items.</p>"
        f"<p>{escape(facts['asked'])}</p>"
    )


def _retrieval(facts: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> list[str]:
    metric, percent = facts["metric"], 100 * facts["confidence"]
    ranked = sorted(models, key=lambda model: -model["metrics"][metric])
    means = {
        model["name"]: (model["metrics"][metric], *model["intervals"][metric]) for model in ranked
    }
    return [
        "<h2>Accuracy</h2>",
        _figure(
            plots.draw_means(means, metric),
            "means",
            f"{metric} of each model with its {percent:g} % bootstrap interval over users",
            _told(means),
        ),
        tables.metric_table(ranked, facts["confidence"]),
        *_differences(facts),
        *_trade_offs(metric, models),
        "<h2>By how much users did before</h2>",
        *_grouped(facts["by_activity"], "events of the user before", metric, "activity"),
        "<h2>By how known items are</h2>",
        *_grouped(
            facts["by_popularity"],
            "training events of the held-out item",
            f"Recall@{metric.partition('@')[2]}",
            "popularity",
        ),
        *_examples(facts["examples"]),
    ]


def _differences(facts: Mapping[str, Any]) -> list[str]:
    if not facts["differences"]:
        return []
    records = facts["differences"]
    same = [record["difference"] for record in records["best"]] == [
        record["difference"] for record in records["first"]
    ]
    return [
        "<h2>Which of them differ by more than chance</h2>",
        "<p>The p-values are of randomization tests over the same users. Holm's correction counts "
        "all tests of a table: with many models, one would stand out by chance. Other seeds of the "
        "training are another source of chance, of which this says nothing.</p>",
        *(tables.difference_table(facts, one) for one in (["best"] if same else records)),
    ]


def _trade_offs(metric: str, models: Sequence[Mapping[str, Any]]) -> list[str]:
    length = metric.partition("@")[2]
    others = [f"{name}@{length}" for name in ("PopularityBias", "Coverage")]
    others = [name for name in others if all(name in model["metrics"] for model in models)]
    if not others:
        return []
    points = {model["name"]: model["metrics"] for model in models}
    told = "; ".join(
        f"{name}: {', '.join(f'{one} {own[one]:.4f}' for one in (metric, *others))}"
        for name, own in points.items()
    )
    return [
        "<h2>Accuracy against popularity and coverage</h2>",
        "<p>Coverage is the share of the catalogue that is recommended to somebody. Popularity "
        "bias is how popular the recommended items are beside those that users met: above 1 they "
        "are more popular.</p>",
        _figure(
            plots.draw_trade_offs(points, metric, others),
            "trade-offs",
            f"{metric} of each model against {' and '.join(others)}",
            told,
        ),
    ]


def _grouped(
    groups: Sequence[Mapping[str, Any]], horizontal: str, vertical: str, name: str
) -> list[str]:
    told = "; ".join(
        f"{plots.span(group)}: "
        + ", ".join(f"{model} {one['mean']:.4f}" for model, one in group["models"].items())
        for group in groups
    )
    caption = f"{vertical} by {horizontal}"
    figure = _figure(plots.draw_groups(groups, horizontal, vertical), name, caption, told)
    table = tables.group_table(caption, horizontal, groups)
    return [figure, f"<details><summary>As a table</summary>{table}</details>"]


def _ranking(models: Sequence[Mapping[str, Any]], confidence: float) -> list[str]:
    return ["<h2>Models that rank</h2>", tables.metric_table(models, confidence)]


def _training(models: Sequence[Mapping[str, Any]]) -> str:
    """Return the curves of the loss, and of what models were judged by while they trained."""
    parts = ["<h2>Training</h2>"]
    for key in ("loss", "val_NDCG@10", "val_auc"):
        histories = {m["name"]: m["history"][key] for m in models if m["history"].get(key)}
        if histories:
            told = "; ".join(
                f"{name}: {_number(own[0])} to {_number(own[-1])} in {len(own)} epochs"
                for name, own in histories.items()
            )
            name = key.replace("val_", "validation ")
            figure = plots.draw_curves(histories, name)
            caption = f"{name[0].upper()}{name[1:]} of each model by epoch"
            parts.append(_figure(figure, key, caption, told))
    return "\n".join(parts)


def _examples(examples: Sequence[Mapping[str, Any]]) -> list[str]:
    parts = ["<h2>Examples</h2>"] if examples else []
    for example in examples:
        history = _titles(example["history"], example["events"])
        held_out = _titles(example["held_out"], example["num_held_out"])
        parts += [
            f"<h3>User {escape(example['user'])}</h3>",
            f"<p>Met before, the latest first: {history or 'nothing'}.</p>",
            f"<p>Held out, and marked ✓ where recommended: {held_out}.</p>",
            tables.example_table(example),
        ]
    return parts


def _titles(items: Sequence[Mapping[str, Any]], number: int) -> str:
    """Return the titles of items, and how many there are beside them."""
    more = [f"and {number - len(items):,} more"] if number > len(items) else []
    return "; ".join([*(escape(item["title"]) for item in items), *more])


def _number(value: float | None) -> str:
    """Return a number in words; a loss that became none is none in JSON, too."""
    return "no number" if value is None else f"{value:.4f}"


def _told(means: Mapping[str, tuple[float, float, float]]) -> str:
    return "; ".join(
        f"{name} {mean:.4f} ({low:.4f} to {high:.4f})" for name, (mean, low, high) in means.items()
    )


def _figure(figure: Figure, name: str, caption: str, told: str) -> str:
    """Return a figure with its caption; what it shows is told in words, too."""
    drawing = plots.svg_of(figure, name, f"{caption}. {told}.")
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"
