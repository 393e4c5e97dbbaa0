# SPDX-License-Identifier: MIT
# The commands for users and contributors. Meson does the building, in build/.

BUILD := build
PREFIX ?= /usr/local
LIBDIR ?= lib
DESTDIR ?=

# The shell makes the path absolute. make's own function would split it at blanks.
override PREFIX := $(shell realpath -ms -- "$(PREFIX)")

arguments = "$(BUILD)" "$(PREFIX)" "$(LIBDIR)"
# CC is passed on only if the user set it. Otherwise Meson chooses the compiler, not make's default.
ifneq ($(origin CC),default)
export CC
else
unexport CC
endif

# Each build of the checks has a folder below build/check, with the options that its tests need.
CHECK := build/check
targets := steps builds toolchain tool malloc examples kernels fuzz torture doc debian ports
PORTS ?= riscv64 s390x ppc64le armhf mips64el i386
export PORTS
setup = scripts/check --setup
hint = scripts/deps --hint 'the tool has only the commands doctor and exec, without the libraries that the others need' tool

.DEFAULT_GOAL := all
.PHONY: all amalgamation source doc demo server recorder malloc bench bars install uninstall clean help abi stress mutants system slices
.PHONY: check check-all check-full check-packages $(targets:%=check-%) check-matrix check-programs
.PHONY: kernel-test kernel-mutants kernel-steps kernel-costs

all:  ## build the library and the tool (build/tool/rseqkit) [BUILD=FOLDER for another folder, CC=clang]
	@scripts/deps --name build
	@$(hint)
	@scripts/build $(arguments)

amalgamation:  ## write the library as one source and one header, to build/amalgamation [PARTS="counter peak" for less]
	@scripts/amalgamate "$(BUILD)/amalgamation" $(PARTS)
	@echo "$(BUILD)/amalgamation has rseqkit-all.c and rseqkit-all.h."

source:  ## write the tarball of a release, and Debian's source package of it, to build/source
	@scripts/source build/source

install:  ## build, and install below PREFIX (default /usr/local, LIBDIR lib); DESTDIR is the staging folder
	@scripts/deps --name build
	@$(hint)
	@DESTDIR="$(DESTDIR)" scripts/build --install $(arguments)

uninstall:  ## remove the files that the last make install from this folder installed
	@scripts/build --uninstall "$(BUILD)"

doc:  ## make the manual, a static site, in build/doc [BUILD=FOLDER]
	@scripts/deps doc
	@scripts/doc "$(BUILD)/doc"

demo:  ## count real files with per-CPU counters; check and time the result
	@scripts/deps tool
	@$(MAKE) --no-print-directory all
	@$(BUILD)/tool/rseqkit demo

server:  ## put load on an example server, and compare its counts with those of ab and wrk
	@scripts/deps server
	@[ -f build/server/build.ninja ] || out=$$(meson setup build/server -Dtool=none 2>&1) || { echo "$$out"; exit 1; }
	@ninja -C build/server --quiet $(foreach kind,rseqkit atomic mutex,examples/server/server-$(kind) examples/server/statistics-cost-$(kind))
	@examples/server/show build/server

recorder: all  ## record the allocations and locks of sort(1), as a trace for Perfetto (doc/recorder.md)
	@ninja -C $(BUILD) --quiet recorder
	@examples/recorder/show $(BUILD)

bench:  ## measure rseqkit and its alternatives: figures, ratios, conclusions; a minute
	@scripts/deps tool
	@-scripts/deps bench
	@# scripts/deps may just have installed libraries to compare with; an earlier build was configured without them.
	@[ ! -f $(BUILD)/build.ninja ] || { meson configure $(BUILD) --clearcache && meson setup --reconfigure $(BUILD); } >/dev/null
	@$(MAKE) --no-print-directory all
	@bench/run $(BUILD)

bars: bench  ## make bench, then fail if a ratio exceeds one of this project's limits; needs an idle machine
	@bench/check_bars $(BUILD)/bench.json

malloc:  ## compare our malloc with others: loops, short processes, memory, programs, servers (doc/allocator.md), 15 minutes
	@scripts/deps tool
	@-scripts/deps bench
	@$(MAKE) --no-print-directory all
	@ninja -C $(BUILD) --quiet malloc/librseqkit-malloc.so $(addprefix bench/malloc/,loops peak phases short_process)
	@bench/malloc/compare $(BUILD)

check:  ## build and run the everyday tests, four minutes; ends with a line of counts [TESTS="counter rcu"]
	@scripts/deps check
	@scripts/check $@

check-steps:  ## operations interrupted at each instruction, long storms, valgrind, models
	@scripts/deps $@
	@scripts/check $@

check-builds:  ## the core and the storms with clang, musl, areas of our own, TSan, LTO; arm64's build
	@scripts/deps $@
	@scripts/check $@

check-toolchain:  ## headers, linking, the code that compilers generate, other releases of the library
	@scripts/deps $@
	@-scripts/deps windows
	@scripts/check $@

check-tool:  ## the whole command line, with bench
	@scripts/deps $@
	@scripts/check $@

check-malloc:  ## the allocator, alone and under real programs
	@scripts/deps $@
	@scripts/check $@

check-examples:  ## the examples: short programs, the server, the recorder
	@scripts/deps $@
	@scripts/check $@

check-kernels:  ## a new kernel on x86-64 and arm64, emulated; KTLS
	@scripts/deps $@
	@scripts/check $@

check-fuzz:  ## fuzz rseqkit lint, a minute for each target
	@scripts/deps $@
	@scripts/check $@

check-packages:  ## Debian's packages, CMake, Meson subprojects, the release tarball, in clean systems; needs root
	@scripts/deps $@
	@scripts/check $@

check-torture:  ## abort each section of our programs at each instruction that they reach
	@scripts/deps $@
	@scripts/check $@

check-doc:  ## the guides' programs, each block of C in the pages, the manual's links
	@scripts/deps $@
	@scripts/check $@

check-debian:  ## make check in systems of other Debian suites [SUITES="trixie sid"]; needs root, makes clean systems
	@scripts/deps $@
	@scripts/check $@

check-ports:  ## the library on processors without sections here, in QEMU's user emulation [PORTS="riscv64 s390x"]
	@scripts/deps $@ $(PORTS:%=port-%)
	@scripts/check $@

check-all:  ## make check and the check-... targets above, 55 minutes
	@scripts/deps $(targets:%=check-%) $(PORTS:%=port-%)
	@-scripts/deps windows
	@scripts/check $@

check-full:  ## all tests in all builds, and make system: before an issue is closed, three hours
	@scripts/deps $(targets:%=check-%) $(PORTS:%=port-%)
	@-scripts/deps windows
	@scripts/check $@

check-matrix:  ## run the coexistence matrix: three times, three times under full load, and with unusual tunables of glibc
	@scripts/deps check-builds
	@tests/beside/matrix/variants

check-programs:  ## run installed programs under rseqkit exec, and check which threads are registered; then with our malloc
	@scripts/deps check
	@-scripts/deps $@
	@$(setup) gcc
	@ninja -C $(CHECK)/gcc --quiet
	@tests/preload/programs "$(CURDIR)" "$(abspath $(CHECK)/gcc)"
	@FULL_TESTS=1 tests/preload/programs "$(CURDIR)" "$(abspath $(CHECK)/gcc)" "$(abspath $(CHECK)/gcc)/malloc/librseqkit-malloc.so"

stress:  ## run threads, signals, moves, forks and remote owners at once, for minutes [STRESS_MS=60000 for each of 12 tests]
	@scripts/deps check
	@$(setup) gcc
	@STRESS_MS=$${STRESS_MS:-60000} meson test -C $(CHECK)/gcc --timeout-multiplier 0 --suite storm

mutants:  ## break the code in known ways, and check that a test fails each time
	@scripts/deps check-steps check-builds check-toolchain check-tool
	@-scripts/deps system
	@tests/mutants/run

abi:  ## update the description of the ABI in tests/abi, after an intended change
	@scripts/deps check
	@$(setup) gcc
	@ninja -C $(CHECK)/gcc --quiet src/exports.stamp
	@tests/abi/run "$(CURDIR)" "$(abspath $(CHECK)/gcc)" update

system:  ## run tests on other kernels, libcs and machines, emulated [ROWS="6.1 7.x ...", see tests/system/rows]
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

kernel-mutants:  ## break the kernel series in known ways, and check that its selftest fails each time, emulated, some 10 minutes
	@scripts/deps system
	@kernel/run-mutants build/packages/built

kernel-steps:  ## build and boot the kernel after each patch of the series, emulated, 20 to 90 minutes
	@scripts/deps system
	@kernel/run-steps build/packages/built

kernel-costs:  ## measure the cost of the kernel series in instructions, emulated, some 20 minutes
	@scripts/deps system
	@kernel/run-costs build/packages/built

clean:  ## remove everything that was built or fetched
	@rm -rf $(BUILD) build

help:  ## print this list
	@sed -n 's/^\([a-z-]*\):.*##/\1 ##/p' $(MAKEFILE_LIST) | awk -F ' *##  *' '{ printf "make %-15s %s\n", $$1, $$2 }'
