"""A process with its network flags set: TLS, health, reflection, arguments, config polling."""

from __future__ import annotations

import pathlib
import socket

import grpc
import pytest
from google.protobuf import text_format
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tensorflow.tsl.profiler.protobuf import profiler_options_pb2, xplane_pb2
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.server import profiler
from serving.server.errors import StatusError
from serving.server.grpc_server import GrpcServer
from serving.server.model_config import ModelServerConfig
from serving.server.options import ServerOptions
from serving.server.protos import SSLConfig

CONFIG = """
model_config_list {{
  config {{ name: "toy" base_path: "{path}" model_platform: "tensorflow" {more} }}
}}
"""


@pytest.fixture(scope="module")
def secured(tmp_path_factory, saved_toys, start_server, certificates):
    """A server that asks clients for certificates, and looks at its configuration every second."""
    folder = tmp_path_factory.mktemp("secured")
    (folder / "toy").mkdir()
    saved_toys(folder / "toy" / "1", 1.0)
    saved_toys(folder / "toy" / "2", 2.0)
    tls = SSLConfig(
        server_key=certificates.key,
        server_cert=certificates.certificate,
        custom_ca=certificates.authority,
        client_verify=True,
    )
    (folder / "ssl").write_text(text_format.MessageToString(tls))
    (folder / "models").write_text(CONFIG.format(path=folder / "toy", more=""))
    server = start_server(
        folder,
        f"--model_config_file={folder / 'models'}",
        "--model_config_file_poll_wait_seconds=1",
        f"--ssl_config_file={folder / 'ssl'}",
        f"--grpc_socket_path={folder / 'socket'}",
        "--enable_grpc_healthcheck_service",
        "--grpc_channel_arguments=grpc.max_receive_message_length=1000,grpc.primary_user_agent=x",
        "--skip_initialize_tpu",
        "--num_load_threads=2",
    )
    channel = grpc.secure_channel(server.address, client_credentials(certificates))
    grpc.channel_ready_future(channel).result(120)
    yield server, channel
    channel.close()


def client_credentials(certificates):
    return grpc.ssl_channel_credentials(
        certificates.authority, certificates.key, certificates.certificate
    )


def predict(channel, size: int = 1) -> predict_pb2.PredictResponse:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "toy"
    request.inputs["x"].dtype = 1
    request.inputs["x"].float_val.extend([1.0] * size)
    for dim in (size, 1):
        request.inputs["x"].tensor_shape.dim.add(size=dim)
    return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)


def test_a_client_with_a_certificate_is_answered(secured, certificates):
    server, channel = secured
    assert predict(channel).outputs["half"].float_val == [2.5]
    socket_address = f"unix:{server.base_path / 'socket'}"
    local = grpc.secure_channel(
        socket_address,
        client_credentials(certificates),
        [("grpc.ssl_target_name_override", "localhost")],
    )
    with local:
        assert predict(local).outputs["half"].float_val == [2.5]


def test_a_client_without_a_certificate_is_not(secured, certificates):
    server, _ = secured
    with (
        grpc.secure_channel(
            server.address, grpc.ssl_channel_credentials(certificates.authority)
        ) as channel,
        pytest.raises(grpc.RpcError) as raised,
    ):
        predict(channel)
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(grpc.RpcError):
        predict(server.channel)


def test_a_channel_argument_takes_hold(secured):
    _, channel = secured
    with pytest.raises(grpc.RpcError) as raised:
        predict(channel, size=1000)
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_health(secured):
    _, channel = secured
    stub = health_pb2_grpc.HealthStub(channel)
    for name in ("ModelService", "PredictionService", ""):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=60)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as raised:
        stub.Check(health_pb2.HealthCheckRequest(service="nobody"), timeout=60)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    watch = stub.Watch(health_pb2.HealthCheckRequest(service="ModelService"), timeout=60)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()


def test_reflection(secured):
    _, channel = secured
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    (answer,) = stub.ServerReflectionInfo(iter([request]), timeout=60)
    assert {service.name for service in answer.list_services_response.service} >= {
        "tensorflow.serving.PredictionService",
        "tensorflow.serving.ModelService",
        "grpc.health.v1.Health",
    }


def test_the_profiler(secured, tmp_path):
    _, channel = secured

    def call(method: str, request: str, response: str, **fields):
        rpc = channel.unary_unary(
            f"/tensorflow.ProfilerService/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=getattr(profiler, response).FromString,
        )
        return rpc(getattr(profiler, request)(**fields), timeout=60)

    monitored = call("Monitor", "MonitorRequest", "MonitorResponse", duration_ms=1)
    assert "cores in use" in monitored.data
    (trace,) = call("Profile", "ProfileRequest", "ProfileResponse", duration_ms=1).tool_data
    assert xplane_pb2.XSpace.FromString(trace.data).planes
    # What TensorFlow's own client sends: the duration in opts, the folder, a session and a host.
    opts = profiler_options_pb2.ProfileOptions(duration_ms=1).SerializeToString()
    target = {"repository_root": str(tmp_path), "session_id": "../now", "host_name": "me:1"}
    assert not call("Profile", "ProfileRequest", "ProfileResponse", opts=opts, **target).tool_data
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*.pb")] == [
        pathlib.Path("now/me:1.xplane.pb")
    ]


def test_a_reload_over_the_wire(secured, eventually):
    server, channel = secured
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    policy = "model_version_policy { all {} }"
    config = CONFIG.format(path=server.base_path / "toy", more=policy)
    request = model_management_pb2.ReloadConfigRequest(
        config=text_format.Parse(config, ModelServerConfig())
    )
    assert not stub.HandleReloadConfigRequest(request, timeout=60).status.error_code
    eventually(lambda: states(channel) == {1: 30, 2: 30})


def states(channel) -> dict[int, int]:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "toy"
    response = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=60)
    return {status.version: status.state for status in response.model_version_status}


def test_the_config_file_is_read_again(secured, eventually):
    server, channel = secured
    path = server.base_path / "models"
    path.write_text("model_config_list { nonsense }")
    eventually(lambda: "Failed to read ModelServerConfig file: Invalid protobuf" in server.log())
    assert "Error parsing text-format tensorflow.serving.ModelServerConfig: 1:" in server.log()
    path.write_text(CONFIG.format(path="relative", more=""))
    eventually(lambda: "failed to ReloadConfig: Expected model toy to have an abso" in server.log())
    assert predict(channel).outputs["half"].float_val == [2.5]
    older = "model_version_policy { specific { versions: 1 } }"
    path.write_text(CONFIG.format(path=server.base_path / "toy", more=older))
    eventually(lambda: states(channel) == {1: 30, 2: 50})
    assert predict(channel).outputs["half"].float_val == [1.5]


def test_flags_without_effect_are_named(secured):
    server, _ = secured
    log = server.log()
    assert "--skip_initialize_tpu has no effect in this server." in log
    assert log.count("has no effect") == 1


@pytest.mark.parametrize(
    ("flags", "content", "text"),
    [
        ({"grpc_channel_arguments": "a=1,b"}, "", "b has no ="),
        ({"ssl_config_file": "ssl"}, "server_key: 5", "INVALID_ARGUMENT: Invalid protobuf file: "),
        ({"ssl_config_file": "ssl"}, "client_verify: true", "client_verify without custom_ca"),
        ({"ssl_config_file": "ssl"}, "server_key: 'x' server_cert: 'y'", "mend the PEM texts"),
        ({"ssl_config_file": "nowhere"}, "", "NOT_FOUND: .*nowhere; No such file or directory"),
    ],
)
def test_network_flags_that_are_wrong(toy_handlers, tmp_path, flags, content, text):
    (tmp_path / "ssl").write_text(content)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    if "ssl_config_file" in flags:
        flags = {"ssl_config_file": str(tmp_path / flags["ssl_config_file"])}
    with pytest.raises(StatusError, match=text):
        GrpcServer(toy_handlers, ServerOptions(port=port, **flags))


@pytest.fixture(scope="module")
def toy_handlers(start, estimates):
    return start(model_name="e", model_base_path=str(estimates))
