# The rebalancer. `make` alone prints what there is; every target makes its own set-up.

.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,\
	$(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
BIN := .venv/bin
CODE := domain identity feeds workflows activities storage payloads telemetry venues anchors webhooks policy reading acting markup web cli devstack planners worker.py
WORKERS ?= 1
ARGS ?=

# The stamp holds the folder it was made for: a clone that was moved, or whose Python went away, is set up again.
STAMP := .venv/set-up-for
BENCH_STAMP := .venv/set-up-for-bench
ifneq ($(shell $(BIN)/python -c '' 2>/dev/null && cat $(STAMP) 2>/dev/null),$(CURDIR))
$(STAMP): again
endif

.PHONY: help setup demo demo-fix up test trials laws fuzz chaos fix-chaos fix-certify counterparties lint freeze bench clean again

help:
	@echo 'make setup   .venv with everything that is needed; the other targets call it'
	@echo 'make demo    the main job once, from nothing to the printed result'
	@echo 'make demo-fix  the same by FIX, to a broker in another process'
	@echo 'make up      the stack, until Ctrl-C: the console on 8234, Temporal on 7233, workers (WORKERS=1)'
	@echo 'make test    the tests (ARGS="-k minimums" for some)'
	@echo 'make trials  the tests that make test leaves out, as they take minutes: the demo by FIX, chaos, kills, load'
	@echo 'make chaos   rebalances while everything breaks, and the proof (ARGS="--minutes 5 --seed 1")'
	@echo 'make fix-chaos  the same on the wire to a FIX broker (ORDERS=400)'
	@echo 'make fix-certify  what a broker asks for before it lets a session in, step by step (SESSION=BROKER)'
	@echo 'make counterparties  FIX against acceptors that nobody here wrote, where they are installed; says what it left out'
	@echo 'make laws    every law over generated accounts with everything on (ARGS="--accounts 200000 --seed 1")'
	@echo 'make fuzz    broken input at every boundary, for minutes (ARGS="--minutes 5 --seed 1")'
	@echo 'make lint    ruff, mypy, import-linter'
	@echo 'make freeze  before a rule changes: the planner in force, frozen and hashed, and the next version of the rules'
	@echo 'make bench   how fast it is, beside others (ARGS="plan --accounts 50" for one)'
	@echo 'make clean   remove what was built; the data in .rebalancer stays'

setup: $(STAMP)
	@:

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or later is needed, as python3 in PATH or by make PYTHON=<path>.' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo '$(PYTHON) is not Python 3.11 or later.' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo 'This Python has no venv. On Debian or Ubuntu: apt install python3-venv' >&2; exit 1; }
	@rm -f $@
	@echo 'setting up .venv (a minute the first time)' >&2
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@echo '$(CURDIR)' > $@

demo: setup
	@$(BIN)/python -m devstack demo

demo-fix: setup
	@$(BIN)/python -m devstack demo --fix

up: setup
	@$(BIN)/python -m devstack up --workers $(WORKERS)

test: setup
	@$(BIN)/python -m pytest -n 4 --dist worksteal -m 'not trial' $(ARGS)

trials: setup
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m trial $(ARGS)

chaos: setup
	@$(BIN)/python -m tests.chaos $(ARGS)

fix-chaos: setup
	@FIX_CHAOS=$(or $(ORDERS),400) $(BIN)/python -m pytest -s tests/venues/fix/test_chaos.py $(ARGS)

fix-certify: setup
	@test -n "$(SESSION)" || { echo 'Which session? make fix-certify SESSION=BROKER' >&2; exit 1; }
	@$(BIN)/python -m devstack certify $(SESSION)

counterparties: setup
	@COUNTERPARTIES=1 $(BIN)/python -m pytest -rs -m counterparties tests/venues/fix $(ARGS)

laws: setup
	@$(BIN)/python -m tests.laws $(ARGS)

fuzz: setup
	@$(BIN)/python -m tests.fuzz $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE) benchmarks
	$(BIN)/lint-imports

freeze: setup
	@$(BIN)/python -m planners freeze
	@$(BIN)/python -m tests.kept_plans

bench: $(BENCH_STAMP)
	@$(BIN)/python -m benchmarks $(ARGS)

$(BENCH_STAMP): $(STAMP) benchmarks/requirements.lock
	@echo 'adding what the benchmarks compare with to .venv' >&2
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r benchmarks/requirements.lock
	@echo '$(CURDIR)' > $@

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
