# The two commands are `make figures` and `make test`; `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= auto

.DEFAULT_GOAL := help
.PHONY: help figures test check audit notebooks bench lint clean

help:  ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F '\t' '{printf "make %-10s %s\n", $$1, $$2}'

.venv/.locked: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Assay needs Python 3.11 or later, this is " + sys.version.split()[0])'
	@echo "Setting up .venv from requirements.lock (about a minute)"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip --quiet --disable-pip-version-check install --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip --quiet --disable-pip-version-check install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.docs-locked: .venv/.locked requirements-docs.lock
	@$(BIN)/python -m pip --quiet --disable-pip-version-check install --require-hashes --requirement requirements-docs.lock
	@touch $@

figures: .venv/.locked  ## Run every claim at full scale, draw every figure, write the pages
	@$(BIN)/assay run --scale full
	@cp build/paper_checks.md paper_checks.md
	@echo "Open build/index.html"

test: .venv/.locked  ## Run the tests: predictors, simulators, the bench, and every claim at quick scale
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile

check: .venv/.locked  ## Run every claim at quick scale
	@$(BIN)/assay run

audit: .venv/.locked  ## Run every claim at quick scale under 20 fresh seeds
	@failed=0; for seed in $$(seq 101 120); do \
	  $(BIN)/assay run --seed $$seed --output build/audit --no-figures || failed=$$((failed + 1)); \
	done; echo "$$failed of 20 seeds failed"; test $$failed -eq 0

notebooks: .venv/.docs-locked  ## Execute the notebooks into build/notebooks
	@mkdir -p build/notebooks
	@for source in notebooks/*.py; do \
	  $(BIN)/jupytext --quiet --to ipynb --run-path . --execute --output build/notebooks/$$(basename $$source .py).ipynb $$source || exit 1; \
	  echo "build/notebooks/$$(basename $$source .py).ipynb"; \
	done

bench: .venv/.locked  ## Compare simulators and solvers with their plain twins
	@for source in benchmarks/bench_*.py; do $(BIN)/python -m benchmarks.$$(basename $$source .py) || exit 1; done

lint: .venv/.locked  ## Check style, types and who imports whom
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

clean:  ## Remove everything generated, but not .venv
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find assay theory simulations figures tests benchmarks notebooks -name __pycache__ -prune -exec rm -rf {} +
