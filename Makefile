# Waybill. `make help` lists the targets.
#
# A target checks its tools first and ends with one sentence that names what is missing.

# Where the outside data lies; tests look in ../shared/data where it is not set. go test changes folders, so it is absolute.
ifdef WAYBILL_DATA
export WAYBILL_DATA := $(abspath $(WAYBILL_DATA))
endif

BIN         := bin/waybill
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

FUZZTIME ?= 10s
SUMMARY  ?= .waybill/tests.txt

need = @command -v $(1) >/dev/null 2>&1 || { echo "make $@: $(1) is missing: install $(2)." >&2; exit 1; }
GO_IS = Go 1.26 or later (https://go.dev/dl)

.PHONY: help build tools demo test lint bench chaos mutants fuzz law clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

build: ## build bin/waybill
	$(call need,go,$(GO_IS))
	@[ -x $(BIN) ] || echo "build: compiling; the first time takes minutes (four on two busy cores), later seconds"
	go build -o $(BIN) ./cmd/waybill

tools: ## fetch the ClickHouse engine (npm, 178 MB) unless it is there, or $WAYBILL_CHDB names one
	$(call need,go,$(GO_IS))
	@if [ -n "$$WAYBILL_CHDB" ]; then echo "tools: WAYBILL_CHDB is set; nothing is fetched"; else sh bench/rig/tools.sh; fi
	@[ -d "$$(go env GOMODCACHE)/cache/download/github.com/twmb" ] || echo "tools: fetching Go modules"
	@go mod download

demo: tools build ## show the whole pipeline at work: a day of 50 vehicles and 200 loads
	@$(BIN) demo $(ARGS)

# Left out of make test: the storms, which are make chaos, and a year of a made company, which is in make law.
test: tools ## prove it: every rung of tests that this machine can run
	@sh bench/rig/kafka.sh
	@mkdir -p $(dir $(SUMMARY))
	@{ go test -json -timeout 20m -skip '^TestChaos|^TestLawYear' $(TESTFLAGS) ./...; \
		go test -json -timeout 5m -tags synctests -run '^TestADayOfTimers$$' $(TESTFLAGS) ./processors/runtime; } | go run ./cmd/internal/rungs -summary $(SUMMARY)

law: ## the law of convergence, with more seeds (SEEDS=300), and a thousand loads under all damages
	$(call need,go,$(GO_IS))
	WAYBILL_LAW_SEEDS=$${SEEDS:-300} go test -count 1 -timeout 0 -run 'Law' ./processors/...

chaos: tools ## faults by chance for as long as asked, on both kinds of broker (CHAOS_SECONDS=600, CHAOS_SEED=… repeats)
	@sh bench/rig/kafka.sh
	WAYBILL_CHAOS_SECONDS=$${CHAOS_SECONDS:-600} WAYBILL_CHAOS_SEED=$$CHAOS_SEED go test -count 1 -timeout 0 -p 1 -v -run 'TestChaos|TestFaults|TestKillsAndMoves' ./processors/runtime ./cmd/waybill

mutants: ## switch off one mechanism of the engine or the stages at a time and see its tests fail (ONLY=name)
	$(call need,go,$(GO_IS))
	@for dir in processors/runtime processors processors/model/contracts; do \
		case "$$(ls $$dir/testdata/mutations)" in *"$(ONLY)"*) \
			RUNTIME_TEST_PATIENCE=30s go run ./cmd/internal/mutants -dir $$dir/testdata/mutations -only "$(ONLY)" || exit 1;; \
		esac; done

fuzz: ## run every fuzz target for FUZZTIME (10s) each
	$(call need,go,$(GO_IS))
	@set -e; for pkg in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "fuzz: $$pkg $$target $(FUZZTIME)"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

bench: tools ## figures against the bare libraries, interleaved in one run (ARGS='-o json'); see bench/README.md
	@go build -trimpath -o bin/bench ./bench
	@bin/bench $(ARGS)

lint: ## gofmt, go vet, staticcheck, govulncheck
	$(call need,go,$(GO_IS))
	$(call need,git,git)
	@echo "lint: gofmt"; bad=$$(gofmt -l $$(git ls-files '*.go')); \
		[ -z "$$bad" ] || { echo "lint: not formatted, run gofmt -w on: $$bad" >&2; exit 1; }
	@echo "lint: go vet"; go vet ./...
	@echo "lint: staticcheck ($(STATICCHECK))"; go run $(STATICCHECK) ./...
	@echo "lint: govulncheck ($(GOVULNCHECK))"; sh .ci/govulncheck $(GOVULNCHECK)

clean: ## remove what building and testing left; keeps what `make tools` fetched
	rm -rf bin .waybill
