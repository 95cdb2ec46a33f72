# Everything a newcomer needs. Python packages come from containers/requirements.lock and nothing else; the engine is
# the Nextflow on the PATH or, without one, the jars named in engine/pom.xml.
#
#   make demo                                              set up, run on generated slices, say where to look
#   make test                                              set up, lint, unit tests, pipeline tests
#   make test-long                                         set up, the tests that take many minutes: before a release
#   make run ARGS="--input sheet.csv --outdir results"     set up, run the pipeline
#   make benchmark DATA=../shared/data                     set up, accuracy on annotated slices, time and memory by size
#   make docs                                              set up, pages of the package from its docstrings
#   make agreement                                         set up, hold the answers of this version against the last release's
#   make setup TORCH=cpu                                   the same packages with torch for CPUs: 5 GB less on disk
#   make image                                             container image for CPUs; make image-cuda: the one of -profile gpu
#   make test-containers                                   build images on a base made here, run the pipeline inside (root, Debian)

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c

PYTHON   ?= python3
ARGS     ?=
# cpu, cu128, rocm6.4, auto ...: which torch to install, by uv's names; empty: the one of the lock
TORCH    ?=
LOCK     := containers/requirements.lock
NEXTFLOW := engine/nextflow
# Annotated slices of `make benchmark`
DATA     ?= ../shared/data
# pytest options, e.g. make test TESTS="-k resume"
TESTS    ?=
# Processes that share the test files; each pipeline that they run uses up to 2 cores and 4 GB
WORKERS  ?= 2
# (with bytecode kept, also where a shell forbids it: tests start the scripts a thousand times)
PYTEST    = PYTHONDONTWRITEBYTECODE= .venv/bin/python -m pytest tests --numprocesses $(WORKERS) --dist loadfile \
                --no-loadscope-reorder

# uv of the PATH, else one of our own
UV := $(or $(shell command -v uv),.uv/bin/uv)

.PHONY: help demo test test-long benchmark docs agreement run setup engine lint image image-cuda test-containers lock licences clean distclean

help:
	@sed -nE 's/^#   (make .*)/\1/p' Makefile

# --- set up: each part again only when what it is made from has changed ---------------------------------------------

# (packages and engine beside each other: half a minute less)
setup:
	@$(MAKE) --silent --jobs 2 .venv/complete engine


.uv/bin/uv: | .tools
	@echo "Installing uv into .uv"
	@$(PYTHON) -m venv .uv && .uv/bin/python -m pip install --quiet uv \
	    || { rm -rf .uv; echo "Cannot set up: uv could not be installed from the package index (see above)." >&2; exit 1; }

.venv/complete: $(LOCK) pyproject.toml | .tools $(filter .uv/%,$(UV))
	@echo "Installing the Python packages of $(LOCK) into .venv"
	@rm -f $@
	@test -x .venv/bin/python || $(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
ifeq ($(TORCH),)
	@$(UV) pip sync --quiet --compile-bytecode --python .venv/bin/python $(LOCK) \
	    || { echo "Cannot set up: the packages of $(LOCK) could not be installed (see above)." >&2; exit 1; }
else
	@# Builds of torch for one backend have versions and hashes of their own: the lock then constrains, without hashes
	@$(UV) pip install --quiet --compile-bytecode --python .venv/bin/python --torch-backend $(TORCH) --no-verify-hashes \
	    --requirements pyproject.toml --extra dev --constraints $(LOCK) \
	    || { echo "Cannot set up: the packages with torch for '$(TORCH)' could not be installed (see above)." >&2; exit 1; }
endif
	@touch $@

engine: | .tools
	@if [[ "$$($(NEXTFLOW) --which)" == bundled ]]; then $(MAKE) --silent .engine/complete; fi

.engine/complete: engine/pom.xml
	@echo "Fetching the engine's jars into .engine"
	@rm -rf .engine
	@mvn --quiet --batch-mode --file engine/pom.xml dependency:copy-dependencies \
	    || { echo "Cannot set up: Maven could not fetch the engine of engine/pom.xml (see above)." >&2; exit 1; }
	@$(PYTHON) engine/drop-indexes .engine/jars
	@touch $@
	@engine/archive-classes

.PHONY: .tools
.tools:
	@engine/check-tools $(PYTHON)

# --- run ------------------------------------------------------------------------------------------------------------

run: setup
	@$(NEXTFLOW) run . $(ARGS)

demo: setup
	@.venv/bin/python bin/simulate.py --out demo/data --preset demo
	@cd demo && ../$(NEXTFLOW) run .. -profile test -resume --input data/samplesheet.csv --outdir results
	@echo
	@echo "Report:      demo/results/multiqc/multiqc_report.html"
	@echo "Slices:      demo/results/slices.csv"
	@echo "Domain maps: $$(ls demo/results/slices/*/*domains*.png | head -n 1)  (one folder per slice)"

# --- check ----------------------------------------------------------------------------------------------------------

test: lint
	@$(PYTEST) -m "not long" $(TESTS)

# Every platform, every tutorial, what domains mean, a strict run of slices that break, an engine that is killed, models from
# disk, more about -resume
test-long: setup
	@$(PYTEST) -m long $(TESTS)

lint: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(MAKE) --silent --jobs 2 --output-sync=target .lint-nextflow .lint-nf-core

.PHONY: .lint-nextflow .lint-nf-core
.lint-nextflow:
	@$(NEXTFLOW) lint main.nf nextflow.config conf modules subworkflows

.lint-nf-core:
	@PATH="$(CURDIR)/engine:$(CURDIR)/.venv/bin:$$PATH" NFCORE_NO_VERSION_CHECK=1 \
	    nf-core --hide-progress pipelines lint --dir . --plain-text

# --- measure: an hour or two on 2 cores; docs/benchmarks.md has the tables ---------------------------------------------

benchmark: setup
	@.venv/bin/python tests/benchmark/scaling.py
	@.venv/bin/python tests/benchmark/accuracy.py --data $(DATA)

# --- say what it is: pages of the package, and how far its answers are those of the last release -----------------------

docs: setup
	@.venv/bin/python docs/api/build.py
	@echo "Pages of the package: docs/_build/api/index.html"

# After a release, with AGREEMENT=--release: its answers are those that later versions meet
agreement: setup
	@mkdir -p .agreement
	@cd .agreement && ../$(NEXTFLOW) run .. -profile test -resume --methods stmfg,multist --infer_expression --evaluate loso --outdir results
	@.venv/bin/python tests/benchmark/agreement.py .agreement/results $(AGREEMENT)

# --- containers: containers/build has the settings ------------------------------------------------------------------

image:
	@containers/build cpu

image-cuda:
	@containers/build cuda

# Many minutes, and disk for three times an image; TESTED=cpu where PyTorch's own index can be reached
TESTED ?= cuda
test-containers: setup
	@BASE=localhost/tissuegraph-base:bookworm tests/containers/base
	@BASE=localhost/tissuegraph-base:bookworm containers/build $(TESTED)
	@TISSUEGRAPH_IMAGE=$(TESTED) .venv/bin/python -m pytest -s tests/containers $(TESTS)

# --- after a change of the dependencies in pyproject.toml; UPGRADE=--upgrade takes newer versions of everything --------

lock: | .tools $(filter .uv/%,$(UV))
	@$(UV) pip compile --quiet pyproject.toml --extra dev --universal --generate-hashes --python-version 3.11 \
	    --no-emit-index-url --no-emit-find-links $(UPGRADE) -o $(LOCK)
	@sed -i -E "s/^(# requirements.lock) .*/\1 $$(sha256sum $(LOCK) | cut -c1-16)/" containers/environment.yml
	@$(MAKE) --silent licences

licences: setup
	@.venv/bin/python containers/licences.py > containers/.licences.md && mv containers/.licences.md containers/licences.md

# --- tidy -----------------------------------------------------------------------------------------------------------

clean:
	rm -rf demo work .nextflow .nextflow.log*

distclean: clean
	rm -rf .venv .uv .engine
