# The common tasks of this project, one target each. `make` alone lists them.
# Each target works on a fresh machine that has Python 3.11 or newer and make, with no virtual environment active.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --require-virtualenv
INSTALL := $(BIN)/python tools/install_lock.py

# The two commands of the README install little, all other targets the whole lock.
# Both live in one environment: demo.txt is a part of dev.txt with the same versions.
DEMO := $(VENV)/.demo-installed
DEV := $(VENV)/.dev-installed

.DEFAULT_GOAL := help

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Use it
.PHONY: demo
demo: $(DEMO) ## run sample workflows, one of them across a kill -9 of the server
	@$(BIN)/python examples/demo.py

.PHONY: cluster
cluster: $(DEV) ## run them on three nodes that share one PostgreSQL, and kill one of the nodes
	@$(BIN)/python examples/cluster.py

.PHONY: serve
serve: $(DEMO) ## run the service on port 8888, kept in ./workflowsvc.db (options: ARGS="--port 0 ...")
	@exec $(BIN)/workflowsvc serve $(ARGS)

##@ Work on it
.PHONY: venv
venv: $(DEV) ## make or refresh .venv from the locks, with the project in it, editable

.PHONY: check
check: $(DEV) ## style, strict types, fresh generated code, citations, house rules, documents: under a minute
	@$(MAKE) --no-print-directory --output-sync -j 2 check-types check-rules

# The two halves of check, which take as long as each other: one for each core.
.PHONY: check-types check-rules
check-types: $(DEV)
	$(BIN)/basedpyright

check-rules: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m workflowsvc.model.generate --check
	$(BIN)/python -m workflowsvc.store.postgres.generate --check
	$(BIN)/python -m tools.citations
	$(BIN)/python -m pytest -q tests/test_tidy.py tests/test_docs.py tests/test_prose.py

.PHONY: test
test: $(DEV) ## the whole test suite, on all cores (options: ARGS="-k name -x -n 0 ...")
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

.PHONY: test-quick
test-quick: $(DEV) ## the part of the tests to run before each commit: under a minute (options: ARGS)
	$(BIN)/python -m pytest -q -n auto --quick $(ARGS)

.PHONY: format
format: $(DEV) ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: generate
generate: $(DEV) ## write what is generated: shapes and a page from the service models, forms of SQL, the state machine
	$(BIN)/python -m workflowsvc.model.generate
	$(BIN)/python -m workflowsvc.store.postgres.generate
	$(BIN)/python -m tools.state_machine
	$(BIN)/python -m tools.api_page
	$(BIN)/python -m tools.command_page
	$(BIN)/python -m tools.policy_page

.PHONY: screenshots
screenshots: $(DEV) ## take the pictures of the console in docs/console again, with the Chromium of this machine
	$(BIN)/python -m tools.screenshots $(ARGS)

##@ Measure it
.PHONY: bench
bench: $(DEV) ## workflows per second and latencies; nodes on PostgreSQL: STORE=postgres or STORE=postgresql://... (DISTRIBUTE=citus, ARGS="...")
	$(BIN)/python -m bench $(if $(STORE),--store '$(STORE)') $(if $(DISTRIBUTE),--distribute '$(DISTRIBUTE)') $(ARGS)

.PHONY: bench-compare
bench-compare: $(DEV) ## this work tree against an older revision, alternating, as ratios: REV=... (options: ARGS="...")
	$(BIN)/python -m bench.compare $(REV) $(ARGS)

##@ Prove it
.PHONY: interop
interop: $(DEV) ## real clients against a real server: SDKs, the AWS CLI, frameworks (options: ARGS="boto3 ...")
	$(BIN)/python -m interop $(ARGS)

.PHONY: test-store
test-store: $(DEV) ## contract tests, scenarios and clients on your own database: DSN=postgresql://… (DISTRIBUTE=citus, ARGS="-x ...")
	@WORKFLOWSVC_TEST_DSN='$(DSN)' WORKFLOWSVC_TEST_DISTRIBUTE='$(DISTRIBUTE)' $(BIN)/python -m tests.any_store $(ARGS)

.PHONY: sim
sim: $(DEV) ## simulate the service with random faults from a seed, audited after every step (SEED=7, or ARGS="--seeds 1-500")
	$(BIN)/python -m tests.sim $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: crash
crash: $(DEV) ## kill -9 the real server under load, again and again, and check every answer that clients got (options: ARGS)
	$(BIN)/python -m tests.crash $(ARGS)

.PHONY: mutations
mutations: $(DEV) ## break rules on purpose, one at a time, and check that tests notice (options: ARGS="--list")
	$(BIN)/python -m tests.mutations $(ARGS)

.PHONY: soak
soak: $(DEV) ## the long form of all tests that try to break the service (options: ARGS="--help")
	$(BIN)/python -m tests.soak $(ARGS)

.PHONY: soak-postgres
soak-postgres: $(DEV) ## the same for three nodes on PostgreSQL: kills, crashes, partitions, wrong clocks (options: ARGS)
	$(BIN)/python -m tests.soak --postgres $(ARGS)

##@ Ship it
.PHONY: wheel
wheel: $(DEV) ## build the wheel into dist/
	$(BIN)/python -m build --no-isolation --wheel

.PHONY: lock
lock: ## resolve the locks again: requirements/*.txt from pyproject.toml and requirements/*.in
	$(PYTHON) requirements/lock.py

.PHONY: clean
clean: ## remove what was built: .venv, dist, caches; never a database
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is made with plain Python and required hashes, independent of an active environment.
# A changed lock is newer than the stamp files, so that the next target installs what a pull has changed.
# The project is installed without dependencies and without build isolation: what builds it is in the lock too.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, e.g. make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(DEMO): requirements/demo.txt pyproject.toml | $(BIN)/python
	@echo 'Installing the service into $(VENV) (once, and when its lock changes) ...'
	@$(INSTALL) --require-hashes -r requirements/demo.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements/dev.txt $(DEMO)
	@echo 'Installing what tests, checks and measurements need ...'
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@
