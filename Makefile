# make run    analyse the sample photos, or INPUT="a.jpg folder/"
# make test   install the development extras and run the tests
# make evaluate DATA=fer2013/   measure the shipped model and write its figures where they stand
# make serve  build the web page and serve it with the API on this machine
# make web    build the web page (needs Node, or fetches it as a package)
# make fuzz   read damaged files for MINUTES=10, from SEED=...; prints what repeats a failure
# make crash  kill analyses, imports, trainings, studies and jobs at random places; MINUTES=10 SEED=1
# make lowest run with the lowest versions that pyproject.toml declares
# make check  formatting, lint, types, import rules, of Python and of the page

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INPUT ?= src/mien/assets/samples
OUT ?= out
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

PAGE := src/mien/assets/page/index.html
PAGE_SOURCES := $(shell find web -path web/node_modules -prune -o -type f -print)

.PHONY: run test web serve check crash fuzz lowest evaluate benchmark clean

run: $(VENV)/run.stamp
	@$(BIN)/mien analyze $(INPUT) --out $(OUT) --draw --overwrite

# The page's tests follow alone: one browser with its worker keeps two cores busy.
test: $(VENV)/dev.stamp $(PAGE)
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/web --durations 10
	$(BIN)/python web/build.py test
	$(BIN)/python -m pytest tests/web --durations 10

web: $(VENV)/run.stamp $(PAGE)

serve: $(VENV)/serve.stamp $(PAGE)
	$(BIN)/mien serve --open

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python web/build.py check

MINUTES ?= 10

crash: $(VENV)/dev.stamp
	$(BIN)/python -m tests.crash --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))


lowest:
	$(PYTHON) .ci/lowest.py

evaluate: $(VENV)/dev.stamp
	@test -n "$(DATA)" || { echo 'make evaluate DATA=... needs FER-2013 and FER+ (see README, "Know the data")'; exit 2; }
	$(BIN)/mien data import $(DATA) --out $(OUT)/fer2013
	$(BIN)/mien evaluate --data $(OUT)/fer2013 --subset test --robustness --json > $(OUT)/evaluation.json
	$(BIN)/python benchmarks/accuracy.py $(OUT)/evaluation.json --json benchmarks/results/accuracy.json \
		--write README.md MODEL_CARD.md --model src/mien/assets/emotion.onnx

benchmark: $(VENV)/dev.stamp
	$(BIN)/python benchmarks/speed.py

fuzz: $(VENV)/dev.stamp
	@MINUTES="$(MINUTES)" SEED="$(SEED)" TARGET="$(TARGET)" CASES="$(CASES)" $(BIN)/python -m tests.fuzz

clean:
	rm -rf $(VENV) $(OUT)

$(PAGE): $(PAGE_SOURCES) | $(BIN)/python
	@echo "Building the web page ..."
	@$(BIN)/python web/build.py
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
	@$(INSTALL) -e '.[dev]'
	@touch $(VENV)/run.stamp $@
