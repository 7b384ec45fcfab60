"""What a client does, as steps that a blocking client and one of asyncio both walk."""

import dataclasses
import time
from collections.abc import Generator, Mapping
from typing import Any

import grpc
import numpy.typing as npt

from serving.client.answers import Signature, TensorSpec
from serving.client.calls import Call, OtherSignatureError, Prediction, ServingError, pause_before
from serving.client.recommend import RECOMMEND, recommended, unknown

_POLL_SECONDS = 0.1
# Calls, each with the seconds that it may take and those it was given at first, and pauses.
Walk = Generator[tuple[Call, float, float] | float, Any, Any]


class Steps:
    """Calls, retries and pauses, one after the other; who walks them sends and waits.

    Args:
        model: the model's name on the server.
        timeout: seconds a call may take, its retries included.
        retries: how often to try again.
        described_first: look up the signature before Predict, since answers do not tell dtypes.
    """

    def __init__(self, model: str, timeout: float, retries: int, described_first: bool) -> None:
        self._model = model
        self._timeout = timeout
        self._retries = retries
        self._described_first = described_first
        # By what was asked for: the version that was described, and its signatures.
        self._described: dict[int | str | None, tuple[int, dict[str, Signature]]] = {}

    def call(self, call: Call) -> Walk:
        """Calls until there is an answer, an error that is not tried again, or no time left."""
        deadline = time.monotonic() + self._timeout
        attempt = 0
        while True:
            try:
                return (yield call, max(deadline - time.monotonic(), 0), self._timeout)
            except ServingError as error:
                pause = pause_before(attempt, error)
                if pause is None or attempt >= self._retries or time.monotonic() + pause > deadline:
                    raise
            yield pause
            attempt += 1

    def wait(self, timeout: float) -> Walk:
        """Asks for the status until a version is available."""
        call = Call("Status", self._model, wait=True)
        deadline = time.monotonic() + timeout
        while True:
            left = max(deadline - time.monotonic(), 0)
            try:
                if any(status.state == "AVAILABLE" for status in (yield call, left, timeout)):
                    return
            except ServingError as error:
                passing = error.code in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNAVAILABLE)
                if not passing or not left:
                    raise
            yield _POLL_SECONDS

    def _describe(self, version: int | str | None) -> Walk:
        call = Call("Metadata", self._model, version=version)
        self._described[version] = yield from self.call(call)
        return self._described[version]

    def signatures(self, version: int | str | None) -> Walk:
        """The signatures of a version, by name."""
        return (yield from self._describe(version))[1]

    def _predict(self, call: Call) -> Walk:
        if not self._described_first:
            return (yield from self.call(call))
        known = self._described.get(call.version) or (yield from self._describe(call.version))
        try:
            return (yield from self.call(_described(call, known[1])))
        except OtherSignatureError:
            # A newer version has other outputs than the one that was described.
            known = yield from self._describe(call.version)
            return (yield from self.call(_described(call, known[1])))

    def outputs(self, call: Call) -> Walk:
        """The outputs of a Predict call, by name."""
        return (yield from self._predict(call)).outputs

    def recommend(self, given: dict[str, npt.ArrayLike], k: int) -> Walk:
        """Calls the signature `recommend`, described anew if a version takes other inputs."""
        described, signatures = self._described.get(None) or (yield from self._describe(None))
        try:
            answer: Prediction = yield from self._predict(self._recommendation(given, signatures))
        except ServingError as error:
            if error.code is not grpc.StatusCode.INVALID_ARGUMENT:
                raise
            # A newer version may take other inputs than the one that described them.
            described, current = yield from self._describe(None)
            if _inputs(current).keys() == _inputs(signatures).keys():
                raise
            answer = yield from self._predict(self._recommendation(given, current))
        if answer.version is not None and answer.version != described:
            self._described.pop(None, None)
        return recommended(answer, k)

    def _recommendation(
        self, given: dict[str, npt.ArrayLike], signatures: Mapping[str, Signature]
    ) -> Call:
        known = _inputs(signatures)
        if known and (missing := unknown(given, known)):
            raise ValueError(
                f"The signature `{RECOMMEND}` of model {self._model} has no input "
                f"{', '.join(missing)}; it takes {', '.join(sorted(known))}."
            )
        sent = {name: value for name, value in given.items() if name in known}
        return Call("Predict", self._model, RECOMMEND, inputs=sent)


def _described(call: Call, signatures: Mapping[str, Signature]) -> Call:
    # The server refuses a signature that is not there in its own words.
    known = signatures.get(call.signature or "serving_default", Signature({}, {}))
    return dataclasses.replace(call, described=known)


def _inputs(signatures: Mapping[str, Signature]) -> Mapping[str, TensorSpec]:
    # Without the signature the request itself gets the server's clear refusal.
    return signatures.get(RECOMMEND, Signature({}, {})).inputs
