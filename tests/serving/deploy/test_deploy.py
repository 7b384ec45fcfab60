"""The files of serving/deploy: valid, of one mind, and their commands run."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import kubernetes_validate
import numpy as np
import pytest
import requests
import yaml
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from serving.client import ServingClient
from serving.server.protos import BatchingParameters, MonitoringConfig, read_text_proto
from tests.conformance.models import half_plus
from tests.conformance.rows import ROWS
from tests.conformance.target import free_port

DEPLOY = pathlib.Path(__file__).parents[3] / "serving" / "deploy"
BASE, CONFIG = DEPLOY / "kubernetes/base", DEPLOY / "kubernetes/base/config"
KUBERNETES = "1.28"


def _load(path: pathlib.Path) -> dict:
    return yaml.safe_load(path.read_text())


def _patched(base: object, patch: object) -> object:
    """A strategic merge, as far as these files need it: lists of containers go by name."""
    if isinstance(base, dict) and isinstance(patch, dict):
        merged = {name: _patched(base.get(name), value) for name, value in patch.items()}
        return base | merged
    if isinstance(base, list) and patch and isinstance(patch, list) and "name" in patch[0]:
        named = {entry["name"]: entry for entry in base}
        return [
            *({**named, **{p["name"]: _patched(named.get(p["name"]), p) for p in patch}}.values())
        ]
    return patch


def _resources(variant: str) -> dict[str, dict]:
    """The manifests of a variant by kind, as `kubectl apply -k` makes them."""
    kustomization = _load(DEPLOY / "kubernetes" / variant / "kustomization.yaml")
    if kustomization["resources"] == ["../base"]:
        found = _resources("base")
        for patch in kustomization["patches"]:
            patch = _load(DEPLOY / "kubernetes" / variant / patch["path"])
            found[patch["kind"]] = _patched(found[patch["kind"]], patch)
        return found
    return {(r := _load(BASE / name))["kind"]: r for name in kustomization["resources"]}


def _container(variant: str = "base") -> dict:
    return _resources(variant)["Deployment"]["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("variant", ["base", "gpu", "embedded"])
def test_manifests_are_valid(variant):
    resources = _resources(variant)
    assert set(resources) == {
        *("Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"),
        "PersistentVolumeClaim",
    }
    for resource in resources.values():
        kubernetes_validate.validate(resource, KUBERNETES, strict=True)


def test_variants_differ_in_what_they_say():
    assert _container("gpu")["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert _container("gpu")["resources"]["limits"]["memory"]
    assert _container("embedded")["image"] != _container()["image"]
    assert _container("embedded")["args"] == _container()["args"]


def test_manifests_name_one_another():
    resources = _resources("base")
    pod = resources["Deployment"]["spec"]["template"]
    labels = pod["metadata"]["labels"]
    assert resources["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert resources["Service"]["spec"]["selector"] == labels
    assert resources["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    scaled = resources["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert scaled["name"] == resources["Deployment"]["metadata"]["name"]
    ports = {port["name"] for port in _container()["ports"]}
    assert {port["targetPort"] for port in resources["Service"]["spec"]["ports"]} == ports
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    assert {mount["name"] for mount in _container()["volumeMounts"]} == set(volumes)
    claim = resources["PersistentVolumeClaim"]["metadata"]["name"]
    assert volumes["models"]["persistentVolumeClaim"]["claimName"] == claim
    generated = _load(BASE / "kustomization.yaml")["configMapGenerator"][0]
    assert volumes["config"]["configMap"]["name"] == generated["name"]
    assert {BASE / name for name in generated["files"]} == set(CONFIG.iterdir())
    seconds = int(_container()["lifecycle"]["preStop"]["exec"]["command"][1])
    assert seconds < pod["spec"]["terminationGracePeriodSeconds"]


def test_configurations_are_those_of_the_official_image():
    models = text_format.Parse(
        (CONFIG / "models.config").read_text(), model_server_config_pb2.ModelServerConfig()
    )
    for config in models.model_config_list.config:
        assert config.base_path.startswith("/") and config.model_platform == "tensorflow"
        # The official binary refuses any.
        assert not config.HasField("logging_config")
    batching = read_text_proto(str(CONFIG / "batching.config"), BatchingParameters)
    assert batching.max_batch_size.value > 0
    monitoring = read_text_proto(str(CONFIG / "monitoring.config"), MonitoringConfig)
    scrape = _load(DEPLOY / "monitoring/prometheus.yml")["scrape_configs"][0]
    annotations = _resources("base")["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    assert monitoring.prometheus_config.enable
    assert monitoring.prometheus_config.path == scrape["metrics_path"]
    assert monitoring.prometheus_config.path == annotations["prometheus.io/path"]


def test_flags_are_those_of_the_official_image():
    flags = {row.id for row in ROWS if row.section == "Flags"}
    commands = [_container()["args"], _compose()["services"]["official"]["command"]]
    for command in commands:
        names = [re.match(r"--(\w+)=", flag)[1] for flag in command]
        assert set(names) <= flags and len(set(names)) == len(names)


def _metrics() -> set[str]:
    """The names of the API's table, with those of the series of histograms."""
    names = set()
    for row in ROWS:
        if row.section == "Metrics":
            names |= set(re.findall(r":tensorflow:serving:[\w:]+", row.case))
    return names | {f"{name}_{end}" for name in names for end in ("bucket", "sum", "count")}


@pytest.mark.parametrize("path", ["monitoring/rules.yml", "monitoring/grafana/dashboard.json"])
def test_every_metric_is_one_that_the_server_tells(path):
    named = set(re.findall(r":tensorflow:[\w:]+", (DEPLOY / path).read_text()))
    assert len(named) > 3
    assert named <= _metrics()


def test_rules_use_what_is_recorded():
    rules = _load(DEPLOY / "monitoring/rules.yml")["groups"][0]["rules"]
    recorded = {rule["record"] for rule in rules if "record" in rule}
    used = set(re.findall(r"(?<![\w:])model:[\w:]+", " ".join(rule["expr"] for rule in rules)))
    assert used == recorded
    assert all(rule["annotations"]["summary"] for rule in rules if "alert" in rule)


def test_the_dashboard_has_no_panel_over_another():
    panels = json.loads((DEPLOY / "monitoring/grafana/dashboard.json").read_text())["panels"]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len({panel["id"] for panel in panels}) == len(panels)


def _compose() -> dict:
    return _load(DEPLOY / "compose.yaml")


def test_compose_mounts_what_is_there():
    services = _compose()["services"]
    assert services["embedded"]["command"] == services["official"]["command"]
    for service in services.values():
        for volume in service["volumes"]:
            source = volume.split(":", 1)[0]
            assert source.startswith("${MODELS") or (DEPLOY / source).exists(), source
    build = services["embedded"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
    target = _load(DEPLOY / "monitoring/prometheus.yml")["scrape_configs"][0]["static_configs"][0]
    assert target["targets"] == [
        f"{services['official']['networks']['default']['aliases'][0]}:8501"
    ]


def test_the_dockerfile_copies_what_is_there():
    text = (DEPLOY / "Dockerfile").read_text()
    for sources in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE):
        for source in sources.split():
            assert (DEPLOY.parents[1] / source).exists(), source
    assert re.search(r"MODEL_BASE_PATH=/models MODEL_NAME=model\b", text)
    assert os.access(DEPLOY / "entrypoint.sh", os.X_OK)


@pytest.fixture(scope="module")
def mounted(tmp_path_factory) -> pathlib.Path:
    """What a container has at /models and /config, for one that runs here."""
    root = tmp_path_factory.mktemp("root")
    (root / "models/recommender").mkdir(parents=True)
    half_plus(root / "models/recommender/1")
    shutil.copytree(CONFIG, root / "config")
    models = root / "config/models.config"
    models.write_text(models.read_text().replace('"/models', f'"{root}/models'))
    return root


@pytest.fixture
def run(mounted, tmp_path):
    """Runs the entry point of the image with a container's arguments; gives the two ports."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(sys.executable)
    processes = []

    def run(arguments: list[str]) -> tuple[int, int]:
        ports = free_port(), free_port()
        arguments = [
            re.sub(r"=/(config|models)\b", rf"={mounted}/\1", argument)
            for argument in arguments
            if not argument.startswith(("--port=", "--rest_api_port="))
        ]
        arguments += [f"--port={ports[0]}", f"--rest_api_port={ports[1]}"]
        environment = {
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(DEPLOY.parents[1]), *sys.path]),
            "MODEL_BASE_PATH": "/models",
            "MODEL_NAME": "model",
        }
        processes.append(
            subprocess.Popen(
                [str(DEPLOY / "entrypoint.sh"), *arguments], env=os.environ | environment
            )
        )
        return ports

    yield run
    for process in processes:
        process.terminate()
        assert process.wait(60) == 0


@pytest.mark.parametrize("source", ["kubernetes", "compose"])
def test_the_command_of_the_container_serves(source, run):
    container = _container("embedded")
    compose = _compose()["services"]["embedded"]["command"]
    grpc_port, rest_port = run(container["args"] if source == "kubernetes" else compose)
    with ServingClient(f"localhost:{grpc_port}", model="recommender") as client:
        client.wait_until_ready(120)
        answer = client.predict({"x": np.float32([[1.0]])})
    with ServingClient(f"http://localhost:{rest_port}", model="recommender") as client:
        client.wait_until_ready(120)
    np.testing.assert_array_equal(answer["y"], [[2.5]])
    probe = container["readinessProbe"]["httpGet"]["path"]
    assert requests.get(f"http://localhost:{rest_port}{probe}", timeout=10).status_code == 200
    metrics = f"http://localhost:{rest_port}/monitoring/prometheus/metrics"
    assert ":tensorflow:serving:request_count" in requests.get(metrics, timeout=10).text
