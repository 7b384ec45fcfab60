"""The curated schema: the feature schema, as TensorFlow Metadata, for the components that ask."""

import json
import os

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types.standard_artifacts import Schema

from recommenders_tf.schema import FeatureSchema, Kind
from recommenders_tf.tfmd import to_tfmd

_DEFAULTS = {
    schema_pb2.BYTES: {"bytes_value": b""},
    schema_pb2.FLOAT: {"float_value": float("nan")},
    schema_pb2.INT: {"int_value": 0},
}


@component
def FeatureSchemaGen(  # noqa: N802
    schema: OutputArtifact[Schema], feature_schema: Parameter[str]
) -> None:
    """Write the TensorFlow Metadata of a feature schema.

    Args:
        schema: What is written.
        feature_schema: `FeatureSchema.to_dict` as JSON.
    """
    proto = to_parsed_tfmd(FeatureSchema.from_dict(json.loads(feature_schema)))
    with fileio.open(os.path.join(schema.uri, "schema.pbtxt"), "w") as file:
        file.write(text_format.MessageToString(proto))


def to_parsed_tfmd(schema: FeatureSchema) -> schema_pb2.Schema:
    """Return TensorFlow Metadata that parses as `features.parsing_spec` does.

    Without it, one example that lacks a value would make its column sparse. Here an absent value
    is "", NaN or 0, so that the tables of users and items, which lack each other's columns, go
    through Transform as the events do. A numeric column without any value is an anomaly.
    """
    proto = to_tfmd(schema)
    tensors = proto.tensor_representation_group[""].tensor_representation
    ages = {column.ages_name for column in schema.sequences}
    for feature in proto.feature:
        if feature.name in ages or schema[feature.name].kind in (Kind.MULTI_HOT, Kind.SEQUENCE):
            tensors[feature.name].ragged_tensor.feature_path.step.append(feature.name)
            continue
        if schema[feature.name].kind is Kind.NUMERIC:
            feature.presence.min_count = 1
        if not schema[feature.name].is_derived:
            dense = tensors[feature.name].dense_tensor
            dense.column_name = feature.name
            dense.shape.SetInParent()
            for field, value in _DEFAULTS[feature.type].items():
                setattr(dense.default_value, field, value)
    return proto
