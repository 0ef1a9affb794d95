# make study   installs what is needed and runs the main study
# make test    installs what is needed and runs every test
# make docs    builds the documentation site, notebooks run
# On Debian: apt install python3 python3-venv make git

VENV := .venv
BIN := $(VENV)/bin
UV := uv==0.13.9
LOCK := requirements.lock setup.cfg pyproject.toml

# The first Python that runs and is new enough; a name may exist and still not run.
PY ?= $(firstword $(foreach p,python3.13 python3.12 python3.11 python3 python,\
	$(shell $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))

# Started in the folder above a clone, Python takes the clone for the package and never asks the
# finder of an editable install. A package on its path wins: the clone is put there.
NAMED = $(BIN)/python -c "import os, pathlib, sysconfig; pathlib.Path(\
	sysconfig.get_path('purelib'), 'spatialsyn_clone.pth').write_text(os.getcwd() + '\n', 'utf-8')"

.PHONY: study test lint notebooks docs bench lock clean

study: $(VENV)/.study
	$(BIN)/spatialsyn run studies/guangdong.toml

# One BLAS thread a worker: two workers with two threads each are five times slower. What the tests
# of a file share is made once, and compiled modules are kept, whatever the shell says: many tests
# start a Python of their own.
test: $(VENV)/.test
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.test
	$(BIN)/ruff format --check spatialsyn tests benchmarks shapefiles
	$(BIN)/ruff check spatialsyn tests benchmarks shapefiles
	$(BIN)/mypy

notebooks: $(VENV)/.test
	$(BIN)/uv pip install --python $(BIN)/python -e ".[notebook]"
	$(BIN)/jupyter lab notebooks

docs: $(VENV)/.test
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: $(VENV)/.test
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/speed.py
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/studies.py --write docs/studies.md
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/neighbours.py

# Everything that a release needs, with hashes, for all Pythons from 3.11 on.
lock: $(VENV)/.uv
	$(BIN)/uv pip compile setup.cfg --universal --generate-hashes --python-version 3.11 \
		-q -o requirements.lock
	$(BIN)/uv pip compile setup.cfg --extra test --universal --generate-hashes \
		--python-version 3.11 -q -o requirements-test.lock

$(VENV)/.uv:
	@test -n "$(PY)" || { echo "Python 3.11 or newer is needed; none was found."; exit 1; }
	@$(PY) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Could not make a virtual environment. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Installing into $(VENV) with $$($(PY) --version) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV)
	@touch $@

$(VENV)/.study: $(VENV)/.uv $(LOCK)
	$(BIN)/uv pip install --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --python $(BIN)/python --no-deps -e .
	@$(NAMED)
	@touch $@

$(VENV)/.test: $(VENV)/.uv $(LOCK) requirements-test.lock
	$(BIN)/uv pip install --python $(BIN)/python --require-hashes -r requirements-test.lock
	$(BIN)/uv pip install --python $(BIN)/python --no-deps -e .
	@$(NAMED)
	@touch $@ $(VENV)/.study

clean:
	rm -rf $(VENV) results build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
