# Tianyuan. Every target makes the virtual environment it needs.
#
#   make demo         train on real handwritten digits; prints accuracy and digest
#   make test         the whole suite
#   make test-slow    the long sweeps
#   make lint         ruff and pyright (strict)
#   make bench        figures against JAX and NumPy
#   make examples     run every example
#   make errors       what wrong programs say

PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow lint bench examples errors clean

demo: $(VENV)/.demo
	$(BIN)/tianyuan demo

test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist loadfile --max-worker-restart 0 -m "not slow"

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist loadfile --max-worker-restart 0 -m slow

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(VENV)/.bench
	$(BIN)/python -m bench

examples: $(VENV)/.demo
	for e in examples/*.py; do echo "== $$e"; $(BIN)/python $$e || exit 1; done

errors: $(VENV)/.test
	PYTHONPATH=.:jit:gpu $(BIN)/python -m tests.golden.errors.gallery

$(VENV)/.demo: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -e '.[data,plot,progress]'
	touch $@

$(VENV)/.test: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -e '.[test]'
	touch $@

$(VENV)/.dev: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -e '.[dev]'
	touch $@

$(VENV)/.bench: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -e '.[bench]'
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .hypothesis .ruff_cache
