"""Renders the rows as a page of the documentation, with a plot."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.records import ROOT, read
from benchmarks.serving.render import section as serving_section
from benchmarks.speed.aims import verdicts
from benchmarks.speed.plot import draw
from benchmarks.speed.render_matrix import matrix_sections
from benchmarks.speed.render_sequences import sequence_sections
from benchmarks.speed.results import RESULTS

PAGE, PLOT = ROOT / "docs" / "speed.md", ROOT / "docs" / "assets" / "speed.svg"
Row = dict[str, Any]

_HEAD = """# Speed

Every figure here was measured by `make bench`, is kept as a row of
`benchmarks/results/speed.jsonl` with its command and commit, and was rendered by `make results`.
Each line is the newest row of its kind.

- Contenders are processes of their own with the same examples, batches of 4,096, threads and
  processors. They train by turns, a block of steps each, five rounds after one to warm up; the
  machine's own limits are measured in every round too. The figure is the median of the rounds, so
  a ratio compares what was measured within a minute; a limit is the best of the rounds, since what
  disturbs the machine is no limit.
- `cpu/wall` is the processor time of our process by the time that passed. A round in which other
  processes took more than 5 % of the time is measured again, five times at most.
- `limit` is the rate at which a step would run if it did nothing but the matrix products of its
  layers, forward and backward, at the rate that TensorFlow or NumPy, whichever is faster, reaches
  at their very shapes, and then one read and one update of every embedding row of the batch, at
  the rate that a C program reaches with the same ids.
"""
_SHORT = """## Where an aim is missed, and why

- **2.5 times DeepCTR at 10⁴ ids.** The aim comes from a processor on which DeepCTR's DeepFM ran at
  a quarter of what matrix products allow; here it runs at well over a third (its rate over `limit`
  in the tables), so 2.5 times its rate is nearly all that float32 allows for DeepFM and DCN-v2.
  What a step of DeepFM still spends beside its products is in the
  [profile](#where-the-time-of-a-deepfm-step-goes): lookups, the update of the tables, and passes
  over the activations. `bfloat16` nearly halves the products and costs casts. DIN has most to gain
  from what is left out, padding and the passes of Dice: on two threads the aim is met there,
  although ours attends twice.
- **10 times DeepCTR at 10⁶ ids.** Peers write whole tables at every step, and so lose with the
  number of tables: DeepFM and DCN-v2 have twenty-six, DIN has two of that size and one of a
  hundredth, and its attention takes most of a step either way.
- **60 % of the limit.** The limit knows products and rows alone. With 10⁶ ids a field lookups and
  updates take more of the step, and they share the memory with the gradient rows, which the limit
  leaves out. DIN goes over its long activations several times beside its products: the candidate
  laid beside every past item, Dice, the sums over the lists.
- **As good as plain Keras.** After the few steps that are trained here DCN-v2 stands a little
  farther than that behind plain Keras at 10⁴ ids, as DeepCTR's does. Why has not been found.
- **Row updates at 60 %.** Met where a rule has a state of the row's own width, but for Adagrad on
  two threads. Plain SGD and row-wise Adagrad do so little with a row that what the limit leaves out
  weighs more: to find the rows that occur twice, and to read the gradient's rows, as many bytes as
  the table's. All batches of a measurement lie in one graph, as those of the C loop lie in one
  call: a call from Python for each takes as long on any number of threads, and would hide what the
  second one brings.
- **A step that does not grow.** The same rows of a larger table are farther apart: on 10⁷ rows the
  caches and the page tables no longer hold them. The bare C loop over the same rows, the `peer` in
  these lines, nearly always grows by more.
- **Loaders at 5 times each peer.** Met against CSV and against Keras' feed of plain columns. The
  first pass over TFRecords parses whole batches, and gets four times as far as parsing one by one;
  later passes no longer parse.
  Lists are kept at their own length and padded batch by batch, with their masks, while the peer
  gathers an array that somebody has padded beforehand; a step of DIN takes many times as long as
  either.
- **implicit's speed.** On MovieLens 100K most of a training is TensorFlow's start: tracing and, of
  BPR, an iterator over the data for each epoch. BPR's kernel takes one triple after another on one
  thread, so that a seed tells the model; `implicit`'s threads write over one another, and its lists
  are worse.
- **5 times RecBole.** On MovieLens 1M `item_knn` comes close. Nearly all of EASE is LAPACK's
  inverse, in both, and ours is in double precision.
- **10 times RecBole's evaluation.** With its own default RecBole takes one user at a time here.
  With large blocks it does what ours does, a product and a top-k a block, and PyTorch is about as
  fast at the two as TensorFlow.
"""
_TRAINING = """## Training

26 fields of so many ids each, vectors of 16 floats, hidden layers 256-128-64; DLRM has 13 numbers
and a network 64-16 for them besides; DIN has users, items, categories (a hundredth as many) and
lists of 50 past items and categories, attention 80-40, hidden layers 200-80. Ids are drawn with a
probability of about 1/n, labels from a planted model. All train with Adam, learning rate 0.002:
ours with `LazyAdam`, the others with Keras' own, which decays every row at every step.
*Plain Keras* is one `Embedding` a field and functional layers (`benchmarks/speed/plain_keras.py`).
DeepCTR's penalties, on by default, are off; its DIN attends once with item and category side by
side, ours and plain Keras' once for each. It has no DLRM.

![Examples per second, ours and peers](assets/speed.svg)
"""
_END = """## Run it again

```console
$ make bench     # everything, an hour or two; leave the machine alone meanwhile
$ make results   # this page
```

`python -m benchmarks.speed` lists the parts, which run by themselves too:
`python -m benchmarks.speed step --model deepfm --vocabulary 10000 --threads 1`. DeepCTR lives in
`.venv-peers`, which `make bench` makes. With 10⁶ ids a field a contender holds 5 to 8 GiB; where
memory is short they run in pairs, and what does not fit is left out with a message.
"""


def render() -> pathlib.Path:
    """Write the page and its plot and return the path of the page."""
    rows = newest(read(RESULTS))
    draw(_trainings(rows), PLOT)
    parts = [
        _HEAD,
        _machines(rows),
        "## Aims\n",
        *verdicts(rows),
        "",
        _SHORT,
        _TRAINING,
        *_training_tables(_trainings(rows)),
        *_section("bfloat16", rows, ("train deepfm in bfloat16", "AUC of")),
        *_section("Optimizers", rows, tuple(f"{name}" for name in _optimizers(rows))),
        *_section("Input", rows, ("input",)),
        *matrix_sections(rows),
        *sequence_sections(rows),
        *serving_section(rows),
        *_section("Limits of the machine", rows, ("matrix", "memory,", "gather", "update")),
        *_profile(rows),
        *_gpu(rows),
        _END,
    ]
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    return PAGE


def newest(rows: Iterable[Row]) -> list[Row]:
    """Return the last row of each kind."""
    kept: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        peer = (row["peer"] or "").split(" ")[0]
        details = (row.get(name) for name in ("device", "vocabulary", "threads"))
        kept[(row["work"], peer, *details)] = row
    return list(kept.values())


def _trainings(rows: Sequence[Row], device: str = "CPU") -> list[Row]:
    return [row for row in rows if "auc" in row and row["device"] == device]


def _machines(rows: Sequence[Row]) -> str:
    machines = dict.fromkeys(row["machine"] for row in rows)
    commits = ", ".join(f"`{commit}`" for commit in dict.fromkeys(row["commit"] for row in rows))
    return f"Machine: {'; '.join(machines) or 'none yet'}. Commits: {commits or 'none yet'}.\n"


def _training_tables(rows: Sequence[Row]) -> list[str]:
    lines: list[str] = []
    for vocabulary, threads in sorted({(row["vocabulary"], row["threads"]) for row in rows}):
        own = [row for row in rows if (row["vocabulary"], row["threads"]) == (vocabulary, threads)]
        lines += [
            f"### {vocabulary:,} ids a field, {_threads(threads)}\n",
            "| model | peer | ours, examples/s | peer | ratio | limit | share | share of products "
            "| AUC ours, peer | loss ours, peer | peak GiB ours, peer | cpu/wall |",
            f"|{'---|' * 12}",
            *map(_training_line, own),
            "",
        ]
    return lines


def _training_line(row: Row) -> str:
    disturbed = " (disturbed)" if row["disturbed"] else ""
    memory = [row["memory"][name]["cpu"] / 2**30 for name in ("ours", "peer")]
    cells = [
        f"`{row['work'].removeprefix('train ')}`",
        row["peer"],
        f"{row['ours']:,.0f}{disturbed}",
        f"{row['peer_value']:,.0f}",
        f"**{row['ratio']:.2f}**",
        f"{row['limit']:,.0f}",
        f"{row['share_of_limit']:.0%}",
        f"{row['ours'] / row['product_limit']:.0%}",
        f"{row['auc']['ours']:.4f}, {row['auc']['peer']:.4f}",
        f"{row['loss']['ours']:.4f}, {row['loss']['peer']:.4f}",
        f"{memory[0]:.1f}, {memory[1]:.1f}",
        f"{row['cpu_over_wall']:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def _section(title: str, rows: Sequence[Row], beginnings: tuple[str, ...]) -> list[str]:
    """Return the rows whose work begins so, as a table."""
    own = [row for row in rows if row["work"].startswith(beginnings) and "ops" not in row]
    if not own or not beginnings:
        return [f"## {title}\n", "Not measured yet.\n"]
    return [
        f"## {title}\n",
        "| work | threads | unit | ours | peer | | ratio | limit | share |",
        f"|{'---|' * 9}",
        *map(_line, own),
        "",
    ]


def _line(row: Row) -> str:
    cells = [
        row["work"],
        str(row.get("threads", "")),
        row["unit"],
        _number(row["ours"]),
        row["peer"] or "",
        *(_number(row[name]) for name in ("peer_value", "ratio", "limit")),
        "" if row["share_of_limit"] is None else f"{row['share_of_limit']:.0%}",
    ]
    return f"| {' | '.join(cells)} |"


def _optimizers(rows: Sequence[Row]) -> list[str]:
    return [row["work"] for row in rows if ", step" in row["work"] or ", rows upd" in row["work"]]


def _profile(rows: Sequence[Row]) -> list[str]:
    own = [row for row in rows if "share_of_step" in row]
    lines = ["## Where the time of a DeepFM step goes\n"]
    if not own:
        return [*lines, "Not measured yet.\n"]
    lines += [
        f"TensorFlow's trace of steps of 4,096 examples on one thread, by `{own[-1]['command']}`.\n"
    ]
    for vocabulary in sorted({row["vocabulary"] for row in own}):
        lines += [
            f"### {vocabulary:,} ids a field\n",
            "| work | ms a step | share | longest ops, ms |",
            "|---|---|---|---|",
        ]
        for row in (row for row in own if row["vocabulary"] == vocabulary):
            ops = ", ".join(f"{op} {value:.2f}" for op, value in (row["ops"] or {}).items())
            work = row["work"].partition(": ")[2]
            lines.append(f"| {work} | {row['ours']:.2f} | {row['share_of_step']:.0%} | {ops} |")
        lines.append("")
    return lines


def _gpu(rows: Sequence[Row]) -> list[str]:
    devices = dict.fromkeys(row["device"] for row in rows if row.get("device", "CPU") != "CPU")
    if not devices:
        text = "Not measured: no GPU was at hand. `make bench` uses one that TensorFlow sees.\n"
        return ["## On a GPU\n", text]
    lines = []
    for device in devices:
        lines += [f"## On a GPU: {device}\n", *_training_tables(_trainings(rows, device))]
    return lines


def _threads(threads: int) -> str:
    return "one thread" if threads == 1 else f"{threads} threads"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
