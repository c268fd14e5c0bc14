# `make book` and `make test` set up all they need in .venv: Python 3.11 or newer, git and make are enough.
PYTHON ?= python3
BIN := .venv/bin
LOWEST := .venv-lowest/bin
NEEDED := sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")
ENVIRONMENT = "$(PYTHON)" .ci/environment.py .venv

.PHONY: book run pages test lint bench lowest clean
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
	@$(ENVIRONMENT) bench
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks

# The lower bounds of pyproject.toml, installed as they stand there.
lowest:
	@"$(PYTHON)" -c 'import sys; $(NEEDED)'
	"$(PYTHON)" -m venv --clear .venv-lowest
	$(LOWEST)/python -m pip install --quiet uv
	$(LOWEST)/uv pip install --python $(LOWEST)/python --resolution lowest-direct --editable '.[book,deploy,scale,test]'
	OMP_NUM_THREADS=1 $(LOWEST)/python -m pytest

.venv/ready: pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; $(NEEDED)'
	@$(ENVIRONMENT) book,deploy,scale,test

clean:
	rm -rf .venv .venv-lowest _build
