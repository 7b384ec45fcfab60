"""The tables of a report, as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from recommenders_tf.evaluation.report.plots import span

_HIGHER = ("HR", "Recall", "Precision", "NDCG", "MAP", "MRR", "AUC", "GAUC")
_LOWER = ("LogLoss", "ECE", "RMSE", "MAE")
_ALIKE = 0.05
"""From this p on two models are not told apart."""


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column names its rows.

    Args:
        caption: What it shows.
        columns: Headings, text.
        rows: Cells, HTML.
    """
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for first, *cells in rows
    )
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def metric_table(models: Sequence[Mapping[str, Any]], confidence: float) -> str:
    """Return a table of the metrics of models, with intervals; the best of a column is bold."""
    names = list(dict.fromkeys(name for model in models for name in model["metrics"]))
    best = {name: _best(name, models) for name in names}
    rows = [
        [
            escape(model["name"]),
            *(_value(model, name, model["metrics"].get(name) == best[name]) for name in names),
        ]
        for model in models
    ]
    has_intervals = any(model["intervals"] for model in models)
    sure = f", with {100 * confidence:g} % bootstrap intervals over users" if has_intervals else ""
    return table(f"Metrics{sure}. Bold: the best.", ["model", *names], rows)


def difference_table(facts: Mapping[str, Any], against: str) -> str:
    """Return a table of the differences from the `best` or the `first` model."""
    records = facts["differences"][against]
    one = next(record["model"] for record in records if record["difference"] is None)
    rows = [_difference(record, against) for record in records]
    caption = f"{facts['metric']}: difference from the {against} model, {one}"
    return table(caption, ["model", "difference", "95 % interval", "p (Holm)", "verdict"], rows)


def group_table(caption: str, of: str, groups: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of the means of models by group."""
    names = list(groups[0]["models"])
    rows = [
        [
            span(group),
            f"{group['users']:,}",
            *(
                _mean(one["mean"], (one["low"], one["high"]))
                for one in (group["models"][name] for name in names)
            ),
        ]
        for group in groups
    ]
    return table(caption, [of, "users", *names], rows)


def example_table(example: Mapping[str, Any]) -> str:
    """Return a table of the lists of a user, a column each model; what was held out is marked."""
    lists = example["lists"]
    length = max(map(len, lists.values()))
    rows = [
        [str(rank + 1), *(_item(own[rank]) if rank < len(own) else "" for own in lists.values())]
        for rank in range(length)
    ]
    return table(f"Recommended to user {example['user']}", ["rank", *lists], rows)


def setting_table(models: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of how models were trained."""
    rows = [
        [
            escape(model["name"]),
            f"<code>{escape(model['model'])}</code>",
            model["kind"],
            _settings(model.get("parameters", {})) or "the defaults",
            _settings({k: v for k, v in model.get("training", {}).items() if v is not None}),
        ]
        for model in models
    ]
    return table("Settings", ["name", "model", "kind", "parameters", "training"], rows)


def _best(name: str, models: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the best value of a metric, None for one alone or where no end is the better one."""
    values = [model["metrics"][name] for model in models if name in model["metrics"]]
    kind = name.partition("@")[0]
    if len(values) < 2:
        return None
    if kind in _HIGHER:
        return max(values)
    return min(values) if kind in _LOWER else None


def _value(model: Mapping[str, Any], name: str, is_best: bool) -> str:
    if name not in model["metrics"]:
        return ""
    text = _mean(model["metrics"][name], model["intervals"].get(name))
    return f"<b>{text}</b>" if is_best else text


def _mean(mean: float, bounds: Sequence[float] | None) -> str:
    if bounds is None:
        return f"{mean:.4f}"
    low, high = bounds
    return f"{mean:.4f}<small>{low:.4f} to {high:.4f}</small>"


def _difference(record: Mapping[str, Any], against: str) -> list[str]:
    name, value = escape(record["model"]), record["difference"]
    if value is None:
        return [name, "", "", "", f"the {against}"]
    verdict = "not told apart"
    if record["p_holm"] < _ALIKE:
        verdict = f"{'better' if value > 0 else 'worse'} than the {against}"
    bounds = f"{record['difference_low']:+.4f} to {record['difference_high']:+.4f}"
    return [name, f"{value:+.4f}", bounds, f"{record['p_holm']:.4f}", verdict]


def _item(item: Mapping[str, Any]) -> str:
    title = escape(item["title"])
    return f"<strong>✓ {title}</strong>" if item["is_right"] else title


def _settings(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{escape(name)}={escape(str(value))}" for name, value in values.items())
