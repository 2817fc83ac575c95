# agentstate. `make test` is the one command for everybody; CI calls it through .ci/run so that nothing is skipped.

GOLANGCI := go tool -modfile=tools.mod golangci-lint
LICENCES := go tool -modfile=tools.mod go-licenses
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
OUT      ?= agentstate
FUZZTIME ?= 10s

# With CI=true or NO_SKIP=1 a test that misses something it needs fails instead of being skipped.
ifneq ($(filter true,$(CI))$(filter 1,$(NO_SKIP)),)
export AGENTSTATE_NO_SKIP = 1
export CI_NO_SKIP = 1
endif

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# .ci/run sets CHECKED: it has made the checks itself. The count of tests comes last.
.PHONY: test
test: ## install what the tests need where it can, check the code and run everything
	@sh .ci/install
	$(if $(CHECKED),,@$(MAKE) --no-print-directory quick)
	@status=0; sh .ci/browser || status=$$?; go run .ci/tests.go $$(sh .ci/race) -shuffle=on ./... || status=$$?; exit $$status

.PHONY: screenshots
screenshots: ## test the pages in Chromium, and keep what is seen in docs/img
	SCREENSHOTS=$(CURDIR)/docs/img sh .ci/browser

.PHONY: run
run: ## start the server with an in-memory Redis
	go run .

.PHONY: build
build: ## build the binary of VERSION to OUT (agentstate)
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $(OUT) .

.PHONY: generate
generate: ## generate graph/ and the resolvers' signatures from schema.graphqls
	go generate ./...

# The linter takes minutes to build once, so tests do not wait for it: here gofmt stands in for its formatters.
.PHONY: quick
quick: ## check generated code, modules, format and vet
	sh .ci/generated
	go mod tidy -diff
	@files=$$(find . -name node_modules -prune -o -name '*.go' -print | xargs gofmt -l); \
		[ -z "$$files" ] || { echo "not formatted, see make fmt:"; echo "$$files"; exit 1; }
	go vet ./...

.PHONY: lint
lint: ## run the linters and check the format
	$(GOLANGCI) fmt --diff
	$(GOLANGCI) run

.PHONY: check
check: quick lint ## everything but the tests: quick and lint

.PHONY: fmt
fmt: ## format the code
	$(GOLANGCI) fmt

# It asks https://vuln.go.dev, so it is no part of CI, which needs no internet.
.PHONY: vuln
vuln: ## look for known vulnerabilities in what the code calls
	go tool -modfile=tools.mod govulncheck ./...

# Of all modules of go.mod, those of the tests and the generator too. What it says about code that is not Go, and about addresses
# that it cannot reach, changes nothing. A test compares the list with go.mod, and its licences with those that may be used.
LISTED := --include_tests --ignore agentstate ./... github.com/99designs/gqlgen github.com/inconshreveable/mousetrap

.PHONY: licences
licences: ## list the licences of all dependencies in docs/licences.csv, and refuse copyleft
	@$(LICENCES) check --disallowed_types=forbidden,restricted,unknown $(LISTED) 2>.licences.log || { cat .licences.log; rm .licences.log; exit 1; }
	@$(LICENCES) report --template .ci/licences.tpl $(LISTED) >docs/licences.csv 2>.licences.log || { cat .licences.log; rm .licences.log; exit 1; }
	@rm .licences.log
	@git --no-pager diff --stat -- docs/licences.csv

.PHONY: cover
cover: ## measure what the tests cover
	go test -coverpkg=./... -coverprofile=cover.out ./...
	go tool cover -func=cover.out | tail -n 1

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (10s)
	@set -e; for package in $$(go list ./...); do \
		list=$$(go test -list '^Fuzz' $$package); \
		for target in $$(echo "$$list" | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

SEED ?= $(shell date +%s)
ROUNDS ?= 20

.PHONY: faults
faults: ## break everything for ROUNDS (20) rounds while messages flow, and see that none is lost (SEED)
	go test -v -count=1 -timeout 60m ./e2e/faults -args -seed=$(SEED) -rounds=$(ROUNDS)

ABUSERS ?= 200
DURATION ?= 30s

.PHONY: abuse
abuse: ## mix ABUSERS (200) bad clients with good ones for DURATION (30s), and see that only the bad ones suffer (SEED)
	go test -v -count=1 -timeout 60m ./e2e/abuse -args -seed=$(SEED) -abusers=$(ABUSERS) -duration=$(DURATION)

# BENCH_NODE is the Node of the peers, that of PATH without it.
.PHONY: bench
bench: ## measure what operations cost beside a floor and the servers of Node (a quarter of an hour)
	go run ./bench

NOTE ?=

.PHONY: bench-write
bench-write: ## the same, and write bench/RESULTS.md and results.json, with a NOTE
	go run ./bench -write -note "$(NOTE)"

.PHONY: bench-check
bench-check: ## measure without the peers, and fail where a ratio is worse than the committed one by more than a fifth
	go run ./bench -check

.PHONY: bench-delivery
bench-delivery: ## measure live delivery alone, up to 10,000 listeners and behind a cut
	go run ./bench/delivery
