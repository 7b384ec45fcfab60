"""Beam: the account of every row that came in, and the file of those that were set aside."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping

import apache_beam as beam
import pandas as pd

from recommenders_tf.data import quarantine

ROWS_FILE = "rows.jsonl"
REPORT_FILE = "report.json"
_IN, _USED = "rows_in", "rows_used"
_COUNTED = (_IN, _USED, "splits")

Count = tuple[tuple[str, str], tuple[int, str]]
"""Table and what is counted; how many rows, and one of them as text."""


class WriteReport(beam.PTransform):
    """Writes the bad rows, and how many rows of each table came in, were used and were bad.

    Args:
        folder: Where to write `ROWS_FILE` and `REPORT_FILE`.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder

    def expand(self, rows: Mapping[str, beam.PCollection]) -> beam.PCollection:
        """Write both files.

        Args:
            rows: Collections of `(table, count)` under `rows_in` and `rows_used`, of
                `(split, count)` under `splits`, of quarantine records under `bad`.
        """
        counts = [rows[what] | what >> beam.Map(_count, what) for what in _COUNTED]
        counts.append(rows["bad"] | "Reasons" >> beam.FlatMap(_reasons))
        _ = (
            rows["bad"]
            | "Lines" >> beam.FlatMap(quarantine.json_lines)
            | "Write rows" >> _write(os.path.join(self._folder, ROWS_FILE))
        )
        return (
            counts
            | "All counts" >> beam.Flatten()
            | "Sum" >> beam.CombinePerKey(_add)
            | "As one" >> beam.combiners.ToDict()
            | "Report" >> beam.Map(_report)
            | "Write report" >> _write(os.path.join(self._folder, REPORT_FILE))
        )


def check_report(report: Mapping[str, Mapping], max_bad_share: float, folder: str) -> None:
    """Make sure that every row is accounted for and that not too many are bad.

    Args:
        report: What `WriteReport` wrote.
        max_bad_share: Largest share of bad rows of a table that is let pass.
        folder: Where the bad rows are.

    Raises:
        RuntimeError: A row is neither used nor set aside; this is a bug, not bad data.
        BadDataError: Too many rows of a table are bad.
    """
    path = os.path.join(folder, ROWS_FILE)
    for table, rows in report[_IN].items():
        bad = report["quarantined"].get(table, {})
        accounted = report[_USED].get(table, 0) + sum(bad.values())
        if rows != accounted:
            raise RuntimeError(
                f"Of {rows} rows of `{table}`, {accounted} are used or quarantined; please report "
                "this bug."
            )
        if bad:
            example = report["examples"][table]
            quarantine.check_share(table, rows, bad, max_bad_share, example, path)


def _count(counted: tuple[str, int], what: str) -> Count:
    table, count = counted
    return (table, what), (count, "")


def _reasons(bad: pd.DataFrame) -> Iterator[Count]:
    for key, rows in bad.groupby(["table", "reason"])["row"]:
        yield key, (len(rows), rows.min())


def _add(counts: Iterable[tuple[int, str]]) -> tuple[int, str]:
    numbers, examples = zip(*counts, strict=True)
    return sum(numbers), min(examples)


def _report(counts: Mapping[tuple[str, str], tuple[int, str]]) -> str:
    """Return the account as JSON, the most frequent reason of each table first."""
    report: dict[str, dict] = {key: {} for key in (*_COUNTED, "quarantined", "examples")}
    for (table, what), (count, example) in sorted(counts.items(), key=lambda item: -item[1][0]):
        if what in _COUNTED:
            report[what][table] = count
        else:
            report["quarantined"].setdefault(table, {})[what] = count
            report["examples"].setdefault(table, example)
    return json.dumps(report, ensure_ascii=False)


def _write(path: str) -> beam.PTransform:
    return beam.io.WriteToText(path, num_shards=1, shard_name_template="")
