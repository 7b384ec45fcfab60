# Everything a developer does here, one command each; `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION := $(shell cat .python-version)
PYTHON := .venv/bin/python
UV := scripts/uv
PACKAGES := recommenders_tf tfx_pipeline serving
# Of `make test`, each with the files of tests that it takes; TensorFlow takes some 5 GiB in one.
TEST_PROCESSES ?= 2

export PATH := $(abspath .venv/bin):$(PATH)
export TF_CPP_MIN_LOG_LEVEL ?= 3
export TF_USE_LEGACY_KERAS := 1
# Copies of the public datasets beside the checkout spare a download.
ifneq ($(wildcard ../shared/data),)
export RECOMMENDERS_TF_DATA ?= $(abspath ../shared/data)
endif

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' Makefile

.PHONY: env
env: .venv/.installed ## Create .venv with the exact packages of requirements.lock

# The stamp is written last: an interrupted install is taken up again by the next command.
.venv/.installed: requirements.lock setup.py .python-version $(wildcard $(PACKAGES:=/__init__.py))
	@[[ "$$($(PYTHON) --version 2>/dev/null)" == "Python $(VERSION)."* ]] || { \
		python=$$(scripts/find_python $(VERSION)) && \
		$(UV) venv --clear --python "$$python" .venv; }
	$(UV) pip sync --python $(PYTHON) requirements.lock
	$(UV) pip install --python $(PYTHON) --no-deps --editable .
	@touch $@

.PHONY: lock
lock: ## Write requirements.lock for setup.py, keeping the versions that are in it
	$(UV) pip compile setup.py --quiet --all-extras --python-version $(VERSION) \
		--custom-compile-command "make lock" --output-file requirements.lock

.PHONY: test
test: lint types docs ## Style, types, import contracts, documentation, and the tests with coverage
	pytest --cov -n $(TEST_PROCESSES) --dist loadfile

.PHONY: lint
lint: env ## Check style (ruff) and who imports whom (import-linter)
	ruff check
	ruff format --check
	lint-imports --no-logo

.PHONY: types
types: env ## Check the library's type annotations (mypy)
	mypy

.PHONY: test-slow
test-slow: env ## Run the tests that take minutes
	pytest -m slow

.PHONY: test-latest
test-latest: ## Train with the plain library on Python 3.12 and the newest TensorFlow
	@python=$$(scripts/find_python 3.12) && $(UV) venv --clear --python "$$python" .venv-latest
	@rm -rf build # a stale file of an earlier build would be packed again
	$(UV) pip install --quiet --upgrade --python .venv-latest/bin/python . pytest
	.venv-latest/bin/pytest -o pythonpath= --noconftest tests/latest

.PHONY: conformance
conformance: env ## Ask the model server, or that at TF_SERVING_ADDRESS, for all of TF Serving's API; write its table
	python -m tests.conformance.render

.PHONY: golden
golden: env ## Write the snapshot of the public names anew
	python -m tests.test_public_names

# The theme warns of mkdocs 2 at each build; setup.py keeps that version out.
.PHONY: docs
docs: env ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 python -m mkdocs build --strict

.PHONY: report
report: env ## Make the example report of the documentation and its picture; needs Debian's package chromium
	recommenders-tf compare --models popularity,item_knn,ease,bpr --epochs 15 --synthetic \
		--split random --test-share 0.2 --output runs/report
	cp runs/report/report.html runs/report/report.json docs/assets/compare
	python -m tests.test_report_screenshot

.PHONY: demo
demo: env ## MovieLens events in, recommendations out of a server, over gRPC and REST
	python -m examples.demo

.PHONY: bench
bench: env .venv-peers/.installed .venv-matrix-peers/.installed ## Measure speed beside peers; takes an hour, alone on the machine
	python -m benchmarks.speed all

.PHONY: bench-serving
bench-serving: env .tools/ghz ## Measure the model server under load, beside peers; needs Go, and the machine alone
	python -m benchmarks.serving run

.tools/ghz:
	GOBIN=$(abspath .tools) go install github.com/bojand/ghz/cmd/ghz@v0.93.0

# SOAK and FUZZ take the options of the two programs: make soak SOAK="--minutes 1"
.PHONY: soak
soak: env ## Load the model server for ten minutes while its versions are swapped
	python -m tests.serving.soak $(SOAK)

.PHONY: fuzz
fuzz: env ## Send the model server 100,000 malformed requests
	python -m tests.serving.fuzz $(FUZZ)

.venv-%/.installed: benchmarks/speed/%.txt .python-version
	@python=$$(scripts/find_python $(VERSION)) && $(UV) venv --clear --python "$$python" $(@D)
	$(UV) pip install --python $(@D)/bin/python --requirement $<
	@touch $@

.PHONY: results
results: env ## Measure the models; write docs/results.md, and docs/speed.md from what `make bench` measured
	python -m benchmarks.quality run benchmarks/quality/configs/*.yaml
	python -m benchmarks.quality render
	python -m benchmarks.speed render

.PHONY: clean
clean: ## Remove all that these commands made, environments and runs included
	rm -rf .venv .venv-latest .venv-*peers .tools build dist site runs .coverage* *.egg-info
	rm -rf .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
