# The two commands are `make figures` and `make test`; `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= auto

.DEFAULT_GOAL := help
NOTEBOOKS = $(patsubst notebooks/%.py,build/notebooks/%.ipynb,$(wildcard notebooks/*.py))
.PHONY: help figures test check audit notebooks site bench lint clean

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

notebooks: .venv/.docs-locked  ## Execute the notebooks into build/notebooks, two at a time
	@$(MAKE) --no-print-directory --silent --jobs 2 $(NOTEBOOKS)

# Executed again when the notebook, or the theory or simulations of its family, are newer.
.SECONDEXPANSION:
build/notebooks/%.ipynb: notebooks/%.py $$(wildcard theory/$$**.py theory/$$*/*.py simulations/$$**.py simulations/$$*/*.py)
	@mkdir -p $(@D)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/jupytext --quiet --to ipynb --run-path . --execute --output $@ $< 2> $@.log || { cat $@.log; exit 1; }
	@echo $@

site: notebooks  ## Build the site into build/site, from the results of the largest scale that was run
	@$(BIN)/python -m docs.pages
	@rm -rf build/site
	@$(BIN)/python -m sphinx -c docs -d build/doctrees -q -W --keep-going build/pages build/site
	@echo "Open build/site/index.html"

bench: .venv/.locked  ## Compare simulators and solvers with their plain twins; kept in build/bench for the site
	@mkdir -p build/bench
	@for source in benchmarks/bench_*.py; do \
	  name=$$(basename $$source .py); report=build/bench/$${name#bench_}.txt; \
	  $(BIN)/python -m benchmarks.$$name > $$report.part && mv $$report.part $$report && cat $$report || exit 1; \
	done

lint: .venv/.locked  ## Check style, types and who imports whom
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

clean:  ## Remove everything generated, but not .venv
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find assay theory simulations figures tests benchmarks notebooks docs -name __pycache__ -prune -exec rm -rf {} +
