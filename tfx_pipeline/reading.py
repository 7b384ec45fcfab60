"""Beam: the files of a data set to checked rows, bad rows set aside with their reason."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Collection, Iterator
from typing import NamedTuple

import apache_beam as beam
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io import fileio

from recommenders_tf import data
from recommenders_tf.data import CleaningLimits, DatasetSpec, TableSource, cleaning, quarantine
from recommenders_tf.data.values import row_reasons, to_typed
from recommenders_tf.schema import Column, FeatureSchema
from tfx_pipeline.config import FilesConfig

POSITION = "__position__"
"""Column with the place of a row in its file: Beam keeps no order, but which is last needs one."""

BLOCK_ROWS = 4096
_BOM = b"\xef\xbb\xbf"

Block = tuple[int, list[bytes] | pa.Table]


class Rows(NamedTuple):
    """What came of a table.

    Args:
        good: Typed rows, `pd.DataFrame` with `POSITION`.
        bad: Quarantine records, `pd.DataFrame` with `table`, `reason` and `row`.
        counts: Number of rows by table, `tuple[str, int]`.
    """

    good: beam.PCollection
    bad: beam.PCollection
    counts: beam.PCollection


def find_spec(
    dataset: str | None, files: FilesConfig | None, schema: FeatureSchema, folder: str
) -> DatasetSpec:
    """Return the files of a data set in a folder.

    Args:
        dataset: Name of a known data set, or
        files: names of the files.
        schema: What the columns mean.
        folder: Where the files lie.

    Raises:
        FileNotFoundError: A file is not there.
        SchemaError: A file lacks a column of the schema.
    """
    if dataset is not None:
        known = data.spec(dataset, folder)
        spec = DatasetSpec(dataset, known.events, known.users, known.items, schema)
    else:
        assert files is not None
        names = (files.events, files.users, files.items)
        paths = [pathlib.Path(folder) / name if name else None for name in names]
        if missing := [path for path in paths if path and not path.is_file()]:
            raise FileNotFoundError(f"There is no file `{missing[0]}`; check `data.files`.")
        events, users, items = (TableSource.of(path) if path else None for path in paths)
        assert events is not None
        spec = DatasetSpec(schema.name, events, users, items, schema)
    return spec


def unknown_columns(spec: DatasetSpec) -> dict[str, list[str]]:
    """Return the columns of each table that the schema does not know.

    Raises:
        SchemaError: A table lacks a column of the schema.
    """
    empty = {
        table: source.parse_table(pq.read_schema(source.path).empty_table())
        if source.format == "parquet"
        else source.parse_lines([])
        for table, source in spec.tables.items()
    }
    _, report = cleaning.clean(empty, spec.schema)
    return {table: list(names) for table, names in report.unknown_columns.items()}


class ReadTable(beam.PTransform):
    """Reads one table and checks each row by itself.

    Args:
        table: `events`, `users` or `items`.
        source: Its file.
        columns: Columns of the schema that it must have.
        limits: What counts as bad.
    """

    def __init__(
        self,
        table: str,
        source: TableSource,
        columns: Collection[Column],
        limits: CleaningLimits,
    ) -> None:
        super().__init__()
        self._table = table
        self._source = source
        self._check = CheckRows(table, source, columns, limits)

    def expand(self, pipeline: beam.Pipeline) -> Rows:
        """Return the rows of the file."""
        checked = (
            pipeline
            | "Match" >> fileio.MatchFiles(str(self._source.path))
            | "Open" >> fileio.ReadMatches()
            | "Blocks" >> beam.FlatMap(read_blocks, source=self._source)
            # A file is read by one worker; its rows are parsed and checked by all.
            | "Spread" >> beam.Reshuffle()
            | "Check" >> beam.ParDo(self._check).with_outputs("bad", "counts", main="good")
        )
        return Rows(checked.good, checked.bad, checked.counts)


def read_blocks(file: fileio.ReadableFile, source: TableSource) -> Iterator[Block]:
    """Yield the place of a block's first row in the file, and its lines or its Arrow table."""
    place = 0
    with file.open() as stream:
        if source.format == "parquet":
            for batch in pq.ParquetFile(stream).iter_batches(BLOCK_ROWS):
                yield place, pa.Table.from_batches([batch])
                place += len(batch)
            return
        lines = iter(stream.readline, b"")
        first = next(lines, b"").removeprefix(_BOM)
        lines = itertools.islice(itertools.chain([first], lines), source.header_lines, None)
        while block := list(itertools.islice(lines, BLOCK_ROWS)):
            yield place, block
            place += len(block)


class CheckRows(beam.DoFn):
    """Turns a block of a file into typed rows; bad rows and the row count go to own outputs."""

    def __init__(
        self,
        table: str,
        source: TableSource,
        columns: Collection[Column],
        limits: CleaningLimits,
    ) -> None:
        self._table = table
        self._source = source
        self._columns = tuple(columns)
        self._limits = limits
        self._names = source.column_names()

    def process(self, block: Block) -> Iterator[pd.DataFrame | beam.pvalue.TaggedOutput]:
        """Yield good rows, quarantine records and the number of rows."""
        place, content = block
        if isinstance(content, pa.Table):
            raw = self._source.parse_table(content)
        else:
            raw = self._source.parse_lines(content, self._names)
        reasons = row_reasons(raw.frame, self._columns, self._limits)
        yield beam.pvalue.TaggedOutput("counts", (self._table, len(raw)))
        if raw.unparsed:
            records = quarantine.quarantined_lines(self._table, raw.unparsed)
            yield beam.pvalue.TaggedOutput("bad", records)
        if (reasons != "").any():
            records = quarantine.quarantined(self._table, raw.frame, reasons)
            yield beam.pvalue.TaggedOutput("bad", records)
        good = to_typed(raw.frame[reasons == ""], self._columns)
        good[POSITION] = place + good.index.to_numpy()
        if len(good):
            yield good.reset_index(drop=True)
