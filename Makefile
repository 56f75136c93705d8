# Two commands: `make app` opens Darkroom, `make test` tests it. Both set up what they need, once.
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: app setup test test-slow test-soak check fix bench screenshots

app: setup
	$(BIN)/python -m core open

setup: .venv/.done build/backbone.onnx build/samples.zip build/web/ort-wasm-simd-threaded.wasm

# The stamp is newer than the list of packages exactly when everything in the list is installed. What a package brings is
# compiled when it is first used: most of it never is, and all of it takes a minute.
.venv/.done: requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-compile --disable-pip-version-check -r requirements.txt
	touch $@

build/samples.zip: .venv/.done core/imaging/signs.py core/imaging/sign_faces.py
	rm -rf build/samples
	$(BIN)/python -m core.imaging.signs build/samples
	cd build/samples/train && ../../../$(BIN)/python -m zipfile -c ../../samples.zip *

build/backbone.onnx: .venv/.done core/learning/backbone.py
	mkdir -p build
	$(BIN)/python -m core.learning.backbone $@

# ONNX Runtime for browsers, which a model's page carries inside. Without npm everything else works.
build/web/ort-wasm-simd-threaded.wasm: core/packing/web/package-lock.json
	mkdir -p build/web && cp core/packing/web/package*.json build/web
	if (cd build/web && npm ci --ignore-scripts --no-audit --no-fund --loglevel error); then \
	  cp build/web/node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs build/web && \
	  cp build/web/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm build/web && touch $@ && \
	  rm -rf build/web/node_modules; \
	else echo "Without npm a model cannot be taken away as a page; everything else works."; fi

# Files side by side, one file in one process: what a file sets up (a browser, a walk through it) is set up once. In the
# order of their names: by the number of their tests the walks, few and long, would all come last, behind one another.
test: setup
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-slow: setup
	$(BIN)/python -m pytest -m slow --timeout 1800

test-soak: setup
	$(BIN)/python -m pytest -m soak --timeout 7200

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy core tests benchmarks
	$(BIN)/python -m pytest -q tests/test_layers.py

fix: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/python benchmarks/path.py
	$(BIN)/python benchmarks/seen.py

screenshots: setup
	$(BIN)/python -m tests.screenshots
