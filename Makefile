# drover: build, run, test. `make help` lists the targets.

SHELL       := /bin/bash
.DEFAULT_GOAL := help

VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS     := -s -w -X main.version=$(VERSION)
TOOLS       := $(CURDIR)/bin/tools
GO          ?= go
SIM         ?= 10m

# Linters and generators are built from source at these versions, into bin/tools.
GOFUMPT     := mvdan.cc/gofumpt@v0.12.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
ERRCHECK    := github.com/kisielk/errcheck@v1.9.0
MSGP        := github.com/tinylib/msgp@v1.6.5
GENGO       := google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
GENGRPC     := google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
GENERATORS  := $(TOOLS)/msgp $(TOOLS)/protoc-gen-go $(TOOLS)/protoc-gen-go-grpc

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/drover, bin/drover-shim and bin/drover-wasm (static, stripped)
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/drover ./cmd/drover
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/drover-shim ./cmd/drover-shim
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/drover-wasm ./cmd/drover-wasm

.PHONY: demo
demo: build ## start a dev agent, run a job on it, show it; Ctrl-C cleans up (DEMO_EXIT=1: by itself)
	@hack/demo.sh

.PHONY: test
test: deps build ## run every test, with the race detector, then 100,000 steps of simulation
	DROVER_BIN=$(CURDIR)/bin $(GO) test -race -timeout 20m ./...
	$(GO) test ./test/sim -run TestWhatever -v -timeout 10m -sim.steps=100000

.PHONY: test-short
test-short: deps build ## run the tests that take seconds
	DROVER_BIN=$(CURDIR)/bin $(GO) test -short -timeout 5m ./...

.PHONY: sim
sim: ## simulate clusters with random seeds, for SIM=10m, and shrink what breaks
	$(GO) test ./test/sim -run TestWhatever -v -timeout 0 -sim.seed=$$(date +%s%N) -sim.for=$(SIM)

.PHONY: bench
bench: build ## measure the budgets of the design against the built binaries
	DROVER_BIN=$(CURDIR)/bin $(GO) run ./test/bench $(BENCH)

.PHONY: bench-c2m
bench-c2m: build ## run 2,000,000 allocations on 6,100 simulated nodes (NODES=, ALLOCS=, JOBS=, SCENES=, BATCH=10m, PROFILES=)
	DROVER_BIN=$(CURDIR)/bin $(GO) run ./test/c2m $(if $(NODES),-nodes $(NODES)) $(if $(ALLOCS),-allocs $(ALLOCS)) \
		$(if $(JOBS),-jobs $(JOBS)) $(if $(SCENES),-scenes $(SCENES)) $(if $(BATCH),-batch $(BATCH)) $(if $(PROFILES),-profiles $(PROFILES))

.PHONY: cover
cover: deps build ## test coverage by package
	DROVER_BIN=$(CURDIR)/bin $(GO) test -short -timeout 10m -coverprofile=cover.out ./...
	$(GO) tool cover -func=cover.out | tail -1

.PHONY: lint
lint: $(TOOLS)/gofumpt $(TOOLS)/staticcheck $(TOOLS)/errcheck $(GENERATORS) ## format, vet, staticcheck, errcheck, imports, generated files
	hack/lint.sh

.PHONY: fmt
fmt: $(TOOLS)/gofumpt ## format the code
	$(TOOLS)/gofumpt -w $$(git ls-files '*.go' | grep -v '_gen\.go$$')

.PHONY: generate
generate: $(GENERATORS) ## make the generated files again
	PATH=$(TOOLS):$$PATH $(GO) generate ./...

.PHONY: controller
controller: ## lay out a new controller: make controller NAME=backup KIND=backup_policy
	@$(GO) run ./hack/newcontroller -name '$(NAME)' -kind '$(KIND)'

.PHONY: deps
deps: ## install what the tests need and the machine lacks (Debian, as root)
	@hack/deps.sh

.PHONY: clean
clean: ## remove what was built
	rm -rf bin cover.out

$(TOOLS)/gofumpt:
	GOBIN=$(TOOLS) $(GO) install $(GOFUMPT)
$(TOOLS)/staticcheck:
	GOBIN=$(TOOLS) $(GO) install $(STATICCHECK)
$(TOOLS)/errcheck:
	GOBIN=$(TOOLS) $(GO) install $(ERRCHECK)
$(TOOLS)/msgp:
	GOBIN=$(TOOLS) $(GO) install $(MSGP)
$(TOOLS)/protoc-gen-go:
	GOBIN=$(TOOLS) $(GO) install $(GENGO)
$(TOOLS)/protoc-gen-go-grpc:
	GOBIN=$(TOOLS) $(GO) install $(GENGRPC)
