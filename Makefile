# `make` alone lists what there is. Everything lives in $(VENV); nothing is installed outside of it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
ARGS ?=
# Processes that share the tests; a file stays in one. One more than CPUs, for tests wait, too. 0 runs all in this one, for a
# debugger.
WORKERS ?= $(shell n=$$(nproc); echo $$((n < 4 ? n + 1 : 4)))
# Options of pip for torch alone. A machine without a GPU saves gigabytes with the address of torch's CPU builds, which
# pytorch.org/get-started/locally shows: TORCH_OPTIONS='--index-url …'.
TORCH_OPTIONS ?=

BUILD_INPUTS := pyproject.toml constraints.txt CMakeLists.txt $(shell find csrc -name '*.[ch]pp')

.DEFAULT_GOAL := help
.PHONY: help run test coverage lint format bench docs tidy sanitize build wheel charts clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## install, fetch the default model, measure its speed and memory (ARGS='--dry-run' and the like)
	@$(BIN)/python -m inference_bench run $(ARGS)

test: $(VENV)/.dev ## install, run the whole test suite (ARGS='-k clock' and the like)
	@$(BIN)/python -m compileall -q inference_bench # hundreds of processes would each do that, where they may not keep it
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: $(VENV)/.dev ## the tests but the slow ones, and which lines they run; fails below the floor in pyproject.toml
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run -m pytest -m 'not slow' $(ARGS)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report

lint: $(VENV)/.dev ## ruff, mypy, the native stub against the native module, clang-format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/python -m mypy.stubtest inference_bench._native --allowlist tests/native/stubtest_allowlist.txt --ignore-unused-allowlist
	@$(BIN)/clang-format --dry-run --Werror $$(find csrc tests -name '*.[ch]pp')

format: $(VENV)/.dev ## rewrite the sources in the project's format
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .
	@$(BIN)/clang-format -i $$(find csrc tests -name '*.[ch]pp')

bench: $(VENV)/.bench ## what our own tools cost and whether they agree with others, side by side (ARGS: names)
	@$(BIN)/python -m bench $(ARGS)

docs: $(VENV)/.docs ## build the documentation into site/, metrics and API reference from the sources
	@$(BIN)/python docs/tables.py
	@$(BIN)/python docs/architecture.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "built site/index.html"

tidy: $(VENV)/.dev ## clang-tidy over csrc/, by .clang-tidy
	@$(BIN)/cmake --preset debug -DINFERENCE_BENCH_TESTS=OFF -DPython_EXECUTABLE=$(abspath $(BIN)/python) \
	  -Dpybind11_DIR="$$($(BIN)/python -m pybind11 --cmakedir)" >/dev/null
	@$(BIN)/clang-tidy --quiet --warnings-as-errors='*' -p build/debug $$(find csrc -name '*.cpp')

sanitize: $(VENV)/.dev ## the native tests under ASan, UBSan and TSan (needs Debian's doctest-dev for the C++ ones)
	@PYTHON=$(BIN)/python bash tests/native/sanitize.sh $(ARGS)

build: $(VENV)/.run ## make the virtual environment and install the package into it, editable
	@echo "installed in $(VENV); try: $(BIN)/python -m inference_bench --help"

wheel: $(VENV)/.run ## build a wheel into dist/
	@$(PIP) wheel --no-deps --wheel-dir dist .

charts: ## rebuild the chart library that HTML reports embed (needs npm)
	@cd web && npm ci --silent --no-audit --no-fund && npm run --silent build

clean: ## remove the virtual environment and everything built; results and the weights cache stay
	@rm -rf $(VENV) build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "inference_bench needs Python 3.11 or newer; this is " \
	  + sys.version.split()[0] + ". Name another: make PYTHON=python3.12")'
	@echo "making a virtual environment in $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.venv $(BUILD_INPUTS)
	@echo "installing torch and the other requirements (once), building the native core" >&2
	@$(PIP) install -c constraints.txt $(TORCH_OPTIONS) torch
	@$(PIP) install -c constraints.txt --editable '.[models]'
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "installing what tests and checks need (once)" >&2
	@$(PIP) install -c constraints.txt --editable '.[dev]'
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	@echo "installing the peers that the benches compare with (once)" >&2
	@$(PIP) install -c constraints.txt --editable '.[bench]'
	@touch $@

$(VENV)/.docs: $(VENV)/.run
	@echo "installing what builds the documentation (once)" >&2
	@$(PIP) install -c constraints.txt --editable '.[docs]'
	@touch $@
