# SPDX-License-Identifier: MIT
# The front door. Meson builds underneath, in build/.

BUILD := build
PREFIX ?= /usr/local
LIBDIR ?= lib
DESTDIR ?=

# Made absolute by the shell: make's own function splits at blanks.
override PREFIX := $(shell realpath -ms -- "$(PREFIX)")

arguments = "$(BUILD)" "$(PREFIX)" "$(LIBDIR)"
# That of make itself is nobody's wish.
ifneq ($(origin CC),default)
export CC
else
unexport CC
endif

# The checks have folders of their own below build/check, each with the options that its tests need.
CHECK := build/check
targets := steps builds toolchain tool malloc examples kernels
setup = scripts/check --setup

.DEFAULT_GOAL := all
.PHONY: all demo server recorder malloc bench bars install uninstall clean help abi stress mutants system slices
.PHONY: check check-all check-full $(targets:%=check-%) check-matrix check-programs
.PHONY: kernel-test kernel-mutants kernel-steps kernel-costs

all:  ## build the library and the tool (build/tool/rseqkit) [BUILD=FOLDER to build elsewhere, CC=clang]
	@scripts/deps --name build
	@scripts/build $(arguments)

install:  ## build, and install below PREFIX (default /usr/local, LIBDIR lib), staged into DESTDIR
	@scripts/deps --name build
	@DESTDIR="$(DESTDIR)" scripts/build --install $(arguments)

uninstall:  ## take away what the last make install from this folder has installed
	@scripts/build --uninstall "$(BUILD)"

demo:  ## count real files with per-CPU counters, check and time the result
	@scripts/deps build
	@$(MAKE) --no-print-directory all
	@$(BUILD)/tool/rseqkit demo

server:  ## load an example server, and compare what it counted with what ab and wrk say
	@scripts/deps server
	@[ -f build/server/build.ninja ] || out=$$(meson setup build/server -Dtool=none 2>&1) || { echo "$$out"; exit 1; }
	@ninja -C build/server --quiet $(foreach kind,rseqkit atomic mutex,examples/server/server-$(kind) examples/server/statistics-cost-$(kind))
	@examples/server/show build/server

recorder: all  ## record what sort(1) allocates and locks, as a trace for Perfetto (doc/recorder.md)
	@ninja -C $(BUILD) --quiet recorder
	@examples/recorder/show $(BUILD)

bench:  ## measure beside what else one would use: figures, ratios, what to conclude; a minute
	@scripts/deps build
	@-scripts/deps bench
	@# What it compares with may be here only now, and a build from before had to do without.
	@[ ! -f $(BUILD)/build.ninja ] || { meson configure $(BUILD) --clearcache && meson setup --reconfigure $(BUILD); } >/dev/null
	@$(MAKE) --no-print-directory all
	@bench/run $(BUILD)

bars: bench  ## make bench, then fail where a ratio misses a limit that the project sets itself; wants an idle machine
	@bench/check_bars $(BUILD)/bench.json

malloc:  ## measure our malloc beside others, in loops and under programs and servers (doc/allocator.md), ten minutes
	@scripts/deps build
	@-scripts/deps bench
	@$(MAKE) --no-print-directory all
	@ninja -C $(BUILD) --quiet malloc/librseqkit-malloc.so bench/malloc/loops bench/malloc/peak
	@bench/malloc/compare $(BUILD)

check:  ## build and run the tests of every day, four minutes; ends with a line of counts [TESTS="counter rcu"]
	@scripts/deps check
	@scripts/check $@

check-steps:  ## what is interrupted at each instruction, long storms, valgrind, models
	@scripts/deps $@
	@scripts/check $@

check-builds:  ## the core and the storms with clang, musl, areas of our own, TSan, LTO; arm64's build
	@scripts/deps $@
	@scripts/check $@

check-toolchain:  ## headers, linking, the code that compilers make, other releases of the library
	@scripts/deps $@
	@scripts/check $@

check-tool:  ## the whole command line, bench too
	@scripts/deps $@
	@scripts/check $@

check-malloc:  ## the allocator, under programs too
	@scripts/deps $@
	@scripts/check $@

check-examples:  ## short programs, the server, the recorder
	@scripts/deps $@
	@scripts/check $@

check-kernels:  ## a new kernel on x86-64 and arm64, emulated; KTLS
	@scripts/deps $@
	@scripts/check $@

check-all:  ## make check and all check-... above, twenty minutes
	@scripts/deps $(targets:%=check-%)
	@scripts/check $@

check-full:  ## everything in all builds, and make system: before an issue is called done, three hours
	@scripts/deps $(targets:%=check-%)
	@scripts/check $@

check-matrix:  ## run the matrix of what coexists three times: plainly, beside full load, with odd tunables of the libc
	@scripts/deps check-builds
	@tests/matrix/variants

check-programs:  ## run programs that are installed under rseqkit exec and see every thread registered, then with our malloc
	@scripts/deps check
	@$(setup) gcc
	@ninja -C $(CHECK)/gcc --quiet
	@tests/preload/programs "$(CURDIR)" "$(abspath $(CHECK)/gcc)"
	@FULL_TESTS=1 tests/preload/programs "$(CURDIR)" "$(abspath $(CHECK)/gcc)" "$(abspath $(CHECK)/gcc)/malloc/librseqkit-malloc.so"

stress:  ## threads, signals, moves, forks and remote owners at once, for minutes [STRESS_MS=60000 for each of 12]
	@scripts/deps check
	@$(setup) gcc
	@STRESS_MS=$${STRESS_MS:-60000} meson test -C $(CHECK)/gcc --timeout-multiplier 0 --suite storm

mutants:  ## break the code in known ways and see that a test fails each time
	@scripts/deps check-steps check-builds check-toolchain check-tool
	@-scripts/deps system
	@tests/mutants/run

abi:  ## describe the ABI anew in tests/abi, after a change that is meant
	@scripts/deps check
	@$(setup) gcc
	@ninja -C $(CHECK)/gcc --quiet src/exports.stamp
	@tests/abi/run "$(CURDIR)" "$(abspath $(CHECK)/gcc)" update

system:  ## run the tests on other kernels, libcs and machines, emulated [ROWS="6.1 7.x ..."], see tests/system/rows
	@scripts/deps check-kernels check-builds
	@$(setup) gcc own musl arm64 arm64-own arm64-clang
	@tests/system/run build $(ROWS)

slices:  ## boot kernels with the slice extension, emulated, and make the table of doc/slices.md, some 30 minutes
	@scripts/deps check-kernels kernel
	@$(setup) gcc own musl
	@tests/system/run build 7.x-slice 7.x-slice-1cpu 7.x-slice-debug 7.x-slice-counted 7.x-slice-counted-long
	@tests/system/slices update build

kernel-test:  ## build the kernel series in kernel/, and boot and test it, emulated, an hour
	@scripts/deps check-kernels
	@$(setup) gcc own musl arm64
	@tests/system/run build 7.2-pristine 7.2-ktls 7.2-ktls-1cpu 7.2-ktls-4cpus 7.2-ktls-noslice 7.2-ktls-nofsgsbase 7.2-ktls-lockdep 7.2-pristine-musl 7.2-ktls-musl 7.2-ktls-musl-4cpus 7.2-ktls-arm64

kernel-mutants:  ## break the kernel series in known ways and see that its selftest fails each time, emulated, some 10 minutes
	@scripts/deps system
	@kernel/run-mutants build/packages/built

kernel-steps:  ## build and boot the kernel after each patch of the series, emulated, 20 to 90 minutes
	@scripts/deps system
	@kernel/run-steps build/packages/built

kernel-costs:  ## count what the kernel series costs, in instructions, emulated, some 20 minutes
	@scripts/deps system
	@kernel/run-costs build/packages/built

clean:  ## remove everything that was built, and fetched
	@rm -rf $(BUILD) build

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##/\1 ##/p' $(MAKEFILE_LIST) | awk -F ' *##  *' '{ printf "make %-14s %s\n", $$1, $$2 }'
