# One command per chore, the same on a laptop and in CI.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
PY = $(VENV)/bin/python
ARGS ?=
# Two at a time, a file to each, in the order of tests/conftest.py: a test mostly waits for a process or a browser. Each
# has a core: two threads of torch beside a busy core take several times as long as one.
PYTEST = OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: run test test-all soak check format bench starters browser pin clean

run: $(VENV)/run.stamp  ## install what is missing, then open the app: make run ARGS="--port 7870"
	$(PY) app.py $(ARGS)

test: $(VENV)/dev.stamp browser  ## everything that fits into 20 minutes on 2 cores
	$(PYTEST) -m "not slow"

test-all: $(VENV)/dev.stamp browser  ## also the slow tests; PLAYGROUND_DATA adds real datasets
	# The bars alone, and whatever came before: they measure time.
	$(PYTEST) --ignore tests/test_bars.py; code=$$?; $(PY) -m pytest tests/test_bars.py && exit $$code

soak: $(VENV)/dev.stamp browser  ## damaged files and faults by the thousand, many visitors, half an hour of memory
	$(PYTEST) tests/data/test_fuzz.py tests/training/test_faults.py tests/ui/test_load.py
	$(PY) -m benchmarks.load
	$(PY) -m benchmarks.soak

check: $(VENV)/dev.stamp  ## format, lint, types
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

format: $(VENV)/dev.stamp
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench: $(VENV)/dev.stamp browser  ## the figures that need no data folder
	$(PY) -m benchmarks.first_page
	$(PY) -m benchmarks.sharing
	$(PY) -m benchmarks.small_run
	$(PY) -m benchmarks.documents
	$(PY) -m benchmarks.load

starters: $(VENV)/dev.stamp  ## train the embedded models again from their recipes (needs PLAYGROUND_DATA)
	$(PY) -m benchmarks.starters

pin: $(VENV)/run.stamp  ## ask the Hub about the models of the catalog, and note what it says (needs a network)
	$(PY) -m playground.models.pin

# Debian's Chromium where we may install it, Playwright's own elsewhere (Ubuntu's package only points to a snap):
# a test without a browser would prove nothing.
browser: $(VENV)/dev.stamp
	@if [ -x /usr/bin/chromium ]; then exit 0; \
	elif grep -qs '^ID=debian' /etc/os-release && [ "$$(id -u)" = 0 ]; then \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q chromium fonts-noto-cjk; \
	else $(PY) -m playwright install chromium; fi

# Debian's python3 may lack ensurepip, which is a package of its own there.
$(PY):
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); [ -f /etc/debian_version ] && [ "$$(id -u)" = 0 ] \
		&& apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q python3-venv && $(PYTHON) -m venv $(VENV); }

$(VENV)/run.stamp: requirements.txt | $(PY)
	$(PY) -m pip install --disable-pip-version-check -q -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements.txt requirements-dev.txt | $(PY)
	$(PY) -m pip install --disable-pip-version-check -q -r requirements-dev.txt
	@touch $@ $(VENV)/run.stamp

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
