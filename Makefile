# Every command of the project. Needs only Node.js >= 20 with npm, Python >= 3.11 and make; the rest installs itself,
# once: each stamp in .make/ is newer than what it was made from.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

python := ml/.venv/bin/python
# The Node.js that the service runs on, whichever one started npm.
node := node_modules/.bin/node
sources := $(shell find src -name '*.ts' -not -name '*.spec.ts' 2>/dev/null) tsconfig.json tsconfig.build.json nest-cli.json
# Data set for the training commands: a file, or empty to download it.
DATA ?=
data_option := $(if $(DATA),--data $(DATA))

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/\1\t\2/' | expand -t 20

.make/node: package.json package-lock.json .npmrc
	@# npm before 11 does not know allowScripts and would fetch GPU files that the service does not need.
	ONNXRUNTIME_NODE_INSTALL=skip npm ci --no-audit --no-fund
	@mkdir -p .make && touch $@

.make/build: .make/node $(sources)
	npm run --silent build
	@touch $@

ml/.venv/.stamp: ml/requirements-dev.lock
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed, python3 is " + sys.version)'
	python3 -m venv ml/.venv
	$(python) -m pip install --quiet --disable-pip-version-check --require-hashes -r ml/requirements-dev.lock
	@touch $@

.PHONY: start dev
start: .make/build ## Install, build, start a PostgreSQL and serve the bundled model on :8000
	@exec $(node) deploy/local/start.ts

dev: .make/build ## The same, restarted at every change of the source
	@PATH="$$PWD/node_modules/.bin:$$PATH" exec node deploy/local/start.ts nest start --watch

.PHONY: train evaluate predict
train: ml/.venv/.stamp ## Train the model anew (DATA=FILE, else downloaded)
	$(python) ml/train.py $(data_option)

evaluate: ml/.venv/.stamp ## Measure the model: report and model card (DATA=FILE)
	$(python) ml/evaluate.py $(data_option)

predict: ml/.venv/.stamp ## Score a CSV (INPUT=FILE OUTPUT=FILE, URL=... to use a running service)
	$(python) ml/predict.py $(INPUT) $(if $(OUTPUT),--out $(OUTPUT)) $(if $(URL),--url $(URL))

.PHONY: check check-node check-python check-docker check-monitoring
check: check-node check-python check-docker check-monitoring check-ship ## Format, lint, types, OpenAPI document, Dockerfiles, alerts, manifests, workflows

check-node: .make/build
	npm run --silent format:check
	npm run --silent client:generate
	npm run --silent lint
	npm run --silent typecheck
	npm run --silent openapi:check

check-python: ml/.venv/.stamp
	$(python) -m ruff format --config ml/pyproject.toml --check ml deploy test/fixtures/models $(exporters) bench/peers
	$(python) -m ruff check --config ml/pyproject.toml ml deploy test/fixtures/models $(exporters) bench/peers
	$(python) -m mypy --config-file ml/pyproject.toml ml deploy
	for folder in test/fixtures/models $(exporters); do (cd $$folder && ../../../$(python) -m mypy --config-file ../../../ml/pyproject.toml --cache-dir ../../../ml/.mypy_cache .) || exit; done

check-docker: ml/.venv/.stamp
	ml/.venv/bin/hadolint Dockerfile deploy/*/Dockerfile

# The programs of the monitoring stack, in the versions that it runs (v0.305.3 of the module is Prometheus 3.5.3). Name
# installed ones instead, by their paths, where there is no Go: make check PROMTOOL_BIN=/usr/bin/promtool AMTOOL_BIN=...
prometheus_module := github.com/prometheus/prometheus@v0.305.3
alertmanager_module := github.com/prometheus/alertmanager@v0.28.1
tools := $(CURDIR)/.make
export PROMETHEUS_BIN ?= $(tools)/$(prometheus_module)/prometheus
export PROMTOOL_BIN ?= $(tools)/$(prometheus_module)/promtool
export ALERTMANAGER_BIN ?= $(tools)/$(alertmanager_module)/alertmanager
export AMTOOL_BIN ?= $(tools)/$(alertmanager_module)/amtool

# In the module's own directory, since its go.mod has replacements, which `go install` refuses.
$(tools)/github.com/%:
	@command -v go >/dev/null || { echo 'Go >= 1.24 is needed to build $(@F): https://go.dev/dl. The Makefile says how to name an installed one.' >&2; exit 1; }
	@echo 'Building $(@F); the first time takes minutes'
	@go -C "$$(go mod download -json $(patsubst $(tools)/%/,%,$(@D)/) | sed -n 's/.*"Dir": "\(.*\)",/\1/p')" build -trimpath -o $@ ./cmd/$(@F)

.PHONY: tools
tools: $(PROMETHEUS_BIN) $(PROMTOOL_BIN) $(ALERTMANAGER_BIN) $(AMTOOL_BIN) ## Build what the monitoring is checked and tested with (needs Go), and say where it is
	@printf 'export %s\n' PROMETHEUS_BIN=$(PROMETHEUS_BIN) PROMTOOL_BIN=$(PROMTOOL_BIN) ALERTMANAGER_BIN=$(ALERTMANAGER_BIN) AMTOOL_BIN=$(AMTOOL_BIN)

ifneq ($(or $(wildcard $(PROMTOOL_BIN)),$(shell command -v go),$(CI)),)
check-monitoring: $(PROMTOOL_BIN) $(AMTOOL_BIN)
	$(PROMTOOL_BIN) check config --lint=all --lint-fatal deploy/monitoring/prometheus/prometheus.yml
	$(PROMTOOL_BIN) test rules deploy/monitoring/prometheus/tests/*.yml
	$(AMTOOL_BIN) check-config deploy/monitoring/alertmanager/alertmanager.yml
else
check-monitoring:
	@echo 'Alerts are not checked: that needs Go >= 1.24 (https://go.dev/dl), to build promtool and amtool.'
endif

.PHONY: test test-node test-python
test: test-node test-python ## Every test that needs no outside service

test-node: .make/build
	npm test --silent

test-python: ml/.venv/.stamp
	$(python) -m pytest ml

.PHONY: test-integration
test-integration: .make/build ml/.venv/.stamp $(PROMETHEUS_BIN) $(PROMTOOL_BIN) $(ALERTMANAGER_BIN) ## Tests against the MLflow, MinIO and PostgreSQL that the environment names (DATA=FILE as well)
	npm run --silent test:integration
	$(MAKE) --no-print-directory test-crash KILLS=6 OUTAGE_SECONDS=5
	$(MAKE) --no-print-directory test-failover FAILOVERS=1
	DATA=$(DATA) $(python) -m pytest ml -m integration

# How often, and for how long, in `make test-crash`.
KILLS ?= 100
OUTAGE_SECONDS ?= 60

.PHONY: test-crash
test-crash: .make/build ## Kill service and PostgreSQL under load, and compare every answer with the table (KILLS, OUTAGE_SECONDS)
	$(node) test/crash/kills.ts committed $(KILLS)
	$(node) test/crash/kills.ts spooled $(KILLS)
	$(node) test/crash/outage.ts $(OUTAGE_SECONDS)

FAILOVERS ?= 3

.PHONY: test-failover
test-failover: .make/build ## Kill a primary under load, promote its synchronous standby, compare every answer with the table (FAILOVERS)
	$(node) test/crash/failover.ts $(FAILOVERS)

.PHONY: test-topologies
ifneq ($(or $(PGBOUNCER_BIN),$(shell PATH="$$PATH:/usr/sbin" command -v pgbouncer)),)
test-topologies: .make/build ## Answers through PgBouncer (apt-get install pgbouncer, or PGBOUNCER_BIN)
	PATH="$$PATH:/usr/sbin" npm run --silent test:topologies
else
test-topologies:
	@echo '== SKIPPED: answers through PgBouncer are not tested. Install it (apt-get install pgbouncer) or name it in PGBOUNCER_BIN.'
endif

# The stack with its monitoring.
compose := docker compose -f docker-compose.yml -f docker-compose.monitoring.yml

.PHONY: up down test-on-compose test-stack
up: .env ## Build and start all of it with Docker: MLflow, MinIO, PostgreSQL, the service, Prometheus, Alertmanager, Grafana
	GIT_COMMIT=$$(git rev-parse HEAD) $(compose) up --detach --build --wait

down: .env ## Stop all of it; its data stay in volumes
	$(compose) down

.env:
	cp .env.example $@

test-on-compose: .make/build ml/.venv/.stamp ## The integration tests against servers of docker-compose.yml, brought up for it (DATA=FILE)
	DATA=$(DATA) $(node) test/integration/on-compose.ts

test-stack: .make/node ## Bring the stack up under another name, use it, break it, take it down (DATA=FILE)
	DATA=$(DATA) $(node) test/stack/smoke.ts

# What the service is compared with in `make bench`, each in an environment of its own.
peers := fastapi mlflow mlserver bentoml ray-serve
# How many rounds, how many seconds for each figure in a round, and which servers; all of them unless named.
ROUNDS ?= 3
SECONDS ?= 4
SERVERS ?=

bench/peers/%/.venv/.stamp: bench/peers/%/requirements.lock
	python3 -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.PHONY: bench
bench: .make/build $(patsubst %,bench/peers/%/.venv/.stamp,$(if $(SERVERS),$(filter $(SERVERS),$(peers)),$(peers))) ## Compare the speed with other servers of the same model: docs/benchmarks.md (ROUNDS, SECONDS, SERVERS)
	@ROUNDS=$(ROUNDS) ROUND_SECONDS=$(SECONDS) SERVERS="$(SERVERS)" $(node) bench/compare.js

# Sends requests at a fixed rate. Name an installed one instead where there is no Go: make bench-overload VEGETA_BIN=...
vegeta_module := github.com/tsenart/vegeta/v12@v12.13.0
export VEGETA_BIN ?= $(tools)/$(vegeta_module)/vegeta

$(VEGETA_BIN):
	@command -v go >/dev/null || { echo 'Go is needed to build vegeta: https://go.dev/dl. The Makefile says how to name an installed one.' >&2; exit 1; }
	GOBIN="$(@D)" go install $(vegeta_module)

.PHONY: bench-overload
bench-overload: .make/build $(VEGETA_BIN) ## Measure what becomes of requests at twice the rate that can be answered (ROUNDS, KINDS, PREDICTION_LOG)
	@$(node) bench/overload.js

.PHONY: register promote webhook
register: ml/.venv/.stamp ## Register a model directory in MLflow (DIR=ml/model, NAME, DEFAULT_CLASS; ALIAS=production fills an alias without a version)
	$(python) ml/register.py $(DIR) $(if $(NAME),--name $(NAME)) $(if $(DEFAULT_CLASS),--default-class $(DEFAULT_CLASS)) $(if $(ALIAS),--alias $(ALIAS))

promote: ml/.venv/.stamp ## Move the alias to the newest version, or VERSION, if it holds against the champion (DATA=FILE)
	$(python) ml/evaluate.py --promote $(data_option) $(if $(NAME),--name $(NAME)) $(if $(VERSION),--version $(VERSION)) $(if $(HOLDOUT),--holdout $(HOLDOUT))

webhook: ml/.venv/.stamp ## Have MLflow tell a service of moves (URL=http://host:8000/webhooks/mlflow, MLFLOW_WEBHOOK_SECRET)
	$(python) ml/webhook.py --url $(URL) $(if $(TEST),--test)

# The libraries that write models to serve, in an environment of their own.
exporters := test/fixtures/exporters

$(exporters)/.venv/.stamp: $(exporters)/requirements.lock
	python3 -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.PHONY: exporters
exporters: $(exporters)/.venv/.stamp ## Make the models of docs/exporters.md, their libraries' answers, and that page anew
	$(exporters)/.venv/bin/python $(exporters)/build.py

include tools/tools.mk
