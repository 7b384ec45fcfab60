"""`tensorflow.ProfilerService`: traces of this process for TensorBoard, on the server's own port.

`tf.profiler.experimental.client.trace("grpc://HOST:PORT", LOGDIR, 2000)` asks it. TensorFlow's
package has no Python messages of the service, so the fields that matter are declared here under
the names and numbers of its `profiler_service.proto`.
"""

import os
import pathlib
import tempfile
import threading
import time
from typing import Any

import tensorflow as tf
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from tensorflow.tsl.profiler.protobuf import profiler_options_pb2

from serving.server.errors import from_exception
from serving.server.protos import declare

SERVICE = "tensorflow.ProfilerService"
_PACKAGE = "tensorflow"
_TYPES = declare(
    _PACKAGE,
    {
        "ProfileRequest": {
            "duration_ms": (1, Field.TYPE_UINT64),
            # A message on the wire is its bytes.
            "opts": (4, Field.TYPE_BYTES),
            "repository_root": (5, Field.TYPE_STRING),
            "session_id": (6, Field.TYPE_STRING),
            "host_name": (7, Field.TYPE_STRING),
        },
        "ProfileToolData": {"name": (1, Field.TYPE_STRING), "data": (2, Field.TYPE_BYTES)},
        "ProfileResponse": {
            "tool_data": (6, f"{_PACKAGE}.ProfileToolData", True),
            "empty_trace": (7, Field.TYPE_BOOL),
        },
        "TerminateRequest": {"session_id": (1, Field.TYPE_STRING)},
        "TerminateResponse": {},
        "MonitorRequest": {"duration_ms": (1, Field.TYPE_UINT64)},
        "MonitorResponse": {"data": (1, Field.TYPE_STRING)},
    },
)
ProfileRequest, ProfileResponse = _TYPES["ProfileRequest"], _TYPES["ProfileResponse"]
TerminateRequest, TerminateResponse = _TYPES["TerminateRequest"], _TYPES["TerminateResponse"]
MonitorRequest, MonitorResponse = _TYPES["MonitorRequest"], _TYPES["MonitorResponse"]


class Profiler:
    """The three methods of the service; TensorFlow profiles one session at a time."""

    def __init__(self) -> None:
        self._running: dict[str, threading.Event] = {}

    def profile(self, request: Any, deadline: float | None = None) -> Any:
        """Traces the process for the time asked for.

        The trace is written to `<repository_root>/<session_id>/<host_name>.xplane.pb` on this
        machine; it is in the response if the request names no `repository_root`.

        Raises:
            StatusError: another session is running, or the trace cannot be written.
        """
        opts = profiler_options_pb2.ProfileOptions.FromString(request.opts)
        stopped = self._running.setdefault(request.session_id, threading.Event())
        response = ProfileResponse()
        try:
            with tempfile.TemporaryDirectory() as folder:
                tf.profiler.experimental.start(folder)
                stopped.wait((opts.duration_ms or request.duration_ms) / 1000)
                tf.profiler.experimental.stop()
                (trace,) = pathlib.Path(folder).rglob("*.xplane.pb")
                content = trace.read_bytes()
            if request.repository_root:
                # Names of a client must not lead out of the folder.
                session, host = map(os.path.basename, (request.session_id, request.host_name))
                target = tf.io.gfile.join(request.repository_root, session)
                tf.io.gfile.makedirs(target)
                with tf.io.gfile.GFile(f"{target}/{host or 'localhost'}.xplane.pb", "wb") as file:
                    file.write(content)
            else:
                response.tool_data.add(name="xplane.pb", data=content)
        except tf.errors.OpError as error:
            raise from_exception(error) from error
        finally:
            self._running.pop(request.session_id, None)
        return response

    def terminate(self, request: Any, deadline: float | None = None) -> Any:
        """Ends a session early."""
        if request.session_id in self._running:
            self._running[request.session_id].set()
        return TerminateResponse()

    def monitor(self, request: Any, deadline: float | None = None) -> Any:
        """How busy the process is."""
        start, used = time.monotonic(), time.process_time()
        time.sleep(max(request.duration_ms, 1) / 1000)
        cores = (time.process_time() - used) / (time.monotonic() - start)
        return MonitorResponse(data=f"CPU: {cores:.2f} cores in use by the model server.\n")
