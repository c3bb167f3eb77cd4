# Kith: what one does here. `make` lists it.
SHELL := /bin/bash
.NOTPARALLEL:
.DEFAULT_GOAL := help
export PATH := $(PATH):/usr/local/go/bin:/usr/sbin:/sbin

# What swarm's library would store in databases, we store ourselves.
export GOFLAGS := $(GOFLAGS) -tags=nosqlite,noboltdb

tools := internal/tools
step  := $(tools)/step.sh

# Set these on the command line, as in `make fuzz FUZZTIME=5m`.
ARGS     ?=#      make run: flags of kith up
FUZZTIME ?= 20s#  make fuzz: for each target
SOAKTIME ?= 1h#   make soak
BENCH    ?= .#    make bench: which, a regular expression

# The race detector needs a C compiler. The tests on simulated networks need
# root on Linux; there, a machine that can't run them fails them.
race = $(shell command -v gcc >/dev/null && echo -race)
ifeq ($(shell id -u) $(shell uname -s),0 Linux)
KITH_LAB ?= must
export KITH_LAB
endif

# Tests with real processes, networks and clocks run alone, after the others.
outside := ./internal/lab ./internal/e2e

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
	CGO_ENABLED=0 go build -trimpath -o bin/kith ./cmd/kith

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

.PHONY: unit
unit: need ## the tests, with the race detector
	@$(step) unit go test $(race) -count=1 -timeout 20m $$(go list ./... | grep -vE '/internal/(lab|e2e|bench)$$')

.PHONY: simulation
simulation: ## spheres of 50 and 200 people, simulated
	@$(step) simulation go test -count=1 -timeout 20m -run 'PartialMesh|SphereOfMany' ./node

.PHONY: test-ui
test-ui: build ## the page: its types, its parts, and in a browser with real nodes
	@$(step) test-ui $(tools)/ui.sh test

.PHONY: screenshots
screenshots: build ## pictures of every view, in ui/shots
	cd ui && npm run --silent screenshots

.PHONY: lab
lab: need ## the tests with real nodes in simulated networks, crashing
	@$(step) lab go test $(race) -count=1 -timeout 15m -p 1 $(outside)

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (20s)
	@$(tools)/fuzz.sh $(FUZZTIME)

.PHONY: soak
soak: ## the crash test for SOAKTIME (1h), and the whole backlog
	KITH_SOAK=$(SOAKTIME) go test -count=1 -timeout 0 -v -run 'Killed|Backlog' ./internal/e2e

.PHONY: bench
bench: ui ## the figures of docs/benchmarks.md; BENCHARGS=-update replaces them
	go test -count=1 -run '^$$' -bench '$(BENCH)' -benchtime 3x -timeout 0 ./internal/bench $(if $(BENCHARGS),-args $(BENCHARGS))

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
