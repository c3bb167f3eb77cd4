# Kith: what one does here. `make` lists it.
SHELL := /bin/bash
.NOTPARALLEL:
.DEFAULT_GOAL := help
export PATH := $(PATH):/usr/local/go/bin:/usr/sbin:/sbin

# What swarm's library would store in databases, we store ourselves.
export GOFLAGS := $(GOFLAGS) -tags=nosqlite,noboltdb

tools := internal/tools
step  := $(tools)/step.sh
quick := $(tools)/inmemory.sh

# Set these on the command line, as in `make fuzz FUZZTIME=5m`.
ARGS     ?=#      make run: flags of kith up
FUZZTIME ?= 20s#  make fuzz: for each target
SOAKTIME ?= 1h#   make soak
BENCH    ?= .#    make bench: which, a regular expression
# Benchmarks of hubs and of getting through lie beside what they measure.
beside   := ./session ./meet/dht ./hub ./hub/relay ./hub/mailbox/sqlite ./hub/seedbox

# The race detector needs a C compiler. It leaves out what only computes, and takes
# several times as long with it: SQLite, which is compiled to Go, the ciphers of
# disks and passphrases, and a table that each start of kith fills. What calls
# them is watched. internal/lab builds its nodes with KITH_RACE.
computes := github.com/ncruces/go-sqlite3-wasm/... lukechampine.com/adiantum/... \
	golang.org/x/crypto/argon2 golang.org/x/crypto/scrypt github.com/mattn/go-runewidth
race = $(shell command -v gcc >/dev/null && echo -race $(computes:%=-gcflags=%=-race=false))
export KITH_RACE = $(race)

# go vet has a step of its own, and nobody debugs the tests of these steps.
gotest := go test -count=1 -vet=off -ldflags=-w

# The tests on simulated networks need root on Linux; there, a machine that can't
# run them fails them.
ifeq ($(shell id -u) $(shell uname -s),0 Linux)
KITH_LAB ?= must
export KITH_LAB
endif

.PHONY: help
help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14 | sed 's/^/make /'

ui_sources := $(shell find ui api/openapi.json -type f -not -path '*/node_modules/*' -not -path 'ui/dist/*' -not -path 'ui/shots/*' -not -path 'ui/test/*' -not -path 'ui/browser/*' -not -name '*.go' -not -name openapi.d.ts)

.PHONY: ui
ui: ui/dist/index.html ## build the page, if its sources changed

ui/dist/index.html: $(ui_sources)
	@$(tools)/ui.sh build

.PHONY: build
build: ui ## compile bin/kith, with the page
	@$(tools)/need.sh build
	CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o bin/kith ./cmd/kith

.PHONY: run
run: build ## compile and start Kith; it prints its link and opens its page; Ctrl-C ends it
	@exec bin/kith up $(ARGS)

.PHONY: test
test: need ui format vet lint cross unit simulation test-ui lab ## everything that a change has to pass

.PHONY: need
need:
	@$(tools)/need.sh test

.PHONY: format
format: ## is everything as gofmt writes it?
	@$(step) format $(tools)/format.sh

.PHONY: vet
vet: ## go vet
	@$(step) vet go vet ./...

.PHONY: lint
lint: ## staticcheck, in the version of internal/tools/go.mod
	@$(step) lint go tool -modfile=$(tools)/go.mod staticcheck ./...

.PHONY: cross
cross: ## does it compile for the other systems, and the core for browsers?
	@$(step) cross $(tools)/cross.sh

# Three packages at once: some wait for networks.
.PHONY: unit
unit: need ## the tests, with the race detector
	@$(step) unit $(quick) $(gotest) $(race) -p 3 -timeout 20m $$(go list ./... | grep -vE '/internal/(lab|e2e|bench)$$')

.PHONY: simulation
simulation: ## spheres of 50 and 200 people, simulated
	@$(step) simulation $(quick) $(gotest) -timeout 20m -run 'PartialMesh|SphereOfMany' ./node

.PHONY: test-ui
test-ui: build ## the page: its types, its parts, and in a browser with real nodes
	@$(step) test-ui $(quick) $(tools)/ui.sh test

.PHONY: screenshots
screenshots: build ## pictures of every view, in ui/shots
	cd ui && npm run --silent screenshots

# Those of internal/e2e wait more than they compute, so more of them run at once.
.PHONY: lab
lab: need ## the tests with real nodes in simulated networks, crashing; they run alone
	@$(step) lab $(quick) $(gotest) $(race) -timeout 15m ./internal/lab
	@$(step) e2e $(quick) $(gotest) $(race) -timeout 20m -parallel 4 ./internal/e2e

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (20s)
	@$(tools)/fuzz.sh $(FUZZTIME)

.PHONY: soak
soak: ## the crash test for SOAKTIME (1h), and the whole backlog
	KITH_SOAK=$(SOAKTIME) go test -count=1 -timeout 0 -v -run 'Killed|Backlog' ./internal/e2e

.PHONY: bench
bench: ui ## the figures of docs/benchmarks.md; BENCHARGS=-update replaces them
	go test -count=1 -run '^$$' -bench '$(BENCH)' -benchtime 3x -timeout 0 ./internal/bench $(if $(BENCHARGS),-args $(BENCHARGS))
	go test -count=1 -run '^$$' -bench '$(BENCH)' -timeout 0 -p 1 $(beside)

.PHONY: microbench
microbench: ## the benchmarks of single packages
	go test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 0 -p 1 $$(go list ./... | grep -v /internal/)

.PHONY: cover
cover: ## how much of the code the tests reach
	go test -coverpkg=./... -coverprofile=cover.out ./...
	go tool cover -func=cover.out | tail -1

.PHONY: clean
clean: ## remove what was built
	rm -rf bin cover.out ui/node_modules ui/shots
	find ui/dist -type f -not -name .keep -delete
