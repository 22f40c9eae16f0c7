# `make` lists the targets. Needed: Go and GNU make; what else a target needs, it
# says. Linters are built from tools/go.mod, the real Telegraf from e2e.

GO          ?= go
BINARY       = bin/telegraf-hologram
VERSION     := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS      = -s -w -X main.version=$(VERSION)
BUILDFLAGS   = -trimpath -ldflags "$(LDFLAGS)" $(if $(filter edge,$(TAGS)),$(EDGE_FLAGS),-tags "$(TAGS)")

# TAGS=edge builds what goes onto devices: without decode and the emulator, and with inlining
# only where most of the time is spent. That is 240 kB less; a metric takes a quarter more CPU
# from the pipe to the queue to the plugin (3 µs on a PC), and as much as before to be encoded.
TAGS        ?=
INLINED      = telegraf-hologram/internal/payload/... github.com/influxdata/line-protocol/... bytes cmp hash/crc32 \
               internal/bytealg internal/strconv math math/bits slices strconv unicode/utf8
EDGE_FLAGS   = -tags edge -gcflags=all=-l $(INLINED:%=-gcflags=%=)

# What the binary for devices must fit: bytes of the stripped one for ARMv6 (a router's flash).
SIZE_LIMIT  ?= 4000000

# What is built for devices, as GOOS/GOARCH or GOOS/GOARCH/VARIANT, what is built whole, for
# work and the far side, and what must only compile.
TARGETS      = linux/amd64 linux/arm64 linux/arm/6 linux/arm/7 linux/mipsle/softfloat linux/riscv64
FULL_TARGETS = linux/amd64 linux/arm64
COMPILES     = darwin/arm64 darwin/amd64 windows/amd64

FUZZTIME    ?= 60s
BENCHTIME   ?= 1s
DEMO_SECONDS ?= 30
TORTURE     ?= 60
LOAD        ?=
COMPARE     ?=

# The modules that are ours, besides the root.
MODULES      = . e2e e2e/net e2e/page packaging

# The race detector needs a C compiler; without one Go says that cgo is off.
RACE        := $(if $(filter 1,$(shell $(GO) env CGO_ENABLED)),-race)

# A tool out of tools/go.mod, run in the current folder; Go keeps the built tool in its cache.
TOOL         = $(GO) tool -modfile=$(CURDIR)/tools/go.mod

.DEFAULT_GOAL = help
.DELETE_ON_ERROR:

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/telegraf-hologram (TAGS=edge: for devices, without decode and emulator)
	CGO_ENABLED=0 $(GO) build $(BUILDFLAGS) -o $(BINARY) .

.PHONY: test
test: test-unit test-e2e clients ## run all tests that CI runs

.PHONY: test-unit
test-unit: ## run the tests of the module, with the race detector where there is a C compiler, and the fuzz seeds
# (and without it those that take minutes with it)
	$(GO) test $(RACE) ./...
	$(GO) test $(EDGE_FLAGS) .
	$(GO) test -run 'TestFloor|TestLimits|TestHostileSize|TestDamage' ./internal/payload

.PHONY: test-e2e
test-e2e: ## run the tests with the real Telegraf (the first time builds it: 80 MB of modules)
	cd e2e && $(GO) test -count=1 -timeout 10m ./...
	cd e2e/net && $(GO) test -count=1 -timeout 5m ./...
	cd e2e/page && $(GO) test -count=1 -timeout 5m ./...
	cd e2e/compare && $(GO) test -count=1 -timeout 5m ./...

.PHONY: clients
clients: ## run the tests of the decoders in clients/ (with Python 3.9 and Node 18 or later, where installed)
	@if command -v python3 >/dev/null; then cd clients/python && python3 -B -m unittest; \
	else echo "clients: python3 is not installed, passed over"; fi
	@if command -v node >/dev/null; then node --test --test-reporter=dot clients/javascript/hologram_payload.test.mjs; \
	else echo "clients: node is not installed, passed over"; fi

.PHONY: check
check: check-format check-tidy check-vet check-lint check-docs check-generate check-vuln ## format, modules, vet, linters, documents, generated files, vulnerabilities

.PHONY: check-format
check-format:
	@bad=$$(git ls-files -co --exclude-standard -- '*.go' | xargs -r gofmt -s -l); \
	if [ -n "$$bad" ]; then echo "not formatted; run gofmt -s -w:" >&2; echo "$$bad" >&2; exit 1; fi
	@echo "format: ok"

.PHONY: check-tidy
check-tidy:
	@for m in $(MODULES); do (cd $$m && $(GO) mod tidy -diff) || { echo "$$m/go.mod is not tidy: run go mod tidy there" >&2; exit 1; }; done
	@$(GO) mod verify >/dev/null
	@echo "modules: ok"

.PHONY: check-vet
check-vet:
	@for m in $(MODULES); do (cd $$m && $(GO) vet ./...) || exit 1; done
	@$(GO) vet -tags edge .
	@echo "vet: ok"

.PHONY: check-lint
check-lint:
	@for m in $(MODULES); do (cd $$m && $(TOOL) golangci-lint run --config $(CURDIR)/.golangci.yml ./...) || exit 1; done
	@$(TOOL) golangci-lint run --build-tags edge .
	@if command -v shellcheck >/dev/null; then git ls-files -co --exclude-standard -- '*.sh' .ci/run | xargs -r shellcheck && echo "shellcheck: ok"; \
	else echo "shellcheck: not installed, passed over"; fi

# MARKDOWNLINT="npx --yes markdownlint-cli@0.50.0" fetches it.
MARKDOWNLINT ?= markdownlint
.PHONY: check-docs
check-docs:
	@if command -v $(firstword $(MARKDOWNLINT)) >/dev/null; then $(MARKDOWNLINT) '*.md' 'docs/*.md' 'clients/*.md' 'plugins/**/*.md' 'examples/**/*.md' && echo "markdownlint: ok"; \
	else echo "markdownlint: not installed, passed over"; fi

.PHONY: check-generate
check-generate:
	@sh tools/generated.sh

.PHONY: check-vuln
check-vuln:
	@sh tools/vulncheck.sh

.PHONY: generate
generate: ## write the generated files anew
	$(GO) generate ./...

.PHONY: demo
demo: build ## the real Telegraf sends this machine's metrics to an emulated cloud, for DEMO_SECONDS (30)
	@cd e2e && $(GO) run ./cmd/demo -binary $(CURDIR)/$(BINARY) -seconds $(DEMO_SECONDS)

.PHONY: example
example: build ## examples/edge-to-database: from a device to InfluxDB, with failures, all compared (a minute; influxd)
	@cd e2e && $(GO) run ./cmd/example -binary $(CURDIR)/$(BINARY)

.PHONY: screenshot
screenshot: ## take the picture of the emulator's page that is in the documents anew (chromium)
	cd e2e/page && $(GO) test -count=1 -run '^TestLook$$' . -args -screenshot $(CURDIR)/docs/img/emulator.png

.PHONY: bench
bench: ## run the benchmarks, with bytes per metric
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

.PHONY: fuzz
fuzz: ## run each fuzz test for FUZZTIME (60s)
	@GO="$(GO)" sh tools/fuzz.sh $(FUZZTIME)

.PHONY: torture
torture: ## kill, damage and fill the queue on disk, TORTURE (60) times in each case, with a table (3 minutes; root)
	QUEUE_TORTURE=$(TORTURE) $(GO) test -count=1 -timeout 30m -v -run 'TestTorture|TestMillion|TestWriteAmplification' ./internal/queue

.PHONY: loss
loss: ## the loss tests with the real Telegraf, and the stock shim beside it, with a table (7 minutes; root)
	cd e2e && $(GO) run ./cmd/loss

.PHONY: sms
sms: ## SMS of the emulated modem through the real Telegraf, with unplugs, freezes and kills, with a table (13 minutes)
	cd e2e && $(GO) run ./cmd/sms

.PHONY: database
database: build ## make example for five minutes, with kill -9 of each part on the server (influxd)
	@cd e2e && $(GO) run ./cmd/example -binary $(CURDIR)/$(BINARY) -rounds 15 -rate 200 -troubles telegraf,database

.PHONY: load
load: ## webhooks of 1,000 devices to the receiver, hostile ones too, and examples/scaling, with tables (15 minutes; LOAD="-cases NAME,..."; strace, nginx, nats-server, influxd)
	cd e2e && $(GO) run ./cmd/load $(LOAD)

.PHONY: outage
outage: ## simulate an outage of 24 h with 1,000,000 metrics, in three ways (10 minutes, 500 MB of disk)
	$(GO) test -count=1 -timeout 60m -v -run '^TestOutage$$' ./plugins/outputs/hologram -outage

.PHONY: compare
compare: ## this output beside others: bytes, packets, CPU, memory; writes docs/compare.md and .svg (10 minutes; root; COMPARE=-quick: 1 minute, writes nothing)
	cd e2e/compare && $(GO) run . $(COMPARE)

.PHONY: size
size: ## build for all targets; fail where the ARMv6 binary for devices is above SIZE_LIMIT (4000000)
	@GO="$(GO)" sh tools/size.sh $(SIZE_LIMIT) "$(LDFLAGS)" "$(EDGE_FLAGS)" "$(TARGETS)" "$(COMPILES)"

# Besides what is built for users, one with the bytes the other way round.
.PHONY: platforms
platforms: ## check that every platform makes the same payloads (under qemu-user, where installed)
	@GO="$(GO)" sh tools/platforms.sh "$(TARGETS) linux/s390x"

.PHONY: wire
wire: ## count the bytes on the wire (needs root, for network namespaces)
	$(GO) test -count=1 -v ./scripts/wire

.PHONY: dist
dist: ## archives, deb and rpm for devices and of all there is, bills of materials and checksums, in dist/
	@GO="$(GO)" sh tools/dist.sh "$(VERSION)" "$(LDFLAGS)" "$(EDGE_FLAGS)" "$(TARGETS)" "$(FULL_TARGETS)"

# Installs and removes for real, in a folder with Debian; what is missing for a part, it says.
.PHONY: packages-test
packages-test: ## install, use, upgrade and remove the packages, in a folder with Debian (root, debootstrap; 2 minutes)
	@GO="$(GO)" sh tools/packages_test.sh "$(EDGE_FLAGS)" "$(LDFLAGS)"

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist e2e/.cache
