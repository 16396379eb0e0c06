# make          builds bin/kubectl-msa
# make help     lists the rest

.DEFAULT_GOAL := build
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# Modules whose code is checked and tested; the sandbox's components are other people's code, built as it is.
MODULES := . sandbox sandbox/shop
FUZZTIME ?= 30s

.PHONY: build
build: ## Build bin/kubectl-msa
	@hack/slow.sh "building bin/kubectl-msa" hack/build.sh . bin/kubectl-msa ./cmd/kubectl-msa

.PHONY: test
test: lint unit browser e2e release-check ## Everything: lint, unit, pages in a browser, end to end in a real Kubernetes, a release built and run

.PHONY: lint
lint: ## gofmt, go vet and golangci-lint
	@hack/lint.sh $(MODULES)

.PHONY: unit
unit: ## Tests that need no cluster
	@for m in $(MODULES) test/upstream-probe; do hack/slow.sh "tests that need no cluster, in $$m" env -u MSA_SANDBOX go test -C $$m -short ./...; done

# The tool under test is built by the test, which Go's cache of results knows nothing of.
.PHONY: browser
browser: ## What the tool writes for browsers, in Chromium, where there is one
	@command -v chromium >/dev/null || echo "==> no chromium on this machine: the pages are not opened" >&2
	@hack/slow.sh "pages in a browser" go test -C test/browser -count=1 ./...

.PHONY: e2e
e2e: bin/sandbox ## Tests against a real Kubernetes in the sandbox (Linux, root)
	@hack/e2e.sh

# The log of each case is left out; what failed is told by make e2e.
.PHONY: gallery
gallery: bin/sandbox ## Inject every fault of the gallery, and print what each was named; CASES=/image narrows it (Linux, root)
	@trap 'bin/sandbox --name gallery down' EXIT; MSA_SANDBOX=gallery MSA_SANDBOX_BIN=$$PWD/bin/sandbox \
	  go test -count=1 -v -parallel 40 -timeout 40m -run '^Test(Faults|NearMisses)$$$(CASES)' ./test/gallery | sed -n '/ cases, /,/^---/p'

.PHONY: demo
demo: build bin/sandbox ## Start a real Kubernetes with a shop in it, break the shop, and look at it (Linux, root)
	@hack/demo.sh

.PHONY: down
down: bin/sandbox ## End the sandbox and remove everything it left
	@bin/sandbox down

.PHONY: bin/sandbox
bin/sandbox:
	@hack/build.sh sandbox bin/sandbox ./cmd/sandbox

.PHONY: release-check
release-check: bin/sandbox ## Build a release without publishing it; hold it against the rules; run it by a real kubectl
	@hack/release-check.sh

.PHONY: docs
docs: ## Write docs/rules from the rule catalogue, docs/rollout-phases.md from the rollout machine
	@go run ./hack/rules
	@go run ./hack/phases

.PHONY: fuzz
fuzz: ## Run every fuzz test for FUZZTIME (30s)
	@hack/fuzz.sh $(FUZZTIME)

.PHONY: bench
bench: ## Run every benchmark
	@go test -run '^$$' -bench . -benchmem ./pkg/... ./internal/...

.PHONY: clean
clean: ## Remove bin and dist
	@rm -rf bin dist

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s%s\n", $$1, $$2}' $(MAKEFILE_LIST)
