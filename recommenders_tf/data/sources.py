"""Where the rows of a table come from: delimited text (plain or gzip) or Parquet."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import pathlib
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recommenders_tf.data.arrow_text import text_frame
from recommenders_tf.schema import FeatureSchema, SchemaError

Tidy = Callable[[pd.DataFrame], pd.DataFrame]


@dataclasses.dataclass(frozen=True)
class RawRows:
    """The rows of one table as the source has them, before any check.

    Args:
        frame: One row a record. Every value is text, "" when missing, or a list of text.
        unparsed: Lines that are no record, as they stand in the file.
        filled: For each column, how many missing values the source's `tidy` filled in.
    """

    frame: pd.DataFrame
    unparsed: tuple[str, ...] = ()
    filled: dict[str, int] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame) + len(self.unparsed)


@dataclasses.dataclass(frozen=True)
class TableSource:
    """One file of rows, and how to read it.

    Text files hold one record a line; blank lines are no records. `read` takes a whole file and
    `parse_lines` any batch of its lines, with the same result for each line.

    Args:
        path: The file; text ending in `.gz` is unpacked on the way.
        format: `csv` (delimited text) or `parquet`.
        delimiter: Of text: what stands between the fields, one or more characters.
        columns: Of text: names of the fields; None reads them from the first line.
        encoding: Of text: its character encoding.
        quoted: Of text: whether `"` encloses fields that contain the delimiter. A delimiter of
            several characters is never looked for in quotes.
        tidy: Importable function that gets the parsed frame and returns one with the same rows
            and the schema's columns: to rename, drop or build columns. It sees any batch of
            rows, so it must work row by row.

    Raises:
        ValueError: The format is neither `csv` nor `parquet`.

    Example:
        >>> source = TableSource(pathlib.Path("ratings.dat"), delimiter="::", columns=("u", "i"))
        >>> rows = source.parse_lines(["1::10", "2::20", "3;30"])
        >>> rows.frame["i"].tolist(), rows.unparsed
        (['10', '20'], ('3;30',))
    """

    path: pathlib.Path
    format: str = "csv"
    delimiter: str = ","
    columns: tuple[str, ...] | None = None
    encoding: str = "utf-8"
    quoted: bool = True
    tidy: Tidy | None = None

    def __post_init__(self) -> None:
        if self.format not in ("csv", "parquet"):
            raise ValueError(
                f"`{self.path}` has the unknown format `{self.format}`; give `csv` or `parquet`."
            )

    @classmethod
    def of(cls, path: str | pathlib.Path) -> TableSource:
        """Return the source for a file, told by its ending and, of text, by its header.

        Raises:
            ValueError: The ending is neither csv, tsv nor parquet.
        """
        path = pathlib.Path(path)
        ending = path.name.lower().removesuffix(".gz").rpartition(".")[2]
        if ending in ("parquet", "pq"):
            return cls(path, format="parquet")
        if ending not in ("csv", "tsv"):
            raise ValueError(
                f"`{path}` ends in neither .csv, .tsv nor .parquet: say how to read it with "
                "`TableSource(path, delimiter=..., columns=...)`."
            )
        with _open(path) as file:
            header = file.readline().decode("utf-8", "replace")
        return cls(path, delimiter=max(",\t;|", key=header.count))

    @property
    def header_lines(self) -> int:
        """Number of lines before the first record."""
        return int(self.format == "csv" and self.columns is None)

    def column_names(self) -> tuple[str, ...]:
        """Return the names of the fields, from the first line of the file if need be.

        Raises:
            SchemaError: The header names a column twice.
        """
        if self.format == "parquet":
            return tuple(pq.read_schema(self.path).names)
        if self.columns is not None:
            return self.columns
        with _open(self.path) as file:
            first = file.readline().decode(self.encoding, "replace")
        names = [name.strip() for name in self._split(first.lstrip("\ufeff").rstrip("\r\n")) or ()]
        if twice := {name for name in names if names.count(name) > 1}:
            raise SchemaError(
                f"The header of `{self.path}` names the column `{min(twice)}` twice; rename one."
            )
        return tuple(names)

    def read(self) -> RawRows:
        """Read the whole file."""
        if self.format == "parquet":
            return self.parse_table(pq.read_table(self.path))
        with _open(self.path) as file:
            data = file.read()
        lines: Sequence[str] | Sequence[bytes]
        try:
            lines = data.decode(self.encoding).removeprefix("\ufeff").split("\n")
        except UnicodeDecodeError:
            lines = data.split(b"\n")  # so that only the damaged lines are lost
        return self.parse_lines(lines[self.header_lines :], self.column_names())

    def parse_lines(
        self, lines: Sequence[str] | Sequence[bytes], names: Sequence[str] | None = None
    ) -> RawRows:
        """Parse lines of the file, its header line not among them.

        Args:
            lines: Text, or bytes in the source's encoding, with or without line ends.
            names: What `column_names` returns, for callers that parse many batches.
        """
        text, damaged = self._decode(lines)
        array = pc.utf8_rtrim(pa.array(text, pa.large_string()), "\r\n")
        array = array.filter(pc.not_equal(array, ""))
        names = self.column_names() if names is None else names
        fields = self._fields(array)
        is_record = pc.fill_null(pc.equal(pc.list_value_length(fields), len(names)), False)
        records = fields.filter(is_record)
        frame = pd.DataFrame(
            {
                name: pc.utf8_trim_whitespace(pc.list_element(records, i)).to_pandas()
                for i, name in enumerate(names)
            }
        )
        unparsed = array.filter(pc.invert(is_record)).to_pylist()
        return self._tidied(frame, (*unparsed, *damaged))

    def parse_table(self, table: pa.Table) -> RawRows:
        """Turn rows of a Parquet file into text rows: times to Unix seconds, nulls to ""."""
        return self._tidied(text_frame(table), ())

    def _tidied(self, frame: pd.DataFrame, unparsed: tuple[str, ...]) -> RawRows:
        if self.tidy is None:
            return RawRows(frame, unparsed)
        tidied = self.tidy(frame)
        if len(tidied) != len(frame):
            raise ValueError(
                f"The `tidy` function of `{self.path}` made {len(tidied)} rows of {len(frame)}; "
                "it must keep every row."
            )
        filled = {
            name: int((frame[name] == "").sum() - (tidied[name] == "").sum())
            for name in tidied.columns.intersection(frame.columns)
        }
        return RawRows(tidied, unparsed, {name: n for name, n in filled.items() if n > 0})

    def _decode(self, lines: Sequence[str] | Sequence[bytes]) -> tuple[list[str], list[str]]:
        """Return the lines as text, and apart those that are not text in this encoding."""
        if not lines or isinstance(lines[0], str):
            return cast(list[str], lines), []
        text, damaged = [], []
        for line in cast(Sequence[bytes], lines):
            try:
                text.append(line.decode(self.encoding))
            except UnicodeDecodeError:
                damaged.append(line.decode(self.encoding, "backslashreplace").rstrip("\r\n"))
        return text, damaged

    def _fields(self, lines: pa.Array) -> pa.Array:
        """Split each line into its fields; null where quotes are broken."""
        has_quotes = pc.match_substring(lines, '"').to_numpy(zero_copy_only=False)
        if not self.quoted or len(self.delimiter) > 1 or not has_quotes.any():
            return pc.split_pattern(lines, self.delimiter)
        # A CSV parser over the whole text takes one broken quote for a field that goes on for
        # many lines and so loses them; line by line, a broken quote costs its own line only.
        plain = pc.split_pattern(lines.filter(pa.array(~has_quotes)), self.delimiter)
        quoted = [self._split(line) for line in lines.filter(pa.array(has_quotes)).to_pylist()]
        order = np.argsort(np.argsort(has_quotes, kind="stable"))
        return pa.concat_arrays([plain, pa.array(quoted, plain.type)]).take(pa.array(order))

    def _split(self, line: str) -> list[str] | None:
        """Split one line that may hold quotes; None where they are broken."""
        if not self.quoted or len(self.delimiter) > 1:
            return line.split(self.delimiter)
        try:
            return next(csv.reader([line], delimiter=self.delimiter, strict=True))
        except csv.Error:
            return None


@dataclasses.dataclass(frozen=True)
class DatasetSpec:
    """The files of a data set and the schema that describes them.

    Args:
        name: Name of the data set.
        events: Who met what, when.
        users: One row a user; None where the events say all there is.
        items: One row an item; None where the events say all there is.
        schema: What the columns mean.

    Example:
        >>> from recommenders_tf import data
        >>> list(data.spec("synthetic").tables)
        ['events', 'users', 'items']
    """

    name: str
    events: TableSource
    users: TableSource | None
    items: TableSource | None
    schema: FeatureSchema

    @property
    def tables(self) -> dict[str, TableSource]:
        """The sources that are given, by table name: `events`, `users`, `items`."""
        sources = {"events": self.events, "users": self.users, "items": self.items}
        return {name: source for name, source in sources.items() if source is not None}


def _open(path: pathlib.Path) -> gzip.GzipFile:
    """Open a file for reading bytes, unpacking it if its name ends in `.gz`."""
    return cast(gzip.GzipFile, gzip.open(path) if path.suffix == ".gz" else path.open("rb"))
