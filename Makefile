# `make demo` and `make test` need only Python 3.10 or newer.
# The other commands are for people who change the project.

PYTHON ?= python3
VENV ?= .venv
# Where a virtual environment keeps its programs.
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := $(VENV)/$(SCRIPTS)
DIST := $(VENV)-dist
PYTEST_ARGS ?=
# What `make cluster` installs.
KUBEVIRT ?= v1.9.0
# The Python inside release archives; uv's own ones run where the C library is old, too.
RELEASE_PYTHON := 3.13
TOOLS := build/tools/$(SCRIPTS)
# More than there are cores on a small machine: many tests wait for a server or a program.
WORKERS ?= 4
# Tests start programs. If Python may not keep what it compiles, each of them compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE
# How many times the examples that a test names make fuzz tries; make test tries a third of them, and
# some of the wrong values that tests/unit put everywhere.
FUZZ ?= 60
FUZZED := tests/fuzz tests/unit tests/cli/test_prediction.py tests/cli/test_success.py
# How many seconds make guided spends on each reader.
GUIDED ?= 60

.PHONY: help demo test test-tools nightly fuzz guided lint format coverage mutants e2e contract contract-diff docs failures benchmarks soak dist plugin-manifest \
	test-wheel release-dist sbom checksums release release-notes github-release cluster clean

help: ## list these commands
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1: /p' $(MAKEFILE_LIST)

demo: $(VENV)/.run ## clone a VM in the sandbox and show the result
	PATH="$(CURDIR)/$(BIN):$$PATH" kubectl-virt_clone sandbox -- sh docs/demo.sh

test: $(VENV)/.test ## run the whole test suite
	$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

test-tools: $(VENV)/.dev ## run the tests that need a tool other than Python, git and coreutils, such as kubectl or tmux
	$(BIN)/python -m pytest -n $(WORKERS) -m "needs and not nightly" $(PYTEST_ARGS) || [ $$? -eq 5 ] # pytest exits with 5 if it ran nothing

nightly: $(VENV)/.test ## run what make test leaves to the night: the other comparisons with kubectl, more kills, and make fuzz
	FUZZ=$(FUZZ) $(BIN)/python -m pytest -n $(WORKERS) $(FUZZED) $(PYTEST_ARGS)
	$(BIN)/python -m pytest -n $(WORKERS) tests/cli/test_killed.py --kills 10 $(PYTEST_ARGS)
	$(BIN)/python -m pytest -n $(WORKERS) -m nightly $(PYTEST_ARGS)

lint: $(VENV)/.dev ## check style, types, imports between rooms, spelling and workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/zizmor --offline --quiet --min-severity medium .github

format: $(VENV)/.dev ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Without test_startup.py: it checks what the program imports, and would find coverage itself.
coverage: $(VENV)/.dev ## run the tests and measure coverage: all of clone/ and objects/, 95 % of the code
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) --ignore tests/cli/test_startup.py $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --show-missing --fail-under 95
	$(BIN)/coverage report --skip-covered --include 'kubectl_virt_clone/clone/*,kubectl_virt_clone/objects/*' --fail-under 100

mutants: $(VENV)/.mutants ## change each line of the pure rooms and see a test fail: make mutants MODULES="clone.spec.filters"
	$(BIN)/python -m tests.mutants $(MODULES)

fuzz: $(VENV)/.test ## try 180 times as many random examples of hostile input as make test: make fuzz FUZZ=60
	FUZZ=$(FUZZ) $(BIN)/python -m pytest $(FUZZED) $(PYTEST_ARGS)

guided: $(VENV)/.guided ## feed hostile input, guided by coverage, to each reader: make guided GUIDED=60 TARGETS="paths"
	$(BIN)/python -m tests.fuzz.guided --seconds $(GUIDED) $(TARGETS)

e2e: $(VENV)/.test ## run the integration suite on a real cluster: make e2e KUBECONFIG=FILE
	$(if $(filter command,$(origin KUBECONFIG)),,$(error say which cluster: make e2e KUBECONFIG=FILE))
	$(BIN)/python -m pytest tests/contract tests/e2e --kubeconfig "$(KUBECONFIG)" $(PYTEST_ARGS)

# Ignore a KUBECONFIG that is only in the environment: it was not meant for this.
contract: $(VENV)/.test ## write build/contract/SERVER.txt, one line per behaviour: KUBECONFIG=FILE or KUBEBUILDER_ASSETS=FOLDER
	$(BIN)/python -m pytest -q -p tests.contract.behaviours --behaviours build/contract tests/contract tests/cli/test_everywhere.py \
		$(if $(filter command,$(origin KUBECONFIG)),--kubeconfig "$(KUBECONFIG)") $(PYTEST_ARGS)

# Without KUBEBUILDER_ASSETS, download the pinned ones for Linux on amd64.
contract-diff: ASSETS := $(or $(KUBEBUILDER_ASSETS),$(CURDIR)/build/envtest)
contract-diff: $(VENV)/.test $(if $(KUBEBUILDER_ASSETS),,build/envtest/.made) ## compare the sandbox with a kube-apiserver: make contract on both, then diff
	$(MAKE) contract KUBEBUILDER_ASSETS=
	$(MAKE) contract KUBEBUILDER_ASSETS="$(ASSETS)"
	diff build/contract/sandbox.txt build/contract/apiserver.txt
	KUBEBUILDER_ASSETS="$(ASSETS)" $(BIN)/python -m pytest tests/envtest $(PYTEST_ARGS)

docs: $(VENV)/.test ## write docs/verbs from the help, and draw docs/demo.svg from a run
	$(BIN)/python -m tests.docs.pages
	$(BIN)/python -m tests.docs.demo

failures: $(VENV)/.test ## run all failures and write docs/failures.md, which shows each of them
	$(BIN)/python -m pytest tests/failures --write $(PYTEST_ARGS)

benchmarks: $(VENV)/.test ## measure the program against its peers and write benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks $(BENCHMARKS_ARGS)

soak: $(VENV)/.test ## watch 20,000 clones change for five minutes, twice, and write benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks.soak $(SOAK_ARGS)

dist: $(DIST)/.made ## build the wheel, the sdist and this platform's archive for krew into dist/
	$(DIST)/$(SCRIPTS)/python packaging/archive.py dist

plugin-manifest: ## write plugin.yaml for the archives in dist/: make plugin-manifest VERSION=v0.1.0
	$(PYTHON) packaging/manifest.py "$(VERSION)" $(if $(HOMEPAGE),--homepage "$(HOMEPAGE)")

test-wheel: ## run the test suite on what `make dist` built, away from the checkout
	rm -rf build/wheel
	mkdir -p build/wheel/dist
	cp dist/kubectl-virt_clone-* build/wheel/dist/
	tar -xzf dist/kubectl_virt_clone-*.tar.gz -C build/wheel --strip-components 1
	rm -r build/wheel/kubectl_virt_clone* build/wheel/kubevirt_sandbox
	$(PYTHON) -m venv build/wheel/.venv
	build/wheel/.venv/$(SCRIPTS)/python -m pip install --quiet "$$(ls dist/kubectl_virt_clone-*.whl)[test]"
	cd build/wheel && .venv/$(SCRIPTS)/python -m pytest -n $(WORKERS) --ignore tests/test_architecture.py $(PYTEST_ARGS)

release: ## cut a release, which the workflow then builds: make release VERSION=v0.1.0
	$(PYTHON) packaging/release.py cut "$(VERSION)"

release-notes: ## write what a release changes into build/notes.md: make release-notes VERSION=v0.1.0
	mkdir -p build
	$(PYTHON) packaging/release.py notes "$(VERSION)" >build/notes.md

release-dist: export UV_PYTHON_INSTALL_DIR := $(CURDIR)/build/python
release-dist: build/tools/.made ## run make dist as a release does, with a Python that runs on older systems
	$(TOOLS)/uv python install --no-bin $(RELEASE_PYTHON)
	python=$$($(TOOLS)/uv python find --managed-python --no-project $(RELEASE_PYTHON)) && \
		$(MAKE) dist DIST=build/venv PYTHON="$$(printf %s "$$python" | tr '\\' /)"

sbom: build/tools/.made ## list the libraries in the archives (CycloneDX): dist/kubectl-virt_clone.cdx.json
	rm -rf build/sbom
	$(PYTHON) -m venv --without-pip build/sbom
	$(TOOLS)/python -m pip --python build/sbom install --quiet --constraint packaging/constraints.txt dist/*.whl
	find build/sbom -name direct_url.json -delete # it says where the wheel was
	$(TOOLS)/cyclonedx-py environment --output-file dist/kubectl-virt_clone.cdx.json build/sbom/$(SCRIPTS)/python

checksums: ## write dist/SHA256SUMS
	cd dist && rm -f SHA256SUMS && sums=$$(sha256sum -- *) && echo "$$sums" >SHA256SUMS

github-release: release-notes ## publish dist/ on GitHub; the tag must exist: make github-release VERSION=v0.1.0
	gh release create "$(VERSION)" --verify-tag --title "$(VERSION)" --notes-file build/notes.md \
		$(if $(findstring -,$(VERSION)),--prerelease) dist/* plugin.yaml

cluster: ## start kind with KubeVirt, for make e2e KUBECONFIG=build/cluster: make cluster KUBEVIRT=v1.9.0
	mkdir -p build
	sh tests/e2e/cluster.sh "$(KUBEVIRT)" build/cluster

clean: ## remove everything that make and the tools wrote
	rm -rf $(VENV) $(DIST) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# One virtual environment; each stamp says which extras it has.
$(VENV)/.made:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 10) else "Python 3.10 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made setup.cfg
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.made setup.cfg
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

$(VENV)/.dev: $(VENV)/.made setup.cfg
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

$(VENV)/.mutants: $(VENV)/.test
	$(BIN)/python -m pip install --quiet mutmut==3.8.1
	@touch $@

# Atheris exists for Linux on amd64 and Python 3.11 to 3.13.
$(VENV)/.guided: $(VENV)/.test
	$(BIN)/python -m pip install --quiet atheris==3.0.0
	@touch $@

build/envtest/.made: tests/envtest/download.sh
	mkdir -p build/envtest
	sh tests/envtest/download.sh build/envtest
	@touch $@

# Only a release needs this.
build/tools/.made:
	$(PYTHON) -m venv build/tools
	$(TOOLS)/python -m pip install --quiet cyclonedx-bom==7.5.0 uv==0.13.9
	@touch $@

# A release pins its libraries.
$(DIST)/.made: packaging/constraints.txt setup.cfg
	$(PYTHON) -m venv $(DIST)
	$(DIST)/$(SCRIPTS)/python -m pip install --quiet --constraint packaging/constraints.txt --editable '.[dist]'
	@touch $@
