"""The RPCs of a server of several processes, whose answers must hold for all of them."""

import time

from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

from serving.server import metrics
from serving.server.errors import StatusError
from serving.server.handlers import Handlers
from serving.server.options import ServerOptions
from serving.server.peers import Peers, Seat
from serving.server.registry import Models
from serving.server.request_log import RequestLog
from serving.server.status import least_advanced


class SharedHandlers(Handlers):
    """The methods of a server of several processes: what one is told holds for all.

    Args:
        models: the models of this process.
        options: what the flags say.
        request_log: where sampled requests are written.
        seat: the place of this process.
    """

    def __init__(
        self, models: Models, options: ServerOptions, request_log: RequestLog, seat: Seat
    ) -> None:
        super().__init__(models, options, request_log)
        self._peers = Peers(seat)
        self._peers.answer(
            {
                "status": super().get_model_status,
                "reload": super().reload_config,
                "metrics": metrics.snapshot,
            }
        )

    def get_model_status(
        self,
        request: get_model_status_pb2.GetModelStatusRequest,
        deadline: float | None = None,
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Where each version of a model is in its life in the process that is least far."""
        try:
            answers = [super().get_model_status(request, deadline)]
        except StatusError as error:
            answers = [error]
        answers += self._peers.ask("status", request)
        known = [answer for answer in answers if not isinstance(answer, StatusError)]
        if not known:
            raise answers[0]
        nothing = get_model_status_pb2.GetModelStatusResponse()
        return least_advanced([*known, *[nothing] * (len(answers) - len(known))])

    def reload_config(
        self,
        request: model_management_pb2.ReloadConfigRequest,
        deadline: float | None = None,
    ) -> model_management_pb2.ReloadConfigResponse:
        """Replaces the configuration in all; one that this process refuses goes no further."""
        start = time.monotonic()
        response = super().reload_config(request, deadline)
        left = None if deadline is None else deadline - (time.monotonic() - start)
        for answer in self._peers.ask("reload", request, left):
            if isinstance(answer, StatusError):
                raise answer
        return response

    def metrics_page(self) -> str:
        """The metrics of all processes together, in Prometheus' text format."""
        return metrics.render(self._peers.ask("metrics"))
