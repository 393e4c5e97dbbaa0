# SPDX-License-Identifier: MIT
# doctor.bats - tests `rseqkit doctor` in the environments that it must distinguish.

load helper

# Checks the fields and types that every report has.
assert_schema() {
	assert_json 'j["schema"] == "rseqkit.doctor/1" and type(j["rseq"]) is bool' \
		'j["mode"] in ("legacy", "optimised", None)' \
		'j["owner"] in ("libc", "self", "early", "librseq", "kernel", "foreign", "none")' \
		'set(j["neighbours"]) == {"early", "hidden", "librseq"}' \
		'all(type(j[k]) is int or j[k] is None for k in ("feature_size", "alignment", "length", "seccomp"))' \
		'all(j[k] in (True, False, None) for k in ("mm_cid", "node_id", "slice_extension"))' \
		'set(j["membarrier"]) == {"rseq", "rseq_one_cpu"}' \
		'set(j["libc"]) >= {"name", "version", "registers"}' \
		'all(set(o["aborts"]) == {"signal", "preemption", "migration", "membarrier"} and
		     {o["ids_rewritten"], o["ids_guarded"], *o["aborts"].values()} <= {True, False, None}
		     for o in (j["kernel"], j["full_size"]))' \
		'j["kernel"]["release"] and j["kernel"]["machine"]' \
		'type(j["slice_extension_here"]) is str' \
		'set(j["kernel"]["slice_extension"]) == {"known", "enabled", "granted"}' \
		'j["mode"] == ("legacy" if j["kernel"]["ids_rewritten"] else "optimised") or None in (j["mode"], j["kernel"]["ids_rewritten"])' \
		'all(f["severity"] in ("info", "warning", "error") and f["message"] for f in j["findings"])' \
		'all(f["advice"] for f in j["findings"] if f["severity"] != "info" and j["reason"] != "no-port")' \
		'len(set(ids)) == len(ids) > 0' \
		'j["rseq"] == (j["reason"] is None) and (j["rseq"] or j["mode"] is None)' \
		'j["possible_cpus"] is j["highest_cpu"] is None or 1 <= j["possible_cpus"] <= j["highest_cpu"] + 1' "$@"
}

# Succeeds if the tool was built with sections. ThreadSanitizer doesn't understand sections, so builds with it have none.
has_sections() {
	! grep -qa __tsan_init "$RSEQKIT"
}

# Like expect_json, but tries again until doctor has found out what aborts sections, which can fail on a busy machine.
expect_told() { # STATUS EVENT,... PROGRAM...
	local status=$1 events=$2 try
	shift 2
	for try in $(seq 20); do
		expect_json "$status" "$@" && assert_json \
			"all(j[how]['aborts'][e] is not None for how in ('kernel', 'full_size') for e in '$events'.split(',')
				if (how, e) != ('full_size', 'preemption'))" ||
			continue
		echo "# told at try $try: $events" >&3
		return 0
	done
	return 1
}

need_sections() {
	has_sections || skip "built without critical sections"
}

@test "plain: the C library owns the area, nothing to act on, exit 0" {
	need_libc_registration
	expect_json 0 "$RSEQKIT" doctor --json
	assert_schema 'j["rseq"] and j["owner"] == j["fresh_owner"] == "libc" and j["libc"]["registers"]'
	assert_json '"owner-libc" in ids and j["length"] >= 32'
	expect 0 "$RSEQKIT" doctor
	assert_says "rseq: usable"
	assert_says "[owner-libc]"
	assert_says "Nothing to do: rseq works here."
}

@test "feature size and alignment are those of the auxiliary vector" {
	need_rseq
	expect_json 0 "$RSEQKIT" doctor --json
	announced=$(python3 -c 'import struct
vector = dict(struct.iter_unpack("@LL", open("/proc/self/auxv", "rb").read()))
print(vector.get(27, 20), vector.get(28, 32))')
	assert_json "[j['feature_size'], j['alignment']] == list(map(int, '$announced'.split()))"
}

@test "possible CPUs are those of the kernel's list, and unknown without one" {
	need_rseq
	expect_json 0 "$RSEQKIT" doctor --json
	assert_json 'j["highest_cpu"] == int(re.findall("[0-9]+", open("/sys/devices/system/cpu/possible").read())[-1])'
	unshare -m mount -t tmpfs none /sys 2>/dev/null || skip "/sys can't be hidden here"
	expect_json 0 unshare -m sh -c 'mount -t tmpfs none /sys && exec "$0" doctor --json' "$RSEQKIT"
	assert_schema 'j["possible_cpus"] is None and j["highest_cpu"] is None and "no-cpu-list" in ids' 'j["cpu_list"] is None'
	expect 0 unshare -m sh -c 'mount -t tmpfs none /sys && exec "$0" doctor' "$RSEQKIT"
	assert_says "possible CPUs: unknown (the kernel's list can't be read)"
	# A list without this machine's CPUs is wrong. doctor must say so, and not that it can't read the list.
	expect_json 0 unshare -m sh -c 'mount -t tmpfs none /sys && mkdir -p /sys/devices/system/cpu &&
		echo 1000-1003,1010 >/sys/devices/system/cpu/possible && exec "$0" doctor --json' "$RSEQKIT"
	assert_schema 'j["possible_cpus"] is None and j["cpu_list"] == "1000-1003,1010"' '"cpu-list-wrong" in ids'
	expect 0 unshare -m sh -c 'mount -t tmpfs none /sys && mkdir -p /sys/devices/system/cpu &&
		echo 1000-1003,1010 >/sys/devices/system/cpu/possible && exec "$0" doctor' "$RSEQKIT"
	assert_says "possible CPUs: unknown (the kernel's list can't be right: 1000-1003,1010)"
	[[ $output != *"can't be read"* ]]
}

@test "without /proc: said, exit 3; a fresh process is looked at all the same" {
	need_libc_registration
	unshare -m mount -t tmpfs none /proc 2>/dev/null || skip "/proc can't be hidden here"
	without_proc() {
		LD_LIBRARY_PATH="$(dirname "$RSEQKIT")/../src" unshare -m sh -c 'mount -t tmpfs none /proc && exec "$@"' sh "$@"
	}
	expect_json 3 without_proc "$RSEQKIT" doctor --json
	assert_schema '"no-proc" in ids and "probe-failed" not in ids' \
		'j["fresh_owner"] == "libc" and j["seccomp"] is None and j["proc"] is False'
	# If the tool was started by a descriptor, it doesn't know its own path, so it can't start a fresh process.
	by_descriptor='import os, sys; os.execve(os.open(sys.argv[1], os.O_RDONLY), sys.argv[1:], os.environ)'
	expect 3 without_proc python3 -c "$by_descriptor" "$RSEQKIT" doctor
	assert_says "/proc is missing, so filters and emulators can't be detected, and no fresh process can be started"
	[[ $output != *probe-failed* ]]
}

@test "the mode is found by what the kernel does, and legacy mode where areas have 32 bytes" {
	need_rseq
	expect_json 0 "$RSEQKIT" doctor --json
	assert_json 'j["mode"] == "legacy" or j["length"] > 32'
	[ "$(nproc)" -lt 2 ] || assert_json 'j["mode"] is not None'
	assert_json 'j["mm_cid"] == (j["feature_size"] >= 28) and j["node_id"] == (j["feature_size"] >= 24)'
}

@test "optimised mode is told by ids that are guarded and written on change only" {
	need_libc_registration
	is_sanitized && skip "sanitizers want to be preloaded first"
	expect_json 0 env LD_PRELOAD="$HELPERS/optimised.so" "$RSEQKIT" doctor --json
	assert_schema 'j["mode"] == "optimised" and j["mm_cid"] and j["node_id"] and "mode-optimised" in ids' \
		'j["kernel"]["ids_guarded"] and j["kernel"]["ids_rewritten"] is False'
}

@test "ids that are guarded but rewritten all the same: legacy mode, and a finding" {
	need_libc_registration
	is_sanitized && skip "sanitizers want to be preloaded first"
	expect_json 0 "$RSEQKIT" doctor --json
	assert_json 'j["mode"] == "legacy"' || skip "the C library's registration isn't in legacy mode here"
	expect_json 0 env RK_GUARD_ONLY=1 LD_PRELOAD="$HELPERS/optimised.so" "$RSEQKIT" doctor --json
	assert_schema 'j["mode"] == "legacy" and j["kernel"]["ids_guarded"] and "ids-guarded" in ids' \
		'j["kernel"]["ids_rewritten"] and "mode-optimised" not in ids'
}

@test "a signal, a migration and a membarrier abort sections; so does a preemption in legacy mode" {
	need_rseq
	need_sections
	[ "$(nproc)" -ge 2 ] || skip "takes two CPUs"
	expect_told 0 signal,preemption,migration,membarrier "$RSEQKIT" doctor --json
	assert_schema 'all(o["aborts"][event] for o in (j["kernel"], j["full_size"])
			   for event in ("signal", "migration", "membarrier"))' \
		'j["kernel"]["aborts"]["preemption"] or j["mode"] != "legacy"' \
		'j["full_size"]["accepted"]'
	says_so() { expect 0 "$RSEQKIT" doctor && assert_says "  membarrier: yes"; }
	wait_until says_so
}

@test "registered in 32 bytes, ids are rewritten on every switch; so they are wherever there are no others" {
	need_rseq
	expect_json 0 "$RSEQKIT" doctor --json
	assert_json 'j["kernel"]["ids_rewritten"] or j["length"] > 32' \
		'j["kernel"]["ids_rewritten"] == j["full_size"]["ids_rewritten"] or j["feature_size"] > 32' \
		'j["full_size"]["optimised"] != j["full_size"]["ids_rewritten"]' \
		'j["kernel"]["slice_extension"]["known"] or not j["kernel"]["slice_extension"]["enabled"]' \
		'j["kernel"]["slice_extension"]["enabled"] or not j["kernel"]["slice_extension"]["granted"]'
}

@test "a membarrier that does nothing is seen to abort nothing: a warning, exit 1" {
	need_rseq
	need_sections
	need_filter
	[ "$(nproc)" -ge 2 ] || skip "takes two CPUs"
	expect_told 1 signal,membarrier "$HELPERS/with_filter" nothing membarrier -- "$RSEQKIT" doctor --json
	assert_schema 'j["kernel"]["aborts"]["membarrier"] is False and j["kernel"]["aborts"]["signal"]' \
		'j["membarrier"]["rseq"] is True and "no-membarrier" not in ids' \
		'[f["severity"] for f in j["findings"] if f["id"] == "membarrier-idle"] == ["warning"]'
}

@test "a filter that refuses access(2) hides no /proc" {
	need_filter
	expect_json 0 "$HELPERS/with_filter" eperm access faccessat faccessat2 -- "$RSEQKIT" doctor --json
	assert_schema '"no-proc" not in ids'
}

@test "a prctl that does nothing, or is refused, makes no slice extension known" {
	need_rseq
	need_filter
	expect_json 0 "$HELPERS/with_filter" nothing prctl -- "$RSEQKIT" doctor --json
	assert_schema '"slice-extension" not in ids and j["slice_extension"] is None' \
		'set(j["kernel"]["slice_extension"].values()) == {None}'
	expect_json 0 "$HELPERS/with_filter" eperm prctl -- "$RSEQKIT" doctor --json
	assert_schema 'j["kernel"]["slice_extension"] == {"known": None, "enabled": False, "granted": False}'
	expect_json 0 "$HELPERS/with_filter" enomem prctl -- "$RSEQKIT" doctor --json
	assert_schema 'j["kernel"]["slice_extension"]["known"] is None'
}

@test "a filter that refuses sleeps, or ends them at once: whether ids are rewritten at each switch is unknown" {
	need_rseq
	need_filter
	for answer in eperm nothing; do
		expect_json 3 "$HELPERS/with_filter" $answer nanosleep clock_nanosleep -- "$RSEQKIT" doctor --json
		assert_schema 'j["kernel"]["ids_rewritten"] is None'
	done
}

@test "a filter that refuses poll(2) makes no probe time out" {
	need_filter
	expect 0 timeout 100 "$HELPERS/with_filter" eperm poll ppoll -- "$RSEQKIT" doctor
	[[ $output != *'timed out'* ]]
}

@test "an rseq that does nothing registers nobody, and is no kernel that does so by itself" {
	need_rseq
	need_filter
	for tunables in "" $tunable_off; do
		expect_json 1 env GLIBC_TUNABLES=$tunables "$HELPERS/with_filter" nothing rseq -- "$RSEQKIT" doctor --json
		assert_json 'j["kernel"]["ktls"] == {"available": None, "size": None, "alignment": None}' \
			'"ktls-unused" not in ids'
	done
}

@test "threads that can't be moved: a migration's effect is unknown, and none is made up" {
	need_rseq
	need_sections
	need_filter
	# The scheduler may move the thread just when doctor tries to, which looks like success. The test then tries again.
	for _ in $(seq 5); do
		run "$HELPERS/with_filter" nothing sched_setaffinity -- "$RSEQKIT" doctor --json
		[ "$status" -ne 3 ] || break
	done
	json=$BATS_TEST_TMPDIR/out
	echo "$output" >"$json"
	assert_schema 'j["kernel"]["aborts"]["migration"] is None and j["kernel"]["aborts"]["preemption"] is not False'
	[ "$(nproc)" -lt 2 ] || { [ "$status" -eq 3 ] && could_not_try "no choice of CPUs" migration; }
}

# Checks that there is a finding which says that these probes couldn't be made because of WANT.
could_not_try() { # WANT PROBE...
	local want=$1 probe
	shift
	for probe in "$@"; do
		assert_json "any(' $probe ($want)' in f['message'] for f in j['findings'] if f['id'] == 'probe-failed')"
	done
}

@test "what can't be tried for want of a choice of CPUs: said, exit 3" {
	need_rseq
	need_sections
	need_filter
	expect_json 3 "$HELPERS/with_filter" enosys sched_setaffinity -- "$RSEQKIT" doctor --json
	assert_json 'set(j["kernel"]["aborts"].values()) == {None} and j["kernel"]["ids_rewritten"] is None'
	could_not_try "no choice of CPUs" ids signal preemption migration membarrier
	expect_told 3 signal "$HELPERS/with_filter" enosys sched_getaffinity -- "$RSEQKIT" doctor --json
	assert_schema 'j["kernel"]["aborts"]["signal"] and j["kernel"]["aborts"]["migration"] is None'
	could_not_try "no choice of CPUs" migration membarrier
	# An affinity mask without a CPU is no answer. It doesn't mean that there is only one CPU.
	expect_told 3 signal "$HELPERS/with_filter" nothing sched_getaffinity -- "$RSEQKIT" doctor --json
	could_not_try "no choice of CPUs" migration membarrier
}

@test "what can't be tried for want of a thread, or of memory: said, exit 3" {
	need_rseq
	need_sections
	is_sanitized && skip "sanitizers take what memory there is"
	# The default size of a thread's stack is the limit of the initial thread's stack.
	bash -c 'ulimit -s $((1 << 40))' 2>/dev/null || skip "limits can't be changed here"
	expect_told 3 signal bash -c 'ulimit -s $((1 << 40)) && exec "$0" doctor --json' "$RSEQKIT"
	assert_schema 'j["kernel"]["aborts"]["signal"] and j["kernel"]["aborts"]["preemption"] is None'
	could_not_try "no thread" preemption
	[ "$(nproc)" -lt 2 ] || could_not_try "no thread" migration membarrier
	# Finds the limit with which the program can just start.
	for ((limit = 2048; limit < 1 << 20; limit += 128)); do
		bash -c 'ulimit -v "$0" && exec "$1" --version' $limit "$RSEQKIT" >/dev/null 2>&1 && break
	done
	expect_json 3 bash -c 'ulimit -v "$0" && exec "$1" doctor --json' $((limit + 256)) "$RSEQKIT"
	assert_schema 'set(j["kernel"]["aborts"].values()) == {None}'
	could_not_try "no memory" signal preemption
}

@test "too few descriptors for a probe's pipe: the limit is named, exit 3" {
	need_rseq
	is_sanitized && skip "sanitizers take more descriptors"
	expect_json 3 with_descriptors 4 "$RSEQKIT" doctor --json
	could_not_try "not started" mode signal
	assert_json "any('ulimit -n' in f['advice'] and 'Too many open files' in f['message'] for f in j['findings'] if f['id'] == 'probe-failed')"
}

@test "signals that are blocked are still seen to abort sections" {
	need_rseq
	need_sections
	blocking='import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
os.execv(sys.argv[1], sys.argv[1:])'
	expect_told 0 signal python3 -c "$blocking" "$RSEQKIT" doctor --json
	assert_schema 'j["kernel"]["aborts"]["signal"]'
}

@test "one CPU: the mode is told where the kernel shows it, and nothing else changes" {
	need_libc_registration
	command -v taskset >/dev/null || skip "no taskset here"
	cpu=$(python3 -c 'import os; print(min(os.sched_getaffinity(0)))')
	if has_sections; then
		expect_told 0 signal,preemption taskset -c "$cpu" "$RSEQKIT" doctor --json
	else
		expect_json 0 taskset -c "$cpu" "$RSEQKIT" doctor --json
	fi
	assert_schema 'j["rseq"] and (j["mode"] is not None or "mode-unknown" in ids)'
	assert_json 'j["kernel"]["aborts"]["migration"] is None and j["kernel"]["aborts"]["membarrier"] is None'
	! has_sections || assert_json 'j["kernel"]["aborts"]["signal"]' \
		'j["kernel"]["aborts"]["preemption"] or j["mode"] != "legacy"'
}

@test "one CPU: an optimised mode that nothing proves is not made up" {
	need_libc_registration
	is_sanitized && skip "sanitizers want to be preloaded first"
	command -v taskset >/dev/null || skip "no taskset here"
	cpu=$(python3 -c 'import os; print(min(os.sched_getaffinity(0)))')
	expect_json 0 taskset -c "$cpu" env LD_PRELOAD="$HELPERS/optimised.so" "$RSEQKIT" doctor --json
	assert_schema 'j["mode"] is None and j["kernel"]["ids_rewritten"] is None and "mode-unknown" in ids'
}

@test "tunable off: we own the area, that is fine, exit 0, and it is explained" {
	need_libc_registration
	expect_json 0 env GLIBC_TUNABLES=$tunable_off "$RSEQKIT" doctor --json
	assert_schema 'j["rseq"] and j["owner"] == j["fresh_owner"] == "self" and not j["libc"]["registers"]'
	assert_json '"owner-self-tunable" in ids and j["mode"] is not None'
}

@test "tunable off in other spellings: explained whenever it is 0 for this C library" {
	need_libc_registration
	tunable=glibc.pthread.rseq
	for value in 0 00 0x0 -0 ' 0' '' 0a no 1 01 2 -1 0:$tunable=1 1:$tunable=00 0:$tunable=2 0x:glibc.malloc.check=0; do
		expect_json 0 env GLIBC_TUNABLES="$tunable=$value" "$RSEQKIT" doctor --json
		assert_json 'j["libc"]["registers"] != ("owner-self-tunable" in ids)'
	done
}

@test "tunable off and areas of our own: said, exit 0" {
	need_libc_registration
	[ "$(uname -m)" = x86_64 ] || skip "takes the preloaded object on this machine"
	expect_json 0 env GLIBC_TUNABLES=$tunable_off RSEQKIT_AREA=own "$RSEQKIT" doctor --json
	assert_schema 'j["owner"] == "self" and "owner-self-own" in ids and "owner-self-tunable" not in ids'
}

@test "an early adopter: the tunable is to stay, for without it that would lose its mode; exit 0" {
	need_rseq
	need_early
	expect_json 0 env LD_PRELOAD="$HELPERS/early.so" GLIBC_TUNABLES=$tunable_off "$RSEQKIT" doctor --json
	assert_schema 'j["rseq"] and j["owner"] == j["fresh_owner"] == "early" and "owner-early" in ids' \
		'j["neighbours"]["early"].endswith("/early.so") and j["neighbours"]["hidden"] is None' \
		'not [f for f in j["findings"] if f["advice"] and "remove glibc.pthread.rseq=0" in f["advice"]]' \
		'not [f for f in j["findings"] if f["advice"] and "RSEQKIT_AREA" in f["advice"]]'
	need_libc_registration
	assert_json '[f for f in j["findings"] if f["id"] == "owner-early" and "keep glibc.pthread.rseq=0" in f["advice"]]'
}

@test "an early adopter where the C library registers: its slow mode is explained, and how to have the other" {
	need_libc_registration
	need_early
	expect_json 0 env LD_PRELOAD="$HELPERS/early.so" "$RSEQKIT" doctor --json
	assert_schema 'j["owner"] == "libc"' \
		'[f for f in j["findings"] if f["id"] == "early-unused" and "glibc.pthread.rseq=0" in f["advice"]]'
}

@test "__rseq_abi that no other module sees: a warning, exit 1" {
	need_rseq
	need_early
	expect_json 1 env LD_PRELOAD="$HELPERS/early_private_library.so" GLIBC_TUNABLES=$tunable_off \
		"$RSEQKIT" doctor --json
	assert_schema '"early-hidden" in ids and j["neighbours"]["hidden"].endswith("/early_private_library.so")'
}

@test "librseq is seen, and what to do where it registers" {
	need_rseq
	is_sanitized && skip "sanitizers want to be preloaded first"
	run env LD_PRELOAD="$HELPERS/../beside/neighbours/librseq.so.0" GLIBC_TUNABLES=$tunable_off "$RSEQKIT" doctor --json
	json=$BATS_TEST_TMPDIR/out
	echo "$output" >"$json"
	assert_schema 'j["neighbours"]["librseq"].endswith("/librseq.so.0") and j["neighbours"]["hidden"] is None'
	grep -qa rseq_register_current_thread "$(dirname "$RSEQKIT")/../src/librseqkit.so" ||
		skip "this library doesn't step back yet"
	assert_json 'j["reason"] == "stranger" and "no-rseq" in ids'
	[ "$status" -eq 1 ]
}

@test "seccomp answers ENOSYS: no rseq, the filter is named, exit 1" {
	need_rseq
	need_filter
	expect_json 1 "$HELPERS/with_filter" enosys rseq -- "$RSEQKIT" doctor --json
	assert_schema 'not j["rseq"] and j["owner"] == j["fresh_owner"] == "none" and j["seccomp"] == 2'
	# If the kernel announces no feature size, ENOSYS may mean that the kernel has no rseq.
	assert_json 'j["reason"] == ("seccomp" if j["announced"] else "unknown")'
	assert_json '[f["severity"] for f in j["findings"] if f["id"] == "no-rseq"] == ["error"]'
	expect 1 "$HELPERS/with_filter" enosys rseq -- "$RSEQKIT" doctor
	assert_says "not usable"
	assert_says "1 finding needs action. See [no-rseq]: "
}

@test "seccomp answers EPERM: no rseq, the filter is named, exit 1; with the tunable off, too" {
	need_rseq
	need_filter
	for tunables in "" $tunable_off; do
		expect_json 1 env GLIBC_TUNABLES=$tunables "$HELPERS/with_filter" eperm rseq -- "$RSEQKIT" doctor --json
		assert_schema 'not j["rseq"] and j["reason"] == "seccomp" and j["owner"] == "none"'
	done
}

@test "seccomp answers EINVAL, as the kernel does beside a private area: no rseq, the filter is named, exit 1" {
	need_rseq
	need_filter
	for tunables in "" $tunable_off; do
		expect_json 1 env GLIBC_TUNABLES=$tunables "$HELPERS/with_filter" einval rseq -- "$RSEQKIT" doctor --json
		assert_schema 'j["owner"] == j["fresh_owner"] == "none" and not j["rseq"]' \
			'j["reason"] == "seccomp" and "fresh-process-differs" not in ids'
	done
}

@test "no emulator is named for what folders are called" {
	need_rseq
	need_filter
	for folder in qemu-images/x valgrind; do
		mkdir -p "$BATS_TEST_TMPDIR/$folder"
		cp "$RSEQKIT" "$BATS_TEST_TMPDIR/$folder/rseqkit"
		expect_json 1 env LD_LIBRARY_PATH="$(dirname "$RSEQKIT")/../src" \
			"$HELPERS/with_filter" eperm rseq -- "$BATS_TEST_TMPDIR/$folder/rseqkit" doctor --json
		assert_json 'j["reason"] == "seccomp"'
	done
}

@test "a filter that has nothing against rseq changes nothing" {
	need_libc_registration
	need_filter
	expect_json 0 "$HELPERS/with_filter" enosys clone3 -- "$RSEQKIT" doctor --json
	assert_json 'j["rseq"] and j["reason"] is None and j["seccomp"] == 2'
}

@test "a component with a private area: foreign, exit 1" {
	need_rseq
	is_sanitized && skip "sanitizers want to be preloaded first"
	expect_json 1 env LD_PRELOAD="$HELPERS/foreign.so" GLIBC_TUNABLES=$tunable_off "$RSEQKIT" doctor --json
	assert_schema 'j["owner"] == j["fresh_owner"] == "foreign" and j["reason"] == "foreign" and not j["rseq"]'
	# The result is the same if there is a filter that doesn't refuse rseq.
	expect_json 1 env LD_PRELOAD="$HELPERS/foreign.so" GLIBC_TUNABLES=$tunable_off \
		"$HELPERS/with_filter" einval membarrier -- "$RSEQKIT" doctor --json
	assert_json 'j["owner"] == j["fresh_owner"] == j["reason"] == "foreign" '
}

@test "a fresh process that fares otherwise is a finding, exit 1" {
	need_rseq
	is_sanitized && skip "sanitizers want to be preloaded first"
	expect_json 1 env LD_PRELOAD="$HELPERS/foreign.so" NEIGHBOUR_ONCE=1 GLIBC_TUNABLES=$tunable_off \
		"$RSEQKIT" doctor --json
	assert_schema 'j["owner"] == "foreign" and j["fresh_owner"] == "self" and "fresh-process-differs" in ids'
}

@test "membarrier refused: a warning, exit 1" {
	need_rseq
	need_filter
	expect_json 1 "$HELPERS/with_filter" enosys membarrier -- "$RSEQKIT" doctor --json
	assert_schema 'j["rseq"] and j["membarrier"] == {"rseq": False, "rseq_one_cpu": False}'
	assert_json '[f["severity"] for f in j["findings"] if f["id"] == "no-membarrier"] == ["warning"]'
}

@test "a probe that is killed: the rest is told, exit 3" {
	need_rseq
	need_filter
	expect_json 3 "$HELPERS/with_filter" kill membarrier -- "$RSEQKIT" doctor --json
	assert_schema 'j["rseq"] and j["membarrier"] == {"rseq": None, "rseq_one_cpu": None} and "probe-failed" in ids'
}

@test "every probe that is killed is named, also one whose name is in how another ended" {
	need_rseq
	need_sections
	need_filter
	expect_json 3 "$HELPERS/with_filter" kill sched_setaffinity -- "$RSEQKIT" doctor --json
	assert_json 'all(", %s (signal 31)" % what in j["findings"][-1]["message"] for what in ("ids", "signal", "migration"))'
}

@test "a probe that hangs is given up, exit 3" {
	need_rseq
	need_filter
	"$HELPERS/with_filter" hang clone3 -- true 2>/dev/null || skip "no seccomp notifications here"
	expect_json 3 timeout 120 "$HELPERS/with_filter" hang membarrier -- "$RSEQKIT" doctor --json
	assert_json 'j["rseq"] and j["mode"] is not None and j["membarrier"]["rseq"] is None and "probe-failed" in ids'
}

@test "no fork: what needs none is told, the mode is unknown, exit 3" {
	need_rseq
	need_filter
	expect_json 3 env ASAN_OPTIONS=detect_leaks=0 "$HELPERS/with_filter" eperm clone clone3 -- \
		"$RSEQKIT" doctor --json
	assert_schema 'j["rseq"] and j["mode"] is None and j["mm_cid"] is None and j["fresh_owner"] is None' \
		'all(what in j["findings"][-1]["message"] for what in ("mode", "membarrier"))'
}

@test "how a probe ended is known also when the parent ignores SIGCHLD" {
	need_rseq
	need_filter
	ignoring='import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])'
	expect_json 3 python3 -c "$ignoring" "$HELPERS/with_filter" kill membarrier -- "$RSEQKIT" doctor --json
	assert_json '"probe-failed" in ids and j["mode"] is not None'
}

@test "a probe that is killed leaves no core file" {
	need_filter
	cd "$BATS_TEST_TMPDIR"
	ulimit -c unlimited 2>/dev/null || skip "core files are forbidden here"
	run "$HELPERS/with_filter" kill membarrier -- "$RSEQKIT" doctor
	assert_says "probe-failed"
	[ -z "$(find . -name '*core*')" ]
}

@test "wrong usage: exit 2, on stderr" {
	for arguments in "--frobnicate" "surplus" "--json=1" "-x" "--p" "--print-owne" "--print-owner --json"; do
		expect 2 sh -c "\"\$0\" doctor $arguments 2>&1 >/dev/null" "$RSEQKIT"
		assert_says "rseqkit doctor --help"
	done
}

@test "what a preloaded library prints is no owner, and a file that has the name of the kernel's vDSO is no module" {
	need_libc_registration
	need_early
	cd "$BATS_TEST_TMPDIR"
	echo '#include <unistd.h>
		__attribute__((constructor)) static void hello(void) { (void)!write(1, "hello\n", 6); }' >hello.c
	cc -shared -fPIC hello.c -o hello.so || skip "no compiler here"
	cp "$HELPERS/early.so" linux-vdso.so.1
	run env LD_PRELOAD="$PWD/hello.so" "$RSEQKIT" doctor
	assert_says "owner: libc (in a fresh process: libc)"
	[[ $output != *fresh-process-differs* && $output != *linux-vdso* ]]
	# This is so much that the doctor would not read what comes after it.
	sed -i 's/(void)/for (int i = 0; i < 5000; i++) &/2; s/hello.n", 6/x", 1/' hello.c
	cc -shared -fPIC hello.c -o hello.so
	run env LD_PRELOAD="$PWD/hello.so" "$RSEQKIT" doctor
	assert_says "owner: libc (in a fresh process: libc)"
	# A library that closes the descriptor of the answer.
	sed -i 's/(void).write.*;/for (int fd = 3; fd < 100; fd++) close(fd);/' hello.c
	cc -shared -fPIC hello.c -o hello.so
	expect 3 env LD_PRELOAD="$PWD/hello.so" "$RSEQKIT" doctor
	assert_says "owner: libc (in a fresh process: unknown)"
	assert_says "fresh process (no answer) [probe-failed]"
	[[ $output != *fresh-process-differs* ]]
}

@test "through a dynamic linker that is named by hand, a fresh process starts in the same way" {
	need_libc_registration
	is_sanitized && skip "sanitizers want to be preloaded first"
	cd "${RSEQKIT%/*}"
	linker=$(LC_ALL=C readelf -l rseqkit | sed -n 's/.*interpreter: \(.*\)]/\1/p')
	[ -n "$linker" ] || skip "a static program"
	expect 0 "$linker" ./rseqkit doctor
	assert_says "owner: libc (in a fresh process: libc)"
	# The fresh process has the linker's options, too: without the preloaded module its owner would be self.
	expect 1 env GLIBC_TUNABLES=$tunable_off "$linker" --preload "$HELPERS/foreign.so" "$RSEQKIT" doctor
	assert_says "(in a fresh process: foreign)"
	expect 0 "$linker" ./rseqkit exec true
}
