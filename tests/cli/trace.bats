# SPDX-License-Identifier: MIT
# trace.bats - tests `rseqkit trace`: it counts and names the events that the kernel reports, and leaves no instance of tracefs.

load helper
load trace

setup() {
	aborted=$HELPERS/aborted
	out=$BATS_TEST_TMPDIR/trace
	tool=
}

teardown() {
	[ -z "$tool" ] || kill -KILL "$tool" 2>/dev/null || true
	[ -z "$mine" ] || in_tracefs "rmdir instances/$mine" || true
}

# Succeeds if the tool traces or has ended. An ended process has no /proc/PID/exe, even before its parent waits for it.
traces_or_has_ended() { # PID
	has_instance "$1" || [ ! -e "/proc/$1/exe" ]
}

# Starts the tool in the background. $tool is its process id. Returns as soon as the kernel traces, or the tool has ended.
start_tool() { # ARGUMENT...
	"$RSEQKIT" trace "$@" >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	tool=$!
	wait_until traces_or_has_ended $tool
}

# Waits for the tool's end, and expects an exit status.
expect_end() { # STATUS
	local got=0 pid=$tool
	wait "$pid" || got=$?
	tool=
	[ "$got" -eq "$1" ] || { echo "exit status $got, not $1"; cat "$BATS_TEST_TMPDIR/said"; return 1; }
	assert_no_instance "$pid"
}

# Checks that the given Python expressions are all true. l is the list of lines of $out, a the aborts, s the summary, f the first
# line.
assert_lines() {
	keep_json "$out"
	python3 - "$out" "$@" <<-'EOF'
		import json, sys
		l = [json.loads(line) for line in open(sys.argv[1])]
		f, a, s = l[0], [x for x in l if x["event"] == "abort"], l[-1]
		for expression in sys.argv[2:]:
		    if not eval(expression):
		        sys.exit("not true: %s\n%s\n%s\n%s" % (expression, f, a[:3], s))
	EOF
}

@test "help names the exit status; wrong usage is refused" {
	expect 0 "$RSEQKIT" trace --help
	assert_says "Exit status: 0 traced"
	expect 2 "$RSEQKIT" trace --wrong
	expect 2 "$RSEQKIT" trace --time 0
	expect 2 "$RSEQKIT" trace --pid $$ -- true
	expect 2 "$RSEQKIT" trace --pid 0
	expect 2 "$RSEQKIT" trace --pid 2000000000
	assert_says "there is no process"
}

@test "without the right to trace: one command that helps, exit 2, and the program doesn't run" {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	chmod 755 "$BATS_TEST_TMPDIR"
	expect 2 setpriv --reuid=65534 --clear-groups "$RSEQKIT" trace -- touch "$BATS_TEST_TMPDIR/ran"
	assert_says "as root, with sudo"
	[ ! -e "$BATS_TEST_TMPDIR/ran" ]
}

@test "another PID namespace: exit 2" {
	need_tracing
	expect 2 unshare -p -f --mount-proc "$RSEQKIT" trace -- true
	assert_says "PID namespace"
}

@test "no /proc: said, exit 2" {
	unshare -m mount -t tmpfs none /proc 2>/dev/null || skip "/proc can't be hidden here"
	expect 2 env LD_LIBRARY_PATH="$(dirname "$RSEQKIT")/../src" unshare -m \
		sh -c 'mount -t tmpfs none /proc && exec "$0" trace -- true' "$RSEQKIT"
	assert_says "/proc isn't mounted"
}

@test "too few file descriptors for the buffers of all CPUs: exit 2" {
	need_tracing
	command -v strace >/dev/null || skip "no strace here"
	cd "$BATS_TEST_TMPDIR"
	for files in {5..20}; do
		(ulimit -n $files && exec strace -o log "$RSEQKIT" trace --time 0.01) >out 2>&1 || continue
		! grep 'trace_pipe_raw.*EMFILE' log || return 1
	done
}

@test "each abort that the kernel reports is counted, at its instruction and in its section" {
	need_tracing
	mine=test-trace-$$
	in_tracefs "mkdir instances/$mine && echo 4096 >instances/$mine/buffer_size_kb &&
		echo 1 >instances/$mine/events/rseq/rseq_ip_fixup/enable"
	expect 0 "$RSEQKIT" trace --json --output "$out" -- "$aborted" threads=2 0.5
	in_tracefs "cat instances/$mine/trace" >"$BATS_TEST_TMPDIR/kernel"
	python3 - "$out" "$BATS_TEST_TMPDIR/kernel" <<-'EOF'
		import json, re, sys
		ours = [json.loads(line) for line in open(sys.argv[1])]
		aborts, threads = [x for x in ours if x["event"] == "abort"], {t["tid"] for t in ours[-1]["threads"]}
		assert len(threads) >= 2 and len(aborts) > 100, (len(threads), len(aborts))
		kernel = []
		for line in open(sys.argv[2], errors="replace"):
		    m = re.match(r".*-(\d+) +\[(\d+)\].*rseq_ip_fixup: regs_ip=(\S+) start_ip=(\S+) post_commit_offset=(\d+) abort_ip=(\S+)", line)
		    if m and int(m[1]) in threads:
		        kernel.append((int(m[1]), int(m[2]), m[3], m[4], int(m[5]), m[6]))
		got = [(x["tid"], x["cpu"], x["ip"], x["start_ip"], x["section"]["length"], x["abort_ip"]) for x in aborts]
		assert sorted(got) == sorted(kernel), (len(got), len(kernel))
		assert ours[-1]["aborts"] == len(got) and ours[-1]["lost"] == 0, ours[-1]
		for key in "instructions", "processes", "threads", "cpus":
		    assert sum(x["aborts"] for x in ours[-1][key]) == len(got), key
		times = [x["time"] for x in aborts]
		assert times == sorted(times)
	EOF
}

@test "the section is the one that lint finds; symbol and line are named" {
	need_tracing
	expect 0 "$RSEQKIT" trace --json --output "$out" -- "$aborted" 0.6
	"$RSEQKIT" lint --json "$aborted" >"$BATS_TEST_TMPDIR/lint"
	python3 - "$out" "$BATS_TEST_TMPDIR/lint" <<-'EOF'
		import json, sys
		aborts = [x for x in map(json.loads, open(sys.argv[1])) if x["event"] == "abort" and x["symbol"] == "count_thousand"]
		sections = {(s["symbol"], s["offset"], s["length"], s["line"]) for s in json.load(open(sys.argv[2]))["files"][0]["sections"]}
		found = {(a["section"]["symbol"], a["section"]["offset"], a["section"]["length"], a["section"]["line"]) for a in aborts}
		assert found and found <= sections, (found, sections)
		assert all(a["offset"] - a["section"]["offset"] == int(a["ip"], 16) - int(a["start_ip"], 16) for a in aborts)
		assert all(a["process"] == "aborted" and a["module"].endswith("/aborted") and a["file"] for a in aborts)
	EOF
}

@test "a stripped program: the file and the offset instead of a symbol" {
	need_tracing
	strip -o "$BATS_TEST_TMPDIR/stripped" "$aborted"
	LD_LIBRARY_PATH="$(dirname "$RSEQKIT")/../src" \
		expect 0 "$RSEQKIT" trace --json --output "$out" -- "$BATS_TEST_TMPDIR/stripped" 0.3
	assert_lines 'any(x["symbol"] is None and x["module_offset"] for x in a)' 'all(x["file"] is None for x in a if x["symbol"] is None)'
}

@test "a process that ends before the trace begins: no other process is traced in its place" {
	need_tracing
	"$aborted" threads=2 membarrier 100 2>/dev/null &
	tool=$! # teardown() ends it
	local victim
	for ((i = 0; i < 3; i++)); do
		victim=$(sleep 1000 >/dev/null 2>&1 & echo $!) # the child of a shell that has ended, so it doesn't stay a zombie
		VICTIM=$victim LD_PRELOAD="$HELPERS/mkdir_kills.so" expect 0 "$RSEQKIT" trace --pid "$victim" --output "$out"
		grep -q "^0 aborts" "$out"
	done
}

@test "the table: sections with their instructions, process, thread and CPU" {
	need_tracing
	expect 0 "$RSEQKIT" trace --output "$out" -- "$aborted" name=worker 0.6
	output=$(cat "$out")
	assert_says "in aborted"
	[[ "$output" =~ "byte "[0-9]+" of "[0-9]+": count_thousand+0x" ]]
	[[ "$output" =~ worker\ \([0-9]+\)\ of\ aborted ]]
	assert_says "exit status 0"
	expect 0 env COLUMNS=40 "$RSEQKIT" trace -- "$aborted" 0.5
	# Now and then a slow path is aborted, too. Its name is longer than the column.
	assert_fits_forty "$(grep -v ' rki_[a-z_]*_slow+0x[0-9a-f]*$' <<<"$output")"
}

@test "a program without aborts: said, exit 0" {
	need_tracing
	expect 0 "$RSEQKIT" trace --output "$out" -- true
	grep -q "^0 aborts" "$out"
}

@test "the program's status is in the summary; a program that can't be run: exit 2" {
	need_tracing
	expect 0 "$RSEQKIT" trace --json --output "$out" -- "$aborted" status=7 0.1
	assert_lines 's["program"]["status"] == 7 and s["program"]["signal"] is None' 's["end"] == "program"'
	expect 0 "$RSEQKIT" trace --json --output "$out" -- sh -c 'kill -KILL $$'
	assert_lines 's["program"]["status"] is None and s["program"]["signal"] == 9' 'not s["program"]["stopped"]'
	expect 2 "$RSEQKIT" trace --json --output "$out" -- /nonexistent
	assert_says "cannot run /nonexistent"
}

@test "--time ends the program" {
	need_tracing
	expect 0 timeout 30 "$RSEQKIT" trace --json --time 0.3 --output "$out" -- "$aborted" 60
	assert_lines 's["end"] == "time" and s["program"]["signal"] == 15 and s["program"]["stopped"]' '0.2 < s["seconds"] < 10' 'a'
}

@test "--pid: this process with all its threads and new children, and no other one" {
	need_tracing
	"$aborted" threads=2 again=x fork 2 2>/dev/null 3>&- &
	pid=$!
	"$aborted" 30 2>/dev/null 3>&- &
	other=$!
	sleep 0.2
	expect 0 "$RSEQKIT" trace --json --pid $pid --output "$out"
	kill $other
	assert_lines "f['pids'] == [$pid] and s['end'] == 'processes'" "all(x['pid'] != $other for x in a)" \
		"len({x['pid'] for x in a}) == 2 and len({x['tid'] for x in a}) >= 4"
}

@test "exec in between: two programs, each with its own names" {
	need_tracing
	cp "$aborted" "$BATS_TEST_TMPDIR/first"
	LD_LIBRARY_PATH="$(dirname "$RSEQKIT")/../src" expect 0 "$RSEQKIT" trace --json --output "$out" -- \
		sh -c '"$0" 0.2; exec "$1" 0.2' "$BATS_TEST_TMPDIR/first" "$aborted"
	assert_lines '{x["process"] for x in a} == {"first", "aborted"}' \
		'all(x["module"] is None or x["module"].endswith("/" + x["process"]) or ".so" in x["module"] for x in a)'
	# One process executes two programs, so its id is there twice.
	expect 0 "$RSEQKIT" trace --json --output "$out" -- "$aborted" again=second 0.2
	assert_lines 'len(s["processes"]) == 2 and len({x["pid"] for x in s["processes"]}) == 1' \
		'sum(x["symbol"] == "count_thousand" for x in a) > 0.9 * len(a)'
}

@test "a deleted program is named" {
	need_tracing
	cp "$aborted" "$BATS_TEST_TMPDIR/deleted"
	LD_LIBRARY_PATH="$(dirname "$RSEQKIT")/../src" \
		expect 0 "$RSEQKIT" trace --json --output "$out" -- "$BATS_TEST_TMPDIR/deleted" unlink 0.3
	assert_lines 'any(x["module"].endswith("/deleted (deleted)") and x["symbol"] == "count_thousand" for x in a if x["module"])'
}

@test "names made to harm: JSON stays whole, and a terminal gets no escapes" {
	need_tracing
	folder=$BATS_TEST_TMPDIR/$'a\nb\e[31m"\\'
	mkdir "$folder"
	cp "$aborted" "$folder/"$'p\n"\e[1m'
	for option in --all --json; do
		LD_LIBRARY_PATH="$(dirname "$RSEQKIT")/../src" \
			expect 0 "$RSEQKIT" trace $option --output "$out" -- "$folder/"$'p\n"\e[1m' $'name="\\\e[7m\x80' 0.2
		! LC_ALL=C grep -q '[^ -~]' "$out" || return 1
	done
	assert_lines 'len(a) > 10' 'all(x["thread"].startswith("\"\\") for x in s["threads"])'
}

@test "a short program that ends before it is looked at is counted all the same" {
	need_tracing
	expect 0 "$RSEQKIT" trace --json --output "$out" -- sh -c 'for i in 1 2 3 4 5 6 7 8 9; do "$0" 0.003; done' "$aborted"
	assert_lines 'len(a) == s["aborts"] > 0' 'all((x["pid"] is None) == (x["process"] is None) for x in a)'
}

@test "a full buffer: the losses are said" {
	need_tracing
	start_tool --json --buffer 4 --output "$out" -- "$aborted" threads=2 3
	wait_until grep -q '"abort"' "$out"
	kill -STOP "$tool"
	sleep 1
	kill -CONT "$tool"
	expect_end 0
	assert_lines 's["lost"] > 0 and s["aborts"] == len(a)'
	expect 0 "$RSEQKIT" trace --buffer 4 --output "$out" -- true
	! grep -q "lost" "$out" || return 1
}

@test "as many aborts as there can be: nothing is lost with the usual buffer" {
	need_tracing
	expect 0 "$RSEQKIT" trace --json --output "$out" -- "$aborted" threads=2 membarrier interval=20000 1
	assert_lines 's["lost"] == 0 and s["aborts"] == len(a) > 100'
}

@test "Ctrl-C, SIGTERM, SIGHUP: a summary, and nothing left" {
	need_tracing
	for signal in INT TERM HUP; do
		# A background job of a shell without job control ignores SIGINT.
		env --default-signal=INT "$RSEQKIT" trace --json --output "$out" -- "$aborted" 60 2>/dev/null 3>&- &
		tool=$!
		: >"$out"
		wait_until grep -q '"abort"' "$out"
		kill -$signal $tool
		expect_end 0
		assert_lines 's["event"] == "summary" and s["end"] == "signal" and s["program"]["stopped"]' 's["aborts"] == len(a) > 0'
	done
}

@test "a program killed by SIGKILL: nothing left" {
	need_tracing
	start_tool --output "$out" -- "$aborted" 60
	wait_until pgrep -P "$tool" -x aborted
	kill -KILL "$(pgrep -P "$tool" -x aborted)"
	expect_end 0
	grep -q "ended by signal 9" "$out"
}

@test "a full disk, a closed pipe, a reader that reads nothing: exit 2, and nothing left" {
	need_tracing
	start_tool --json --output /dev/full -- "$aborted" 60
	expect_end 2
	grep -q "cannot write the trace" "$BATS_TEST_TMPDIR/said"
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	{ head -n 2 >/dev/null; } <"$BATS_TEST_TMPDIR/fifo" &
	start_tool --json --output "$BATS_TEST_TMPDIR/fifo" -- "$aborted" 60
	expect_end 2
	exec 5<>"$BATS_TEST_TMPDIR/fifo"
	start_tool --json --output "$BATS_TEST_TMPDIR/fifo" -- "$aborted" 60
	sleep 1 # the pipe gets full
	kill -TERM "$tool"
	expect_end 2
	exec 5<&-
}

@test "a trace that was killed by SIGKILL is removed at the next start, and a living one isn't" {
	need_tracing
	start_tool --output "$out" -- "$aborted" 60
	killed=$tool
	program=$(pgrep -P "$killed")
	kill -KILL "$killed"
	! wait "$killed" || return 1
	kill -KILL $program 2>/dev/null || true
	has_instance "$killed"
	start_tool --output "$out" -- "$aborted" 2
	assert_no_instance "$killed"
	expect 0 "$RSEQKIT" trace --time 0.1
	[[ "$output" != *"cannot remove"* ]] # the kernel keeps the instance of a living tool, and that isn't worth a message
	has_instance "$tool"
	expect_end 0
}

@test "in another time namespace, a living trace isn't taken for a killed one's, and a killed one's is removed" {
	need_tracing
	shifted="unshare --time --boottime 100000 --monotonic 100000 --fork"
	$shifted true 2>/dev/null || skip "no time namespaces here"
	start_tool --output "$out" -- "$aborted" 60
	expect 0 $shifted "$RSEQKIT" trace --time 0.1
	[[ "$output" != *"cannot remove"* ]]
	has_instance "$tool"
	killed=$tool
	program=$(pgrep -P "$killed")
	kill -KILL "$killed"
	! wait "$killed" || return 1
	kill -KILL $program 2>/dev/null || true
	expect 0 $shifted "$RSEQKIT" trace --time 0.1
	[[ "$output" != *"cannot remove"* ]]
	assert_no_instance "$killed"
	# The reverse: the living trace is in the namespace.
	$shifted "$RSEQKIT" trace --time 60 >/dev/null 2>&1 3>&- &
	tool=$!
	has_child_instance() { has_instance "$(pgrep -P $tool)"; }
	wait_until has_child_instance
	tracer=$(pgrep -P $tool)
	expect 0 "$RSEQKIT" trace --time 0.1
	[[ "$output" != *"cannot remove"* ]]
	has_instance "$tracer"
	kill -TERM "$tracer"
	wait $tool || true
	tool=
	assert_no_instance "$tracer"
}

@test "in a time namespace whose clock is early or late, all aborts are counted, at the namespace's times" {
	need_tracing
	half=$(($(cut -d. -f1 /proc/uptime) / 2))
	for offset in 100000 -$half; do
		shifted="unshare --time --monotonic $offset --fork"
		$shifted true 2>/dev/null || skip "no time namespaces here"
		expect 0 $shifted "$RSEQKIT" trace --json --output "$out" -- "$aborted" 0.5
		assert_lines 's["aborts"] > 100 and len(a) == s["aborts"]' 'f["time"] <= min(x["time"] for x in a)' \
			'max(x["time"] for x in a) < f["time"] + 60'
	done
}

@test "a trace that another run removes at once, before it is in use, is made again" {
	need_tracing
	REMOVES=1 LD_PRELOAD="$HELPERS/mkdir_kills.so" expect 0 "$RSEQKIT" trace --json --output "$out" -- "$aborted" 0.1
	assert_lines 's["aborts"] > 0'
	REMOVES=1000 LD_PRELOAD="$HELPERS/mkdir_kills.so" expect 2 "$RSEQKIT" trace --output "$out" -- "$aborted" 0.1
	assert_says "cannot create a trace in tracefs"
}

@test "a trace is never removed by starts at the same time" {
	need_tracing
	for _ in {1..8}; do
		"$RSEQKIT" trace --time 0.05 >>"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
		"$RSEQKIT" trace --time 0.05 >>"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
		"$RSEQKIT" trace --time 0.05 >>"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
		for job in $(jobs -p); do
			wait "$job"
		done
	done
	! grep -E "cannot|refuses" "$BATS_TEST_TMPDIR/said" || return 1
}

@test "two at the same time count the same" {
	need_tracing
	"$aborted" 5 2>/dev/null 3>&- &
	pid=$!
	sleep 0.1
	"$RSEQKIT" trace --json --pid $pid --output "$BATS_TEST_TMPDIR/second" 3>&- &
	second=$!
	expect 0 "$RSEQKIT" trace --json --pid $pid --output "$out"
	wait $second
	python3 - "$out" "$BATS_TEST_TMPDIR/second" <<-'EOF'
		import json, sys
		both = [[json.loads(line) for line in open(file)] for file in sys.argv[1:]]
		# The two tools began at different times. Each has all aborts since its beginning. An abort has another time in
		# each trace.
		begin = max(lines[0]["time"] for lines in both) + 0.2
		one, other = [sum(x["event"] == "abort" and x["time"] > begin for x in lines) for lines in both]
		assert abs(one - other) <= 1 and one > 100, (one, other)
	EOF
}

@test "--updates counts the kernel's writes of CPU numbers" {
	need_tracing
	expect 0 "$RSEQKIT" trace --json --updates --output "$out" -- "$aborted" 0.5
	assert_lines 's["updates"] >= s["aborts"] > 0' 'all("moves" in x and x["updates"] > 0 for x in s["threads"])'
	expect 0 "$RSEQKIT" trace --updates --output "$out" -- "$aborted" 0.5
	grep -q "UPDATES" "$out"
}

@test "each line fits the schema" {
	need_tracing
	expect 0 "$RSEQKIT" trace --json --updates --output "$out" -- sh -c '"$0" 0.1; "$0" 0.003' "$aborted"
	python3 "$validate" "$out"
	# Shows that the check by the schema can fail.
	sed 's/"cpu":/"CPU":/' "$out" >"$BATS_TEST_TMPDIR/wrong"
	expect 1 python3 "$validate" "$BATS_TEST_TMPDIR/wrong"
}
