# The table of contents: `make` prints it. PYTHON picks the interpreter, VENV the environment,
# UV=1 installs with uv instead of pip.
PYTHON ?= python3
VENV ?= .venv
PEERS ?= .venv-peers
BASE ?= HEAD~1
HEAD ?= HEAD
ROUNDS ?= 12

SHELL := bash
.SHELLFLAGS := -o pipefail -c
BIN := $(VENV)/bin
RUN := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m
STAMP := $(VENV)/.installed
PINS := $(shell grep -c == constraints.txt)
SOURCES := engine regressions benchmarks tests

# It exits by asv's own rule, which the target passes over: the verdict is that of the last step.
ASV_CONTINUOUS = $(BIN)/asv continuous --interleave-rounds --record-samples --no-only-changed

ifdef UV
MAKE_VENV = uv venv --quiet --python $(PYTHON) $(VENV)
INSTALL = uv pip install --python $(BIN)/python
else
MAKE_VENV = $(PYTHON) -m venv $(VENV)
INSTALL = $(RUN) pip install --disable-pip-version-check
endif

INSTALL_PROGRESS = awk -F '[ =]' \
	'/^Collecting/ { printf "      %s\n", $$2; fflush() } \
	 /^Installing/ { printf "      unpacking\n"; fflush() } \
	 /^(ERROR|error|Installed|Resolved| *×| *╰)/ { print; fflush() }'

.PHONY: help
help: ## print this table
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

.PHONY: gate
gate: setup ## set up, then run the three countdowns under their budgets
	$(RUN) pytest --cascade-budget tests/gate/test_countdowns.py

.PHONY: test
test: setup ## set up, then run every test (ARGS="-k name" for some)
	$(RUN) pytest -n auto --dist worksteal $(ARGS)

.PHONY: nightly
nightly: setup ## 20,000 random programs; who did it, by timing alone
	HYPOTHESIS_PROFILE=nightly $(RUN) pytest tests/engine/differential --hypothesis-show-statistics
	NIGHTLY=1 $(RUN) pytest tests/gate/test_timed_mutants.py
	$(RUN) benchmarks.attribution.small_project
	$(RUN) benchmarks.attribution.bisection

.PHONY: lint
lint: setup ## format, lint, types and import contracts, no tests
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: lines
lines: setup ## code lines of the engine and the gate, by room
	$(RUN) tests.code_lines engine/cascade regressions/cascade_budget

.PHONY: check
check: lint test ## what to run before a commit: lint, then the tests

.PHONY: format
format: setup ## rewrite the sources in the project's format
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

.PHONY: coverage
coverage: setup ## run the tests under coverage; the engine's must be whole
	$(RUN) coverage erase
	$(RUN) coverage run -m pytest
	$(RUN) coverage combine --quiet
	$(RUN) coverage report
	$(RUN) coverage report --include='engine/*' --fail-under=100

.PHONY: bench
bench: setup ## compare with hand-written loops (ARGS=--quick)
	$(RUN) benchmarks.comparison $(ARGS)

.PHONY: bench-peers
bench-peers: $(PEERS)/.installed ## compare with other libraries, in their own environment
	PYTHONDONTWRITEBYTECODE= $(PEERS)/bin/python -m benchmarks.comparison.peers $(ARGS)

.PHONY: asv-continuous
asv-continuous: setup ## measure BASE and HEAD by turns, then judge (ROUNDS=12)
	test -e ~/.asv-machine.json || $(BIN)/asv machine --yes
	-$(ASV_CONTINUOUS) --bench '^(?!.*time_).*(?:$(BENCH))' $(BASE) $(HEAD)
	-$(ASV_CONTINUOUS) --bench '^(?=.*(?:$(BENCH))).*time_' -a rounds=$(ROUNDS) $(BASE) $(HEAD)
	$(BIN)/cascade-budget asv --bench '$(BENCH)' $(BASE) $(HEAD) $(ARGS)

.PHONY: docs
docs: setup ## build the pages into build/docs; a dead link fails
	NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --quiet --strict
	@echo "build/docs/index.html"

.PHONY: lock
lock: ## compile constraints.txt from the pyprojects (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	  --no-annotate --no-header --no-emit-index-url --no-emit-find-links \
	  --no-emit-package cascade-engine --no-emit-package pytest-cascade-budget \
	  --group dev pyproject.toml --output-file constraints.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	  --no-annotate --no-header --no-emit-index-url --no-emit-find-links \
	  --group pyproject.toml:peers --group pyproject.toml:build --output-file constraints-peers.txt

.PHONY: setup
setup: $(STAMP) ## make the environment from the project's own files

$(STAMP): constraints.txt engine/pyproject.toml regressions/pyproject.toml
	@echo "[1/3] environment $(VENV) with $$($(PYTHON) --version)"
	@test -x $(BIN)/python || $(MAKE_VENV)
	@echo "[2/3] $(PINS) pinned packages, hashes checked"
	@$(INSTALL) --require-hashes -r constraints.txt 2>&1 | $(INSTALL_PROGRESS)
	@echo "[3/3] the engine and the gate, editable"
	@$(INSTALL) --quiet --no-deps --no-build-isolation -e engine -e regressions
	@touch $@

$(PEERS)/.installed: VENV := $(PEERS)
$(PEERS)/.installed: BIN := $(PEERS)/bin
$(PEERS)/.installed: RUN := PYTHONDONTWRITEBYTECODE= $(PEERS)/bin/python -m
$(PEERS)/.installed: constraints-peers.txt engine/pyproject.toml
	@echo "[1/3] environment $(VENV) with $$($(PYTHON) --version)"
	@test -x $(BIN)/python || $(MAKE_VENV)
	@echo "[2/3] $$(grep -c == constraints-peers.txt) pinned packages, hashes checked"
	@$(INSTALL) --require-hashes -r constraints-peers.txt 2>&1 | $(INSTALL_PROGRESS)
	@echo "[3/3] the engine, editable"
	@$(INSTALL) --quiet --no-deps --no-build-isolation -e engine
	@touch $@

.PHONY: clean
clean: ## remove environments, caches and reports
	rm -rf .venv* .mypy_cache .ruff_cache .pytest_cache .hypothesis .cascade-budget .asv reports
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
