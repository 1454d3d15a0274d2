# `make run` and `make test` each do all the set-up on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Two test processes; tests that share an expensive fixture stay in one of them.
SIDE_BY_SIDE := --numprocesses 2 --dist loadgroup

.PHONY: run test check lint fast seeds bench clean

run: $(READY)  ## the built-in quickstart, from a recipe to a report
	$(BIN)/madx run

test: $(READY)  ## all tests, the slow ones too
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not network and not gpu"

fast: $(READY)  ## the tests that take seconds
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow and not network and not gpu"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test  ## what CI runs

# torch comes first and alone: its constraint picks one build, and nothing later may pick another.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $(READY)

seeds: $(READY)  ## the quickstart over fresh seeds: the table in the README (about an hour on two cores)
	$(BIN)/python -m benchmarks.quickstart_seeds

bench: $(READY)  ## time and memory against what users run today (two hours and more on an idle core)
	$(BIN)/python -m benchmarks.bench

clean:
	rm -rf $(VENV)  # and not madx_runs: finished trainings are the user's
