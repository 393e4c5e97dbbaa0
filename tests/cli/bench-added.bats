# SPDX-License-Identifier: MIT
# bench-added.bats - tests the benches of `rseqkit bench` that measure additional time: the time that a library adds to the start
# of a process, and the time that an operation adds to an empty loop. No test compares a figure with another figure.

load helper
load bench

# Checks that the JSON has the difference to the contender `nothing` for all other contenders. Also checks the given expressions.
assert_added() {
	assert_bench 'all(a is None or a["min"] <= a["median"] <= a["max"] for r in j["results"] for a in [r["added_ns"]])' \
		'all((r["added_ns"] is None) == (r["contender"] == "nothing") for r in j["results"])' "$@"
}

@test "start: every library that is here, or why not; what each adds to the program alone" {
	expect_json 0 "$RSEQKIT" bench start --json $quickly --threads 1,2
	assert_added '{r["threads"] for r in j["results"]} == {1}' \
		'{r["contender"] for r in j["results"]} >= {"rseqkit", "rseqkit-counter", "rseqkit-preloaded", "nothing"}' \
		'({r["contender"] for k in ["results", "unavailable"] for r in j[k]} - {r["contender"] for r in j["results"]} <=
			{"ck", "liburcu-bp", "jemalloc", "tcmalloc"})' \
		'all("Debian" in u["reason"] for u in j["unavailable"])' \
		'all(r["ns_per_op"]["min"] > 1000 for r in j["results"])'
}

@test "start: a library that can't be had is unavailable with the reason, the rest is measured" {
	expect_json 0 env RSEQKIT_BENCH_TCMALLOC="$BATS_TEST_TMPDIR/none" RSEQKIT_BENCH_JEMALLOC=libc.so.6 "$RSEQKIT" bench start \
		--json $quickly
	assert_added '{u["contender"] for u in j["unavailable"]} >= {"jemalloc", "tcmalloc"}' \
		'any("RSEQKIT_BENCH_TCMALLOC" in u["reason"] and "/none can" in u["reason"] for u in j["unavailable"])'
}

@test "first and second: a creation and an operation of each structure, and the memory of both" {
	expect_json 0 "$RSEQKIT" bench first second --json $quickly
	assert_bench 'j["unavailable"] == []' '{r["threads"] for r in j["results"]} == {1}' \
		'({(r["bench"], r["contender"]) for r in j["results"]} == {(b, c + u) for b in ["first", "second"] for u in ["", "-use"]
			for c in ["counter", "group", "histogram", "freelist", "cache", "ring", "rcu", "lock", "rwlock", "ref"]})' \
		'all(r["private_kib"] is None for r in j["results"] if r["contender"].endswith("-use"))'
	[ -r /proc/self/smaps_rollup ] || return 0
	assert_json 'all(r["private_kib"] > 0 for r in j["results"] if r["bench"] == "first" and r["contender"][-4:] != "-use")' \
		'all(r["private_kib"] >= 0 for r in j["results"] if r["contender"][-4:] != "-use")'
}

@test "first: what the program asks the library, and where that fails" {
	local program=${RSEQKIT%/tool/rseqkit}/bench/rseqkit-bench-first
	expect 0 "$program" ring
	[[ "$output" =~ ^[0-9]+\ [0-9]+\ [0-9]+\ [0-9]+\ $ ]]
	expect 0 "$program" -cache
	[[ "$output" =~ ^-?[0-9]+\ -?[0-9]+\ $ ]]
	expect 2 "$program" nonsense
	assert_says "usage: rseqkit-bench-first"
	[ ! -w /dev/full ] || expect 1 sh -c '"$0" counter 2>&1 >/dev/full' "$program"
	[ ! -w /dev/full ] || assert_says "rseqkit-bench-first: cannot write: No space left on device"
}

@test "without the programs that benches execute: they are unavailable with the reason, exit 3" {
	local from=${RSEQKIT%/tool/rseqkit} library
	library=$(ldd "$RSEQKIT" | awk '/librseqkit/ { print $3 }')
	mkdir -p "$BATS_TEST_TMPDIR/tree/tool" "$BATS_TEST_TMPDIR/tree/bench"
	cp "$RSEQKIT" "$BATS_TEST_TMPDIR/tree/tool/rseqkit"
	cp "$from"/bench/rseqkit-bench-{pie,nopie} "$BATS_TEST_TMPDIR/tree/bench"
	expect_json 3 env LD_LIBRARY_PATH="${library%/*}" "$BATS_TEST_TMPDIR/tree/tool/rseqkit" bench start first --json $quickly
	assert_json 'j["results"] == []' 'len(j["unavailable"]) == 28' 'all(u["reason"] for u in j["unavailable"])' \
		'any("cannot find rseqkit-bench-first" in u["reason"] for u in j["unavailable"])'
}

@test "context: every operation in three contexts, and what it adds to each" {
	need_rseq
	expect_json 0 "$RSEQKIT" bench context context-code context-cold --json $quickly
	assert_added '{r["threads"] for r in j["results"]} == {1}' \
		'({(r["bench"], r["contender"]) for k in ["results", "unavailable"] for r in j[k]} ==
			{(b, c) for b in ["context", "context-code", "context-cold"] for c in ["counter", "cache", "ring", "histogram",
				"shared-atomic", "contended-atomic", "thread-local", "malloc", "nothing"]})' \
		'all(u["reason"] == "needs two CPUs" and u["contender"] == "contended-atomic" or u["contender"] == "malloc"
			for u in j["unavailable"])'
	expect_json 0 taskset -c "$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')" "$RSEQKIT" bench context --json $quickly
	assert_added '[u["contender"] for u in j["unavailable"] if u["reason"] == "needs two CPUs"] == ["contended-atomic"]'
}

# Prints the ids of the session daemons that the bench starts.
lttng_processes() {
	pgrep -f 'rseqkit-bench-lttng|lttng-sessiond --no-kernel' || true
}

@test "stamped: rings and lttng-ust, or why not; nothing is left, neither when the tool is killed" {
	need_rseq
	[ -z "$(lttng_processes)" ] || skip "another bench runs lttng's daemon"
	expect_json 0 "$RSEQKIT" bench stamped --json $quickly
	assert_bench '{r["contender"] for k in ["results", "unavailable"] for r in j[k]} == {"rseqkit", "unordered", "lttng-ust"}' \
		'any(r["contender"] == "rseqkit" for r in j["results"])' 'all(u["reason"] for u in j["unavailable"])'
	nothing_is_left() { [ -z "$(lttng_processes)" ]; }
	wait_until nothing_is_left
	grep -q lttng-ust <<<"$(python3 -c 'import json, sys; print([r["contender"] for r in json.load(open(sys.argv[1]))["results"]])' "$json")" ||
		return 0
	"$RSEQKIT" bench stamped --time 60 >/dev/null 2>&1 3>&- &
	local tool=$!
	some_run() { [ -n "$(lttng_processes)" ]; }
	wait_until some_run
	kill -KILL $tool
	wait $tool || true
	wait_until nothing_is_left
}

@test "stamped: without namespaces, or without lttng's daemon, lttng-ust is unavailable with the reason" {
	need_rseq
	local daemon=${RSEQKIT%/tool/rseqkit}/bench/rseqkit-bench-lttng
	[ -x "$daemon" ] || skip "built without lttng-ust"
	mkdir "$BATS_TEST_TMPDIR/bin"
	expect 1 env PATH="$BATS_TEST_TMPDIR/bin" "$daemon" "$daemon-traced"
	[[ "$output" = "unavailable "* ]]
	unshare -Um true 2>/dev/null || skip "no namespaces here"
	[ "$output" = "unavailable lttng-sessiond isn't installed (Debian's package: lttng-tools)" ]
	need_filter
	expect 1 "$HELPERS/with_filter" eperm unshare -- "$daemon" "$daemon-traced"
	[ "$output" = "unavailable lttng's daemon needs namespaces of its own: Operation not permitted" ]
}

@test "slab: all variants, also with more threads than CPUs; every object is found once" {
	need_rseq
	expect_json 0 "$RSEQKIT" bench slab --json --time 3 --threads "1,2,$(($(nproc) + 6))"
	assert_bench 'j["unavailable"] == []' 'len({r["threads"] for r in j["results"]}) >= 2' \
		'{r["contender"] for r in j["results"]} in [{"rseqkit"}, {"rseqkit"} |
			{w + "-" + b for w in ["index", "pointer", "owned"] for b in ["16", "64"]}]'
	[ "$(uname -m)" != x86_64 ] || assert_json 'len({r["contender"] for r in j["results"]}) == 7'
}

@test "a difference that is below zero is printed as it is, in text, JSON and on the page" {
	with_worker "$(printf 'while read -r request; do case $request in owner) echo libc ;;
		list) printf "placements 1\nbench start 1 1 starts\ncontender rseqkit any 3\ncontender nothing any 3\nend\n" ;;
		*nothing*) echo 3000 ;; *) echo 2700 12 ;; esac; done')"
	expect_json 0 "$tree/tool/rseqkit" bench --json $quickly
	assert_json '[r["added_ns"] for r in j["results"]] == [{"min": -100, "median": -100, "max": -100}, None]' \
		'[r["private_kib"] for r in j["results"]] == [12, None]'
	expect 0 "$tree/tool/rseqkit" bench $quickly
	grep -Eq '^ +median +min +max +added min +max +added$' <<<"$output"
	grep -Eq '^  rseqkit +900.000 .* -100.000 +-100.000 +-100.00 ' <<<"$output"
	assert_says "  private memory in KiB: rseqkit 12"
	cp "$json" "$BATS_TEST_TMPDIR/report"
	pictures=$BATS_TEST_TMPDIR
	expect 0 "$RSEQKIT" bench --from "$BATS_TEST_TMPDIR/report" --report "$pictures"
	assert_page '"start: added to a loop without the operation: rseqkit -100 ns (-100 ns to -100 ns)." in said("summary")' \
		'"Private memory, in KiB: rseqkit 12." in said("bench-start")'
}

@test "--from: added times and memory that are no numbers: it says where, exit 2" {
	while IFS='|' read -r change said; do
		make_report "$change"
		expect 2 "$RSEQKIT" bench --from "$report" --report "$BATS_TEST_TMPDIR"
		assert_says "rseqkit bench: $report: $said" || { echo "$change"; return 1; }
	done <<-'EOF'
		j["results"][2]["added_ns"] = 1|results[2]: "min" is missing
		j["results"][2]["added_ns"] = {"min": -1, "median": -2, "max": 0}|results[2]: "median" is missing or not a number from -1
		j["results"][2]["added_ns"] = {"min": -1, "median": 0, "max": 1e15}|results[2]: "max" is missing
		j["results"][2]["private_kib"] = -1|results[2]: "private_kib" is missing or not a number from 0
	EOF
	make_report 'j["results"][0]["added_ns"] = j["results"][0]["private_kib"] = None'
	expect 0 "$RSEQKIT" bench --from "$report" --report "$BATS_TEST_TMPDIR"
}
