# `make run` trains the main experiment, `make test` runs all checks; both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test test-full check docs format schema reference figures simulation recipes lock clean

run: $(VENV)/run-installed
	$(BIN)/lstm-ablate run configs/relu_vs_tanh.yaml
	@echo 'This is a first look: one network, one learning rate for all variants, 12 seeds.'
	@echo 'With a learning rate tuned for each, a ReLU between the layers is worse than tanh here too.'
	@echo 'The full answer is docs/study.md, and its page results/reference/fair/report.html.'

test: check
	$(BIN)/python -m pytest -n 3 --dist worksteal

# The long forms of the tests: every fault of docs/faults.md as often as it says there, 20,000 fuzzed configs,
# every pair of values of any two keys of a model.
test-full: $(VENV)/test-installed
	LSTM_ABLATE_FULL=yes $(BIN)/python -m pytest -n 3 -m "faults or long" -rA --timeout 3600

check: $(VENV)/test-installed docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The pages, from docs/: docs/_build/html/index.html. A warning, such as a link that leads nowhere, is an error.
docs: $(VENV)/test-installed
	$(BIN)/sphinx-build --quiet --fresh-env --fail-on-warning --keep-going docs docs/_build/html

format: $(VENV)/test-installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The copy of the JSON Schema that editors read; a test keeps it current.
schema: $(VENV)/run-installed
	$(BIN)/lstm-ablate schema > experiment.schema.json

# The parts of pages that are made from the schema and from the commands; a test keeps them current.
reference: schema
	$(BIN)/python docs/reference.py

# The times of whole commands in docs/engines.md, measured here.
figures: $(VENV)/test-installed
	$(BIN)/python tests/measure/figures.py

# How often the verdicts are wrong: the tables and the figure of docs/statistics.md, in two minutes; and what the
# study can find at the spread of its pilot, in docs/study.md.
simulation: $(VENV)/test-installed
	$(BIN)/python tests/measure/simulation.py
	$(BIN)/python tests/measure/simulation_of_looks.py
	$(BIN)/python tests/measure/power_of_study.py

# The answers of docs/recipes.md, each from runs of its own: ten minutes of a core.
recipes: $(VENV)/test-installed
	$(BIN)/python tests/measure/recipes.py

# Resolve every dependency anew: for all platforms and extras; and what the tests need, what builds the package
# included, with the hash of every file.
LOCK := --universal --no-header --no-annotate --no-emit-index-url
lock: $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --all-extras $(LOCK) --upgrade --output-file constraints.txt
	printf 'hatchling==1.27.0\neditables\n' | $(BIN)/uv pip compile pyproject.toml - --extra test $(LOCK) \
		--constraint constraints.txt --generate-hashes --output-file requirements-test.txt

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/run-installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

# No file is installed whose hash is not known; the package itself comes last, and brings nothing.
$(VENV)/test-installed: $(VENV)/bin/python pyproject.toml requirements-test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@
