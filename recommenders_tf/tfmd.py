"""The feature schema as TensorFlow Metadata, the form in which TFX validates and parses data.

Each feature carries its whole column as a comment, so that nothing is lost on the way there and
back. Nothing is imported from `tensorflow_metadata` until a function is called.
"""

from __future__ import annotations

import json
import pathlib
from typing import TYPE_CHECKING

from recommenders_tf.schema import LIST_KINDS, Column, FeatureSchema, Kind, Role, SchemaError
from recommenders_tf.schema_inference import find_ids, is_label_name, is_time_name

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2

_COLUMN = "recommenders_tf column: "
_NAME = "recommenders_tf schema: "


def to_tfmd(schema: FeatureSchema) -> schema_pb2.Schema:
    """Describe the raw examples of a schema: one feature a column.

    | kind | feature |
    |---|---|
    | id, categorical | one byte string in every example |
    | multi_hot, sequence, text | any number of byte strings |
    | numeric | one float or none |
    | timestamp | one integer in every example |
    | label | one finite float in every example |
    | cross, label with a source | planned: in no raw example, made from its sources |

    Beside a timed sequence stands a feature of its ages: any number of integers.

    Args:
        schema: The schema, fitted or not.

    Example:
        >>> from recommenders_tf import data
        >>> proto = to_tfmd(data.spec("synthetic").schema)
        >>> [feature.name for feature in proto.feature][:3]
        ['user_id', 'age', 'gender']
    """
    from tensorflow_metadata.proto.v0 import schema_pb2

    proto = schema_pb2.Schema()
    proto.annotation.comment.append(_NAME + schema.name)
    types = {Kind.TIMESTAMP: schema_pb2.INT, Kind.NUMERIC: schema_pb2.FLOAT}
    types |= {Kind.LABEL: schema_pb2.FLOAT, Kind.CROSS: schema_pb2.INT}
    for column in schema.columns.values():
        feature = proto.feature.add(name=column.name)
        feature.type = types.get(column.kind, schema_pb2.BYTES)
        feature.annotation.comment.append(_COLUMN + json.dumps(column.to_dict()))
        if column.is_derived:
            feature.lifecycle_stage = schema_pb2.PLANNED
        elif column.kind in LIST_KINDS:
            feature.presence.min_fraction = 0.0
        elif column.kind is Kind.NUMERIC:
            feature.presence.min_fraction = 0.0
            feature.value_count.max = 1
        else:
            feature.presence.min_fraction = 1.0
            feature.presence.min_count = 1
            feature.shape.dim.add(size=1)
        if ages_name := column.ages_name:
            ages = proto.feature.add(name=ages_name, type=schema_pb2.INT)
            ages.presence.min_fraction = 0.0
        if column.kind is Kind.LABEL:
            feature.float_domain.disallow_nan = feature.float_domain.disallow_inf = True
    return proto


def from_tfmd(
    proto: schema_pb2.Schema, *, user_id: str | None = None, item_id: str | None = None
) -> FeatureSchema:
    """Read a schema from TensorFlow Metadata.

    Features that `to_tfmd` wrote come back exactly. A feature that it did not write is drafted
    from its name and type, for its context: correct the draft before you rely on it.

    Args:
        proto: The features.
        user_id: Name of the user id, for drafts whose names do not tell it.
        item_id: Name of the item id.

    Raises:
        SchemaError: It cannot be told which feature is the user id or the item id.

    Example:
        >>> from recommenders_tf import data
        >>> schema = data.spec("synthetic").schema
        >>> from_tfmd(to_tfmd(schema)) == schema
        True
    """
    known = {feature.name: _noted(feature) for feature in proto.feature}
    for name in [c.ages_name for c in known.values() if c and c.ages_name]:
        known.pop(name, None)
    written = [column for column in known.values() if column is not None]
    names = [c[len(_NAME) :] for c in proto.annotation.comment if c.startswith(_NAME)]
    ids = {(c.kind, c.role): c.name for c in written}
    user, item = find_ids(
        [*known],
        user_id or ids.get((Kind.ID, Role.USER)),
        item_id or ids.get((Kind.ID, Role.ITEM)),
    )
    taken = {column.role for column in written}
    columns = []
    for feature in proto.feature:
        if feature.name not in known:
            continue
        column = known[feature.name] or _drafted(feature, user, item, taken)
        taken.add(column.role)
        columns.append(column)
    return FeatureSchema(columns, *names[:1])


def save_schema_pbtxt(schema: FeatureSchema, path: str | pathlib.Path) -> None:
    """Write a schema as `schema.pbtxt`.

    Example:
        >>> import tempfile
        >>> from recommenders_tf import data
        >>> schema = data.spec("synthetic").schema
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_schema_pbtxt(schema, f"{folder}/schema.pbtxt")
        ...     load_schema_pbtxt(f"{folder}/schema.pbtxt") == schema
        True
    """
    from google.protobuf import text_format

    pathlib.Path(path).write_text(text_format.MessageToString(to_tfmd(schema)), encoding="utf-8")


def load_schema_pbtxt(
    path: str | pathlib.Path, *, user_id: str | None = None, item_id: str | None = None
) -> FeatureSchema:
    """Read a schema from `schema.pbtxt`; see `from_tfmd`.

    Raises:
        SchemaError: The file holds no TensorFlow Metadata schema, or one whose ids cannot be told.
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    try:
        proto = text_format.Parse(pathlib.Path(path).read_text("utf-8"), schema_pb2.Schema())
    except text_format.ParseError as error:
        raise SchemaError(
            f"`{path}` is not a TensorFlow Metadata schema in text form ({error}); write one with "
            "`save_schema_pbtxt` or take the one of SchemaGen."
        ) from error
    return from_tfmd(proto, user_id=user_id, item_id=item_id)


def _noted(feature: schema_pb2.Feature) -> Column | None:
    """Return the column that `to_tfmd` noted with a feature."""
    for comment in feature.annotation.comment:
        if comment.startswith(_COLUMN):
            return Column.from_dict(feature.name, json.loads(comment[len(_COLUMN) :]))
    return None


def _drafted(feature: schema_pb2.Feature, user: str, item: str, taken: set[Role]) -> Column:
    """Return a column that fits the name and type of a feature."""
    from tensorflow_metadata.proto.v0 import schema_pb2

    name = feature.name
    if name in (user, item):
        return Column(name, Kind.ID, Role.USER if name == user else Role.ITEM)
    is_number = feature.type in (schema_pb2.INT, schema_pb2.FLOAT)
    if is_number and is_time_name(name) and Role.EVENT_TIME not in taken:
        return Column(name, Kind.TIMESTAMP, Role.EVENT_TIME)
    if is_number and is_label_name(name) and Role.LABEL not in taken:
        return Column(name, Kind.LABEL, Role.LABEL)
    if is_number:
        return Column(name, Kind.NUMERIC, Role.CONTEXT)
    is_single = feature.HasField("shape") or feature.value_count.max == 1
    return Column(name, Kind.CATEGORICAL if is_single else Kind.MULTI_HOT, Role.CONTEXT)
