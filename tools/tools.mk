# Checks of what is shipped. Those programs that neither npm nor pip brings are built by Go into .tools, at the versions and
# with the hashes in tools/go.mod and tools/go.sum.

.tools/bin/.stamp: tools/go.mod tools/go.sum
	cd tools && GOBIN='$(CURDIR)/.tools/bin' go install tool
	@touch $@

.PHONY: check-ship no-go check-k8s k8s-rules
check-ship: $(if $(shell command -v go),check-k8s check-workflows,no-go)

no-go:
	@echo 'make check-ship is skipped: it needs Go >= 1.26, to build kustomize and actionlint.'
	@# In CI a check that is left out is a failure.
	@[ "$${CI:-}" != true ]

overlays := $(notdir $(wildcard deploy/k8s/overlays/*))
# The oldest and the newest that the manifests are checked against.
kubernetes := 1.31 1.37

# The definitions of the Prometheus Operator's resources are part of its Go module, which Go verifies.
prometheus_operator := github.com/prometheus-operator/prometheus-operator@v0.85.0
crds := $(addprefix .tools/crds/,prometheusrules.yaml servicemonitors.yaml)

$(crds): tools/tools.mk
	go mod download $(prometheus_operator)
	@mkdir -p .tools/crds
	install -m 644 "$$(go env GOMODCACHE)/$(prometheus_operator)/example/prometheus-operator-crd/monitoring.coreos.com_$(notdir $@)" $@

check-k8s: .tools/bin/.stamp $(crds) $(PROMTOOL_BIN) ml/.venv/.stamp .make/build
	$(PROMTOOL_BIN) test rules deploy/k8s/components/prometheus-operator/cron-job-rules.test.yml
	$(node) deploy/k8s/prometheus-rule.ts check
	@rm -rf .tools/rendered && mkdir -p .tools/rendered
	for overlay in $(overlays); do .tools/bin/kustomize build deploy/k8s/overlays/$$overlay > .tools/rendered/$$overlay.yaml; done
	$(python) deploy/k8s/validate.py --kubernetes $(kubernetes) --crds $(crds) -- .tools/rendered/*.yaml
	npm run --silent test:k8s

k8s-rules: .make/node ## Write the PrometheusRule of deploy/k8s from the rules of deploy/monitoring
	$(node) deploy/k8s/prometheus-rule.ts write

.PHONY: check-workflows
check-workflows: .tools/bin/.stamp ml/.venv/.stamp
	.tools/bin/actionlint -shellcheck ml/.venv/bin/shellcheck -pyflakes ''
	ml/.venv/bin/zizmor --offline --persona pedantic --quiet .github
	ml/.venv/bin/shellcheck .ci/run $$(git ls-files '*.sh')

.PHONY: use-node audit image sbom release-notes sign-image publish-release
use-node: .make/node # Run tests on another Node.js than package.json says, until the next npm ci (NODE_VERSION=26)
	npm install --no-save --no-audit --no-fund node@$(NODE_VERSION)
	$(node) --version

audit: .make/node ml/.venv/.stamp ## What is known against the dependencies; needs the registries' own databases
	$(node) tools/audit.ts

image: ## Build the image credit-default-service
	docker build --build-arg GIT_COMMIT=$$(git rev-parse HEAD) --tag credit-default-service .

sbom: .make/node ## List what the service depends on, in CycloneDX: .tools/sbom.cdx.json
	@mkdir -p .tools
	npm sbom --omit dev --sbom-type application --sbom-format cyclonedx > .tools/sbom.cdx.json

release-notes: .make/node # Of a version, from CHANGELOG.md: .tools/release-notes.md (TAG=v0.1.0)
	@mkdir -p .tools
	$(node) tools/release-notes.ts '$(TAG)' > .tools/release-notes.md

sign-image: # Sign what was published, as the workflow that runs this (IMAGE=ghcr.io/… DIGEST=sha256:…)
	cosign sign --yes "$${IMAGE,,}@$(DIGEST)"

publish-release: release-notes sbom # What GitHub shows of a version (TAG=v0.1.0)
	gh release create '$(TAG)' .tools/sbom.cdx.json --verify-tag --title '$(TAG)' --notes-file .tools/release-notes.md
