# The commands of the project. `make help` lists them.

GO          ?= go
BINARY      := bin/ocis
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 10s
CLIENTS     := Litmus|Rclone|OwnCloud|Cadaver|Upload|Deleted|Picture|FullDisk
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS     := -X main.version=$(VERSION)

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/ocis
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BINARY) ./cmd/ocis

.PHONY: run
run: build ## Build, and start everything with data in ./.ocis
	OCIS_BASE_DATA_PATH=$(CURDIR)/.ocis exec $(BINARY) server

.PHONY: test
test: lint ## Everything that CI runs: lint, tests with the race detector, real clients, again with all isolated
	scripts/setup-test-clients.sh
	$(GO) test -race -timeout 20m ./...
	OCIS_ISOLATE=all $(GO) test -race -timeout 10m -run '$(CLIENTS)' ./cmd/ocis

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, and a build for macOS
	@unformatted=$$(gofmt -l cmd supervisor plugins services scripts); \
	if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w on:" $$unformatted; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	GOOS=darwin $(GO) build ./...

.PHONY: bench
bench: build ## Measure what docs/performance.md promises, and print the table
	$(GO) run ./scripts/bench -binary $(BINARY)

.PHONY: fuzz
fuzz: ## Run every fuzz test for FUZZTIME (default 10s)
	GO=$(GO) scripts/fuzz.sh $(FUZZTIME)

.PHONY: generate
generate: ## Regenerate the services' APIs from their .proto files
	scripts/generate.sh
