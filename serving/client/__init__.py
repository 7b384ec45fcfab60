"""Clients of the embedded model server and of official TF Serving, over gRPC or REST.

    with ServingClient("localhost:8500", model="movies") as client:
        for item_id, score in client.recommend(["user 42"], k=5).for_user(0):
            print(item_id, score)

    async with AsyncServingClient("http://localhost:8501", model="movies") as client:
        answer = await client.recommend(["user 42"], k=5)

Importing this package imports all of TensorFlow, which takes seconds: the messages of TF Serving's
API are built from modules inside the `tensorflow` package. No TensorFlow op is run.
"""

from serving.client.answers import Recommendations, Signature, TensorSpec, VersionStatus
from serving.client.calls import ServingError, Tls
from serving.client.client import AsyncServingClient, ServingClient

__all__ = [
    "AsyncServingClient",
    "Recommendations",
    "ServingClient",
    "ServingError",
    "Signature",
    "TensorSpec",
    "Tls",
    "VersionStatus",
]
