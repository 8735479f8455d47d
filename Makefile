# Everything runs in virtual environments beside this file; the only needs are Python ≥ 3.11, git and make.
PYTHON ?= python3
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
PLUGINS := $(wildcard plugins/*)
CORE := -e results_store[report] -e .
PACKAGES := $(CORE) $(addprefix -e ,$(PLUGINS))
# These need torchvision, which fits one torch only, the newest: several GB. The demonstration does without both.
HEAVY := plugins/percept-timm plugins/percept-spandrel
LIGHT := $(CORE) $(addprefix -e ,$(filter-out $(HEAVY),$(PLUGINS))) 'torch<2.14'
SOURCES := $(wildcard plugins/*/src)
SPACE := $(subst ,, )
FILES := pyproject.toml constraints.txt requirements-dev.txt results_store/pyproject.toml $(wildcard plugins/*/pyproject.toml)

.PHONY: demo test lint docs bench clean

# Environment, installation, quickstart recipe, report: says where the cube and the report are.
demo: .venv/installed
	.venv/bin/percept recipe run quickstart --store demo-store --jobs $(JOBS)
	.venv/bin/percept recipe run baseline --store demo-store
	.venv/bin/percept cube report --store demo-store --out demo-store/report.html
	@echo "cube:   $(CURDIR)/demo-store/cube.zarr"
	@echo "report: $(CURDIR)/demo-store/report.html"

# Environment with everything, all checks, all tests, a process of one thread for each core.
test: lint
	OMP_NUM_THREADS=1 .venv-test/bin/pytest --numprocesses $(JOBS) --dist loadfile

# Style and types.
lint: .venv-test/installed
	.venv-test/bin/ruff check .
	.venv-test/bin/ruff format --check .
	MYPYPATH=$(subst $(SPACE),:,core results_store/src $(SOURCES) .) .venv-test/bin/mypy core/percept results_store/src/percept_store $(wildcard plugins/*/src/*) tests docs/generate.py docs/official.py docs/published.py

# The generated parts of docs/reference.
docs: .venv-test/installed
	.venv-test/bin/python docs/generate.py

# Every metric beside pyiqa's, piq's, torchmetrics' and piqa's: time, memory, limits. ONLY=ssim,fsim for some.
bench: .venv-bench/installed
	.venv-bench/bin/python -m tests.benchmarks.peers $(if $(ONLY),--only $(ONLY)) $(if $(OUT),--out $(OUT))

# Remove the environments and the demonstration's results.
clean:
	rm -rf .venv .venv-test .venv-bench demo-store

.venv/installed: $(FILES)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "percept needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -c constraints.txt hatchling editables
	.venv/bin/pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation $(LIGHT)
	touch $@

.venv-test/installed: $(FILES)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "percept needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv-test
	.venv-test/bin/pip install --quiet --disable-pip-version-check -c constraints.txt hatchling editables -r requirements-dev.txt
	.venv-test/bin/pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation $(PACKAGES)
	touch $@

# pyiqa, whose terms are non-commercial, is in this environment alone; one of its dependencies is built with setuptools and wheel.
.venv-bench/installed: $(FILES)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "percept needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --disable-pip-version-check -c constraints.txt hatchling editables 'setuptools<81' wheel
	.venv-bench/bin/pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation $(subst -e . ,-e .[bench] ,$(PACKAGES))
	touch $@
