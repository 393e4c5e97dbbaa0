# SPDX-License-Identifier: MIT
# The front door. Meson builds underneath, in build/.

BUILD := build
PREFIX ?= /usr/local
LIBDIR ?= lib
DESTDIR ?=

# Made absolute by the shell: make's own function splits at blanks.
override PREFIX := $(shell realpath -ms -- "$(PREFIX)")

# Meson tells all its options when one of them has changed. Nobody asked.
with_tests = meson configure $(BUILD) -Dtests=true && { out=$$(ninja -C $(BUILD) build.ninja 2>&1) || { echo "$$out"; exit 1; }; }

.DEFAULT_GOAL := all
.PHONY: all demo server recorder malloc check check-quick check-full stress bench install clean help deps deps-check mutants system check-matrix check-programs abi kernel-test slices kernel-mutants kernel-steps kernel-costs

all: deps  ## build the library and the tool (build/tool/rseqkit)
	@[ -f $(BUILD)/build.ninja ] || \
		out=$$(meson setup $(BUILD) --prefix "$(PREFIX)" --libdir "$(LIBDIR)" 2>&1) || { echo "$$out"; exit 1; }
	@ninja -C $(BUILD) --quiet

demo: all  ## count real files with per-CPU counters, check and time the result
	@$(BUILD)/tool/rseqkit demo

server: deps-check all  ## load an example server, and compare what it counted with what ab and wrk say
	@$(with_tests)
	@ninja -C $(BUILD) --quiet $(foreach kind,rseqkit atomic mutex,examples/server/server-$(kind) examples/server/statistics-cost-$(kind))
	@examples/server/show $(BUILD)

check: deps-check  ## build every way and run the tests, 20 to 40 minutes; ends with a line of counts
	@-scripts/deps system
	@scripts/check

check-quick: deps-check  ## build one way and run the unit tests, two minutes
	@scripts/check --quick

check-full: deps-check  ## everything that make check and make system run, and the tests that need long
	@-scripts/deps system
	@scripts/check --full

stress: deps-check all  ## threads, signals, moves, forks and remote owners at once, for minutes [STRESS_MS=60000 for each of 12]
	@$(with_tests)
	@ninja -C $(BUILD) --quiet
	@STRESS_MS=$${STRESS_MS:-60000} meson test -C $(BUILD) --no-rebuild --timeout-multiplier 0 --suite storm

bench: deps  ## measure beside what else one would use, and compare with the bars
	@-scripts/deps bench
	@# What it compares with may be here only now, and a build from before had to do without.
	@[ ! -f $(BUILD)/build.ninja ] || { meson configure $(BUILD) --clearcache && meson setup --reconfigure $(BUILD); } >/dev/null
	@$(MAKE) --no-print-directory all
	@bench/run $(BUILD)

install: all  ## install below PREFIX (default /usr/local, LIBDIR lib), staged into DESTDIR
	@meson configure $(BUILD) -Dprefix="$(PREFIX)" -Dlibdir="$(LIBDIR)"
	@ninja -C $(BUILD) --quiet
	@DESTDIR="$(DESTDIR)" meson install -C $(BUILD) --no-rebuild --quiet

system: deps-check  ## run the tests on other kernels, libcs and machines, emulated [ROWS="6.1 7.x ..."], see tests/system/rows
	@-scripts/deps system
	@scripts/check --build gcc own musl arm64 arm64-own arm64-clang
	@tests/system/run $(BUILD) $(ROWS)

slices: deps-check  ## boot kernels with the slice extension, emulated, and make the table of doc/slices.md, some 30 minutes
	@-scripts/deps system
	@-scripts/deps kernel
	@scripts/check --build gcc own musl
	@tests/system/run $(BUILD) 7.x-slice 7.x-slice-1cpu 7.x-slice-debug 7.x-slice-counted 7.x-slice-counted-long
	@tests/system/slices update $(BUILD)

kernel-test: deps-check  ## build the kernel series in kernel/, and boot and test it, emulated, an hour
	@-scripts/deps system
	@scripts/check --build gcc own musl arm64
	@tests/system/run $(BUILD) 7.2-pristine 7.2-ktls 7.2-ktls-1cpu 7.2-ktls-4cpus 7.2-ktls-noslice 7.2-ktls-nofsgsbase 7.2-ktls-lockdep 7.2-pristine-musl 7.2-ktls-musl 7.2-ktls-musl-4cpus 7.2-ktls-arm64

kernel-mutants: deps  ## break the kernel series in known ways and see that its selftest fails each time, emulated, some 10 minutes
	@-scripts/deps system
	@kernel/run-mutants $(BUILD)/packages/built

kernel-steps: deps  ## build and boot the kernel after each patch of the series, emulated, 20 to 90 minutes
	@-scripts/deps system
	@kernel/run-steps $(BUILD)/packages/built

kernel-costs: deps  ## count what the kernel series costs, in instructions, emulated, some 20 minutes
	@-scripts/deps system
	@kernel/run-costs $(BUILD)/packages/built

mutants: deps-check all  ## break the code in known ways and see that a test fails each time
	@-scripts/deps system
	@tests/mutants/run

check-matrix: deps-check  ## run the matrix of what coexists three times: plainly, beside full load, with odd tunables of the libc
	@tests/matrix/variants

recorder: all  ## record what sort(1) allocates and locks, as a trace for Perfetto (doc/recorder.md)
	@ninja -C $(BUILD) --quiet recorder
	@examples/recorder/show $(BUILD)

malloc: all  ## measure our malloc beside others, in loops and under programs and servers (doc/allocator.md), ten minutes
	@-scripts/deps bench
	@ninja -C $(BUILD) --quiet malloc/librseqkit-malloc.so bench/malloc/loops bench/malloc/peak
	@bench/malloc/compare $(BUILD)

check-programs: deps-check all  ## run programs that are installed under rseqkit exec and see every thread registered, then with our malloc
	@$(with_tests)
	@ninja -C $(BUILD) --quiet
	@tests/preload/programs "$(CURDIR)" "$(abspath $(BUILD))"
	@FULL_TESTS=1 tests/preload/programs "$(CURDIR)" "$(abspath $(BUILD))" "$(abspath $(BUILD))/malloc/librseqkit-malloc.so"

abi: deps-check all  ## describe the ABI anew in tests/abi, after a change that is meant
	@tests/abi/run "$(CURDIR)" "$(abspath $(BUILD))" update

clean:  ## remove everything that was built
	@rm -rf $(BUILD)

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##/\1 ##/p' $(MAKEFILE_LIST) | awk -F ' *##  *' '{ printf "make %-14s %s\n", $$1, $$2 }'

deps:
	@scripts/deps build

deps-check:
	@scripts/deps check
