# make demo   set everything up and serve the demo shop          make test   set everything up and pass every test
# Nothing needs to be there before: not the virtual environment, not node_modules, not the browsers.

SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
PYTHON ?=
PORT ?= 8765
FIRST := $(or $(FIRST),$(shell date +%s))
COUNT ?= 20000
ACROSS ?= 500
RUNS ?= 20000
DEMO := build/demo
# So many tests run beside each other in browsers: see e2e/beside.py.
BESIDE ?= 3
export PYTHON

VENV_READY := $(VENV)/.weft-installed
NODE_READY := browser/node_modules/.weft-installed

.DEFAULT_GOAL := help
# The sources of the demo page: a change in any of them builds it anew.
DEMO_SOURCES = $(shell find browser service_worker examples weft_core -type f -not -path '*/node_modules/*' -not -path '*/__pycache__/*' 2>/dev/null)

.PHONY: help demo demo-build test unit e2e check npm extension format bench soak clean

help:
	@sed -n 's/^\([a-z][a-z0-9]*\):.*## /  make \1|/p' Makefile | column -t -s '|'

demo: $(DEMO)/index.html ## build the browser bundle and serve the offline shop, with an engine beside it; Ctrl-C stops it
	@exec $(PY) -m weft_server.demo --port $(PORT) --dir $(DEMO) \
		--serve build/demo.db --app examples/checkout.py --activities examples/checkout_http.py

demo-build: $(DEMO)/index.html

$(DEMO)/index.html: $(VENV_READY) $(DEMO_SOURCES)
	@tools/ensure_node.sh
	@echo "· building the demo page in $(DEMO)"
	@$(PY) -m weft_browser.build $(DEMO) --page browser/demo \
		--workflow examples/checkout.py --workflow examples/checkout_browser.py
	@touch $@

test: $(DEMO)/index.html $(NODE_READY) ## every test: unit, command line, real browser
	@tools/web_ext.sh --version >/dev/null
	@$(PY) -m pytest tests -n auto
	@tools/with_browsers.sh $(VENV) $(PY) -m pytest e2e -n $(BESIDE)

unit: $(VENV_READY) ## the tests that need no browser
	@tools/web_ext.sh --version >/dev/null
	@$(PY) -m pytest tests -n auto

e2e: $(DEMO)/index.html $(NODE_READY) ## the tests in real browsers: Chromium, Firefox, WebKitGTK
	@tools/with_browsers.sh $(VENV) $(PY) -m pytest e2e -n $(BESIDE)

check: $(VENV_READY) $(NODE_READY) ## lint, types, and who may import whom
	@$(VENV)/bin/ruff check --quiet . && echo "ruff: clean"
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports
	@npm --prefix browser run --silent check
	@$(MAKE) --silent npm && cd browser && npm exec --offline -- publint --strict ../build/npm/*.tgz \
		&& npm exec --offline -- attw --profile esm-only --quiet ../build/npm/*.tgz

npm: $(NODE_READY) ## the npm package: build/npm/weft-browser-VERSION.tgz
	@npm --prefix browser run --silent package

extension: $(VENV_READY) ## the extension Clip later for Chromium and Firefox: folders and zips in build/extension
	@tools/ensure_node.sh
	@$(PY) -m weft_browser.extension build/extension --source web_extension
	@tools/web_ext.sh lint --source-dir build/extension/firefox --no-config-discovery --warnings-as-errors

format: $(VENV_READY) ## rewrite the Python files in the project's format
	@$(VENV)/bin/ruff format . && $(VENV)/bin/ruff check --fix .

bench: $(VENV_READY) $(NODE_READY) ## ratios, measured in one run
	@chromium=$$(tools/ensure_chromium.sh $(VENV)) && WEFT_CHROMIUM="$$chromium" $(PY) benchmarks/run.py

soak: $(VENV_READY) $(NODE_READY) ## random programs, crashed and restored at every await, on and across Pythons (FIRST=seed COUNT=20000); then RUNS=20000 in a browser with 400 kills
	@echo "seeds from $(FIRST), $(COUNT) programs"
	@$(PY) -m tests.frames.differential $(FIRST) $(COUNT)
	@WEFT_ACROSS=all WEFT_ACROSS_PROGRAMS=$(ACROSS) $(PY) -m pytest tests/frames/test_across_pythons.py -q
	@WEFT_SOAK_RUNS=$(RUNS) tools/with_browsers.sh $(VENV) $(PY) -m pytest e2e/test_soak.py -q -s --timeout 0

clean: ## remove everything make has made
	rm -rf $(VENV) build dist browser/node_modules .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV_READY): pyproject.toml hatch_build.py tools/ensure_venv.sh tools/common.sh
	@tools/ensure_venv.sh $(VENV) dev
	@touch $@

$(NODE_READY): browser/package.json browser/package-lock.json tools/ensure_node.sh
	@tools/ensure_node.sh
	@echo "· npm ci in browser/" && npm --prefix browser ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
