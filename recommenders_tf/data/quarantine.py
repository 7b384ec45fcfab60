"""What cleaning set aside, and the account of every row that came in."""

from __future__ import annotations

import dataclasses
import enum
import json
import pathlib
from collections.abc import Mapping, Sequence

import pandas as pd


class BadDataError(ValueError):
    """Too large a share of a table's rows is bad; the message counts them by reason.

    Example:
        >>> from recommenders_tf import data
        >>> log = data.synthetic(num_users=10, num_items=10, num_events=50)
        >>> events = log.events.assign(user_id="")
        >>> try:
        ...     data.load_files(events, log.users, log.items, schema=log.schema)
        ... except data.BadDataError as error:
        ...     print(str(error)[:49])
        50 of 50 rows of `events` are bad (missing id: 50
    """


class Reason(str, enum.Enum):
    """Why a row cannot be used."""

    UNPARSED = "row does not parse"
    MISSING_ID = "missing id"
    NEGATIVE_ID = "negative id"
    MISSING_TIME = "missing time"
    NOT_A_TIME = "not a time"
    TIME_OUT_OF_RANGE = "time out of range"
    NOT_A_NUMBER = "not a number"
    NOT_A_WEIGHT = "not a weight"
    DUPLICATE_ID = "duplicate id"
    DUPLICATE_EVENT = "duplicate event"
    UNKNOWN_USER = "user not in the user table"
    UNKNOWN_ITEM = "item not in the item table"


@dataclasses.dataclass(frozen=True)
class CleaningReport:
    """The account of every row: rows in = rows used + rows quarantined, for each table.

    Args:
        rows_in: Rows of each table, those that do not parse included.
        rows_used: Rows of each table that passed every check.
        quarantine: One row for each bad row: `table`, `reason`, `row` (JSON text).
        unknown_columns: Columns of each table that the schema does not know; they are left out.
        filled: Missing values that the source could fill in, by table and column.
        path: The quarantine file, if there are bad rows and one was asked for.

    Raises:
        RuntimeError: A row is unaccounted for; this is a bug, not bad data.
    """

    rows_in: Mapping[str, int]
    rows_used: Mapping[str, int]
    quarantine: pd.DataFrame
    unknown_columns: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    filled: Mapping[str, Mapping[str, int]] = dataclasses.field(default_factory=dict)
    path: pathlib.Path | None = None

    def __post_init__(self) -> None:
        for table, rows in self.rows_in.items():
            accounted = self.rows_used[table] + self.quarantined(table)
            if rows != accounted:
                raise RuntimeError(
                    f"Of {rows} rows of `{table}`, {accounted} are used or quarantined; "
                    "please report this bug."
                )

    def quarantined(self, table: str) -> int:
        """Return the number of bad rows of a table."""
        return int((self.quarantine["table"] == table).sum())

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of bad rows by table and reason, the most frequent reason first."""
        return {
            str(table): {str(reason): int(n) for reason, n in reasons.value_counts().items()}
            for table, reasons in self.quarantine.groupby("table", sort=False)["reason"]
        }

    def to_dict(self) -> dict[str, object]:
        """Return the counts as plain values, for a log or JSON."""
        return {
            "rows_in": dict(self.rows_in),
            "rows_used": dict(self.rows_used),
            "quarantined": self.counts(),
            "unknown_columns": {k: list(v) for k, v in self.unknown_columns.items()},
            "filled": {k: dict(v) for k, v in self.filled.items()},
            "quarantine_file": str(self.path) if self.path else None,
        }

    def check(self, max_bad_share: float) -> None:
        """Stop if too many rows of a table are bad.

        Args:
            max_bad_share: Largest share of bad rows that is let pass, 0 to 1.

        Raises:
            BadDataError: A table has a larger share.
        """
        for table, reasons in self.counts().items():
            rows = self.quarantine[self.quarantine["table"] == table]
            example = rows[rows["reason"] == next(iter(reasons))]["row"].iloc[0]
            check_share(table, self.rows_in[table], reasons, max_bad_share, example, self.path)


def check_share(
    table: str,
    rows: int,
    bad: Mapping[str, int],
    max_bad_share: float,
    example: str,
    path: str | pathlib.Path | None = None,
) -> None:
    """Stop if too large a share of a table is bad.

    Args:
        table: Name of the table.
        rows: Number of its rows.
        bad: Number of its bad rows by reason.
        max_bad_share: Largest share of bad rows that is let pass, 0 to 1.
        example: One bad row.
        path: Where the bad rows are written.

    Raises:
        BadDataError: The share is larger.
    """
    total = sum(bad.values())
    if total > max_bad_share * rows:
        counts = ", ".join(f"{reason}: {n:,}" for reason, n in bad.items())
        where = f"see {path}, then " if path else ""
        raise BadDataError(
            f"{total:,} of {rows:,} rows of `{table}` are bad ({counts}; for example {example}), "
            f"more than the {max_bad_share:.1%} allowed; {where}mend the file or the schema, or "
            "raise `max_bad_share`."
        )


def quarantined(table: str, frame: pd.DataFrame, reasons: pd.Series) -> pd.DataFrame:
    """Return the quarantine records of the rows that have a reason.

    Args:
        table: Name of the table.
        frame: Rows of the table.
        reasons: The `Reason` of each row, "" for good rows; same index as `frame`.

    Returns:
        A frame with the text columns `table`, `reason`, `row` (a JSON object).
    """
    is_bad = reasons != ""
    rows = frame[is_bad].to_json(orient="records", lines=True, force_ascii=False)
    return _records(table, reasons[is_bad].tolist(), rows.split("\n")[: int(is_bad.sum())])


def quarantined_lines(table: str, lines: Sequence[str]) -> pd.DataFrame:
    """Return the quarantine records of lines that do not parse; `row` is a JSON string."""
    rows = [json.dumps(line, ensure_ascii=False) for line in lines]
    return _records(table, [Reason.UNPARSED.value] * len(rows), rows)


def json_lines(records: pd.DataFrame) -> list[str]:
    """Return quarantine records as the lines of a JSON Lines file, without line ends."""
    return [
        f'{{"table": {json.dumps(table)}, "reason": {json.dumps(reason)}, "row": {row}}}'
        for table, reason, row in records.itertuples(index=False)
    ]


def _records(table: str, reasons: list[str], rows: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"table": table, "reason": reasons, "row": rows}, dtype=object)
