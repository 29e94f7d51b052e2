# Two commands matter: `make demo` and `make test`. `make check` is what CI and pre-commit run.
# One kind of test only: `make test-unit`, test-property, test-loopback, test-browser, test-acceptance (see tests/kinds.py).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NEW := .venv-new
OUT ?= reports
KINDS := unit property loopback browser acceptance
WHOLE := model store reference
COUNTED := --cov --cov-report= --cov-fail-under=0 -p no:cacheprovider
PAGES := tests/acceptance tests/browser tests/cli tests/pack

.PHONY: demo test $(KINDS:%=test-%) lint types check docs sample gallery pins clean

$(VENV)/.run: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@ $(VENV)/.run

demo: $(VENV)/.run
	$(BIN)/prescarbon demo --out "$(OUT)"

test: $(VENV)/.dev
	rm -f .coverage .coverage.*
	# two halves side by side, each of about the same length; together they are every test
	COVERAGE_FILE=.coverage.pages $(BIN)/python -m pytest -q $(COUNTED) $(PAGES) > .pages.log 2>&1 & pages=$$!; \
	COVERAGE_FILE=.coverage.rest $(BIN)/python -m pytest -q $(COUNTED) $(PAGES:%=--ignore=%); rest=$$?; \
	wait $$pages; pages=$$?; cat .pages.log; rm -f .pages.log; test $$rest -eq 0 -a $$pages -eq 0
	$(BIN)/coverage combine -q .coverage.pages .coverage.rest
	$(BIN)/coverage report --skip-covered
	for room in $(WHOLE); do \
	  $(BIN)/coverage report --skip-covered --include="prescarbon/$$room/*" --fail-under=100 || exit 1; \
	done

$(KINDS:%=test-%): test-%: $(VENV)/.dev
	$(BIN)/python -m pytest -q -m $*

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

docs: $(VENV)/.dev
	$(BIN)/python docs/generate.py

sample: $(VENV)/.dev
	$(BIN)/python docs/show.py

gallery: $(VENV)/.dev
	$(BIN)/python docs/show.py --gallery

check: lint types test

# The newest versions within pyproject's ranges, installed afresh, written to constraints.txt, and tested.
pins:
	rm -rf $(NEW)
	$(PYTHON) -m venv $(NEW)
	$(NEW)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(NEW)/bin/python -m pip freeze --exclude-editable > $(NEW)/frozen.txt
	$(NEW)/bin/python .ci/pins.py $(NEW)/frozen.txt
	$(MAKE) test VENV=$(NEW)

clean:
	rm -rf $(VENV) $(NEW) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*
