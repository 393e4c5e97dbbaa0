# SPDX-License-Identifier: MIT
# inside.bats - tests `rseqkit torture --inside`, which loads code (its agent) into the program. The agent must abort the same
# critical sections as a tracer, and change nothing else.

load ../cli/helper
load report

setup() {
	need_inside
}

@test "what the inside way can't do is refused; a static program, too" {
	expect 2 "$RSEQKIT" torture --inside --migrate ls
	assert_says "need a tracer"
	expect 2 "$RSEQKIT" torture --inside --strict ls
	expect 2 "$RSEQKIT" torture --inside --pid 1
	expect 2 "$RSEQKIT" torture --inside ./none
	assert_says "cannot execute ./none"
	expect 2 "$RSEQKIT" torture --inside "$HELPERS/program-static" threads
	assert_says "statically linked"
	expect 3 "$RSEQKIT" torture --inside env -u LD_PRELOAD "$HELPERS/program" threads
}

all_covered="all(s['covered'] == s['reached'] for s in r['sections'])"
all_confirmed="r['injected'] == r['confirmed'] > 5 and r['not_aborted'] == 0"

@test "all that a tracer reaches is aborted, and each abort is confirmed" {
	for what in "program times" "wrong right" "wrong two_stores"; do
		torture 0 --reach "$HELPERS/"$what
		cp report.json reached.json
		torture 0 --inside "$HELPERS/"$what
		holds "$all_confirmed" "$all_covered" "(r['way'], r['program']['status'], r['violations']) == ('inside', 0, [])" \
			"[s['covered'] for s in r['sections']] == \
				[s['reached'] for s in json.load(open('reached.json'))['sections']]"
	done
	torture 0 --inside --reach "$HELPERS/program" threads
	holds "r['injected'] == 0" "sum(s['reached'] for s in r['sections']) == 14"
}

# Succeeds if a process can write to its code by /proc/self/mem (the kernel's proc_mem.force_override).
kernel_writes_text() {
	python3 - <<-'EOF'
		import ctypes, os
		address = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p).value
		with open('/proc/self/mem', 'r+b', buffering=0) as memory:
		    os.pwrite(memory.fileno(), os.pread(memory.fileno(), 1, address), address)
	EOF
}

@test "--rounds, --random and --runs make as many aborts" {
	torture 0 --inside --rounds 1000 "$HELPERS/program" threads
	holds "$all_confirmed" "$all_covered" "14 * 1000 <= r['confirmed'] < 14 * 1000 + 100" "1 < r['program']['threads'] <= 4"
	torture 0 --inside --random 200 --seed 5 "$HELPERS/blocks" unregistered
	holds "200 <= r['confirmed'] < 205" "sum(s['confirmed'] >= 30 for s in r['sections']) == 2"
	torture 0 --inside --runs 3 --rounds 2 "$HELPERS/wrong" right
	holds "$all_confirmed" "sum(s['covered'] for s in r['sections']) == 6" "r['confirmed'] >= 12"
}

@test "the program's end: status and signal" {
	torture 1 --inside "$HELPERS/program" fails
	holds "(r['program']['status'], r['program']['signal']) == (5, None)"
	torture 1 --inside "$HELPERS/program" dies
	holds "(r['program']['status'], r['program']['signal']) == (None, 6)"
	torture 3 --inside true
	holds "(r['injected'], r['program']['status']) == (0, 0)"
}

@test "forks, vfork and exec, a timer's signals, stops, modules: each count is exact" {
	torture 0 --inside "$HELPERS/program" forks
	holds "$all_confirmed" "$all_covered" "r['program']['processes'] == 6"
	torture 0 --inside "$HELPERS/program" executes
	holds "$all_confirmed" "$all_covered" "r['program']['processes'] == 2"
	torture 0 --inside "$HELPERS/program" stops
	torture 0 --inside "$HELPERS/program" loads "$HELPERS/module.so"
	holds "$all_confirmed" "$all_covered" \
		"[s['covered'] == s['instructions'] for s in r['sections'] if s['symbol'].startswith('use+')] == [True]"
}

@test "a program that handles, ignores or blocks SIGTRAP is aborted as any other" {
	torture 0 --inside "$HELPERS/program" traps
	holds "$all_confirmed" "$all_covered" "r['injected'] >= 14" "r['spared'] == 0"
	for what in threads handlers contexts ignores; do
		echo "$what"
		torture 0 --inside "$HELPERS/blocks" $what
		holds "$all_confirmed" "$all_covered"
	done
}

@test "each mask reads back as the program has set it, also in threads, handlers and executed programs" {
	"$HELPERS/views"
	torture 0 --inside --rounds 20 "$HELPERS/views"
	holds "$all_confirmed" "r['confirmed'] >= 100"
}

@test "a program that can't open files, and one that traces a child" {
	torture 0 --inside "$HELPERS/blocks" exhausted
	holds "$all_confirmed" "$all_covered"
	torture 0 --inside "$HELPERS/program" traces
	holds "$all_confirmed" "r['let_go'] == 1"
	kernel_writes_text || skip "the kernel lets only a tracer write to text"
	torture 0 --inside "$HELPERS/blocks" traced
	holds "$all_confirmed" "r['let_go'] == 1"
}

@test "a thread of the C library that blocks all signals and allocates memory: the torture ends before" {
	torture 0 --inside "$HELPERS/helpers"
	holds "r['injected'] == r['confirmed'] >= 6" "r['spared'] == 1"
}

@test "threads without protection pass a breakpoint, which is then set again" {
	kernel_writes_text || skip "the kernel lets only a tracer write to text"
	torture 0 --inside "$HELPERS/blocks" unregistered
	holds "$all_confirmed" "r['unprotected'] > 0" \
		"[s['covered'] == s['instructions'] for s in r['sections'] if s['symbol'].startswith('add_in_thread')] == [True]"
}

# Runs `rseqkit torture --inside` with a program of scarce.c.
scarce() { # NAME ARGUMENT...
	echo "$1"
	torture 0 --inside "${options[@]}" "$HELPERS/scarce" "$@"
	holds "$all_confirmed"
}

@test "little shared memory is used again; when it is full, the rest goes on" {
	options=(--rounds 20)
	ulimit -f 64
	scarce forks
	[[ "$output" != *"is full"* ]]
	"$HELPERS/hand" twice || skip "no sections by hand"
	scarce loads "$HELPERS/hand-module.so"
	[[ "$output" != *"is full"* ]]
	expect 0 "$RSEQKIT" torture --inside --rounds 20 --output report "$HELPERS/scarce" modules "$HELPERS/hand-module.so"
	assert_says "is full"
}

@test "few descriptors: children and new modules are known all the same" {
	options=(--rounds 20)
	ulimit -n 20
	scarce crowds "$HELPERS/module.so"
	is "r['unreadable']" "[]"
}

@test "a program that can't write to its code any more: the torture ends, and says so" {
	expect 0 timeout 60 "$RSEQKIT" torture --inside --output report "$HELPERS/scarce" refused
	assert_says "in 2 processes the torture ended early"
}

gone() { # PID
	! kill -0 "$1" 2>/dev/null
}

teardown() {
	: >"$BATS_TEST_TMPDIR/end"
}

@test "orphans and daemons: the tool waits for them, and after SIGTERM they go on alone" {
	torture 0 --inside "$HELPERS/scarce" orphans
	holds "$all_confirmed"
	# The child has no agent. After its parent has ended, the child executes a program, with the agent.
	torture 0 --inside sh -c 'P=$LD_PRELOAD exec env -u LD_PRELOAD sh -c "(sleep 0.3; LD_PRELOAD=\$P exec $HELPERS/program threads) &"'
	holds "$all_confirmed"
	torture 0 --inside --rounds 100000 "$HELPERS/scarce" daemon "$PWD/end" "$PWD/ended" &
	local command=$!
	wait_until test -e begun
	sleep 0.5
	kill -0 $command
	: >end
	wait $command
	[ -e ended ]
	rm begun end ended
	"$RSEQKIT" torture --inside --rounds 1000000 "$HELPERS/scarce" daemon "$PWD/end" "$PWD/ended" >report 2>&1 &
	command=$!
	wait_until test -e begun
	sleep 0.5
	kill -TERM $command
	wait_until gone $command
	[ ! -e ended ]
	: >end
	wait_until test -e ended
}

@test "a path that leads to another file is left alone" {
	agent=$("$RSEQKIT" torture --inside --output report sh -c 'echo "$LD_PRELOAD"') || [ $? -eq 3 ]
	: >empty
	truncate -s 256M long
	mkfifo fifo
	for file in empty long fifo none /dev/null; do
		expect 0 env RSEQKIT_TORTURE="$file" LD_PRELOAD="$agent" timeout 20 "$HELPERS/program" threads
	done
}

@test "a program with AddressSanitizer: the tool says what is to be set" {
	sanitized=$HELPERS/hand-sanitized
	[ -x "$sanitized" ] && "$sanitized" twice || skip "no AddressSanitizer as a library, or no sections by hand"
	expect 2 "$RSEQKIT" torture --inside "$sanitized" twice
	assert_says "verify_asan_link_order=0"
	export ASAN_OPTIONS=verify_asan_link_order=0
	torture 0 --inside "$sanitized" twice
	is "r['confirmed'] > 0" True
}

@test "the program inherits no file, and its output is its own" {
	run "$RSEQKIT" torture --inside --output report.json bash -c 'ls -l /proc/self/fd | grep -c rseqkit-torture; echo end'
	[ "$output" = $'0\nend' ]
}
