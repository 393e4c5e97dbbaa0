# SPDX-License-Identifier: MIT
# bench-workers.bats - tests `rseqkit bench` with workers that are missing or misbehave. The tool waits half a minute for a
# silent worker (a process that runs the loops). These tests therefore have their own file, which runs in parallel with the
# tests that measure.

load helper
load bench

# The tool in $tree, with the workers there, must print this text, exit with 2, and leave no process.
assert_worker_fault() {
	expect 2 timeout 240 "$tree/tool/rseqkit" bench counter $quickly
	assert_says "$1"
	! pgrep -f "$tree/" || { echo "a worker is left"; return 1; }
}

@test "a missing worker: named with the folders looked at, exit 2" {
	with_worker "$(printf "$list_answers" 'echo 100000000')"
	rm "$tree/bench/rseqkit-bench-nopie"
	assert_worker_fault "cannot find rseqkit-bench-nopie in $tree/tool/../bench or $tree/tool/../libexec/rseqkit"
}

@test "an installed tool finds its workers in libexec" {
	with_worker "$(printf "$list_answers" 'echo 1000')"
	mkdir -p "$tree/bin" "$tree/libexec"
	mv "$tree/tool/rseqkit" "$tree/bin/rseqkit"
	mv "$tree/bench" "$tree/libexec/rseqkit"
	expect 0 "$tree/bin/rseqkit" bench --list
	assert_says "counter "
}

@test "a worker that isn't one: exit 2" {
	with_worker 'exit 7'
	assert_worker_fault "rseqkit-bench-pie exited with status 7"
}

@test "a worker that dies of a signal: exit 2" {
	with_worker "$(printf "$list_answers" 'kill -SEGV $$')"
	assert_worker_fault "was killed by signal 11"
}

@test "a worker that answers nonsense: it is shown, exit 2" {
	with_worker 'while read -r request; do echo frobnicate; done'
	assert_worker_fault "unexpected answer 'frobnicate'"
	with_worker "$(printf "$list_answers" 'echo 12monkeys')"
	assert_worker_fault "unexpected answer '12monkeys'"
	with_worker "$(printf "$list_answers" 'echo error counted 1 instead of 2')"
	assert_worker_fault "unexpected answer 'error counted 1 instead of 2'"
	with_worker "$(printf "$list_answers" 'echo -5')"
	assert_worker_fault "unexpected answer '-5'"
}

@test "a worker whose time doesn't pass: exit 2" {
	with_worker "$(printf "$list_answers" 'echo 1')"
	assert_worker_fault "counter one takes no time"
}

@test "a worker that says nothing is given up and ended: exit 2" {
	with_worker 'exec sleep 1000'
	assert_worker_fault "doesn't answer"
}

@test "a worker that never stops talking is given up: exit 2" {
	with_worker "trap '' PIPE; exec tr '\\0' x </dev/zero"
	assert_worker_fault "sends an answer without end"
}

@test "no worker outlives the tool, even if that is killed" {
	with_worker "$(printf "$list_answers" 'sleep 1000')"
	"$tree/tool/rseqkit" bench counter 3>&- &
	local tool=$!
	wait_until pgrep -P $tool
	kill -KILL $tool
	wait $tool || true
	nobody_is_left() { ! pgrep -f "$tree/bench/"; }
	wait_until nobody_is_left
}

@test "the report says how long the measurements took, which can be longer than the time to measure" {
	with_worker "$(printf "$list_answers" 'sleep 0.3; echo 1000000')"
	expect_json 0 "$tree/tool/rseqkit" bench --json --threads 1 $quickly
	assert_json '0.6 <= j["seconds"] < 60'
}

@test "on a machine with very many CPUs there are at most 1024 threads by default" {
	is_sanitized && skip "sanitizers want to be preloaded first"
	cd "$BATS_TEST_TMPDIR"
	cat >many.c <<-'EOF'
		#define _GNU_SOURCE
		#include <sched.h>
		#include <string.h>
		int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
		{
			(void)pid;
			memset(set, 0, size);
			for (size_t cpu = 0; cpu < 600; cpu++)
				CPU_SET_S(cpu, size, set);
			return 0;
		}
	EOF
	cc -shared -fPIC many.c -o many.so || skip "no compiler here"
	with_worker "$(printf "$list_answers" 'echo 1000000000')"
	expect_json 0 env LD_PRELOAD="$PWD/many.so" "$tree/tool/rseqkit" bench --json $quickly
	assert_json 'j["machine"]["cpus"] == 600' '{r["threads"] for r in j["results"]} == {1, 2, 1024}'
}
