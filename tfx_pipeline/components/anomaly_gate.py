"""What ExampleValidator finds stops the run; by itself it only writes a report."""

import os

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.dsl.component.experimental.annotations import InputArtifact
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import ExampleAnomalies


class AnomalyError(ValueError):
    """The examples are not what the schema says; the message names the column."""


@component
def AnomalyGate(anomalies: InputArtifact[ExampleAnomalies]) -> None:  # noqa: N802
    """Fail if any split has an anomaly.

    Args:
        anomalies: Output of ExampleValidator.
    """
    for split in artifact_utils.decode_split_names(anomalies.split_names):
        path = os.path.join(anomalies.uri, f"Split-{split}", "SchemaDiff.pb")
        with fileio.open(path, "rb") as file:
            found = anomalies_pb2.Anomalies.FromString(file.read())
        if found.anomaly_info:
            column, anomaly = min(found.anomaly_info.items(), key=lambda item: item[0])
            raise AnomalyError(
                f"Column `{column}` of the split `{split}` is not what the schema says: "
                f"{anomaly.description.rstrip('. ')}. Mend the data or the schema "
                f"({len(found.anomaly_info)} such columns in all)."
            )
        if found.HasField("dataset_anomaly_info"):
            raise AnomalyError(
                f"The split `{split}` is not what the schema says: "
                f"{found.dataset_anomaly_info.description}"
            )
