# agentstate. `make test` is the one command for everybody; CI calls it through .ci/run so that nothing is skipped.

GOLANGCI := go tool -modfile=tools.mod golangci-lint
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
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

.PHONY: test
test: ## install what the tests need where it can, and run everything
	@sh .ci/install
	go vet ./...
	go run .ci/tests.go -race -shuffle=on ./...
	@sh .ci/browser

.PHONY: run
run: ## start the server with an in-memory Redis
	go run .

.PHONY: build
build: ## build the binary
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o agentstate .

.PHONY: generate
generate: ## generate graph/ and the resolvers' signatures from schema.graphqls
	go generate ./...

.PHONY: check
check: ## what CI checks before the tests: generated code, modules, format, lint
	go generate ./...
	git diff --exit-code -- graph resolver
	go mod tidy -diff
	$(GOLANGCI) fmt --diff
	go vet ./...
	$(GOLANGCI) run

.PHONY: lint
lint: ## run the linters
	$(GOLANGCI) run

.PHONY: fmt
fmt: ## format the code
	$(GOLANGCI) fmt

.PHONY: cover
cover: ## measure what the tests cover
	go test -coverpkg=./... -coverprofile=cover.out ./...
	go tool cover -func=cover.out | tail -n 1

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (10s)
	@for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target" && go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done
