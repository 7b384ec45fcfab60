"""The clients: the same calls, one client blocks and the other is awaited."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.client.answers import Recommendations, Signature, VersionStatus
from serving.client.calls import Call, OtherSignatureError, ServingError, Tls
from serving.client.over_grpc import AsyncGrpc, Grpc
from serving.client.over_rest import AsyncRest, Rest
from serving.client.recommend import values
from serving.client.steps import Steps, Walk


class _Client:
    def __init__(
        self,
        address: str = "localhost:8500",
        *,
        model: str = "default",
        timeout: float = 10.0,
        retries: int = 4,
        tls: Tls | None = None,
    ) -> None:
        self.model = model
        over_rest = address.startswith(("http://", "https://"))
        self._transport = self._transports[over_rest](address, tls)
        self._steps = Steps(model, timeout, retries, described_first=over_rest)

    def wait_until_ready(self, timeout: float = 60.0) -> None:
        """Waits for the server to listen and to have a version of the model available.

        Args:
            timeout: seconds to wait.

        Raises:
            ServingError: none was available in time.
        """
        return self._run(self._steps.wait(timeout))

    def predict(
        self,
        inputs: Mapping[str, npt.ArrayLike],
        *,
        signature_name: str = "",
        version: int | str | None = None,
        outputs: Sequence[str] = (),
    ) -> dict[str, np.ndarray]:
        """Runs one signature of the model.

        Args:
            inputs: a value for each input. Arrays keep their dtype; Python floats become float32
                and Python integers int32, as everywhere in TensorFlow.
            signature_name: the signature; `serving_default` if empty.
            version: the model version, or the label of one; the highest available by default.
            outputs: names of the outputs to compute; all by default.

        Returns:
            The outputs by name. Strings come as object arrays of bytes.

        Raises:
            ServingError: the server refused the request or could not be reached.
        """
        call = Call("Predict", self.model, signature_name, version, inputs=inputs, outputs=outputs)
        return self._run(self._steps.outputs(call))

    def classify(
        self,
        examples: Sequence[Mapping[str, npt.ArrayLike]],
        *,
        context: Mapping[str, npt.ArrayLike] | None = None,
        signature_name: str = "",
        version: int | str | None = None,
    ) -> list[list[tuple[str, float]]]:
        """Classifies examples through a signature that reads serialized tf.Examples.

        Args:
            examples: for each example its features by name.
            context: features that all examples share.
            signature_name: the signature; `serving_default` if empty.
            version: the model version, or the label of one; the highest available by default.

        Returns:
            For each example its classes, as label and score.

        Raises:
            ServingError: the server refused the request or could not be reached.
        """
        call = Call(
            *("Classify", self.model, signature_name, version), examples=examples, context=context
        )
        return self._run(self._steps.call(call))

    def regress(
        self,
        examples: Sequence[Mapping[str, npt.ArrayLike]],
        *,
        context: Mapping[str, npt.ArrayLike] | None = None,
        signature_name: str = "",
        version: int | str | None = None,
    ) -> np.ndarray:
        """Asks for a value of each example through a signature that reads tf.Examples.

        Args:
            examples: for each example its features by name.
            context: features that all examples share.
            signature_name: the signature; `serving_default` if empty.
            version: the model version, or the label of one; the highest available by default.

        Returns:
            float32 array [batch].

        Raises:
            ServingError: the server refused the request or could not be reached.
        """
        call = Call(
            *("Regress", self.model, signature_name, version), examples=examples, context=context
        )
        return self._run(self._steps.call(call))

    def metadata(self, *, version: int | str | None = None) -> dict[str, Signature]:
        """Describes the signatures of the model.

        Args:
            version: the model version, or the label of one; the highest available by default.

        Returns:
            The signatures by name.

        Raises:
            ServingError: the server refused the request or could not be reached.
        """
        return self._run(self._steps.signatures(version))

    def status(self, *, version: int | None = None) -> list[VersionStatus]:
        """Lists the versions of the model and their states, the highest version first.

        Args:
            version: only this version; all by default.

        Raises:
            ServingError: the model or version is unknown, or the server could not be reached.
        """
        return self._run(self._steps.call(Call("Status", self.model, version=version)))

    def recommend(
        self,
        user_ids: Sequence[str] | np.ndarray,
        k: int = 10,
        exclude_seen: bool = True,
        history: Sequence[Sequence[str]] | None = None,
        candidates: Sequence[Sequence[str]] | None = None,
        context: Mapping[str, npt.ArrayLike] | None = None,
    ) -> Recommendations:
        """Ranks items for users through the model's signature `recommend`.

        What is None is not sent, so that the model's default applies, and neither is `k`,
        `exclude_seen` or `history` if the signature has no such input.

        Args:
            user_ids: raw user ids [batch].
            k: how many items to return for each user.
            exclude_seen: leave out what the user has already seen.
            history: for each user the raw ids of the latest items, oldest first; shorter rows are
                filled up with "".
            candidates: for each user the raw ids of the items to rank; the whole catalogue by
                default.
            context: values of other inputs of the signature by name, one row for each user.

        Returns:
            The best items of each user.

        Raises:
            ServingError: the server refused the request or could not be reached.
            ValueError: `history` or `candidates` is not one list for each user, or the model
                takes no `candidates` or no such `context`.
        """
        given = values(user_ids, k, exclude_seen, history, candidates)
        return self._run(self._steps.recommend({**given, **(context or {})}, k))


class ServingClient(_Client):
    """Calls one model of a TF Serving compatible server; safe to share between threads.

    Args:
        address: `host:port` or `unix:/path` of gRPC; `http://host:port` of REST, or `https://`.
        model: the model's name on the server.
        timeout: seconds a call may take, its retries included.
        retries: how often to try again when the server is unavailable, or says when it has room
            again; other errors are not retried.
        tls: files for TLS; without them gRPC is not encrypted.

    Example:
        >>> with ServingClient("localhost:8500", model="movies", timeout=2.0) as client:
        ...     client.model
        'movies'
    """

    _transports = Grpc, Rest

    def __enter__(self) -> "ServingClient":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; calls under way are cancelled."""
        self._transport.close()

    def _run(self, steps: Walk) -> Any:
        action, argument = steps.send, None
        while True:
            try:
                step = action(argument)
            except StopIteration as end:
                return end.value
            try:
                if isinstance(step, float):
                    action, argument = steps.send, time.sleep(step)
                else:
                    action, argument = steps.send, self._transport.send(*step)
            except (ServingError, OtherSignatureError) as error:
                action, argument = steps.throw, error


class AsyncServingClient(_Client):
    """The client for asyncio: it takes and does what `ServingClient` does, every call awaited.

    Example:
        >>> async def best(user: str) -> list[tuple[str, float]]:
        ...     async with AsyncServingClient("localhost:8500", model="movies") as client:
        ...         return (await client.recommend([user])).for_user(0)
    """

    _transports = AsyncGrpc, AsyncRest

    async def __aenter__(self) -> "AsyncServingClient":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection; calls under way are cancelled."""
        await self._transport.close()

    async def _run(self, steps: Walk) -> Any:
        action, argument = steps.send, None
        while True:
            try:
                step = action(argument)
            except StopIteration as end:
                return end.value
            try:
                if isinstance(step, float):
                    action, argument = steps.send, await asyncio.sleep(step)
                else:
                    action, argument = steps.send, await self._transport.send(*step)
            except (ServingError, OtherSignatureError) as error:
                action, argument = steps.throw, error
