# Two commands do everything: `make demo` (the whole story in minutes) and `make test` (all that CI runs).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export HF_HUB_OFFLINE := 1
export HF_HUB_DISABLE_TELEMETRY := 1

.PHONY: demo test quick lint check format docs bench clean

demo: $(VENV)/.demo  ## synthetic voices -> scenario -> build -> report -> train -> evaluate
	$(BIN)/speccraft demo

test: $(VENV)/.dev  ## every test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal tests

quick: $(VENV)/.dev  ## the inner loop: tests that are not marked slow
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow" tests

lint: $(VENV)/.dev  ## ruff, and mypy on the package as it is installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf $(VENV)/typed build && $(BIN)/pip install --quiet --no-deps --no-build-isolation --target $(VENV)/typed . && rm -rf build
	MYPYPATH=$(VENV)/typed $(BIN)/mypy -p speccraft

check: lint test

format: $(VENV)/.dev  ## let ruff arrange the code
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

docs: $(VENV)/.dev  ## write schemas/, docs/commands.md, docs/scenario.md and the README's map from the code
	$(BIN)/python -m speccraft.scenario.schema
	$(BIN)/python docs/make.py

bench: $(VENV)/.dev  ## measure builds beside decoding alone and peers; goes on where it stopped; writes benchmarks/results.md
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.build

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis demo-work bench-work

# The stamps make each environment once, and again when what it depends on changes.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip setuptools wheel -c constraints.txt

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet -c constraints.txt -e ".[train,tts]"
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@
