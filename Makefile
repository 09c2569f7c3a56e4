# Every target prepares what it needs: only git, make and Python 3.11 or newer are assumed.
PYTHON ?= python3
TOOLS  := .tools
VENV   := .venv
RUN    := $(VENV)/bin
UV     := $(shell command -v uv 2>/dev/null || echo $(TOOLS)/bin/uv)
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo serve test sim crash lint format lock audit fuzz chaos bench clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(TOOLS)/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit("Varebro needs Python 3.11 to 3.14; this is " + sys.version.split()[0] + ". Name another with: make PYTHON=python3.12") if not (3, 11) <= sys.version_info[:2] <= (3, 14) else None'
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9

$(STAMP): requirements.lock pyproject.toml | $(if $(filter $(TOOLS)/bin/uv,$(UV)),$(TOOLS)/bin/uv)
	@test -x $(RUN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	@$(UV) pip sync --quiet --compile-bytecode --python $(RUN)/python requirements.lock
	@$(UV) pip install --quiet --python $(RUN)/python --no-deps --build-constraints requirements.lock --editable .
	@touch $@

demo: $(STAMP) ## the main job, start to end, on sandboxes of both systems
	@$(RUN)/varebro demo

serve: $(STAMP) ## the same, kept running, with the web and Flower addresses
	@$(RUN)/varebro demo --serve

test: $(STAMP) ## the whole test suite
	@$(RUN)/python -m pytest -n auto --dist loadscope --no-loadscope-reorder

crash: $(STAMP) ## kill the process at every point of every kind of write
	@VAREBRO_EVERY_CRASH=1 $(RUN)/python -m pytest -n 0 \
	  tests/integration/test_crash_points.py tests/integration/test_killed_workers.py

sim: $(STAMP) ## the engine under simulated faults: SEEDS=10000, FROM=1
	@$(RUN)/python -m tests.simulation --seeds $(or $(SEEDS),1000) $(if $(FROM),--first $(FROM))

lint: $(STAMP) ## style and types
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy

format: $(STAMP) ## put the code into the project's style
	@$(RUN)/ruff check --fix-only --quiet .
	@$(RUN)/ruff format .

lock: | $(if $(filter $(TOOLS)/bin/uv,$(UV)),$(TOOLS)/bin/uv) ## choose the newest allowed dependencies again
	@$(UV) pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes \
	  --no-header --no-emit-index-url --group dev pyproject.toml -o requirements.lock

audit: | $(if $(filter $(TOOLS)/bin/uv,$(UV)),$(TOOLS)/bin/uv) ## known vulnerabilities in the dependencies
	@.ci/audit

fuzz: $(STAMP) ## bad input from vendors and the internet, at random and at length
	@FUZZ_EXAMPLES=1000 FUZZ_SEEDS=50 $(RUN)/python -m pytest -n auto --dist loadscope --timeout 0 \
	  tests/integration/test_bad_*.py

chaos: $(STAMP) ## kill, stop, fill and cut off everything, and see what is lost
	@$(RUN)/python -m tests.chaos

bench: $(STAMP) ## how fast changes travel, measured
	@$(RUN)/python -m bench
	@$(RUN)/python -m bench.fairness

clean: ## remove everything the other targets made
	@rm -rf $(TOOLS) $(VENV) .local
