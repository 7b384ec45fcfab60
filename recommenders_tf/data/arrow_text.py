"""Arrow tables as the text that a delimited file would hold, so that one door serves both."""

from __future__ import annotations

import contextlib

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


def text_frame(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as a frame of text: times as Unix seconds, missing values as "".

    A column in which pandas stored its index is left out.
    """
    return pd.DataFrame(
        {
            name: _as_text(pa.concat_arrays([pa.array([], column.type), *column.chunks]))
            for name, column in zip(table.column_names, table.columns, strict=True)
            if not name.startswith("__index_level_")
        }
    )


def frame_as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of any values as a frame of text; see `text_frame`."""
    return text_frame(pa.table({str(name): _arrow(frame[name]) for name in frame.columns}))


def _arrow(values: pd.Series) -> pa.Array:
    """Return a column of a frame as an Arrow array, one of mixed types as text."""
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array(values.map(str, na_action="ignore"), pa.string(), from_pandas=True)


def _as_text(column: pa.Array) -> pd.Series:
    """Return one Arrow column as text, or as lists of text."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _as_text(column.dictionary_decode())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        lists = pc.cast(column, pa.list_(pa.string())).to_pandas()
        return lists.map(lambda values: [] if values is None else list(values))
    if pa.types.is_nested(kind):  # no column of a schema; it is only reported as unknown
        return column.to_pandas().astype(str)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        column = pc.cast(
            pc.cast(column, pa.timestamp("s", getattr(kind, "tz", None)), safe=False), pa.int64()
        )
    elif pa.types.is_boolean(kind):
        column = pc.cast(column, pa.int8())
    elif pa.types.is_floating(kind):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column)
        with contextlib.suppress(pa.ArrowInvalid):  # ids with gaps are stored as floats: 12.0
            column = pc.cast(column, pa.int64())
    text = pc.fill_null(pc.cast(column, pa.string()), "")
    return pc.utf8_trim_whitespace(text).to_pandas()
