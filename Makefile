# Builds, runs, tests and checks vitok. `make help` lists the targets.
# The settings of tools are in pyproject.toml and Cargo.toml.
#
# PYTHON selects the interpreter. The default, python3, uses .venv and target/; any other has a virtual environment
# (.venv-NAME) and a cargo directory (target/NAME) of its own, so that switching between them rebuilds nothing. If a name
# such as python3.13 does not run, it is looked for among the Pythons of pyenv and uv.

PYTHON ?= python3
ARGS ?=
PYTEST_ARGS ?=
CONFORMANCE_ARGS ?= --control
AUTOBAHN_ARGS ?=
STRESS_ARGS ?=
BENCH_ARGS ?=
GATE_ARGS ?=
DENY_ARGS ?=
# Of `make wheels` and `make wheels-gate`: all if they are empty.
PLATFORM =
PYTHONS =
WHEELS_ARGS ?=
EMULATOR =
DOCS_ARGS ?=
# Of `make fuzz` and `make stress`. They are set on make's command line only: other programs use environment variables of
# these names.
SECONDS = 60
TARGET =
INPUT =
SANITIZER =
# Of `make run` and `make release-check`, as above.
PORT = 8000
TAG =

NAME := $(notdir $(PYTHON))
VENV := .venv$(if $(filter-out python3,$(PYTHON)),-$(NAME))
BIN := $(VENV)/bin
# rustup installs cargo here; only new shells have it in their path.
export PATH := $(PATH):$(HOME)/.cargo/bin
export CARGO_TARGET_DIR := $(CURDIR)/target$(if $(filter-out python3,$(PYTHON)),/$(NAME))
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
# pyo3 binds to this interpreter, in `cargo clippy` as in the build.
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_QUIET := 1

# A number that changes with the interpreter and with the path of the checkout, the ending of a native module for it, and
# a third word if it is a build without the GIL. The number is part of every stamp's name, so a stamp of another
# interpreter is never used.
INTERPRETER := $(shell sh tools/find_python.sh $(PYTHON))
FACTS := $(shell $(INTERPRETER) tools/interpreter.py 2>/dev/null)
STAMP := $(word 1,$(FACTS))
NATIVE := python/vitok/_native$(word 2,$(FACTS))
# Some programs have no wheels for a build without the GIL; their tests skip themselves.
PROGRAMS_GROUP := $(if $(filter free-threaded,$(FACTS)),free-threaded-programs,programs)
RUST := Cargo.toml $(wildcard Cargo.lock) pyproject.toml $(shell find crates -name '*.rs' -o -name Cargo.toml)
LOAD := Cargo.toml $(wildcard Cargo.lock) benchmarks/pyproject.toml $(shell find benchmarks/load crates/reactor -name '*.rs' -o -name Cargo.toml)
CRATES := --workspace --exclude vitok-python

MADE := $(VENV)/.made-$(STAMP)
BUILDER := $(VENV)/.builder-$(STAMP)
DEV := $(VENV)/.dev-$(STAMP)
PROGRAMS := $(VENV)/.programs-$(STAMP)
MORE_PROGRAMS := $(VENV)/.more-programs-$(STAMP)
PEERS := $(VENV)/.peers-$(STAMP)
WHEELS := $(VENV)/.wheels-$(STAMP)
AUTOBAHN := $(VENV)/.autobahn-$(STAMP)
DOCS := $(VENV)/.docs-$(STAMP)
BUILT := $(VENV)/.built-$(STAMP)
BENCH := $(VENV)/.bench-$(STAMP)
INSTALL := $(BIN)/python -m pip install --group
# It finds the package by the first `python` of the path, and runs the version that it brings along instead of npm's.
PYRIGHT = PATH="$(CURDIR)/$(BIN):$(PATH)" PYRIGHT_PYTHON_USE_BUNDLED_PYRIGHT=1 PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help build run test test-rust test-python test-core programs check check-rust check-python bench bench-gate conformance autobahn fuzz \
        loom stress tsan docs docs-serve docs-test wheels wheels-gate wheels-check wheels-install wheels-emulated wheel-native deny release-check clean doctor doctor-tests doctor-fuzz absent

help:
	@echo 'make run                          build a release and serve examples/notes on 127.0.0.1:8000; PORT=9000 is another port'
	@echo 'make run ARGS="script.py --flag"  run an asyncio program on the loop'
	@echo 'make test                         build and run every test, Rust and Python'
	@echo 'make test-core                    run those that depend on the version of Python'
	@echo 'make programs                     run programs that take long to install: grpc, Jupyter, dask, Ray and others'
	@echo 'make check                        check formats, lints, types, the stub and the structure'
	@echo 'make bench                        vitok bench --quick: compare this loop with others, in a minute'
	@echo 'make bench-gate                   compare instructions of the hottest paths with those that are kept'
	@echo "make conformance                  run CPython's own asyncio tests on this loop"
	@echo 'make autobahn                     run the Autobahn test cases of WebSocket against vitok serve'
	@echo 'make fuzz SECONDS=60              run each fuzz target that long; TARGET=splits INPUT=path runs one on one input'
	@echo 'make stress SECONDS=60            run loops and servers in many threads at random that long; STRESS_ARGS="--seed 7" repeats a run'
	@echo 'make loom                         try every order of steps of the algorithms that threads share, by loom'
	@echo 'make tsan PYTHON=path SECONDS=60  the same under ThreadSanitizer, by an interpreter that is built with it'
	@echo 'make docs                         build the site of docs/ into target/site; make docs-serve shows it on 127.0.0.1:8001'
	@echo 'make docs-test                    open it in Chromium: every page, light and dark, on a desk and on a phone'
	@echo 'make wheels                       build the files of a release into dist/; PLATFORM=x86_64 PYTHONS="3.11 3.13" builds some'
	@echo 'make wheels-gate                  check them, and use them in clean environments of the Pythons that are here'
	@echo 'make wheel-native                 build and use a wheel for PYTHON by the linker of this system, such as macOS'
	@echo 'make deny                         check licences, sources and known faults of the crates by cargo-deny'
	@echo 'make build                        build the extension module and the package, and install them into the virtual environment'
	@echo 'make clean                        remove everything that these create'
	@echo 'Each accepts PYTHON=python3.13 (python3.14t: without the GIL). The virtual environment is $(VENV).'

build: $(BUILT)

ifeq ($(strip $(ARGS)),)
# An open page reads a stream that never ends, so Ctrl-C does not wait for it.
run: $(BUILT)
	@echo 'vitok serve examples/notes: notes for everybody who opens http://127.0.0.1:$(PORT)/ . Ctrl-C stops it.'
	@exec $(BIN)/vitok serve notes.app:app --app-dir examples --host 127.0.0.1 --port $(PORT) --timeout-graceful-shutdown 1
else
run: $(BUILT)
	@exec $(BIN)/vitok run $(ARGS)
endif

# What depends on the version of the interpreter: the loop, TLS, the HTTP server's objects and applications. Tests of the
# checkout itself, such as those of its structure, are not among them, nor are those of processes and options.
CORE := $(filter-out tests/test_structure%.py tests/test_wheels%.py tests/test_release_files.py tests/test_find_python.py \
	tests/test_fuzz_tool.py tests/test_stub.py tests/test_tutorial.py tests/test_examples.py tests/test_top.py \
	tests/test_cli.py tests/test_%_page.py, $(wildcard tests/test_*.py)) $(wildcard tests/tls/test_tls_*.py) \
	$(foreach part,app asgi forms httptools native request response,$(wildcard tests/http/test_$(part)_*.py)) \
	tests/http2 tests/websocket $(wildcard tests/threads)

test: test-rust test-python

# The extension itself has no Rust tests, which would have to be linked to one interpreter. Python tests it.
test-rust: | doctor
	cargo test $(CRATES)

test-python: $(BUILT) $(BENCH) $(DEV) $(PROGRAMS) | doctor-tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# Neither the load generator nor the programs are built or installed: tests that need a library of these skip themselves.
test-core: $(BUILT) $(DEV) | doctor-tests
	@echo '$(BIN)/python -m pytest, with the files of CORE'
	@$(BIN)/python -m pytest $(CORE) $(PYTEST_ARGS)

# Redis and PostgreSQL are those of the tests.
programs: $(BUILT) $(DEV) $(MORE_PROGRAMS) | doctor-tests
	VITOK_REQUIRE_MORE_PROGRAMS=1 $(BIN)/python -m pytest tests/programs/test_more_*.py tests/programs/test_clusters.py tests/docs/test_pages.py \
		tests/docs/test_migration.py $(PYTEST_ARGS)

check: check-rust check-python

check-rust: $(MADE)
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo fmt --manifest-path loom/Cargo.toml --check
	cargo clippy --workspace --all-targets -- -D warnings
	@for target in aarch64-apple-darwin x86_64-unknown-freebsd; do \
	  if rustup target list --installed 2>/dev/null | grep -qx $$target; then \
	    echo "cargo clippy -p vitok-reactor --target $$target"; \
	    cargo clippy -p vitok-reactor --target $$target -- -D warnings || exit 1; \
	  else \
	    echo "the kqueue poller is not checked for $$target, which is not installed: rustup target add $$target"; \
	  fi; \
	done

check-python: $(BUILT) $(DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	MYPYPATH=benchmarks:benchmarks/tests $(BIN)/mypy benchmarks/tests/*.py
	$(PYRIGHT)
	$(PYRIGHT) --verifytypes vitok --ignoreexternal
	$(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml --allowlist tools/stubtest_allowlist.txt --ignore-unused-allowlist vitok
	$(BIN)/python -m tools.structure
	$(BIN)/python -m tools.versions
	$(BIN)/zizmor --offline --no-progress --pedantic --quiet .github

# Needs cargo-deny, which takes minutes to compile, and the database of advisories, which it fetches: not in `make check`.
deny:
	@command -v cargo-deny >/dev/null || { echo 'cargo-deny is missing: cargo install cargo-deny --locked' >&2; exit 1; }
	cargo deny --workspace check $(DENY_ARGS)

# What a release does first: TAG is v and the version, and the change log has its date.
release-check:
	@$(INTERPRETER) -m tools.versions '$(TAG)'

bench: $(BUILT) $(BENCH) $(PEERS)
	$(BIN)/vitok bench --quick $(BENCH_ARGS)

bench-gate: $(BUILT)
	PYTHONPATH=benchmarks $(BIN)/python -m vitok_bench.gate $(GATE_ARGS)

conformance: $(BUILT)
	$(BIN)/python -m unittest -q tests.conformance.test_runner
	$(BIN)/python -m tests.conformance $(CONFORMANCE_ARGS)

autobahn: $(BUILT) $(AUTOBAHN)
	$(BIN)/python -m tests.autobahn $(AUTOBAHN_ARGS)

# Of Python it needs the standard library only.
fuzz: | doctor-fuzz
	@$(INTERPRETER) -m tools.fuzz --seconds '$(SECONDS)' --target '$(TARGET)' --input '$(INPUT)' --sanitizer '$(SANITIZER)'

stress: $(BUILT)
	@$(BIN)/python -m tests.stress --seconds '$(SECONDS)' $(STRESS_ARGS)

# A workspace of its own: it compiles the sources of crates/threads with other atomics. It takes some seconds.
loom: | doctor
	@CARGO_TARGET_DIR='$(CURDIR)/target/loom' cargo test --manifest-path loom/Cargo.toml

# PYTHON is built with the sanitizer, under which everything is some ten times slower, and has no virtual environment.
TSAN_PROGRAM = -m tests.stress --seconds '$(SECONDS)' --size 0.2 --patience 120 --without-leaks $(STRESS_ARGS)
tsan:
	@CARGO_TARGET_DIR='$(CURDIR)/target' python3 -m tools.tsan --python '$(INTERPRETER)' -- $(TSAN_PROGRAM)

# The theme prints an advertisement of its successor unless it is told not to. The reference reads docstrings of the build.
docs docs-serve docs-test: export NO_MKDOCS_2_WARNING := 1
docs: $(BUILT) $(DOCS)
	$(BIN)/mkdocs build --strict $(DOCS_ARGS)
	@echo 'The site is in target/site.'

# With this variable a missing Chromium is a failure.
docs-test: docs $(DEV) $(PROGRAMS)
	VITOK_REQUIRE_PROGRAMS=1 VITOK_SITE=target/site $(BIN)/python -m pytest tests/docs/test_site.py tests/docs/test_reference_pages.py $(PYTEST_ARGS)

# It builds a page anew whenever its file changes.
docs-serve: $(BUILT) $(DOCS)
	$(BIN)/mkdocs serve --dev-addr 127.0.0.1:8001 $(DOCS_ARGS)

# Each of these needs what is in the group `wheels`, and finds maturin in the virtual environment.
wheels wheels-gate wheels-check wheels-emulated: export PATH := $(CURDIR)/$(BIN):$(PATH)
CHOICE = --platform '$(PLATFORM)' --pythons '$(PYTHONS)'

wheels: $(WHEELS)
	@$(BIN)/python -m tools.wheels build $(CHOICE) $(WHEELS_ARGS)

wheels-gate: wheels-check wheels-install

wheels-check: $(WHEELS)
	@$(BIN)/python -m tools.wheels check $(CHOICE) $(WHEELS_ARGS)

# Of Python it needs the standard library only.
wheels-install:
	@$(INTERPRETER) -m tools.wheels install $(CHOICE)

# A wheel for PYTHON on a system that zig does not link for, such as macOS: built and used here, by this system's linker.
wheel-native: export MACOSX_DEPLOYMENT_TARGET ?= 11.0
wheel-native: $(WHEELS)
	@rm -rf dist/native $(VENV)/native
	@$(BIN)/maturin build --release --locked --strip --out dist/native --interpreter $(BIN)/python
	@$(INTERPRETER) -m venv $(VENV)/native
	@$(VENV)/native/bin/python -m pip install --no-index dist/native/*.whl
	@$(VENV)/native/bin/python -W error tools/wheels/probe.py
	@mv dist/native/*.whl dist && rmdir dist/native

wheels-emulated: $(MADE)
	@$(BIN)/python -m tools.wheels emulate $(CHOICE) --emulator '$(EMULATOR)'

clean:
	rm -rf target .venv .venv-* dist .mypy_cache .pytest_cache .ruff_cache examples/notes/data
	rm -f python/vitok/_native*.so python/vitok/_native*.dwp
	find . -name .git -prune -o -name __pycache__ -prune -exec rm -rf {} +

doctor:
	@sh tools/doctor.sh $(INTERPRETER)

doctor-tests:
	@sh tools/doctor.sh --tests

doctor-fuzz:
	@sh tools/doctor.sh --fuzz $(INTERPRETER)

# pip supports dependency groups from 25.1 on; older Pythons include an older pip.
$(MADE): | doctor
	@echo 'A new virtual environment for $(INTERPRETER): $(VENV)'
	@rm -rf $(VENV)
	@$(INTERPRETER) -m venv $(VENV)
	@$(BIN)/python -m pip install 'pip>=25.1'
	@touch $@

$(BUILDER): pyproject.toml $(MADE)
	@$(INSTALL) build && touch $@

$(DEV): pyproject.toml $(MADE)
	@echo 'Installing the requirements of tests and checks into $(VENV)'
	@$(INSTALL) dev && touch $@

$(PROGRAMS): pyproject.toml $(MADE)
	@echo 'Installing the programs that are tested on the loop into $(VENV)'
	@$(INSTALL) $(PROGRAMS_GROUP) && touch $@

$(MORE_PROGRAMS): pyproject.toml $(MADE)
	@echo 'Installing more programs that are tested on the loop into $(VENV)'
	@$(INSTALL) more-programs && touch $@

$(WHEELS): pyproject.toml $(MADE)
	@echo 'Installing the builder and the checkers of wheels into $(VENV)'
	@$(INSTALL) wheels && touch $@

$(AUTOBAHN): pyproject.toml $(MADE)
	@echo 'Installing the Autobahn test cases into $(VENV)'
	@$(INSTALL) autobahn && touch $@

$(DOCS): pyproject.toml $(MADE)
	@echo 'Installing the builder of the documentation into $(VENV)'
	@$(INSTALL) docs && touch $@

# A peer without a wheel for this Python is left out of the comparison.
$(PEERS): pyproject.toml $(MADE)
	@echo 'Installing the peers of the benchmark and its plotting library into $(VENV)'
	@$(INSTALL) bench-command
	@$(INSTALL) peers || echo 'Some peers could not be installed: the benchmark continues without them.'
	@touch $@

# cargo finds out what has to be compiled; the stamp saves calling it, and installing, if nothing changed.
# Without a group of its own, maturin would install the group called dev, which a run does not need.
$(BUILT): $(RUST) $(BUILDER) $(if $(wildcard $(NATIVE)),,absent)
	$(BIN)/maturin develop --release --quiet --group build
	@touch $@

# The package vitok-bench. The load generator's users compare its age with that of its sources.
$(BENCH): $(LOAD) $(BUILDER)
	cd benchmarks && ../$(BIN)/maturin develop --release --quiet
	@touch $(CARGO_TARGET_DIR)/release/vitok-load $@

absent:
