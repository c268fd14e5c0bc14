# `make book` and `make test` set up all they need in .venv: Python 3.11 or newer, git and make are enough.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: book run pages test lint bench clean
.DELETE_ON_ERROR:

# One after the other, and the pages also where a recipe failed: the exit code says that it did.
book: .venv/ready
	@$(MAKE) --no-print-directory --keep-going --jobs=1 run pages

run: .venv/ready
	$(BIN)/recipes run

pages: .venv/ready
	$(BIN)/recipes build

test: .venv/ready lint
	$(BIN)/python -m pytest
	$(BIN)/recipes check

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[book,deploy,scale,test]'
	touch $@

clean:
	rm -rf .venv _build
