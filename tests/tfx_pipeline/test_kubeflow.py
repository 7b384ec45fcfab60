"""The compiled pipeline spec: accepted by KFP's own loader, and nothing of this machine in it."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys

import kfp
import pytest
import yaml
from tfx.types.standard_artifacts import Schema

from recommenders_tf import data
from recommenders_tf.tfmd import load_schema_pbtxt
from recommenders_tf.typed_config import ConfigError
from tfx_pipeline.components.schema_gen import FeatureSchemaGen_Executor
from tfx_pipeline.config import PipelineConfig
from tfx_pipeline.runners.kubeflow import compile_pipeline

ROOT = pathlib.Path(__file__).parents[2]

EDGES = {
    "ExampleGen": set(),
    "FeatureSchemaGen": set(),
    "StatisticsGen": {"ExampleGen"},
    "ExampleValidator": {"StatisticsGen", "FeatureSchemaGen"},
    "AnomalyGate": {"ExampleValidator"},
    "Transform": {"ExampleGen", "FeatureSchemaGen", "AnomalyGate"},
    "Trainer": {"ExampleGen", "Transform"},
    "Resolver-model-blessing-resolver": set(),
    "Resolver-model-resolver": {"Resolver-model-blessing-resolver"},
    "Evaluator": {"ExampleGen", "Trainer", "Resolver-model-resolver"},
    "Pusher": {"Trainer", "Evaluator"},
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    config = PipelineConfig.load(ROOT / "configs" / "movielens_100k.yaml")
    return config, compile_pipeline(config, tmp_path_factory.mktemp("kfp") / "pipeline.yaml")


@pytest.fixture(scope="module")
def spec(compiled):
    return yaml.safe_load(compiled[1].read_text())


def test_kfp_loads_it(compiled):
    config, path = compiled
    assert kfp.components.load_component_from_file(str(path)).name == config.name


def test_the_dag_is_the_pipeline(spec):
    tasks = spec["root"]["dag"]["tasks"]
    found = {}
    for name, task in tasks.items():
        artifacts = task.get("inputs", {}).get("artifacts", {}).values()
        producers = {artifact["taskOutputArtifact"]["producerTask"] for artifact in artifacts}
        found[name] = producers | set(task.get("dependentTasks", []))
    assert found == EDGES
    assert all(
        task["cachingOptions"]["enableCache"]
        for name, task in tasks.items()
        if not name.startswith("Resolver")
    )


def test_the_trainer_gets_the_resources_of_the_config(compiled, spec):
    kubeflow = compiled[0].kubeflow
    containers = {
        name.removesuffix("_executor"): executor["container"]
        for name, executor in spec["deploymentSpec"]["executors"].items()
        if "container" in executor
    }
    assert {container["image"] for container in containers.values()} == {kubeflow.image}
    assert containers["Trainer"]["resources"] == {
        "cpuLimit": kubeflow.cpu,
        "memoryLimit": kubeflow.memory,
        "accelerator": {"type": kubeflow.gpu_type, "count": str(kubeflow.gpu_count)},
    }
    assert [name for name, container in containers.items() if "resources" in container] == [
        "Trainer"
    ]
    for container in containers.values():
        assert container["command"][:2] == ["env", "TF_USE_LEGACY_KERAS=1"]
        module, _, name = container["args"][1].rpartition(".")
        assert module.startswith(("tfx.", "tfx_pipeline."))
        assert name


def test_no_path_of_this_machine_is_in_it(compiled):
    config, path = compiled
    text = path.read_text()
    own = (config.kubeflow.data_dir, config.kubeflow.work_dir)
    paths = set(re.findall(r"(?<![\w:/.])/\w[\w./-]+", text))
    assert [found for found in paths if not found.startswith(own)] == []
    assert str(ROOT) not in text
    assert config.pipeline_root not in text


def test_a_component_runs_from_its_compiled_parameters(spec, tmp_path):
    """What the spec hands to a container is what the component can read."""
    task = spec["root"]["dag"]["tasks"]["FeatureSchemaGen"]
    value = task["inputs"]["parameters"]["feature_schema"]["runtimeValue"]["constantValue"]
    schema = json.loads(value["stringValue"] if isinstance(value, dict) else value)
    assert schema["name"] == "movielens-100k"
    artifact = Schema()
    artifact.uri = str(tmp_path)
    FeatureSchemaGen_Executor().Do(
        {}, {"schema": [artifact]}, {"feature_schema": json.dumps(schema)}
    )
    assert load_schema_pbtxt(tmp_path / "schema.pbtxt").to_dict() == schema


def test_a_config_without_the_section_cannot_be_compiled(compiled, tmp_path):
    config = dataclasses.replace(compiled[0], kubeflow=None)
    with pytest.raises(ConfigError, match="no section `kubeflow`; add one"):
        compile_pipeline(config, tmp_path / "pipeline.yaml")


@pytest.mark.slow
def test_a_container_runs_its_command(log, tmp_path, pipeline_config):
    """ExampleGen's driver and executor, started as the launcher of a cluster would start them."""
    folder = data.write_files(log, tmp_path / "data")
    section = {
        "image": "image",
        "pipeline_root": str(tmp_path / "root"),
        "data_dir": str(folder),
        "serving_dir": str(tmp_path / "models"),
        "work_dir": str(tmp_path / "work"),
    }
    config = pipeline_config(folder, tmp_path, kubeflow=section)
    path = compile_pipeline(config, tmp_path / "pipeline.yaml")
    spec = yaml.safe_load(path.read_text())
    parameters = spec["root"]["dag"]["tasks"]["ExampleGen"]["inputs"]["parameters"]
    (made,) = spec["components"]["ExampleGen"]["outputDefinitions"]["artifacts"].values()
    artifact = {
        "name": "examples",
        "uri": str(tmp_path / "root" / "examples"),
        "type": {"instanceSchema": made["artifactType"]["instanceSchema"]},
    }
    executor_input = {
        "inputs": {
            "parameters": {n: v["runtimeValue"]["constantValue"] for n, v in parameters.items()}
        },
        "outputs": {
            "artifacts": {"examples": {"artifacts": [artifact]}},
            "outputFile": str(tmp_path / "root" / "task" / "output.json"),
        },
    }
    container = spec["deploymentSpec"]["executors"]["ExampleGen_executor"]["container"]
    for part in (container["lifecycle"]["preCacheCheck"], container):
        command = [*part["command"], *part["args"]]
        command[command.index("{{$}}")] = json.dumps(executor_input)
        environment = {n: v for n, v in os.environ.items() if n != "TF_USE_LEGACY_KERAS"}
        environment["PATH"] = f"{pathlib.Path(sys.executable).parent}:{environment['PATH']}"
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
    for split in ("train", "eval", "items", "users"):
        assert list((tmp_path / "root" / "examples" / f"Split-{split}").glob("*.gz"))
