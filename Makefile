# jobrunner: `make help` lists what there is.

# The Deno that is installed when there is none on PATH. Naming it (make test DENO_VERSION=2.7.11) asks for exactly that one.
# tools/deno.sums pins the SHA-256 of both; tools/deno.sh --sums adds another version.
PINNED_DENO := 2.9.6
DENO_VERSION ?=

# Deno trusts the machine's own certificates as well, as a company's registry mirror needs.
export DENO_TLS_CA_STORE ?= mozilla,system

DENO = deno=$$(./tools/deno.sh $(PINNED_DENO) $(DENO_VERSION)) && exec "$$deno"

.DEFAULT_GOAL := build
.PHONY: build linux linux-arm64 win mac mac-arm64 dist help start ok test test-unit test-binary test-e2e test-windows test-arm64 test-cluster soak soak-cluster check fmt hooks launcher launcher-check bench bench-check bench-compare clean

build: ## Compile a binary for this platform into bin/jobrunner (the default)
	@$(DENO) task build

linux: ## Compile bin/jobrunner-linux-x64
linux-arm64: ## Compile bin/jobrunner-linux-arm64
win: ## Compile bin/jobrunner-windows-x64.exe
mac: ## Compile bin/jobrunner-macos-x64
mac-arm64: ## Compile bin/jobrunner-macos-arm64
linux linux-arm64 win mac mac-arm64:
	@$(DENO) task build $@

dist: ## All of them, archived, with SHA256SUMS, an SBOM and the licences, into dist
	@$(DENO) task dist

help: ## List the goals
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

start: ## Serve; JOBRUNNER_CMD=… names the command, without it a sample runs; ARGS=… are flags of serve
	@if [ -z "$$JOBRUNNER_CMD$$JOBRUNNER_CONFIG_FILE$(findstring --config-file,$(ARGS))" ]; then \
		export JOBRUNNER_CMD="$(CURDIR)/contrib/sample/uppercase.sh"; \
		echo "JOBRUNNER_CMD is not set: running the sample contrib/sample/uppercase.sh" >&2; \
	fi; \
	unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES; \
	$(DENO) task start $(ARGS)

ok: ## Run before each commit: check, then the unit tests; less than a minute on a quiet machine
	@$(DENO) task ok $(TEST_FLAGS)

test: ## Run unit and system tests; DENO_VERSION=… runs them on that Deno
	@$(DENO) task test $(TEST_FLAGS)

test-unit: ## Run the unit tests only
	@$(DENO) task test-unit $(TEST_FLAGS)

test-binary: build ## The system tests, those at a terminal, and machines that share a queue, with bin/jobrunner in place of the source; needs root, script(1) and nats-server
	@export JOBRUNNER_TEST_BINARY="$(CURDIR)/bin/jobrunner"; $(DENO) task test $(TEST_FLAGS) test/system test/e2e/terminal.ts test/e2e/cluster_permissions.ts

test-e2e: ## README's own commands in a fresh clone, real proxies, a full disk, a real Prometheus, a terminal, every recipe with its real program, the examples of the guides, a real browser, POST /run with real clients, the adapters for warm workers; needs root, curl, jq, openssl, nginx, caddy, haproxy, tini, strace, script(1), prometheus, systemd, xmllint, ImageMagick, pandoc, Ghostscript, LibreOffice, Octave, FFmpeg, Mono, chromium, Node.js, R, Java, Ruby, PHP, Python with numpy and uno
	@$(DENO) task test-e2e $(TEST_FLAGS)

test-windows: win ## The Windows binary under Wine; WINE=… says how to run it, default wine; needs curl, and npm for a Deno for Windows
	@$(DENO) task test $(TEST_FLAGS) test/e2e/windows.ts test/e2e/windows_warm.ts

test-arm64: linux-arm64 ## The ARM64 binary under qemu-user; needs qemu-aarch64-static and the ARM64 C library
	@$(DENO) task test $(TEST_FLAGS) test/e2e/arm64.ts

test-cluster: ## Several machines that share a queue, over real NATS servers that end, freeze and come back; needs root, and the variables that tools/nats_servers.sh prints
	@$(DENO) task test-cluster $(TEST_FLAGS)

soak: ## Minutes of everything at once; SOAK_SECONDS=… and SOAK_FLOOD_BYTES=… set how much
	@$(DENO) task soak $(TEST_FLAGS)

soak-cluster: ## Machines and a NATS server that are killed and frozen at random; SOAK_SECONDS=… sets how long, SOAK_SEED=… repeats what happened; needs the same
	@$(DENO) task soak-cluster $(TEST_FLAGS)

check: ## Format, lint, types, docstrings, the generated tables of the documentation
	@$(DENO) task check

fmt: ## Format everything and write the generated tables of the documentation
	@$(DENO) task fmt

hooks: ## Let Git check the format and lint of staged files before each commit
	@git config core.hooksPath .githooks

launcher: ## Assemble tools/launcher/launcher.S and write its bytes into src/supervisor/launcher_code.ts; needs gcc and the binutils of x86-64 and aarch64
	@$(DENO) task launcher

launcher-check: ## Fail when those bytes are not what the source makes
	@$(DENO) task launcher --check

bench: ## Measure throughput, CPU, latency and memory beside their goals; BENCH_ONLY=…, BENCH_SHORT=1 and others (CONTRIBUTING.md) set what and how much
	@$(DENO) task bench

bench-check: ## Fail when small jobs have become clearly dearer than bench/baseline.json says; BENCH_UPDATE=1 writes it
	@$(DENO) task bench-check

bench-compare: ## Compare this folder with the checkout in BASE=…, such as a git worktree of an earlier commit; fails when this one is dearer, or when that cannot be told
	@$(DENO) task bench-compare "$(BASE)"

clean: ## Remove what was built; tools in .tools stay
	@rm -rf bin dist coverage bench/results.json
