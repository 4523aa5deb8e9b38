# Everything needs only Linux, Python 3.11 to 3.13, git, make and a C++ compiler.
PYTHON ?=
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# One worker a core; the tests of a file stay together and share what they prepare.
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile

# One thread a job: Snakemake runs as many jobs as there are cores.
export OMP_NUM_THREADS := 1
export OMP_WAIT_POLICY := PASSIVE

# Snakemake keeps a cache, for which a home that cannot be written has no place.
CACHE := $(shell d="$${XDG_CACHE_HOME:-$$HOME/.cache}"; mkdir -p "$$d" 2>&- && test -w "$$d" && echo "$$d")
export XDG_CACHE_HOME := $(or $(CACHE),$(CURDIR)/.snakemake/cache)

.PHONY: demo test fast test-pythons lint bench format lock docs clean

demo: $(READY)  ## run the default experiment and say where its report is
	$(BIN)/snakemake --cores all
	@echo "The report: $$(pwd)/results/in-vitro/report.html"

test: lint  ## all tests, the fast ones first
	$(PYTEST) -m "not slow" --maxfail 10
	$(PYTEST) -m slow

fast: $(READY)  ## the fast tests alone
	$(PYTEST) -m "not slow"

test-pythons:  ## the fast tests on each Python that is found here
	tests/pythons.sh

lint: $(READY)  ## style, types and the workflow's own checks
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy workflow/chronoglot bench
	$(BIN)/snakefmt --check Snakefile workflow/Snakefile workflow/rules
	$(BIN)/snakemake --lint

bench: $(READY)  ## measure what it costs beside other ways: docs/performance.md
	-PYTHONPATH=workflow $(BIN)/python -m bench.neurox
	PYTHONPATH=workflow $(BIN)/python -m bench pretraining --scale full --threads 1
	PYTHONPATH=workflow $(BIN)/python -m bench --scale full --threads $$(nproc)

format: $(READY)  ## rewrite the sources in the project's style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt Snakefile workflow/Snakefile workflow/rules

docs: $(READY)  ## rewrite what is made from the settings: docs/settings.md and the schema
	PYTHONPATH=workflow $(BIN)/python -m chronoglot settings-page --output docs/settings.md
	PYTHONPATH=workflow $(BIN)/python -m chronoglot schema --output workflow/settings.schema.json

$(READY): envs/requirements.lock pyproject.toml
	envs/install.sh $(VENV) $(PYTHON)
	touch $@

# Resolves envs/requirements.in anew (needs uv). The CUDA packages that torch names for Linux are
# left to torch's own installation.
lock:
	uv pip compile --quiet --python-version 3.11 --override envs/overrides.txt \
		--no-emit-package torch --no-emit-find-links --no-header --no-annotate \
		envs/requirements.in | grep -vE '^(nvidia-|cuda-|triton)' > envs/requirements.new
	mv envs/requirements.new envs/requirements.lock
	$(MAKE) envs/chronoglot.post-deploy.sh

envs/chronoglot.post-deploy.sh: envs/requirements.in envs/requirements.lock
	{ echo '#!/usr/bin/env bash'; \
	  echo '# Made by make lock: the versions of requirements.lock.'; \
	  echo 'set -euo pipefail'; \
	  echo "pip install $$(grep '^torch==' envs/requirements.in)"; \
	  echo "pip install --no-deps $$(grep == envs/requirements.lock | tr '\n' ' ')"; } > $@

clean:  ## remove the environment; results stay
	rm -rf $(VENV)
