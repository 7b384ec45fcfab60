"""Files of encoded columns that are mapped into memory."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from recommenders_tf.data.column_store import Block, ChunkedLists, ColumnStore, packed
from recommenders_tf.data.columns import Columns, check_ids, encoded_columns
from recommenders_tf.schema import FeatureSchema, SchemaError

_LAYOUT_FILE = "columns.json"
"""Names the other files, and is written last."""
_ARROW_SUFFIXES = (".arrow", ".feather")
_PART_ROWS = 65_536


def write_columns(
    source: Columns | Iterable[Columns] | str | pathlib.Path,
    schema: FeatureSchema,
    folder: str | pathlib.Path,
) -> pathlib.Path:
    """Write encoded columns as files that `ColumnarData` maps into memory.

    Only a part of the rows is in memory at a time.

    Args:
        source: As `ColumnarData` takes it, with arrays that may be memory-mapped; or such columns
            of the rows in parts, one after the other.
        schema: Fitted schema.
        folder: Where to write; what an earlier call wrote there is replaced.

    Returns:
        The folder.

    Raises:
        SchemaError: As of `ColumnarData`; or parts differ in their columns or types.
        ValueError: There are no parts.

    Example:
        >>> import tempfile
        >>> from recommenders_tf import data
        >>> from recommenders_tf.schema import FeatureSchema
        >>> schema = FeatureSchema.from_dict({
        ...     "columns": {
        ...         "user": {"kind": "id", "role": "user", "vocabulary_size": 9},
        ...         "item": {"kind": "id", "role": "item", "vocabulary_size": 9},
        ...     },
        ... })
        >>> parts = [{"user": np.array([2, 3]), "item": np.array([4, 4])}] * 3
        >>> len(data.ColumnarData(write_columns(parts, schema, tempfile.mkdtemp()), schema))
        6
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for path in (folder / _LAYOUT_FILE, *folder.glob("*.bin")):
        path.unlink(missing_ok=True)
    first: dict[str, Any] | None = None
    for columns in _parts(source):
        arrays = encoded_columns(columns, schema)
        check_ids(arrays, schema)
        store = packed(arrays, schema)
        layout = _layout(store)
        if first is not None and layout != first:
            raise SchemaError(
                f"A part of the rows has the columns {layout} and the first part {first}; give all "
                "parts the same columns and types."
            )
        first = layout
        _append(store, folder)
    if first is None:
        raise ValueError("There are no rows to write; give `source` at least one part.")
    (folder / _LAYOUT_FILE).write_text(json.dumps(first), encoding="utf-8")
    return folder


def is_written(folder: pathlib.Path) -> bool:
    """Return whether a folder is one that `write_columns` wrote."""
    return (folder / _LAYOUT_FILE).exists()


def open_columns(folder: pathlib.Path) -> ColumnStore:
    """Return the columns of a folder that `write_columns` wrote, mapped into memory."""
    layout = json.loads((folder / _LAYOUT_FILE).read_text(encoding="utf-8"))
    blocks = []
    for number, (dtype, widths) in enumerate(layout["blocks"]):
        rows = _mapped(folder / f"block_{number}.bin", dtype)
        blocks.append(Block(widths, rows.reshape(-1, sum(widths.values()))))
    lists = {}
    for number, (name, (dtype, width)) in enumerate(layout["lists"].items()):
        chunks = _mapped(folder / f"chunks_{number}.bin", dtype).reshape(-1, width)
        spans = _mapped(folder / f"spans_{number}.bin", "int64").reshape(-1, 2)
        lists[name] = ChunkedLists(chunks, spans)
    return ColumnStore(tuple(blocks), lists)


def read_table(path: pathlib.Path) -> pa.Table:
    """Return the table of a Parquet file or folder, or of an Arrow IPC file, which is mapped."""
    if path.suffix in _ARROW_SUFFIXES:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    return ds.dataset(path, format="parquet").to_table()


def _parts(source: Columns | Iterable[Columns] | str | pathlib.Path) -> Iterator[Columns]:
    """Yield the rows in parts."""
    if isinstance(source, str | pathlib.Path):
        path = pathlib.Path(source)
        if path.suffix not in _ARROW_SUFFIXES:
            batches = ds.dataset(path, format="parquet").to_batches(batch_size=_PART_ROWS)
            yield from (pa.Table.from_batches([batch]) for batch in batches)
            return
        source = read_table(path)
    if isinstance(source, pa.Table):
        source = {name: source[name] for name in source.column_names}
    if not isinstance(source, Mapping):
        yield from source
        return
    for start in range(0, max(map(len, source.values())), _PART_ROWS):
        yield {name: values[start : start + _PART_ROWS] for name, values in source.items()}


def _layout(store: ColumnStore) -> dict[str, Any]:
    return {
        "blocks": [[block.rows.dtype.name, block.widths] for block in store.blocks],
        "lists": {
            name: [lists.chunks.dtype.name, lists.chunks.shape[1]]
            for name, lists in store.lists.items()
        },
    }


def _append(store: ColumnStore, folder: pathlib.Path) -> None:
    """Write the rows after those that are in the files."""
    for number, block in enumerate(store.blocks):
        _append_array(folder / f"block_{number}.bin", block.rows)
    for number, lists in enumerate(store.lists.values()):
        path = folder / f"chunks_{number}.bin"
        is_new = not path.exists()
        before = 1 if is_new else path.stat().st_size // lists.chunks[0].nbytes
        _append_array(path, lists.chunks if is_new else lists.chunks[1:])
        _append_array(folder / f"spans_{number}.bin", lists.spans + np.array([before - 1, 0]))


def _append_array(path: pathlib.Path, array: np.ndarray) -> None:
    with path.open("ab") as file:
        array.tofile(file)


def _mapped(path: pathlib.Path, dtype: str) -> np.ndarray:
    if not path.stat().st_size:  # what has no bytes cannot be mapped
        return np.zeros(0, dtype)
    return np.memmap(path, dtype, "r")
