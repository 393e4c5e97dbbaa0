# SPDX-License-Identifier: MIT
# bench.bats - tests what `rseqkit bench` measures, and its errors. bench-workers.bats tests missing and faulty workers. No test
# compares a figure with another figure, because times are never assertions.

load helper
load bench

check_bars=$BATS_TEST_DIRNAME/../../bench/check_bars

allocators="jemalloc mimalloc tcmalloc"

# Sets variables so that the tool looks for each allocator at a path that doesn't exist.
hide_allocators() {
	for name in $allocators; do
		export "RSEQKIT_BENCH_${name^^}=$BATS_TEST_TMPDIR/no-such-library"
	done
}

# Skips the test if none of the allocators is installed.
need_allocator() {
	local library
	for library in libjemalloc.so.2 libmimalloc.so.2 libmimalloc.so.3 libtcmalloc_minimal.so.4; do
		[ -n "$(LD_PRELOAD=$library /bin/true 2>&1)" ] || return 0
	done
	skip "no jemalloc, mimalloc or tcmalloc here"
}

@test "--help goes to stdout, exit 0, and names every option" {
	expect 0 sh -c '"$0" bench --help 2>/dev/null' "$RSEQKIT"
	for option in --time --threads --list --json --output --report --from --help; do
		assert_says " $option"
	done
	assert_says "2 wrong usage, a worker that is missing or fails,"
}

@test "--list names the benches and their contenders" {
	expect 0 "$RSEQKIT" bench --list
	for bench in counter counter-variable histogram peak peak-rising level level-rising freelist log ring ring-batch ring-remote cache cache-batch rcu rcu-writer rcu-writer-running lock rwlock ref slice mutex fallback cpu remote bank register register-self start first second slab context context-code context-cold stamped; do
		[[ "$output" =~ (^|$'\n')$bench\  ]]
	done
	assert_says "percpu-atomic, getcpu-atomic, shared-atomic, thread-local"
}

@test "wrong usage: said on stderr, nothing on stdout, exit 2" {
	expect 2 "$RSEQKIT" bench --list --json
	assert_says "--list writes no JSON"
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

@test "peaks and levels: every contender with 1 and 4 threads, nothing lost" {
	need_rseq
	expect_json 0 "$RSEQKIT" bench peak peak-rising level level-rising --json $quickly --threads 1,4
	assert_bench '{r["threads"] for r in j["results"]} == {1, 4}' 'j["unavailable"] == []' \
		'({(r["bench"], r["contender"]) for r in j["results"]} ==
			{(b, c) for b in ["peak", "peak-rising"] for c in ["rseqkit", "shared-atomic", "shared-always", "mutex",
				"thread-local"]} |
			{(b, c) for b in ["level", "level-rising"] for c in ["rseqkit", "exact", "shared-atomic", "mutex",
				"thread-local"]})'
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
		'{r["contender"] for r in j["results"]} == {"rseqkit-no-rseq", "group", "peak", "peak-rising", "level-rising",
			"shared-atomic"}'
}

@test "with the tunable off every bench runs, and the library owns rseq" {
	need_libc_registration
	expect_json 0 env GLIBC_TUNABLES=$tunable_off "$RSEQKIT" bench --json $quickly --threads 2
	assert_bench '{r["owner"] for r in j["results"] if r["bench"] != "fallback"} == {"self"}' \
		'all(u["contender"] in ("jemalloc", "mimalloc", "tcmalloc") or u["reason"].startswith("built without ") or
			u["contender"] == "lttng-ust" or u["bench"] == "start" and "Debian" in u["reason"] for u in j["unavailable"])'
}

@test "with own areas, in which a thread is registered late, every contender runs" {
	need_libc_registration
	expect_json 0 env RSEQKIT_AREA=own GLIBC_TUNABLES=$tunable_off "$RSEQKIT" bench --json $quickly --threads 1 counter freelist log
	assert_bench '{r["owner"] for r in j["results"]} == {"self"}' '"classic" in {r["contender"] for r in j["results"]}'
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

# Prints JSON in which each ratio is exactly at its bar (the limit of bench/check_bars). Arguments CONTENDER@THREADS=NS change
# figures.
figures() {
	python3 - "$@" <<-'EOF'
		import json, sys
		ns = {("counter", "rseqkit", 1): 1, ("counter", "classic", 1): 1, ("counter", "floor", 1): 1,
		      ("counter", "rseqkit", 2): 1, ("counter", "shared-atomic", 2): 15, ("cpu", "rseqkit", 1): 1,
		      ("counter", "group", 1): 1, ("histogram", "rseqkit", 1): 1, ("histogram", "rseqkit", 2): 1,
		      ("histogram", "thread-local", 1): 1, ("peak", "rseqkit", 1): 1, ("peak", "rseqkit", 2): 1,
		      ("peak-rising", "rseqkit", 1): 1, ("peak-rising", "rseqkit", 2): 1, ("peak-rising", "shared-atomic", 2): 2,
		      ("level", "rseqkit", 2): 1, ("level", "exact", 2): 2,
		      ("counter-variable", "rseqkit", 1): 1, ("counter-variable", "classic", 1): 1,
		      ("counter-variable", "floor", 1): 1, ("freelist", "operations", 1): 1,
		      ("freelist", "rseqkit", 1): 1, ("freelist", "classic", 1): 1, ("freelist", "rseqkit", 2): 1,
		      ("log", "rseqkit", 1): 1, ("log", "classic", 1): 1, ("log", "rseqkit", 2): 1,
		      ("ring", "rseqkit", 1): 1, ("ring", "ck-mpmc", 1): 4, ("ring", "rseqkit", 2): 1, ("ring", "ck-mpmc", 2): 25,
		      ("ring-batch", "rseqkit", 1): 1, ("ring-batch", "ck-mpmc", 1): 4, ("ring-batch", "ck-mpmc", 2): 25,
		      ("ring-batch", "rseqkit", 2): 1, ("ring-remote", "rseqkit", 1): 1,
		      ("ring-remote", "ck-spsc", 1): 1.25,
		      ("cache", "rseqkit", 1): 1, ("cache", "tcmalloc", 1): 2, ("cache", "rseqkit", 2): 1,
		      ("cache", "tcmalloc", 2): 2, ("cache-batch", "rseqkit", 1): 1,
		      ("cache-batch", "tcmalloc", 1): 4, ("cache-batch", "rseqkit", 2): 1,
		      ("rcu", "rseqkit", 1): 1, ("rcu", "liburcu-bp", 1): 1.06, ("rcu", "rseqkit", 2): 1,
		      ("lock", "rseqkit", 1): 1, ("lock", "rseqkit", 2): 1,
		      ("rwlock", "rseqkit", 1): 1, ("rwlock", "rseqkit", 2): 1, ("rwlock", "pthread", 2): 30,
		      ("ref", "rseqkit", 1): 1, ("ref", "rseqkit", 2): 1, ("ref", "atomic", 2): 30,
		      ("mutex", "rseqkit", 1): 1, ("mutex", "pthread", 1): 1.06,
		      ("stamped", "rseqkit", 1): 1, ("stamped", "unordered", 1): 0.6, ("stamped", "lttng-ust", 1): 4,
		      ("first", "counter", 1): 20000,
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
	[ "$(grep -c '^holds' <<<"$output")" -eq 45 ]
	for change in counter@classic@1=0.96 counter@floor@1=0.8 counter@shared-atomic@2=14.9 counter@rseqkit@2=1.16 \
		counter@group@1=1.3 histogram@thread-local@1=0.8 histogram@rseqkit@2=1.2 \
		peak@rseqkit@2=1.16 peak-rising@rseqkit@1=0.86 peak-rising@shared-atomic@2=1.9 level@exact@2=1.9 \
		counter-variable@classic@1=0.96 counter-variable@floor@1=0.8 \
		freelist@operations@1=1.03 \
		freelist@rseqkit@1=1.06 freelist@rseqkit@2=1.16 log@classic@1=0.95 log@rseqkit@2=1.16 \
		ring@ck-mpmc@1=3.9 ring@ck-mpmc@2=24 ring@rseqkit@2=1.16 ring-batch@ck-mpmc@1=3.9 ring-batch@ck-mpmc@2=24 \
		ring-batch@rseqkit@2=1.16 \
		ring-remote@rseqkit@1=1.01 \
		cache@tcmalloc@1=1.9 cache@tcmalloc@2=1.9 cache@rseqkit@2=1.16 \
		cache-batch@tcmalloc@1=3.9 cache-batch@rseqkit@2=1.16 \
		rcu@liburcu-bp@1=1.05 rcu@rseqkit@2=1.16 \
		lock@rseqkit@2=1.16 rwlock@pthread@2=29 rwlock@rseqkit@1=0.86 ref@atomic@2=29 ref@rseqkit@1=0.86 \
		mutex@pthread@1=1.05 stamped@rseqkit@1=1.3 stamped@unordered@1=0.9 first@counter@1=20001 \
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

@test "make bench judges nothing: figures, conclusions, exit 0; make bars is that, and the bars" {
	local root=$BATS_TEST_DIRNAME/../..
	# This worker reports times that are longer than any bar allows.
	with_worker "$(printf "$list_answers" 'echo 100000000')"
	cd "$BATS_TEST_TMPDIR"
	expect 0 "$root/bench/run" tree
	assert_says "Conclusions"
	assert_says "tree/bench.json"
	[[ "$output" != *FAILS* && "$output" != *unknown* ]]
	expect 3 "$check_bars" tree/bench.json
	expect 0 make -C "$root" -n bench BUILD=/none
	assert_says "bench/run"
	[[ "$output" != *check_bars* ]]
	expect 0 make -C "$root" -n bars BUILD=/none
	[[ "$output" == *bench/run*check_bars\ /none/bench.json* ]]
}

@test "a table fits its terminal: in 40 columns the median and the ratio, in 80 the spread as well" {
	need_rseq
	for columns in 40 80; do
		expect 0 env COLUMNS=$columns "$RSEQKIT" bench counter --time 0.01 --threads 1
		grep '^  rseqkit ' <<<"$output"
		[ -z "$(grep -v '^  only' <<<"$output" | grep ".\{$((columns + 1))\}")" ]
		[[ ${output//$'\n'/ } == *"A wider terminal, or --json, shows all figures."* ]]
	done
	expect 0 env COLUMNS=40 "$RSEQKIT" bench counter --time 0.01 --threads 1
	grep -Eq '^ +median +ratio$' <<<"$output"
}
