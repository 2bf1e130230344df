# Sallyport. `make demo` shows it, `make test` proves it; see README.md.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# PostgreSQL's own grammar comes as C where there is a compiler (fast), else as WebAssembly.
CC_FOUND := $(shell command -v gcc || command -v cc)
TAGS     := $(if $(CC_FOUND),pgquery_cgo,)
GO       := go
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  := -X sallyport/cmd/internal/cli.version=$(VERSION)

BUF         := $(GO) run github.com/bufbuild/buf/cmd/buf@v1.75.0
STATICCHECK := $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
BASELINE    := schemas/testdata/released.binpb
TOOLS       := $(CURDIR)/.cache/bin

.PHONY: help docs build demo test lint unit web-test bench fuzz generate web baseline clean

help: ## list what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## leave the binary in bin/sallyport
	$(GO) build -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o bin/sallyport ./cmd/sallyport

demo: build ## a throwaway PostgreSQL behind Sallyport, and what to paste (DEMO_ARGS=--once: run the story and end)
	deploy/dependencies.sh demo
	bin/sallyport demo $(DEMO_ARGS)

test: ## everything that CI checks
	deploy/dependencies.sh test
	deploy/web.sh install
	deploy/clients.sh
	$(MAKE) lint
	$(MAKE) unit
	$(MAKE) web-test

lint: ## vet, staticcheck, formatting, and that stored formats are still readable
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "not formatted: $$unformatted"; exit 1; }
	$(GO) vet -tags '$(TAGS)' ./...
	$(STATICCHECK) -tags '$(TAGS)' ./...
	$(BUF) lint
	$(BUF) breaking --against $(BASELINE)

unit: ## Go tests, against real servers and clients
	$(GO) test -tags '$(TAGS)' -timeout 20m ./...

web-test: ## unit tests of the browser app, and that the bundle in the tree is its build
	deploy/web.sh check

bench: build ## against direct, pgbouncer and OpenSSH, in one run, in turns (BENCH_ARGS="-only ssh -size 64")
	deploy/dependencies.sh bench
	$(GO) run -tags '$(TAGS)' ./cmd/internal/bench $(BENCH_ARGS)

FUZZTIME ?= 1m
fuzz: ## every fuzz test for FUZZTIME each
	@$(GO) list ./... | while read -r pkg; do \
	  for f in $$($(GO) test -tags '$(TAGS)' -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$f"; $(GO) test -tags '$(TAGS)' -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; done

generate: ## Go code of the stored formats, from schemas/*.proto
	GOBIN=$(TOOLS) $(GO) install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
	GOBIN=$(TOOLS) $(GO) install github.com/planetscale/vtprotobuf/cmd/protoc-gen-go-vtproto@v0.6.0
	PATH=$(TOOLS):$$PATH $(BUF) generate

baseline: ## take the stored formats as they are as released: later ones are held against them
	$(BUF) build -o $(BASELINE)

docs: ## reference pages, from the types and schemas that they describe
	$(GO) run ./cmd/internal/docs

web: ## rebuild the browser app's bundle
	deploy/web.sh build

clean: ## remove what was built
	rm -rf bin .cache
