# Two commands do everything from nothing: `make` (install, then the study named in config.yaml, or
# make STUDY=fashion_mnist) and `make test`. All of it can be done without make; see README.md. Who changes
# the code runs `make check` while at it.

PYTHON ?= python3
VENV ?= .venv
VISSL_VENV ?= .venv-vissl
ENVIRONMENTS = workflow train analysis test

# Python compiles what it imports when it does and keeps that, unless it is told not to keep it.
BYTECODE = $(if $(PYTHONDONTWRITEBYTECODE),--compile-bytecode)

export PATH := $(abspath $(VENV))/bin:$(PATH)
SNAKEMAKE = snakemake $(if $(STUDY),--config study=$(STUDY))

.PHONY: study install vissl-env plan reproduce-published stale clean-resume report check test coverage lint format lock clean

study: install
	$(SNAKEMAKE)

install: $(VENV)/installed

$(VENV)/installed: envs/uv.lock $(ENVIRONMENTS:%=envs/%.lock) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say which: make PYTHON=python3.11")'
	@test -x $(VENV)/bin/python || { echo "making the environment $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing the packages of envs/*.lock there, PyTorch the largest: a minute or two, 7 GB"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/uv.lock
	@VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv pip sync --quiet --require-hashes $(BYTECODE) envs/uv.lock $(ENVIRONMENTS:%=envs/%.lock)
	@VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@echo "installed"
	@touch $@

# VISSL's own environment, for studies with `engine: vissl`: 6 GB.
vissl-env: $(VISSL_VENV)/installed

$(VISSL_VENV)/installed: $(VENV)/installed envs/vissl.lock
	test -x $(VISSL_VENV)/bin/python || $(PYTHON) -m venv --without-pip $(VISSL_VENV)
	VIRTUAL_ENV=$(VISSL_VENV) uv pip sync --require-hashes --compile-bytecode envs/vissl.lock
	touch $@

# What the study takes, what of it is done, what would be run, and why.
plan:
	@test -e $(VENV)/installed || { echo "nothing is installed yet; first: make install"; exit 1; }
	@python -m feature_diversity plan $(if $(STUDY),--study $(STUDY))

# Make what docs/studies/STUDY has of a study anew and compare: its verdicts and one network; ALL=1: every network.
reproduce-published: install
	python -m feature_diversity reproduce docs/studies/$(or $(STUDY),objectives_small) $(if $(ALL),--all)

# Results of runs that are in no study any more, and trainings that no run uses. Nothing is deleted.
stale: install
	python -m feature_diversity stale $(if $(STUDY),--study $(STUDY))

# Remove the states of unfinished trainings that no run goes on with; ALL=1: of all that are not running.
clean-resume: install
	python -m feature_diversity clean_resume $(if $(STUDY),--study $(STUDY)) $(if $(ALL),--all)

# The page that the study makes, and Snakemake's own with the figures, rules and times of all jobs.
report: study
	$(SNAKEMAKE) --report results/$(or $(STUDY),demo)/snakemake.html
	@echo "results/$(or $(STUDY),demo)/report.html and snakemake.html"

# Lint and the fast tests: in about two minutes on two cores.
check: lint
	$(PYTEST) -m "not slow and not workflow"

# All tests, with the 25 that take longest. Three processes for two cores: one of them often waits, for SLURM or a kill.
test: install
	$(PYTEST) -n 3 --durations=25

# What the fast tests run of the package. Code that runs in processes of its own is not counted.
coverage: install
	$(PYTEST) -m "not slow and not workflow" --cov --cov-report=term

PYTEST = python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: install
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint
	lint-imports --no-logo
	mypy

format: install
	ruff check --fix-only .
	ruff format .
	snakefmt Snakefile workflow

# Resolve envs/*.in anew. All environments are resolved together, so that they agree and fit into one.
lock: install
	mkdir -p build
	$(COMPILE) $(ENVIRONMENTS:%=envs/%.in) --output-file build/all.lock
	for name in $(ENVIRONMENTS); do $(COMPILE) --constraint build/all.lock envs/$$name.in --output-file envs/$$name.lock || exit 1; done
	$(COMPILE) envs/uv.in --output-file envs/uv.lock
	$(COMPILE) --override envs/vissl.overrides envs/vissl.in --output-file envs/vissl.lock
	python envs/conda.py

COMPILE = uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

# Everything that make made, except results and downloaded data.
clean:
	rm -rf $(VENV) $(VISSL_VENV) .snakemake build .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis .coverage
