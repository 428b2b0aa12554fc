# Two commands need nothing but Python 3.10 or newer: `make demo` and `make test`.
# The others are for those who change the project.

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
# More than two cores have: many tests wait for a server or a program.
WORKERS ?= 4
# Tests start programs: each of them would compile all of it, where a machine forbids to keep it.
unexport PYTHONDONTWRITEBYTECODE
# How many times more examples make fuzz tries than make test.
FUZZ ?= 20
# For how many seconds make guided follows each reader.
GUIDED ?= 60

.PHONY: help demo test test-tools fuzz guided lint format coverage mutants e2e contract contract-diff docs failures benchmarks soak dist plugin-manifest \
	test-wheel release-dist sbom checksums release release-notes github-release cluster clean

help: ## show what there is to make
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1: /p' $(MAKEFILE_LIST)

demo: $(VENV)/.run ## clone a VM in the sandbox and show the result
	PATH="$(CURDIR)/$(BIN):$$PATH" kubectl-virt_clone sandbox -- sh docs/demo.sh

test: $(VENV)/.test ## run the whole test suite
	$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

test-tools: $(VENV)/.test ## run the tests that need a tool beside Python, git and coreutils, as kubectl or tmux
	$(BIN)/python -m pytest -n $(WORKERS) -m needs $(PYTEST_ARGS) || [ $$? -eq 5 ] # pytest says 5 where there was nothing to run

lint: $(VENV)/.dev ## check style, types, layers, spelling and workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/zizmor --offline --quiet --min-severity medium .github

format: $(VENV)/.dev ## write the code in its one style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Not with it: what the program imports, for there coverage itself would be found.
coverage: $(VENV)/.dev ## measure how much of the code the tests run: all of clone/ and objects/, 95 % of the package
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) --ignore tests/cli/test_startup.py $(PYTEST_ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --show-missing --fail-under 95
	$(BIN)/coverage report --skip-covered --include 'kubectl_virt_clone/clone/*,kubectl_virt_clone/objects/*' --fail-under 100

mutants: $(VENV)/.mutants ## change each line of the model and see a test fail: make mutants MODULES="filters"
	$(BIN)/python -m tests.mutants $(MODULES)

fuzz: $(VENV)/.test ## try many random examples of hostile input, 20 times as many as make test: make fuzz FUZZ=20
	FUZZ=$(FUZZ) $(BIN)/python -m pytest tests/fuzz $(PYTEST_ARGS)

guided: $(VENV)/.guided ## let coverage guide hostile input to each reader: make guided GUIDED=60 TARGETS="paths"
	$(BIN)/python -m tests.fuzz.guided --seconds $(GUIDED) $(TARGETS)

e2e: $(VENV)/.test ## run the integration suite on a real cluster: make e2e KUBECONFIG=FILE
	$(if $(filter command,$(origin KUBECONFIG)),,$(error say which cluster: make e2e KUBECONFIG=FILE))
	$(BIN)/python -m pytest tests/contract tests/e2e --kubeconfig "$(KUBECONFIG)" $(PYTEST_ARGS)

# A KUBECONFIG that is only in the environment was not meant for this.
contract: $(VENV)/.test ## write build/contract/SERVER.txt, one line per behaviour: KUBECONFIG=FILE or KUBEBUILDER_ASSETS=FOLDER
	$(BIN)/python -m pytest -q -p tests.contract.behaviours --behaviours build/contract tests/contract tests/cli/test_everywhere.py \
		$(if $(filter command,$(origin KUBECONFIG)),--kubeconfig "$(KUBECONFIG)") $(PYTEST_ARGS)

# With no KUBEBUILDER_ASSETS the pinned ones are downloaded, for Linux on amd64.
contract-diff: ASSETS := $(or $(KUBEBUILDER_ASSETS),$(CURDIR)/build/envtest)
contract-diff: $(VENV)/.test $(if $(KUBEBUILDER_ASSETS),,build/envtest/.made) ## hold the sandbox to a kube-apiserver: make contract on both, and diff
	$(MAKE) contract KUBEBUILDER_ASSETS=
	$(MAKE) contract KUBEBUILDER_ASSETS="$(ASSETS)"
	diff build/contract/sandbox.txt build/contract/apiserver.txt
	KUBEBUILDER_ASSETS="$(ASSETS)" $(BIN)/python -m pytest tests/envtest $(PYTEST_ARGS)

docs: $(VENV)/.test ## write docs/verbs from the help, and draw docs/demo.svg from a run
	$(BIN)/python -m tests.docs.pages
	$(BIN)/python -m tests.docs.demo

failures: $(VENV)/.test ## run all failures and write docs/failures.md: what each looks like
	$(BIN)/python -m pytest tests/failures --write $(PYTEST_ARGS)

benchmarks: $(VENV)/.test ## measure it against its peers and write benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks $(BENCHMARKS_ARGS)

soak: $(VENV)/.test ## follow 20,000 clones that change for five minutes, twice, for benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks.soak $(SOAK_ARGS)

dist: $(DIST)/.made ## build wheel, sdist and this platform's archive for krew into dist/
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

release-notes: ## write build/notes.md, what a release changes: make release-notes VERSION=v0.1.0
	mkdir -p build
	$(PYTHON) packaging/release.py notes "$(VERSION)" >build/notes.md

release-dist: export UV_PYTHON_INSTALL_DIR := $(CURDIR)/build/python
release-dist: build/tools/.made ## make dist as a release does it: with a Python that runs on older systems
	$(TOOLS)/uv python install --no-bin $(RELEASE_PYTHON)
	python=$$($(TOOLS)/uv python find --managed-python --no-project $(RELEASE_PYTHON)) && \
		$(MAKE) dist DIST=build/venv PYTHON="$$(printf %s "$$python" | tr '\\' /)"

sbom: build/tools/.made ## write dist/kubectl-virt_clone.cdx.json: what is in the archives (CycloneDX)
	rm -rf build/sbom
	$(PYTHON) -m venv --without-pip build/sbom
	$(TOOLS)/python -m pip --python build/sbom install --quiet --constraint packaging/constraints.txt dist/*.whl
	find build/sbom -name direct_url.json -delete # it tells where the wheel was
	$(TOOLS)/cyclonedx-py environment --output-file dist/kubectl-virt_clone.cdx.json build/sbom/$(SCRIPTS)/python

checksums: ## write dist/SHA256SUMS
	cd dist && rm -f SHA256SUMS && sums=$$(sha256sum -- *) && echo "$$sums" >SHA256SUMS

github-release: release-notes ## publish dist/ on GitHub; the tag must be there: make github-release VERSION=v0.1.0
	gh release create "$(VERSION)" --verify-tag --title "$(VERSION)" --notes-file build/notes.md \
		$(if $(findstring -,$(VERSION)),--prerelease) dist/* plugin.yaml

cluster: ## start kind with KubeVirt, for make e2e KUBECONFIG=build/cluster: make cluster KUBEVIRT=v1.9.0
	mkdir -p build
	sh tests/e2e/cluster.sh "$(KUBEVIRT)" build/cluster

clean: ## remove what make and the tools have written
	rm -rf $(VENV) $(DIST) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# One virtual environment; each stamp says which of the extras it has.
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

# It is there for Linux on amd64, and Python 3.11 to 3.13.
$(VENV)/.guided: $(VENV)/.test
	$(BIN)/python -m pip install --quiet atheris==3.0.0
	@touch $@

build/envtest/.made: tests/envtest/download.sh
	mkdir -p build/envtest
	sh tests/envtest/download.sh build/envtest
	@touch $@

# What only a release needs.
build/tools/.made:
	$(PYTHON) -m venv build/tools
	$(TOOLS)/python -m pip install --quiet cyclonedx-bom==7.5.0 uv==0.13.9
	@touch $@

# A release is built with libraries of its own choice.
$(DIST)/.made: packaging/constraints.txt setup.cfg
	$(PYTHON) -m venv $(DIST)
	$(DIST)/$(SCRIPTS)/python -m pip install --quiet --constraint packaging/constraints.txt --editable '.[dist]'
	@touch $@
