# `make demo` and `make test` set up everything they need, in .venv, from requirements.lock.
# Another interpreter: `make demo PYTHON=/path/to/python3.13`. `make help` lists the targets.

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python3.10 python; do \
	$$name -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null && { echo $$name; break; }; done)
# An environment of another Python is none: the mark in it names the version.
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
READY := $(VENV)/.ready-$(VERSION)
DEMO ?= demo
PRETRAIN ?= pretrain
TEST_PROCESSES ?= 2

.PHONY: help setup demo pretrain card test test-all fuzz bench smoke lint format lock clean
.DEFAULT_GOAL := help

help:
	@echo "make demo      records from synthetic patients, training, evaluation and a report in $(DEMO)/"
	@echo "make pretrain  weights by the recipe of the shipped ones, from synthetic patients alone, in $(PRETRAIN)/"
	@echo "make test      lint and every test but the slow ones"
	@echo "make test-all  lint and every test, in one session: what .ci/run full calls"
	@echo "make fuzz      the searches in full: damaged files and records, properties, kills"
	@echo "make bench     the benchmarks"
	@echo "make smoke     every benchmark at its smallest size, and the tests of their arithmetic"
	@echo "make card      the model card of the shipped weights, from their model.json and measurements.json"
	@echo "make lint      ruff: rules and formatting"
	@echo "make format    ruff: mend what can be mended"
	@echo "make lock      resolve requirements.lock anew (needs uv)"
	@echo "make clean     remove .venv, $(DEMO)/ and caches"

setup: $(READY)

# The interpreter is looked for before anything is made, so that a missing one is one clear line and not a stack of errors.
$(READY): requirements.lock pyproject.toml
	@case "$(VERSION)" in 3.10 | 3.11 | 3.12 | 3.13) ;; *) \
	  if [ -n "$(VERSION)" ]; then echo "make: $(PYTHON) is Python $(VERSION); training runs on 3.10 to 3.13." >&2; \
	  elif [ -n "$(PYTHON)" ]; then echo "make: $(PYTHON) is no Python that runs." >&2; \
	  else echo "make: no Python 3.10 to 3.13 found, and training runs on no other." >&2; fi; \
	  case "$(VERSION)" in 3.14) echo "make: prediction runs here too: $(PYTHON) -m pip install . && contrast-predict SCANS" >&2 ;; esac; \
	  echo "make: install one (Debian, Ubuntu: apt-get install python3-venv; anywhere: uv venv --python 3.13 python313) and name it:" >&2; \
	  echo "make: make $(MAKECMDGOALS) PYTHON=/path/to/python3.13" >&2; exit 1 ;; esac
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "make: $(PYTHON) has no venv module; on Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; fi
	$(PYTHON) -m venv --clear $(VENV)
	@echo "Installing into $(VENV): 1 to 5 minutes."
	@# pip before 23.1 takes extras of pinned packages for packages that are not pinned.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=24"
	@# Modules are compiled as they are imported, most of them never.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	@# Without setuptools' notice that an editable installation is one.
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "Ready. In every new terminal: . $(VENV)/bin/activate"

demo: $(READY)
	$(BIN)/python -m contrast_tfdata.make_records --flagfile=flags/demo.flags --output_dir=$(DEMO)/records --overwrite
	$(BIN)/python -m contrast_tfdata.train --flagfile=flags/demo.flags --records_dir=$(DEMO)/records --workdir=$(DEMO)/run --resume=never

pretrain: $(READY)
	$(BIN)/python -m contrast_tfdata.make_records --flagfile=flags/pretrain.flags --output_dir=$(PRETRAIN)/records --overwrite
	$(BIN)/python -m contrast_tfdata.train --flagfile=flags/pretrain.flags --records_dir=$(PRETRAIN)/records --workdir=$(PRETRAIN)/run

# Two processes: many tests wait for children. tests/conftest.py says what stays together, and what goes first.
PYTEST := $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadgroup --no-loadscope-reorder --durations=30

test: $(READY) lint
	$(PYTEST) -m "not slow"

test-all: $(READY) lint
	$(PYTEST)

fuzz: $(READY)
	HYPOTHESIS_PROFILE=all $(PYTEST) -m hypothesis
	FUZZ_EXAMPLES=100000 CONTRAST_FUZZ=2000 CONTRAST_KILLS=200 $(BIN)/python -m pytest \
	  tests/images/test_fuzz_images.py tests/records/test_fuzz_records.py tests/records/test_crashes.py

bench: $(READY)
	$(BIN)/python -m pytest benchmarks

smoke: $(READY)
	$(BIN)/python -m pytest benchmarks --smoke

card: $(READY)
	$(BIN)/python -c "from contrast_tfdata import report; from contrast_tfdata.model import pretrained; \
	  print(report.write_shipped_card(pretrained.directory()))"

lint: $(READY)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

format: $(READY)
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

lock:
	uv pip compile --universal --python-version 3.10 --extra bench --generate-hashes --quiet \
	  --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) $(DEMO) $(PRETRAIN) .pytest_cache .ruff_cache .benchmarks build dist *.egg-info
