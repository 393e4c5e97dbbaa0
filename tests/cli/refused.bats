# SPDX-License-Identifier: MIT
# refused.bats - tests the tool below filters that refuse system calls. The tool says what it couldn't do, and makes nothing up.

load helper
load target
load trace

setup() {
	target=
	need_filter
}

# The loader finds the library's folder by readlink() of /proc/self/exe.
libraries=$(dirname "$RSEQKIT")/../src

below() { # CALL COMMAND...
	timeout -k 1 100 env LD_LIBRARY_PATH="$libraries" "$HELPERS/with_filter" eperm "$1" -- "$RSEQKIT" "${@:2}"
}

# Runs the doctor below a filter. Expects exit 3, null for these answers, and that the finding probe-failed has the text.
expect_unknown() { # CALL TEXT MEMBER...
	expect_json 3 below "$1" doctor --json
	assert_json "any('$2' in f['message'] for f in j['findings'] if f['id'] == 'probe-failed')" "${@:3}"
}

@test "doctor: without a count of preemptions no abort is explained" {
	need_rseq
	expect_unknown getrusage 'signal (no count of preemptions)' "set(j['kernel']['aborts'].values()) == {None}"
}

@test "doctor: without a timer a signal's effect is unknown" {
	need_rseq
	expect_unknown setitimer 'signal (no timer)' "j['kernel']['aborts']['signal'] is None"
}

@test "doctor: a thread that can't be moved by its id" {
	need_rseq
	[ "$(nproc)" -gt 1 ] || skip "one CPU"
	expect_unknown gettid 'migration (no choice of CPUs)' "j['kernel']['aborts']['migration'] is None"
}

@test "doctor: without wait(2) the end of each probe is unknown" {
	need_rseq
	expect_unknown wait4 'mode (unknown end)' "j['mode'] is None"
}

@test "doctor: without the path of the tool there is no fresh process" {
	expect_unknown readlink 'fresh process (no path of this program)' "j['fresh_owner'] is None and j['proc']"
}

@test "doctor: the kernel's unknown release is null" {
	expect_json 0 below uname doctor --json
	assert_json "j['kernel']['release'] is None and j['kernel']['machine'] is None"
}

@test "inspect: a tracer that has no handler for its timer isn't killed by it" {
	setup_target
	start sleep 60
	for _ in {1..10}; do
		expect 0 below rt_sigaction inspect "$target"
	done
}

@test "inspect: a tracer that ends at once was started, and exit 3" {
	setup_target
	start sleep 60
	expect 3 below getppid inspect "$target"
	assert_says "the process that traces ended before it asked a thread"
}

@test "inspect: the root of another user namespace isn't told to become root" {
	setup_target
	start sleep 60
	unshare -Ur true 2>/dev/null || skip "no user namespaces here"
	expect 2 unshare -Ur "$RSEQKIT" inspect "$target"
	assert_says "although this program has CAP_SYS_PTRACE"
	[[ $output != *'as root'* ]]
}

@test "lint: a file isn't called right if the end of its check is unknown: exit 2" {
	expect 2 below wait4 lint "$RSEQKIT"
	assert_says "the end of the process that reads it is unknown"
	expect 2 below getppid lint "$RSEQKIT" # the child takes its parent for ended, and kills itself
	[[ $output != *damaged* ]]
	expect_json 2 below wait4 lint --json "$RSEQKIT"
	assert_json "len(j['files']) == 1 and 'error' in j['files'][0]"
}

@test "lint: a report that can't be written isn't called short memory, and one that can't be read isn't dropped: exit 2" {
	expect 2 below fcntl lint "$RSEQKIT"
	assert_says "its report can't be written"
	is_sanitized && return
	expect 2 env LD_PRELOAD="$HELPERS/no_pread.so" "$RSEQKIT" lint "$RSEQKIT"
	assert_says "its report can't be read: Input/output error"
}

@test "trace: without readlink(2) the PID namespace isn't called another one" {
	need_tracing
	expect 0 below readlink trace --time=0.1
	[[ $output != *'PID namespace'* ]]
}

@test "trace: without poll(2) JSON is written, names are found, and a process that runs hasn't ended" {
	need_tracing
	"$HELPERS/aborted" 60 >/dev/null 2>&1 3>&- &
	target=$!
	expect 0 below poll trace --json --time=0.3
	[[ $output == *'"event":"summary"'* ]]
	expect 0 below poll trace --time=1 --pid=$target
	[[ $output =~ ' aborts in '(0\.9|[1-9]) ]] # not at once
}

@test "trace: without wait(2) the end of the program is seen, and its exit status is unknown" {
	need_tracing
	expect 0 below wait4 trace -- true
	assert_says "its exit status is unknown"
}

@test "torture: threads that can't be listed aren't called ended" {
	[ "$(uname -m)" = x86_64 ] || skip "not x86-64"
	setup_target
	start sleep 60
	expect 2 below getdents64 torture --pid="$target"
	[[ $output != *'has ended'* ]]
}

@test "torture: without wait4(2) or write(2) nothing waits for ever" {
	[ "$(uname -m)" = x86_64 ] || skip "not x86-64"
	setup_target
	start sleep 60
	expect 2 below wait4 torture --time=1 --pid="$target"
	assert_says "cannot wait for the tracer: Operation not permitted"
	expect 2 below write torture -- "$HELPERS/aborted" 0.1 # has no way to print a message
}

@test "bench, demo: a filter that refuses access(2) hides no files" {
	cd "$BATS_TEST_TMPDIR"
	run "$RSEQKIT" bench --list
	[ "$status" -eq 0 ] || skip "no workers here"
	expect 0 below access bench --list
	expect 0 below access demo --seconds=0
}

@test "a file that can't be written is named, and not standard output" {
	need_tracing
	for option in "" --json; do
		expect 2 "$RSEQKIT" trace $option --time=0.1 --output=/dev/full
		[[ $output != *'standard output'* ]]
	done
}

@test "too few descriptors: torture says why it covers nothing" {
	need_rseq
	[ "$(uname -m)" = x86_64 ] || skip "not x86-64"
	expect 3 with_descriptors 7 "$RSEQKIT" torture --reach -- "$HELPERS/rseq_state"
	assert_says "too few descriptors"
	run "$RSEQKIT" torture --reach -- "$HELPERS/rseq_state"
	[[ $output != *descriptors* ]]
}

@test "too few descriptors: the kernel's tracing isn't called forbidden" {
	need_tracing
	for count in 4 5; do
		expect 2 with_descriptors $count "$RSEQKIT" trace --time=0.1
		assert_says "Too many open files"
		[[ $output != *privileged* ]]
	done
}
