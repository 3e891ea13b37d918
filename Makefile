# Everything a person or a scheduler runs. `make report` and `make test` set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKSPACES := workspaces
PERIOD ?= 2025-09
REPORT_LANGUAGE ?=
# one thread per process: two test workers on two cores are faster than four threads fighting
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help report test test-pandas3 lab bench truth check lock demo docs system clean
help:
	@echo "make report   demo export -> workspace -> reports/demo/$(PERIOD)/index.html (REPORT_LANGUAGE=zh for Chinese)"
	@echo "make lab      JupyterLab on the notebooks, with the demo workspace"
	@echo "make test     all tests"
	@echo "make check    format, lint, types, notebook hygiene"
	@echo "make bench    performance comparisons;  make truth   statistical gates"
	@echo "make demo     write the demo exports under data/ anew;  make lock   renew the lock files"

# -- environment ---------------------------------------------------------------------------
$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/pyvenv.cfg requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# Browser tests drive Debian's chromium, database tests start real servers of their own, Spark needs
# Java; without rights to install them these are skipped, visibly. The policy keeps services stopped.
SYSTEM := chromium:chromium initdb:postgresql mariadbd:mariadb-server java:openjdk-17-jre-headless
system:
	@for pair in $(SYSTEM); do \
	  program=$${pair%%:*}; package=$${pair##*:}; \
	  command -v $$program >/dev/null 2>&1 && continue; \
	  ls /usr/lib/postgresql/*/bin/$$program >/dev/null 2>&1 && continue; \
	  missing="$$missing $$package"; \
	done; \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  policy=/usr/sbin/policy-rc.d; own=; \
	  [ -e $$policy ] || { own=1; printf '#!/bin/sh\nexit 101\n' >$$policy; chmod +x $$policy; }; \
	  apt-get update -qq; \
	  for package in $$missing; do \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$package >/dev/null || \
	      echo "note: $$package could not be installed; its tests will be skipped"; \
	  done; \
	  [ -z "$$own" ] || rm -f $$policy; \
	else echo "note:$$missing not installed; their tests will be skipped"; fi; true

# -- the main job --------------------------------------------------------------------------
$(WORKSPACES)/demo/current: $(VENV)/.run $(wildcard data/demo_zoho/*) $(wildcard salesops_kit/sources/*.py) salesops_kit/schema.py
	$(BIN)/salesops import zoho data/demo_zoho --into $(WORKSPACES)/demo
	@touch -h $@

report: $(VENV)/.run $(WORKSPACES)/demo/current
	$(BIN)/salesops report $(WORKSPACES)/demo --period $(PERIOD) --into reports $(if $(REPORT_LANGUAGE),--language $(REPORT_LANGUAGE))

lab: $(VENV)/.run $(WORKSPACES)/demo/current
	cd notebooks && ../$(BIN)/jupyter lab --ip=127.0.0.1

demo: $(VENV)/.run
	$(BIN)/salesops demo --into data

docs: $(VENV)/.run
	$(BIN)/python docs/write_model.py

# -- proof ---------------------------------------------------------------------------------
test: system $(VENV)/.dev $(WORKSPACES)/demo/current
	$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder -q -rs \
	  --nbval-lax --nbval-current-env --nbval-cell-timeout=120 tests salesops_kit notebooks

# our own code on pandas 3: an environment of its own with everything locked but pandas. Libraries that
# cap pandas below 3 (statsforecast, mlforecast, fugue, lifelines) are put in all the same.
PANDAS3 := .venv-pandas3
$(PANDAS3)/.done: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(PANDAS3)
	sed '/^pandas==/,/[^\\]$$/d' requirements-dev.lock >$(PANDAS3)/locked.txt
	$(PANDAS3)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(PANDAS3)/locked.txt
	$(PANDAS3)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps 'pandas>=3,<4'
	$(PANDAS3)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

test-pandas3: $(PANDAS3)/.done
	$(PANDAS3)/bin/python -m pytest -n 2 --dist loadscope -q -rs tests/models tests/metrics tests/analyses tests/charts tests/sources tests/test_*.py

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/nbstripout --verify --keep-id --extra-keys "metadata.papermill cell.metadata.papermill" notebooks/*.ipynb

bench: $(VENV)/.dev $(WORKSPACES)/demo/current
	$(BIN)/python -m bench

truth: $(VENV)/.dev
	$(BIN)/python -m truth

# needs uv; writes names, versions and hashes, no addresses
lock:
	uv pip compile pyproject.toml --group build --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c constraints.txt -o requirements-dev.lock -q
	uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c constraints.txt -c requirements-dev.lock -o requirements.lock -q

clean:
	rm -rf $(VENV) $(PANDAS3) $(WORKSPACES) reports/*/ .mypy_cache .ruff_cache .hypothesis
