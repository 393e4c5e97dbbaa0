# SPDX-License-Identifier: MIT
# inspect.bats - tests that `rseqkit inspect` describes every kind of process, in agreement with the kernel, and disturbs none.
# test_inspect.c has the processes whose threads are all known.

load helper
load target

# Succeeds if any thread of the target is traced. Threads can end meanwhile.
is_traced() {
	cat /proc/"$target"/task/*/status 2>/dev/null | grep -q '^TracerPid:.[1-9]'
}

# Ends the target (inspected.c), which must report that it wasn't disturbed.
assert_undisturbed() {
	local got=0
	kill -TERM "$target"
	wait "$target" || got=$?
	target=
	cat "$BATS_TEST_TMPDIR/target"
	[ "$got" -eq 0 ]
	[ "$(cat "$BATS_TEST_TMPDIR/target")" = $'ready\nundisturbed' ]
}

look_fields='set(j) == {"schema", "pid", "name", "feature_size", "summary", "threads", "findings"}'
thread_fields='all(set(t) == {"tid", "name", "owner", "address", "offset", "size", "signature", "mode", "cpu_id",
	"cpu_id_start", "node_id", "mm_cid", "flags", "section", "claimed_cpu", "seccomp", "stopped_seconds"} for t in j["threads"])'

@test "a program of the C library's: libc, everything told, exit 0" {
	need_libc_registration
	start sleep 60
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json "$look_fields" "$thread_fields" 'j["schema"] == "rseqkit.inspect/1" and j["name"] == "sleep"' \
		"j['pid'] == j['threads'][0]['tid'] == $target" 'len(j["threads"]) == 1 and j["findings"] == []'
	t='t["owner"] == "libc" and t["signature"] in ("0x53053053", "0xd428bc00") and t["cpu_id"] == t["cpu_id_start"] >= 0'
	assert_json "[t for t in j['threads'] if $t]" 'j["threads"][0]["mode"] == "legacy" or j["threads"][0]["size"] > 32'
	expect 0 "$RSEQKIT" inspect "$target"
	assert_says "process $target (sleep): 1 thread"
	assert_says " libc "
}

@test "the area and the CPU are the kernel's" {
	need_libc_registration
	start taskset -c 0 sleep 60
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json 'j["threads"][0]["cpu_id"] == 0'
	area=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["threads"][0]["address"])' "$json")
	python3 - "$target" "$area" <<-'EOF2'
		import struct, sys
		with open("/proc/%s/mem" % sys.argv[1], "rb") as memory:
		    memory.seek(int(sys.argv[2], 16))
		    assert struct.unpack("II", memory.read(8)) == (0, 0)
	EOF2
}

@test "a field that lies beyond what is valid is null" {
	need_rseq
	start sleep 60
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json 'all((t["mm_cid"] is not None) == (t["address"] is not None and (j["feature_size"] or 20) >= 28)
		for t in j["threads"])'
}

@test "nobody registers, as the C library is told: none, and why, exit 0" {
	start env GLIBC_TUNABLES=$tunable_off sleep 60
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json "$thread_fields" 'j["threads"][0]["owner"] == "none" and j["threads"][0]["address"] is None'
	need_libc_registration
	assert_json 'ids == ["told-not-to"]' 'j["summary"] == [{"owner": "none", "size": None, "mode": None, "threads": 1}]'
	# If a tunable is set twice, the last value counts.
	start env GLIBC_TUNABLES=$tunable_off:glibc.pthread.rseq=1 sleep 60
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json 'ids == [] and j["threads"][0]["owner"] == "libc"'
}

@test "a static program: as any other; stripped, its owner can't be told, exit 3" {
	need_rseq
	[ -x "$HELPERS/inspected_static" ] || skip "no static programs with a sanitizer"
	for tunable in 0 1; do
		start env GLIBC_TUNABLES=glibc.pthread.rseq=$tunable "$HELPERS/inspected_static"
		run "$RSEQKIT" inspect --json "$target"
		[ "$status" -le 1 ]
		assert_says "\"owner\": \"$([ $tunable = 0 ] && echo self || echo libc)\""
		assert_undisturbed
	done
	strip -o "$BATS_TEST_TMPDIR/stripped" "$HELPERS/inspected_static"
	start "$BATS_TEST_TMPDIR/stripped"
	expect_json 3 "$RSEQKIT" inspect --json "$target"
	assert_json '"owner-unknown" in ids and {t["owner"] for t in j["threads"]} == {"unknown"}'
}

@test "files that are deleted or replaced since are read as they were" {
	need_libc_registration
	cp "$(command -v sleep)" "$BATS_TEST_TMPDIR/program"
	start "$BATS_TEST_TMPDIR/program" 60
	rm "$BATS_TEST_TMPDIR/program"
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json '[t["owner"] for t in j["threads"]] == ["libc"]'
}

@test "python: libc" {
	need_libc_registration
	start python3 -c 'import time; time.sleep(60)'
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json '{t["owner"] for t in j["threads"]} == {"libc"}'
}

@test "inside a critical section: its length, its file, and as text" {
	need_rseq
	start env GLIBC_TUNABLES=$tunable_off "$HELPERS/registrant" section
	# At an unlucky moment the thread hasn't begun its section, or restarts it.
	is_active() {
		expect_json 0 "$RSEQKIT" inspect --json "$target" || exit
		grep -q '"active"' "$json"
	}
	is_active_as_text() {
		expect 0 "$RSEQKIT" inspect "$target" || exit
		[[ "$output" = *"active section at spin_in_section+"* ]]
	}
	try_until 500 "it was in no section" is_active
	assert_json 'all(t["section"]["start"]["file"].endswith("registrant.c") for t in j["threads"] if t["section"])' \
		"all(t['section']['length'] == $([ "$(uname -m)" = x86_64 ] && echo 2 || echo 4) for t in j['threads'] if t['section'])"
	try_until 500 "it was in no section" is_active_as_text
}

@test "a section of the library that is left over, or active, has the name of its function" {
	need_rseq
	is_sanitized && skip "a sanitized program is hardly ever inside a section"
	start "$HELPERS/inspected"
	has_section() {
		"$RSEQKIT" inspect "$target" >"$BATS_TEST_TMPDIR/out" || [ $? -ne 2 ] || exit
		grep -q 'section at' "$BATS_TEST_TMPDIR/out"
	}
	try_until 500 "it was in no section" has_section
	cat "$BATS_TEST_TMPDIR/out"
	grep -qE '(active|left-over) section at (count|rk_)[a-z_]*\+0x' "$BATS_TEST_TMPDIR/out"
	assert_undisturbed
}

@test "nothing is disturbed: counts, signals, waits, threads that come and go" {
	local alike=0
	start "$HELPERS/inspected"
	# A new thread that hasn't had a CPU since its first instruction isn't registered. inspect reports it as a finding.
	for _ in $(seq 40); do
		run "$RSEQKIT" inspect "$target"
		[ "$status" -eq 0 ] || { [ "$status" -eq 1 ] && [[ "$output" = *"[thread-without-rseq]"* ]]; }
		alike=$((alike + (status == 0)))
	done
	echo "# $alike of 40 times no thread was at its beginning" >&3
	[ $alike -gt 0 ]
	assert_undisturbed
}

@test "nothing is disturbed when the tool is killed half-way" {
	start "$HELPERS/inspected"
	for i in $(seq 5 54); do # kills the tool after i milliseconds
		"$RSEQKIT" inspect --watch=0.01 --json "$target" >/dev/null 2>&1 3>&- &
		inspector=$!
		sleep "0.$(printf %03d "$i")"
		# The tool has already ended if a child of the previous tool still traced a thread.
		kill -KILL "$inspector" 2>/dev/null || true
		wait "$inspector" 2>/dev/null || true
	done
	# A child of the last tool can still trace a thread, until its time limit is over.
	is_let_go() { ! is_traced; }
	if ! wait_until is_let_go; then
		grep -h '^TracerPid:.[1-9]' /proc/"$target"/task/*/status
		ps -eo pid,ppid,stat,wchan:20,args | grep 'rseqkit inspect'
		return 1
	fi
	assert_undisturbed
}

@test "a stopped process stays stopped, and goes on" {
	start "$HELPERS/inspected"
	kill -STOP "$target"
	wait_until has_state T
	# A thread that was stopped in its first instructions isn't registered, which is a finding (exit status 1).
	run timeout 60 "$RSEQKIT" inspect "$target"
	[ "$status" -le 1 ]
	has_state T
	kill -CONT "$target"
	goes_on() { ! has_state T; }
	wait_until goes_on
	assert_undisturbed
}

@test "a thread that doesn't stop: unknown, exit 3, and let go" {
	is_sanitized && skip "a sanitizer may put fork in the place of vfork"
	start "$HELPERS/registrant" vfork
	expect_json 3 "$RSEQKIT" inspect --json "$target"
	assert_json 'ids == ["not-stopped"] and j["threads"][0]["owner"] == "unknown"'
	grep -q '^TracerPid:.0' "/proc/$target/status"
	kill "$(pgrep -P "$target")"
	wait "$target"
	grep -q resumed "$BATS_TEST_TMPDIR/target"
	target=
}

@test "--watch: one line of JSON for each look; a thread that sleeps on isn't stopped again" {
	start sleep 60
	expect 0 "$RSEQKIT" inspect --json --count=2 -w 0.01 "$target"
	[ "$(echo "$output" | wc -l)" -eq 2 ]
	expect 2 "$RSEQKIT" inspect -w 0.001 "$target"
	expect 2 "$RSEQKIT" inspect -w0.1 0.1 "$target"
	expect 0 "$RSEQKIT" inspect --json --watch=0.2 --count=6 "$target"
	[ "$(echo "$output" | wc -l)" -eq 6 ]
	# After a stop, it may take some time until the thread gets a CPU and sleeps again.
	echo "$output" | python3 -c '
import json, sys
looks = [json.loads(line)["threads"][0] for line in sys.stdin]
stopped = [look["stopped_seconds"] is not None for look in looks]
assert stopped[0] and looks[0]["stopped_seconds"] > 0 and not stopped[-1], looks
assert stopped == sorted(stopped, reverse=True), looks
assert len({look["address"] for look in looks}) == 1, looks'
	expect 0 "$RSEQKIT" inspect -w0.05 -n 2 "$target"
	[ "$(echo "$output" | grep -c '^process')" -eq 2 ]
	[[ "$output" != *$'\033'* ]]
}

@test "--watch doesn't put a timeout off for ever, and ends with the process, exit 0" {
	start python3 -c 'import select; select.epoll().poll(1.5)'
	expect 0 timeout 60 "$RSEQKIT" inspect --watch=0.2 --json "$target"
	target=
}

@test "--watch sees a thread that ran in between anew" {
	need_libc_registration
	start "$HELPERS/inspected"
	expect 0 "$RSEQKIT" inspect --json --watch=0.5 --count=3 "$target"
	echo "$output" | python3 -c '
import json, sys
for line in sys.stdin:
    assert sum(t["stopped_seconds"] is not None for t in json.loads(line)["threads"]) >= 10, line'
	assert_undisturbed
}

# Makes the kernel try this id next. Another process can get the id first.
choose_next_id() {
	echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid
}

# Starts inspect --watch for $target, with its output in the file $looks and its id in $watcher. Returns after the first look.
watch() { # SECONDS
	looks=$BATS_TEST_TMPDIR/looks
	"$RSEQKIT" inspect --json --watch="$1" "$target" >"$looks" 3>&- &
	watcher=$!
	wait_until test -s "$looks"
}

@test "--watch doesn't take a thread for the one that had its id before" {
	need_libc_registration
	choose_next_id 2000 2>/dev/null || skip "can't choose the ids of threads here"
	start "$HELPERS/registrant" renumbered
	watch 0.1
	kill -USR1 "$target"
	wait_until grep -q renumbered "$BATS_TEST_TMPDIR/target"
	seen=$(wc -l <"$looks")
	looks_again() { [ "$(wc -l <"$looks")" -ge $((seen + 3)) ]; }
	wait_until looks_again
	kill -KILL "$target"
	wait
	target=
	python3 - "$looks" <<-'EOF2'
		import json, sys
		looks = [json.loads(line)["threads"] for line in open(sys.argv[1])]
		first, last = looks[0], looks[-1]
		assert [t["tid"] for t in first] == [t["tid"] for t in last], (first, last)
		assert sorted(t["owner"] for t in first) == ["libc", "none"], first
		assert [t["owner"] for t in last] == ["libc", "libc"], last
	EOF2
}

@test "--watch ends with the process, whoever has its id then" {
	choose_next_id 2000 2>/dev/null || skip "can't choose the ids of processes here"
	start sleep 60
	was=$target
	watch 1
	kill -KILL "$was"
	wait "$was" || true
	for _ in $(seq 100); do
		choose_next_id "$was"
		sleep 60 3>&- &
		target=$!
		[ "$target" -ne "$was" ] || break
		kill -KILL "$target"
	done
	[ "$target" -eq "$was" ]
	has_ended() { ! kill -0 "$watcher" 2>/dev/null; }
	wait_until has_ended || kill "$watcher"
	wait "$watcher"
}

@test "a process whose initial thread has ended: as any other" {
	need_libc_registration
	start "$HELPERS/registrant" orphaned
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json "j['pid'] == $target and j['name'] == 'registrant'" 'j["findings"] == []' \
		'[t["owner"] for t in j["threads"]] == ["libc"]' "j['threads'][0]['tid'] != $target"
	expect 0 "$RSEQKIT" inspect --json --watch=0.1 --count=3 "$target"
	[ "$(echo "$output" | wc -l)" -eq 3 ]
}

@test "--watch sees that a thread ran, however many supplementary groups it has" {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	start setpriv --groups="$(seq -s, 100001 101500)" python3 -c '
import time
while True:
    time.sleep(0.01)'
	expect 0 "$RSEQKIT" inspect --json --watch=1 --count=2 "$target"
	echo "$output" | python3 -c '
import json, sys
for line in sys.stdin:
    assert json.loads(line)["threads"][0]["stopped_seconds"] is not None, line'
}

@test "the id of a thread stands for its process" {
	start "$HELPERS/inspected"
	tid=$(ls "/proc/$target/task" | sed -n 2p)
	expect_json 0 "$RSEQKIT" inspect --json "$tid"
	assert_json "j['pid'] == $target and len(j['threads']) > 10"
}

@test "a name that isn't plain text reaches neither terminal nor JSON" {
	cp "$(command -v sleep)" "$BATS_TEST_TMPDIR/"$'a\033[1m\xff'
	start "$BATS_TEST_TMPDIR/"$'a\033[1m\xff' 60
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json 'j["name"].startswith("a") and j["name"].isprintable() and j["name"].isascii()'
	expect 0 "$RSEQKIT" inspect "$target"
	[[ "$output" != *$'\033'* ]]
}

@test "a process that isn't there, has ended, is the kernel's, or the tool itself: exit 2" {
	expect 2 "$RSEQKIT" inspect "$(($(cat /proc/sys/kernel/pid_max) + 1))"
	assert_says "there is no process"
	expect 2 sh -c 'exec "$0" inspect $$' "$RSEQKIT"
	assert_says "is this program"
	start python3 -c 'import os, time
pid = os.fork()
pid or os._exit(0)
print("ready", pid, flush=True)
time.sleep(60)'
	ended=$(sed -n 's/ready //p' "$BATS_TEST_TMPDIR/target")
	wait_until has_state Z "$ended"
	expect 2 "$RSEQKIT" inspect "$ended"
	assert_says "has ended"
	kernel_thread=$(awk '/^Name:.kthreadd$/ {print FILENAME}' /proc/[0-9]*/status 2>/dev/null | tr -dc 0-9)
	[ -n "$kernel_thread" ] || skip "no kernel threads to be seen here"
	expect 2 "$RSEQKIT" inspect "$kernel_thread"
	assert_says "is a kernel thread"
}

@test "a process that is being traced: exit 2, and the tracer is named" {
	command -v strace >/dev/null || skip "no strace here"
	strace -o /dev/null sleep 60 3>&- &
	tracer=$!
	is_at_it() {
		target=$(cat "/proc/$tracer/task/$tracer/children")
		[ -n "$target" ] && [ "$(cat "/proc/$((target))/comm")" = sleep ]
	}
	wait_until is_at_it
	target=$((target))
	expect 2 "$RSEQKIT" inspect "$target"
	assert_says "being traced by process $tracer"
}

@test "somebody else's process: exit 2, and what it takes is said" {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	setpriv --reuid=65534 --clear-groups "$RSEQKIT" --version >/dev/null 2>&1 || skip "nobody else can run the program"
	start sleep 60
	expect 2 setpriv --reuid=65534 --clear-groups "$RSEQKIT" inspect "$target"
	assert_says "CAP_SYS_PTRACE"
}

@test "one's own process without privileges" {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	need_libc_registration
	setpriv --reuid=65534 --clear-groups "$RSEQKIT" --version >/dev/null 2>&1 || skip "nobody else can run the program"
	[ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)" = 0 ] || skip "ptrace is restricted here"
	cp "$(command -v sleep)" "$BATS_TEST_TMPDIR/program"
	start setpriv --reuid=65534 --clear-groups "$BATS_TEST_TMPDIR/program" 60
	rm "$BATS_TEST_TMPDIR/program"
	expect_json 0 setpriv --reuid=65534 --clear-groups "$RSEQKIT" inspect --json "$target"
	assert_json 'j["threads"][0]["owner"] == "libc"'
}

@test "a 32-bit program: cannot tell, exit 3" {
	cd "$BATS_TEST_TMPDIR"
	echo 'void _start(void) { for (;;) __asm__ volatile("int $0x80" : : "a"(29)); }' >small.c # pause
	cc -m32 -nostdlib -static -fno-pie -no-pie small.c -o small 2>/dev/null || skip "no 32-bit compiler here"
	status=0
	timeout 0.1 ./small 2>/dev/null || status=$? # 126: it can't be executed
	[ "$status" -eq 124 ] || skip "the kernel doesn't run 32-bit programs"
	start ./small
	expect 3 "$RSEQKIT" inspect "$target"
	assert_says "32-bit"
}

@test "a kernel that doesn't say how threads are registered: cannot tell, exit 3" {
	is_sanitized && skip "sanitizers want to be preloaded first"
	start sleep 60
	expect 3 env LD_PRELOAD="$HELPERS/no_configuration.so" "$RSEQKIT" inspect "$target"
	assert_says "PTRACE_GET_RSEQ_CONFIGURATION"
	grep -q '^TracerPid:.0' "/proc/$target/status"
}

@test "help: the same by --help, -h and help inspect, exit 0" {
	expect 0 "$RSEQKIT" inspect --help
	assert_says "Usage: rseqkit inspect"
	long=$output
	expect 0 "$RSEQKIT" inspect -h
	[ "$output" = "$long" ]
	expect 0 "$RSEQKIT" help inspect
	[ "$output" = "$long" ]
}

@test "output that can't be written is an error, exit 2" {
	[ -c /dev/full ] || skip "no /dev/full here"
	start sleep 60
	for arguments in "" "--json" "--watch=0.01"; do
		expect 2 timeout 60 sh -c "exec \"\$0\" inspect $arguments \$1 >/dev/full" "$RSEQKIT" "$target"
		assert_says "cannot write to standard output"
	done
}

@test "wrong usage: exit 2, on stderr" {
	for arguments in "" "--frobnicate 1" "1 2" "x" "0" "-1" "99999999999" "--watch=0 1" "--watch=x 1" \
		"--count=0 --watch 1" "--count=2 1"; do
		expect 2 sh -c "\"\$0\" inspect $arguments 2>&1 >/dev/null" "$RSEQKIT"
		assert_says "rseqkit inspect --help"
	done
}
