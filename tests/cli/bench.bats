# SPDX-License-Identifier: MIT
# bench.bats - `rseqkit bench`: what it measures and how it fails. No figure is compared with another's: timings are
# not tests.

load helper

# Enough for one round of each.
quickly="--time 0.01"

check_bars=$BATS_TEST_DIRNAME/../../bench/check_bars

# The schema, and expressions over the results r of $json.
assert_bench() {
	assert_json 'j["schema"] == "rseqkit.bench/1"' 'j["machine"]["cpus"] > 0' 'j["placements"] >= 16' \
		'all(0 < ns["min"] <= ns[m] <= ns["max"] for r in j["results"] for ns in [r["ns_per_op"]]
			for m in ["median", "pie", "non_pie"])' \
		'all(r["rounds"] > 0 for r in j["results"])' "$@"
}

# A copy of the program in a build tree of its own, whose workers are the shell script given.
with_worker() {
	local library
	library=$(ldd "$RSEQKIT" | awk '/librseqkit/ { print $3 }')
	tree=$BATS_TEST_TMPDIR/tree
	mkdir -p "$tree/tool" "$tree/bench"
	cp "$RSEQKIT" "$tree/tool/rseqkit"
	for name in pie nopie; do
		printf '#!/bin/sh\n%s\n' "$1" >"$tree/bench/rseqkit-bench-$name"
		chmod +x "$tree/bench/rseqkit-bench-$name"
	done
	export LD_LIBRARY_PATH=${library%/*}
}

# The program with the tree's workers must say this, exit with 2, and leave no process.
assert_worker_fault() {
	expect 2 timeout 60 "$tree/tool/rseqkit" bench counter $quickly
	assert_says "$1"
	! pgrep -f "$tree/" || { echo "a worker is left"; return 1; }
}

allocators="jemalloc mimalloc tcmalloc"

# Makes the tool look for each allocator where there is nothing.
hide_allocators() {
	for name in $allocators; do
		export "RSEQKIT_BENCH_${name^^}=$BATS_TEST_TMPDIR/no-such-library"
	done
}

# Skips where none of the allocators is installed.
need_allocator() {
	local library
	for library in libjemalloc.so.2 libmimalloc.so.2 libmimalloc.so.3 libtcmalloc_minimal.so.4; do
		[ -n "$(LD_PRELOAD=$library /bin/true 2>&1)" ] || return 0
	done
	skip "no jemalloc, mimalloc or tcmalloc here"
}

# Answers to all requests before "run", for a bench with one contender.
list_answers='while read -r request; do case $request in owner) echo libc ;;
list) printf "placements 1\nbench counter 1 0 adds\ncontender one any 0\nend\n" ;; *) %s ;; esac; done'

@test "--help goes to stdout, exit 0, and names every option" {
	expect 0 sh -c '"$0" bench --help 2>/dev/null' "$RSEQKIT"
	for option in --time --threads --list --json --output --plot --report --from --help; do
		assert_says " $option"
	done
}

@test "--list names the benches and their contenders" {
	expect 0 "$RSEQKIT" bench --list
	for bench in counter counter-variable histogram freelist log ring ring-batch ring-remote cache cache-batch rcu rcu-writer rcu-writer-running lock rwlock ref slice mutex fallback cpu remote bank register register-self; do
		[[ "$output" =~ (^|$'\n')$bench\  ]]
	done
	assert_says "percpu-atomic, getcpu-atomic, shared-atomic, thread-local"
}

@test "wrong usage: said on stderr, nothing on stdout, exit 2" {
	for arguments in frobnicate "counter frobnicate" "--time 0" "--time x" "--time 1e9" "--threads 0" \
		"--threads 1,x" "--threads ," "--threads 1025" --frobnicate \
		"--threads 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"; do
		expect 2 sh -c '"$0" bench $1 2>&1 >/dev/null' "$RSEQKIT" "$arguments"
		[ -n "$output" ]
		expect 2 sh -c '"$0" bench $1 2>/dev/null' "$RSEQKIT" "$arguments"
		[ -z "$output" ]
	done
}

@test "counter: every contender with 1, 2 and twice as many threads as CPUs" {
	need_rseq
	expect_json 0 "$RSEQKIT" bench counter --json $quickly
	assert_bench 'all(r["bench"] == "counter" for r in j["results"])' \
		'{r["threads"] for r in j["results"]} == {1, 2, 2 * j["machine"]["cpus"]}' \
		'len({(r["contender"], r["threads"]) for r in j["results"]}) == len(j["results"])' \
		'{"percpu-atomic", "getcpu-atomic", "shared-atomic"} < {r["contender"] for r in j["results"]}' \
		'{"rseqkit", "thread-local"} < {r["contender"] for r in j["results"]}'
	if [ "$(uname -m)" = x86_64 ] && ! is_sanitized; then
		assert_json '{"classic", "floor"} < {r["contender"] for r in j["results"]}' 'j["unavailable"] == []'
	fi
}

@test "freelist and log: every contender with 1 and 4 threads, nothing lost" {
	need_rseq
	expect_json 0 "$RSEQKIT" bench freelist log --json $quickly --threads 1,4
	assert_bench '{r["threads"] for r in j["results"]} == {1, 4}' \
		'{"mutex", "thread-local"} < {r["contender"] for r in j["results"] if r["bench"] == "freelist"}' \
		'{"shared", "thread-local"} < {r["contender"] for r in j["results"] if r["bench"] == "log"}'
	if [ "$(uname -m)" = x86_64 ] && ! is_sanitized; then
		assert_json '{r["bench"] for r in j["results"] if r["contender"] == "classic"} == {"freelist", "log"}' \
			'j["unavailable"] == []'
	fi
}

@test "histogram: every contender with 1 and 4 threads, nothing lost" {
	need_rseq
	expect_json 0 "$RSEQKIT" bench histogram --json $quickly --threads 1,4
	assert_bench '{r["threads"] for r in j["results"]} == {1, 4}' 'j["unavailable"] == []' \
		'{r["contender"] for r in j["results"]} == {"rseqkit", "mutex", "thread-local"}'
}

@test "ring, ring-batch and ring-remote: every contender, or why not; nothing lost" {
	need_rseq
	expect_json 0 "$RSEQKIT" bench ring ring-batch ring-remote --json $quickly --threads 1,2
	assert_bench '{r["threads"] for r in j["results"] if r["bench"] == "ring-remote"} == {1}' \
		'({(r["bench"], r["contender"]) for k in ["results", "unavailable"] for r in j[k]} ==
			{(b, c) for b in ["ring", "ring-batch"] for c in ["rseqkit", "ck-mpmc", "ck-spsc", "wfcqueue", "mutex"]} |
			{("ring-remote", c) for c in ["rseqkit", "ck-spsc", "ck-mpmc", "mutex"]})' \
		'all(u["reason"].startswith("built without ") or u["threads"] > j["machine"]["cpus"] for u in j["unavailable"])' \
		'{b["name"] for b in j["benches"]} == {r["bench"] for r in j["results"] if r["contender"] == "rseqkit"}' \
		'{u["contender"] for u in j["unavailable"]} <= {"ck-mpmc", "ck-spsc", "wfcqueue"}'
}

@test "rcu and its writers: every contender, or why not; with more threads than CPUs, too" {
	need_rseq
	expect_json 0 "$RSEQKIT" bench rcu rcu-writer rcu-writer-running --json $quickly --threads "1,$(($(nproc) + 2))"
	assert_bench '{r["threads"] for r in j["results"] if r["bench"] != "rcu"} == {1}' \
		'len({r["threads"] for r in j["results"] if r["bench"] == "rcu"}) == 2' \
		'({(r["bench"], r["contender"]) for k in ["results", "unavailable"] for r in j[k]} - {("rcu", "floor")} ==
			{(b, c) for b in ["rcu", "rcu-writer", "rcu-writer-running"]
				for c in ["rseqkit"] + ["liburcu-" + f for f in ["bp", "memb", "mb", "qsbr"]]} |
			{("rcu", "pthread-rwlock")})' \
		'{b["name"] for b in j["benches"]} == {r["bench"] for r in j["results"] if r["contender"] == "rseqkit"}' \
		'all(u["reason"].startswith("built without liburcu") for u in j["unavailable"])'
}

@test "without rseq read sections are counted by atomics, and grace periods end" {
	need_filter
	expect_json 0 "$HELPERS/with_filter" enosys rseq -- "$RSEQKIT" bench rcu rcu-writer rcu-writer-running --json \
		$quickly --threads 1,2
	assert_bench '{r["owner"] for r in j["results"]} == {"none"}' \
		'({(r["bench"], r["threads"]) for r in j["results"] if r["contender"] == "rseqkit"} ==
			{("rcu", 1), ("rcu", 2), ("rcu-writer", 1), ("rcu-writer-running", 1)})'
}

@test "a worker needs no library of liburcu, and at its start there is no thread and no signal handler of it" {
	local worker
	for worker in "${RSEQKIT%/tool/rseqkit}"/bench/rseqkit-bench-{nopie,pie}; do
		ldd "$worker" >"$BATS_TEST_TMPDIR/needed"
		! grep urcu "$BATS_TEST_TMPDIR/needed" || return 1
	done
	strace -o /dev/null /bin/true 2>/dev/null || skip "no strace here"
	strace -f -e trace=clone,clone3,rt_sigaction -o "$BATS_TEST_TMPDIR/calls" "$worker" <<<owner
	grep -q exited "$BATS_TEST_TMPDIR/calls"
	! grep -E 'clone|rt_sigaction' "$BATS_TEST_TMPDIR/calls" || return 1
}

@test "more threads than CPUs: who spins for a thread that doesn't run is unavailable there, and only there" {
	need_rseq
	expect_json 0 "$RSEQKIT" bench ring --json $quickly --threads "1,$(($(nproc) + 2))"
	assert_bench '{r["contender"] for r in j["results"] if r["threads"] > 1} >= {"rseqkit", "mutex"}' \
		'{u["reason"].split()[0] for u in j["unavailable"] if u["contender"] == "ck-mpmc" and u["threads"] > 1} <= {"a", "built"}' \
		'"ck-mpmc" not in {r["contender"] for r in j["results"] if r["threads"] > 1}' \
		'not any(u["reason"].startswith("a ") for u in j["unavailable"] if u["threads"] == 1)'
}

@test "remote and bank: every contender, with one thread" {
	need_rseq
	expect_json 0 "$RSEQKIT" bench remote bank --json $quickly
	assert_bench '{r["threads"] for r in j["results"]} == {1}' 'j["unavailable"] == []' \
		'{"fence-idle", "drain-running", "vector-16-here", "affinity-idle", "mutex-running",
			"signal-running"} < {r["contender"] for r in j["results"] if r["bench"] == "remote"}' \
		'{"alone", "drained", "no-bank"} < {r["contender"] for r in j["results"] if r["bench"] == "bank"}'
}

@test "cache and cache-batch: every allocator that is here, by the library's own name, and the mutex" {
	need_allocator
	expect_json 0 "$RSEQKIT" bench cache cache-batch --json $quickly --threads 1,4
	assert_bench '{r["threads"] for r in j["results"]} == {1, 4}' \
		'{(b, c) for b in ["cache", "cache-batch"] for c in ["rseqkit", "glibc", "jemalloc",
			"mimalloc", "tcmalloc", "mutex"]} <= {(r["bench"], r["contender"]) for k in ["results", "unavailable"] for r in j[k]}' \
		'all(r["contender"] in r["library"] for r in j["results"]
			if r["contender"] in ["jemalloc", "mimalloc", "tcmalloc"])' \
		'all(r["library"] is None for r in j["results"] if r["contender"] in ["rseqkit", "glibc", "mutex"])' \
		'any(r["library"] for r in j["results"])' \
		'all("Debian" in u["reason"] for u in j["unavailable"])'
}

@test "an allocator that can't be had is unavailable with a reason, in text and JSON; the rest is measured" {
	hide_allocators
	expect_json 0 "$RSEQKIT" bench cache --json $quickly --threads 1
	assert_bench '{u["contender"] for u in j["unavailable"]} == {"jemalloc", "mimalloc", "tcmalloc"}' \
		'{"rseqkit", "glibc", "mutex"} <= {r["contender"] for r in j["results"]}' \
		'all("/no-such-library can" in u["reason"] for u in j["unavailable"])'
	expect 0 sh -c '"$0" bench cache --time 0.01 --threads 1 2>&1' "$RSEQKIT"
	assert_says "  tcmalloc               RSEQKIT_BENCH_TCMALLOC: $BATS_TEST_TMPDIR/no-such-library can't be loaded"
}

@test "an allocator isn't taken for another: what malloc really is decides" {
	need_allocator
	hide_allocators
	expect_json 0 env RSEQKIT_BENCH_JEMALLOC=libtcmalloc_minimal.so.4 RSEQKIT_BENCH_MIMALLOC=libjemalloc.so.2 \
		RSEQKIT_BENCH_TCMALLOC=libmimalloc.so.2 "$RSEQKIT" bench cache --json $quickly --threads 1
	assert_json '{u["contender"] for u in j["unavailable"]} == {"jemalloc", "mimalloc", "tcmalloc"}'
	for library in libjemalloc.so.2 libmimalloc.so.2 libtcmalloc_minimal.so.4; do
		[ -n "$(LD_PRELOAD=$library /bin/true 2>&1)" ] && continue
		expect_json 0 env LD_PRELOAD=$library "$RSEQKIT" bench cache --json $quickly --threads 1
		assert_json '["malloc is that of" in u["reason"] for u in j["unavailable"]
			if u["contender"] == "glibc"] == [True]'
		break
	done
}

@test "a worker that dies with an allocator: that is unavailable, the rest is measured" {
	with_worker "$(printf '[ -z "$LD_PRELOAD" ] || kill -SEGV $$
		while read -r request; do case $request in owner) echo libc ;; malloc*) echo /lib/libjemalloc.so ;;
		list) printf "placements 1\nbench cache 1 0 takes\ncontender one any 0\ncontender jemalloc jemalloc 0\nend\n" ;;
		*) echo 100000000 ;; esac; done')"
	expect_json 0 "$tree/tool/rseqkit" bench cache --json $quickly --threads 1
	assert_json '[u["contender"] for u in j["unavailable"]] == ["jemalloc"]' \
		'"its worker ends" in j["unavailable"][0]["reason"]' \
		'[r["contender"] for r in j["results"]] == ["one"]'
}

@test "--threads chooses the numbers of threads, once each, in the order given" {
	expect_json 0 "$RSEQKIT" bench counter cpu --json $quickly --threads 3,1,3
	assert_bench '[r["threads"] for r in j["results"] if r["contender"] == "shared-atomic"] == [3, 1]' \
		'{r["threads"] for r in j["results"] if r["bench"] == "cpu"} == {1}'
}

@test "text: a table for each number of threads, no escape sequences in a pipe, nothing on stderr" {
	expect 0 sh -c '"$0" bench counter cpu --time 0.01 --threads 1,2 2>&1' "$RSEQKIT"
	assert_says "counter: add 1 to a counter, 1 thread"
	assert_says "counter: add 1 to a counter, 2 threads"
	assert_says "cpu: read the number of the current CPU, 1 thread"
	assert_says "  shared-atomic  "
	assert_says "CPUs: "
	[[ "$output" != *$'\033'* && "$output" != *$'\r'* ]]
}

@test "register-self: threads of its worker are registered by the library" {
	need_libc_registration
	expect_json 0 "$RSEQKIT" bench register-self register --json $quickly
	assert_bench '{r["owner"] for r in j["results"] if r["bench"] == "register-self"} == {"self"}' \
		'{r["owner"] for r in j["results"] if r["bench"] == "register"} == {"libc"}' \
		'{r["contender"] for r in j["results"] if r["bench"] == "register-self"} == {"rseqkit", "rseqkit-first",
			"rseqkit-vfork-bracket", "bare-syscalls", "bare-syscalls-first", "three-syscalls-first"}'
}

@test "other tunables are passed on to that worker" {
	need_libc_registration
	expect_json 0 env GLIBC_TUNABLES=glibc.malloc.check=0 "$RSEQKIT" bench register-self --json $quickly
	assert_bench '{r["owner"] for r in j["results"]} == {"self"}'
}

@test "fallback: threads of its worker have no rseq" {
	need_filter
	expect_json 0 "$RSEQKIT" bench fallback --json $quickly
	assert_bench '{r["owner"] for r in j["results"]} == {"none"}' \
		'{r["contender"] for r in j["results"]} == {"rseqkit-no-rseq", "shared-atomic"}'
}

@test "with the tunable off every bench runs, and the library owns rseq" {
	need_libc_registration
	expect_json 0 env GLIBC_TUNABLES=$tunable_off "$RSEQKIT" bench --json $quickly --threads 2
	assert_bench '{r["owner"] for r in j["results"] if r["bench"] != "fallback"} == {"self"}' \
		'all(u["contender"] in ("jemalloc", "mimalloc", "tcmalloc") or u["reason"].startswith("built without ")
			for u in j["unavailable"])'
}

@test "without rseq: what needs it is unavailable with a reason, the rest is measured" {
	need_filter
	expect_json 0 "$HELPERS/with_filter" enosys rseq -- "$RSEQKIT" bench counter register --json $quickly \
		--threads 1
	assert_bench '{r["owner"] for r in j["results"]} == {"none"}' \
		'("counter", "rseqkit") in {(r["bench"], r["contender"]) for r in j["results"]}' \
		'{u["contender"] for u in j["unavailable"]} <= {"classic", "floor", "rseqkit"}' \
		'all(u["reason"] for u in j["unavailable"])'
}

@test "nothing could be measured: exit 3, with the reason" {
	need_filter
	expect_json 3 "$HELPERS/with_filter" enosys rseq -- "$RSEQKIT" bench register-self --json $quickly
	assert_json 'j["results"] == []' 'all("library registers" in u["reason"] for u in j["unavailable"])'
	expect 3 "$HELPERS/with_filter" enosys rseq -- "$RSEQKIT" bench register-self $quickly
	assert_says "needs threads that this library registers"
}

@test "output that can't be written: exit 2" {
	[ -w /dev/full ] || skip "no /dev/full"
	expect 2 sh -c '"$0" bench cpu --time 0.01 >/dev/full' "$RSEQKIT"
}

@test "--output writes the JSON into a file, beside the text; a file that can't be written: exit 2" {
	expect 0 "$RSEQKIT" bench cpu $quickly --output "$BATS_TEST_TMPDIR/json"
	assert_says "cpu: read the number"
	json=$BATS_TEST_TMPDIR/json
	assert_bench 'len(j["results"]) == 4'
	expect 2 "$RSEQKIT" bench cpu $quickly --output "$BATS_TEST_TMPDIR/none/json"
	assert_says "cannot write $BATS_TEST_TMPDIR/none/json: No such file"
	[[ "$output" != *"cpu: read"* ]]
	[ ! -w /dev/full ] || expect 2 "$RSEQKIT" bench cpu $quickly --output /dev/full
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
	assert_worker_fault "answers without end"
}

@test "no worker outlives the tool, even if that is killed" {
	with_worker "$(printf "$list_answers" 'sleep 1000')"
	"$tree/tool/rseqkit" bench counter 3>&- &
	local tool=$!
	for _ in $(seq 100); do
		pgrep -P $tool >/dev/null && break
		sleep 0.05
	done
	kill -KILL $tool
	wait $tool || true
	for _ in $(seq 100); do
		pgrep -f "$tree/bench/" >/dev/null || return 0
		sleep 0.05
	done
	echo "a worker is left"
	return 1
}

# A report in $report: two benches, one of them with several numbers of threads; text that has to be quoted, and a
# contender that couldn't run. Then Python statements that change it, as j.
make_report() {
	report=$BATS_TEST_TMPDIR/report
	python3 - "$@" >"$report" <<-'EOF'
		import json, sys
		ns = {("cache", "rseqkit"): 4, ("cache", "glibc"): 12, ("cache", "mutex"): 30, ("cpu", "rseqkit"): 0.8,
		      ("cpu", "sched_getcpu"): 1.6}
		j = {"schema": "rseqkit.bench/1", "date": "2026-02-28T12:00:00Z", "placements": 16, "seconds": 1.5,
		     "machine": {"cpus": 2, "model": "<b>&'`rm -rf .`\"\\\n", "kernel": "6.1", "libc": "glibc 2.36"},
		     "benches": [{"name": "cache", "what": "take <one> & 'give' it \"back\"",
		                  "contenders": ["rseqkit", "glibc", "jemalloc", "mutex"]},
		                 {"name": "cpu", "what": "read", "contenders": ["rseqkit", "sched_getcpu"]}],
		     "results": [{"bench": b, "contender": c, "threads": t, "rounds": 3, "owner": "libc", "library": None,
		                  "ns_per_op": {"min": n * 0.9, "median": n * (t if c == "mutex" else 1), "max": n * t * 1.2,
		                                "pie": n, "non_pie": n}}
		                 for (b, c), n in ns.items() for t in ([1, 2, 8] if b == "cache" else [1])],
		     "unavailable": [{"bench": "cache", "contender": "jemalloc", "threads": t, "reason": "isn't <here>"}
		                     for t in [1, 2, 8]]}
		for statement in sys.argv[1:]:
		    exec(statement)
		print(json.dumps(j))
	EOF
}

need_gnuplot() {
	command -v gnuplot >/dev/null || skip "no gnuplot here"
}

# Both formats of a picture are in the folder $pictures, whole; the texts given are in the one that has text.
assert_picture() {
	python3 - "$pictures" "$@" <<-'EOF'
		import sys, struct, xml.etree.ElementTree as tree
		folder, name, *texts = sys.argv[1:]
		root = tree.parse(f"{folder}/{name}.svg").getroot()
		shown = {" ".join(t.itertext()).strip() for t in root.iter("{http://www.w3.org/2000/svg}text")}
		for text in texts:
		    if not any(text in s for s in shown):
		        sys.exit(f"no '{text}' in {name}.svg: {shown}")
		png = open(f"{folder}/{name}.png", "rb").read()
		if png[:8] != b"\x89PNG\r\n\x1a\n" or b"IEND" not in png[-12:] or struct.unpack(">I", png[16:20])[0] < 1000:
		    sys.exit(f"{name}.png is no picture, or small")
	EOF
}

@test "--from --plot: a picture of ratios, and one over threads where there are several, with all contenders" {
	need_gnuplot
	make_report
	pictures="$BATS_TEST_TMPDIR/it's \`here\`"
	mkdir "$pictures"
	expect 0 "$RSEQKIT" bench --from "$report" --plot "$pictures"
	assert_says "$pictures/cache-threads.svg"
	[ "$(ls "$pictures" | wc -l)" -eq 6 ]
	assert_picture cache-ratio rseqkit glibc jemalloc mutex "isn't <here>" "1 thread" "2 threads" "8 threads" \
		"take <one> & 'give' it" "rseqkit = 1" "<b>&'\`rm -rf .\`" "glibc 2.36" "2026-02-28" "16 code placements"
	assert_picture cache-threads rseqkit glibc mutex "ns" "threads"
	assert_picture cpu-ratio rseqkit sched_getcpu
}

# Expressions over the report's page in the folder $pictures, as the tree `page`, its text and its tables by bench.
assert_page() {
	python3 - "$pictures/index.html" "$@" <<-'EOF'
		import re, sys, xml.etree.ElementTree as tree
		source = open(sys.argv[1]).read()
		page = tree.fromstring(source.split("\n", 1)[1])
		text = "".join(page.find("body").itertext())
		sections = {s.get("id"): s for s in page.iter("section")}
		def said(section):
		    return " ".join("".join(sections[section].itertext()).split())
		def rows(bench):
		    return {r[0].text: [" ".join("".join(c.itertext()).split()) for c in r[1:]]
		            for r in sections["bench-" + bench].findall(".//tbody/tr")}
		for expression in sys.argv[2:]:
		    if not eval("(" + expression + ")"):
		        sys.exit(f"not true: {expression}\n{text[-4000:]}")
	EOF
}

@test "--from --report: a page that is well-formed, alone, and has all contenders, figures and conclusions" {
	make_report
	pictures=$BATS_TEST_TMPDIR/page
	mkdir "$pictures"
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_says "$pictures/index.html"
	assert_page 'source.startswith("<!DOCTYPE html>")' '"http" not in source.replace("http-equiv", "")' \
		'not any(e.get("src") or (e.get("href") or "#")[0] != "#" or e.tag in ["script", "link", "img"]
			for e in page.iter())' \
		'"@import" not in source and source.count("url(") == source.count("url(#")' \
		'"prefers-color-scheme:dark" in source' '"max-width:560px" in source' \
		'set(sections) == {"summary", "method", "bench-cache", "bench-cpu"}' \
		'all(e.get("href")[1:] in sections for e in page.iter("a"))' \
		'"<b>&\x27`rm -rf .`\"\\" in text' 'page.find(".//b") is None' '"isn\x27t <here>" in text' \
		'"take <one> & \x27give\x27 it \"back\"" in text' '"glibc 2.36" in text' '"2026-02-28T12:00:00Z" in text' \
		'set(rows("cache")) == {"rseqkit", "glibc", "mutex"}' 'len(rows("cache")["glibc"]) == 6' \
		'rows("cache")["glibc"][:2] == ["3.00 2.70 to 3.60", "12.00 10.80 to 14.40"]' \
		'rows("cache")["mutex"][5] == "240.0 27.00 to 288.0"' \
		'len(sections["bench-cache"].findall(".//figure")) == 2' \
		'len(sections["bench-cpu"].findall(".//figure")) == 1' \
		'{e.text for e in sections["bench-cache"].findall(".//span")} > {"rseqkit", "glibc", "jemalloc", "mutex"}' \
		'[e.text for e in page.iter("span") if e.get("class") == "missing"] == ["isn\x27t <here>"]'
}

@test "the report concludes from the figures: what takes less, as long, more, scales, and what is doubtful" {
	pictures=$BATS_TEST_TMPDIR
	make_report
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"cache: rseqkit takes 4 ns. The fastest of the others: glibc (3.00); the slowest: mutex (7.50)."
			in said("summary")' \
		'"1 thread: rseqkit takes 4 ns (3.6 to 4.8). More: glibc (3.00), mutex (7.50)." in said("bench-cache")' \
		'"8 threads: rseqkit takes 4 ns (3.6 to 38.4). About as long, with spreads that overlap: glibc (3.00),"
			" mutex (60.0)." in said("bench-cache")' \
		'"From 1 thread to 8: an operation takes about as long, at most 1.15 times: rseqkit (1.00), glibc (1.00)."
			" Longer: mutex (8.00)." in said("bench-cache")' \
		'"rseqkit takes 10.67 times as long at its worst placement" in said("bench-cache")' \
		'"Not compared: jemalloc (isn\x27t <here>)." in said("bench-cache")' '"round" not in said("bench-cpu")[:300]'
	make_report 'j["results"][3]["ns_per_op"] = {"min": 1, "median": 2, "max": 3}' 'j["results"][0]["rounds"] = 1' \
		'j["results"][3]["rounds"] = 1'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"Less: glibc (0.50). More: mutex (7.50)." in said("bench-cache")' \
		'"The fastest of the others: glibc (0.50); the slowest: mutex (7.50)." in said("summary")' \
		'"With 2 threads there were" not in said("bench-cache")'
	make_report 'for r in j["results"]: r["rounds"] = 1'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"With 2 threads there was only 1 round:" in said("bench-cache")'
	make_report 'j["results"] = []'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_page '"cache: nothing could be measured." in said("summary")' '"jemalloc" in text'
}

@test "--report beside the text, of what was just measured; where it can't be written: exit 2" {
	pictures=$BATS_TEST_TMPDIR
	expect 0 "$RSEQKIT" bench cpu --report "$pictures" $quickly
	assert_says "cpu: read the number"
	assert_page 'set(rows("cpu")) == {"rseqkit", "sched_getcpu", "getcpu-syscall", "empty-loop"}'
	expect 2 "$RSEQKIT" bench --report "$BATS_TEST_TMPDIR/none" --time 600
	assert_says "cannot write into $BATS_TEST_TMPDIR/none: No such file"
	make_report
	rm "$pictures/index.html"
	mkdir "$pictures/index.html"
	expect 2 "$RSEQKIT" bench --from "$report" --report "$pictures"
	assert_says "cannot write $pictures/index.html: Is a directory"
	if [ -w /dev/full ]; then
		rmdir "$pictures/index.html"
		ln -s /dev/full "$pictures/index.html"
		expect 2 "$RSEQKIT" bench --from "$report" --report "$pictures"
		assert_says "cannot write $pictures/index.html"
	fi
}

@test "--from --plot: a report without the order of benches, or without the first contender, has pictures too" {
	need_gnuplot
	pictures=$BATS_TEST_TMPDIR
	make_report 'del j["benches"], j["date"], j["machine"]["libc"]'
	expect 0 "$RSEQKIT" bench --from "$report" --plot "$pictures"
	assert_picture cache-ratio "rseqkit = 1" "unknown date"
	make_report 'j["results"] = [r for r in j["results"] if r["contender"] != "rseqkit"]'
	expect 0 "$RSEQKIT" bench --from "$report" --plot "$pictures"
	assert_picture cache-ratio rseqkit "glibc = 1" "not measured"
	make_report 'j["results"] = []'
	expect 0 "$RSEQKIT" bench --from "$report" --plot "$pictures"
	[ -z "$output" ]
}

@test "--plot measures up to four times as many threads as CPUs, and makes the pictures of that" {
	need_gnuplot
	pictures=$BATS_TEST_TMPDIR
	expect_json 0 "$RSEQKIT" bench cpu fallback --json --plot "$pictures" $quickly
	need_filter
	assert_bench '{1, j["machine"]["cpus"], 4 * j["machine"]["cpus"]} <= {r["threads"] for r in j["results"]}' \
		'j["date"][4] == "-"' '[b["name"] for b in j["benches"]] == ["fallback", "cpu"]'
	assert_picture cpu-ratio rseqkit sched_getcpu getcpu-syscall empty-loop
	assert_picture fallback-ratio rseqkit-no-rseq shared-atomic
	assert_picture fallback-threads rseqkit-no-rseq shared-atomic
}

@test "--plot where there is no gnuplot, or one that fails: said before anything is measured, exit 2" {
	make_report
	mkdir "$BATS_TEST_TMPDIR/bin"
	expect 2 env PATH="$BATS_TEST_TMPDIR/bin" "$RSEQKIT" bench --plot "$BATS_TEST_TMPDIR" --time 600
	assert_says "--plot needs gnuplot"
	printf '#!/bin/sh\necho "no such terminal"; [ "$1" = --version ]\n' >"$BATS_TEST_TMPDIR/bin/gnuplot"
	chmod +x "$BATS_TEST_TMPDIR/bin/gnuplot"
	expect 2 env PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$RSEQKIT" bench --from "$report" --plot "$BATS_TEST_TMPDIR"
	assert_says "gnuplot failed in $BATS_TEST_TMPDIR: no such terminal"
	printf '#!/bin/sh\n' >"$BATS_TEST_TMPDIR/bin/gnuplot"
	expect 2 env PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$RSEQKIT" bench --from "$report" --plot "$BATS_TEST_TMPDIR"
	assert_says "gnuplot has not written $BATS_TEST_TMPDIR/cache-ratio.svg"
}

@test "--plot into what isn't a folder, or a picture that can't be written: exit 2" {
	need_gnuplot
	make_report
	for folder in "$BATS_TEST_TMPDIR/none" "$report" ""; do
		expect 2 "$RSEQKIT" bench --plot "$folder" --time 600
		assert_says "cannot write into $folder: "
	done
	mkdir "$BATS_TEST_TMPDIR/cache-threads.svg"
	expect 2 "$RSEQKIT" bench --from "$report" --plot "$BATS_TEST_TMPDIR"
	assert_says "cache-threads.svg"
}

@test "--from what can't be read or isn't a report: it says where and what, exit 2" {
	need_gnuplot
	expect 2 "$RSEQKIT" bench --from "$BATS_TEST_TMPDIR/none" --plot "$BATS_TEST_TMPDIR"
	assert_says "cannot read $BATS_TEST_TMPDIR/none: "
	for text in '' x '[]' '{}' '{"schema": 1}' '{"schema": "rseqkit.bench/2"}'; do
		echo "$text" >"$BATS_TEST_TMPDIR/report"
		expect 2 "$RSEQKIT" bench --from "$BATS_TEST_TMPDIR/report" --plot "$BATS_TEST_TMPDIR"
		assert_says "$BATS_TEST_TMPDIR/report"
	done
	while IFS='|' read -r change said; do
		make_report "$change"
		expect 2 "$RSEQKIT" bench --from "$report" --plot "$BATS_TEST_TMPDIR"
		assert_says "rseqkit: $report: $said" || { echo "$change"; return 1; }
	done <<-'EOF'
		j["machine"] = 1|no "cpus"
		j["placements"] = 0|no "placements", or not a number from 1
		j["seconds"] = "x"|no "seconds"
		del j["unavailable"]|no array "unavailable"
		j["results"] = {}|no array "results"
		j["benches"] = 1|no array "benches"
		j["benches"][1]["name"] = "../x"|benches[1]: no "name", or not a name
		j["benches"][0]["contenders"] = None|benches[0]: no array "contenders"
		j["benches"][0]["contenders"][0] = "x" * 32|benches[0]: no "contenders", or not a name
		j["benches"][0]["contenders"] = ["c%d" % i for i in range(33)]|benches[0]: too many contenders
		j["results"][2] = 3|results[2]: no "bench"
		j["results"][2]["contender"] = "a\nb"|results[2]: no "contender", or not a name
		j["results"][2]["contender"] = "'x"|results[2]: no "contender", or not a name
		j["results"][2]["threads"] = 0|results[2]: no "threads", or not a number from 1 to 1024
		j["results"][2]["threads"] = 2|results[2]: a second figure of the same
		j["results"][2]["ns_per_op"] = []|results[2]: no "min"
		j["results"][2]["ns_per_op"]["min"] = 0|results[2]: takes no time
		j["results"][2]["ns_per_op"]["min"] = float("nan")|results[2]: no "min"
		j["results"][2]["ns_per_op"]["median"] = 1|results[2]: no "median", or not a number from 3.6
		j["results"][2]["ns_per_op"]["max"] = 1e300|results[2]: no "max"
		j["results"] += [dict(j["results"][0], threads=20 + i) for i in range(20)]|results[24]: too many numbers of threads
		j["results"] += [dict(j["results"][0], bench="b%d" % i) for i in range(70)]|results[73]: too many benches
		j["unavailable"][0]["bench"] = None|unavailable[0]: no "bench"
	EOF
}

@test "--from without something to make, or with something to measure: exit 2" {
	make_report
	for more in "" "--plot . --time 1" "--plot . --threads 1" "--plot . --json" "--plot . --output x" \
		"--plot . cpu" "--plot . --list"; do
		expect 2 "$RSEQKIT" bench --from "$report" $more
		assert_says "--from goes with"
	done
}

# JSON whose ratios are all at their bars, with the figures given changed: CONTENDER@THREADS=NS...
figures() {
	python3 - "$@" <<-'EOF'
		import json, sys
		ns = {("counter", "rseqkit", 1): 1, ("counter", "classic", 1): 1, ("counter", "floor", 1): 1,
		      ("counter", "rseqkit", 2): 1, ("counter", "shared-atomic", 2): 15, ("cpu", "rseqkit", 1): 1,
		      ("counter", "group", 1): 1, ("histogram", "rseqkit", 1): 1, ("histogram", "rseqkit", 2): 1,
		      ("counter-variable", "rseqkit", 1): 1, ("counter-variable", "classic", 1): 1,
		      ("counter-variable", "floor", 1): 1, ("freelist", "floor", 1): 1, ("freelist", "operations", 1): 1,
		      ("freelist", "rseqkit", 1): 1, ("freelist", "classic", 1): 1, ("freelist", "rseqkit", 2): 1,
		      ("log", "rseqkit", 1): 1, ("log", "classic", 1): 1, ("log", "rseqkit", 2): 1,
		      ("ring", "rseqkit", 1): 1, ("ring", "ck-mpmc", 1): 5, ("ring", "rseqkit", 2): 1,
		      ("ring-batch", "rseqkit", 1): 1, ("ring-batch", "ck-mpmc", 1): 5,
		      ("ring-batch", "rseqkit", 2): 1, ("ring-remote", "rseqkit", 1): 1,
		      ("ring-remote", "ck-spsc", 1): 1,
		      ("cache", "rseqkit", 1): 1, ("cache", "tcmalloc", 1): 2, ("cache", "rseqkit", 2): 1,
		      ("cache", "tcmalloc", 2): 2, ("cache-batch", "rseqkit", 1): 1,
		      ("cache-batch", "tcmalloc", 1): 5, ("cache-batch", "rseqkit", 2): 1,
		      ("rcu", "rseqkit", 1): 1, ("rcu", "liburcu-bp", 1): 1, ("rcu", "rseqkit", 2): 1,
		      ("lock", "rseqkit", 1): 1, ("lock", "rseqkit", 2): 1,
		      ("rwlock", "rseqkit", 1): 1, ("rwlock", "rseqkit", 2): 1, ("rwlock", "pthread", 2): 8,
		      ("ref", "rseqkit", 1): 1, ("ref", "rseqkit", 2): 1, ("ref", "atomic", 2): 8,
		      ("mutex", "rseqkit", 1): 1, ("mutex", "pthread", 1): 1,
		      ("cpu", "empty-loop", 1): 0.5, ("register-self", "rseqkit", 1): 1,
		      ("register-self", "rseqkit-first", 1): 1, ("register-self", "rseqkit-vfork-bracket", 1): 1,
		      ("register-self", "bare-syscalls", 1): 1, ("register-self", "three-syscalls-first", 1): 1}
		for change in sys.argv[1:]:
		    name, value = change.split("=")
		    bench, contender, threads = name.split("@")
		    ns[bench, contender, int(threads)] = float(value)
		print(json.dumps({"schema": "rseqkit.bench/1", "results": [
		    {"bench": b, "contender": c, "threads": t, "ns_per_op": {"median": n}}
		    for (b, c, t), n in ns.items() if n]}))
	EOF
}

@test "check_bars: all bars hold, exit 0; each of them can fail, exit 1; a figure is missing, exit 3" {
	figures >"$BATS_TEST_TMPDIR/json"
	expect 0 "$check_bars" "$BATS_TEST_TMPDIR/json"
	[ "$(grep -c '^holds' <<<"$output")" -eq 37 ]
	for change in counter@classic@1=0.96 counter@floor@1=0.9 counter@shared-atomic@2=14.9 counter@rseqkit@2=1.16 \
		counter@group@1=2.1 histogram@rseqkit@1=2.1 histogram@rseqkit@2=1.2 \
		counter-variable@classic@1=0.96 counter-variable@floor@1=0.9 \
		freelist@operations@1=1.03 freelist@floor@1=0.9 \
		freelist@rseqkit@1=1.11 freelist@rseqkit@2=1.16 log@classic@1=0.95 log@rseqkit@2=1.16 \
		ring@ck-mpmc@1=4.9 ring@rseqkit@2=1.16 ring-batch@ck-mpmc@1=4.9 ring-batch@rseqkit@2=1.16 \
		ring-remote@rseqkit@1=1.21 \
		cache@tcmalloc@1=1.9 cache@tcmalloc@2=1.9 cache@rseqkit@2=1.16 \
		cache-batch@tcmalloc@1=4.9 cache-batch@rseqkit@2=1.16 \
		rcu@liburcu-bp@1=0.99 rcu@rseqkit@2=1.16 \
		lock@rseqkit@2=1.16 rwlock@pthread@2=7.9 rwlock@rseqkit@1=0.86 ref@atomic@2=7.9 ref@rseqkit@1=0.86 \
		mutex@pthread@1=0.99 \
		cpu@empty-loop@1=0.48 register-self@rseqkit@1=1.3 \
		register-self@rseqkit-first@1=1.3 \
		register-self@rseqkit-vfork-bracket@1=1.3; do
		figures $change >"$BATS_TEST_TMPDIR/json"
		expect 1 "$check_bars" "$BATS_TEST_TMPDIR/json"
		assert_says "FAILS"
	done
	figures counter@classic@1=0 >"$BATS_TEST_TMPDIR/json"
	expect 3 "$check_bars" "$BATS_TEST_TMPDIR/json"
	assert_says "no figure of counter classic, 1 thread"
}

@test "check_bars: what isn't a report is refused, exit 2" {
	for text in '' x '[]' '{}' '{"schema": "rseqkit.bench/1"}' '{"schema": "rseqkit.bench/1", "results": [1]}'; do
		echo "$text" >"$BATS_TEST_TMPDIR/json"
		expect 2 "$check_bars" "$BATS_TEST_TMPDIR/json"
	done
	expect 2 "$check_bars" "$BATS_TEST_TMPDIR/none"
}
