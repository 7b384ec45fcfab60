"""The chain as a TFX pipeline: events in, a validated SavedModel out.

`python -m tfx_pipeline run --config configs/movielens_100k.yaml` runs it on this machine,
`python -m tfx_pipeline compile` writes it for Kubeflow Pipelines.
"""

import recommenders_tf  # noqa: F401  It chooses the Keras, before anything here imports TensorFlow.
