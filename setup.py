"""Packaging. The plain install is the Keras library alone; each extra adds one part of the chain.

pip install .                     the library: Python 3.10 to 3.12, TensorFlow 2.16 to the newest
pip install ".[serving]"          the model server and its client
pip install ".[tfx]"              the TFX pipeline (Python 3.10 on Linux x86-64, TensorFlow 2.16)
pip install ".[tfx,kubeflow]"     the same pipeline compiled for Kubeflow Pipelines
pip install ".[ann]"              approximate nearest-neighbour libraries
pip install ".[reports]"          the report of a comparison of models
pip install ".[tune]"             the search for hyper-parameters
"""

import pathlib

from setuptools import find_packages, setup

EXTRAS = {
    # Beam is held at 2.61: from 2.66 on it no longer brings `dill`, which tfx-bsl imports.
    "tfx": [
        "tfx==1.16.0",
        "apache-beam[gcp]==2.61.0",
        "tensorflow==2.16.2",
    ],
    "kubeflow": ["tfx[kfp]==1.16.0", "kfp>=2.5,<2.6"],
    "serving": [
        "tensorflow-serving-api>=2.16.1",
        "aiohttp>=3.9",
        "grpcio>=1.60",
        "grpcio-health-checking>=1.48",
        "grpcio-reflection>=1.48",
        "httpx>=0.27",
        "orjson>=3.10",
    ],
    "ann": ["scann>=1.3.2", "faiss-cpu>=1.8"],
    "reports": ["matplotlib>=3.7"],
    # Held below 1.5: the search overrides what 1.4 does to draw values and to write its files.
    "tune": ["keras-tuner[bayesian]>=1.4.7,<1.5"],
    "dev": [
        "cryptography>=42",
        "hypothesis>=6.100",
        "import-linter>=2.0",
        "kubernetes-validate>=1.30",
        "matplotlib>=3.7",
        "mkdocs>=1.6,<2",
        "mkdocs-material>=9.5",
        "mkdocstrings[python]>=0.25",
        "mypy>=1.10",
        "pandas-stubs",
        "pre-commit>=3.7",
        "pymdown-extensions<12",  # mkdocstrings 1.0 does not run with 12
        "pytest>=8",
        "pytest-cov>=5",
        "pytest-xdist>=3.6",
        "ranx>=0.3.20",
        "requests>=2.31",
        "ruff>=0.6",
        "scikit-learn>=1.4",
        "types-PyYAML",
    ],
}

setup(
    name="recommenders-tf",
    version="0.1.0",
    description="Recommender systems in TensorFlow and Keras, from events to a gRPC server",
    long_description=pathlib.Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(
        include=["recommenders_tf*", "tfx_pipeline*", "serving*"],
    ),
    package_data={
        "recommenders_tf": ["py.typed", "data/schemas/*.yaml", "evaluation/report/*.html", "*/*.cc"]
    },
    python_requires=">=3.10,<3.13",
    install_requires=[
        "numpy>=1.26",
        "pandas>=1.5",
        "pyarrow>=10",
        "pyyaml>=6",
        "rich>=13",
        "scipy>=1.10",
        "tensorflow>=2.16",
        "tensorflow-recommenders>=0.7.7",
        "tf-keras>=2.16",
        "typer>=0.12",
    ],
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["recommenders-tf=recommenders_tf.cli.main:main"]},
)
