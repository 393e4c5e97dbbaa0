# SPDX-License-Identifier: MIT
# inspect-sandbox.bats - tests `rseqkit inspect` in a sandbox. What the sandbox forbids must not become a finding about the
# process.

load helper
load target

below() { # ANSWER CALL
	echo env ASAN_OPTIONS=detect_leaks=0 "$HELPERS/with_filter" "$1" "$2" -- "$RSEQKIT" inspect
}

# The loader finds the library's folder by readlink() of /proc/self/exe.
libraries=$(dirname "$RSEQKIT")/../src

@test "without process_vm_readv the memory is read all the same: no owner becomes foreign" {
	need_libc_registration
	need_filter
	start sleep 60
	for answer in enosys eperm einval nothing; do
		expect_json 0 $(below $answer process_vm_readv) --json "$target"
		assert_json '[t["owner"] for t in j["threads"]] == ["libc"]' 'j["threads"][0]["cpu_id"] is not None'
	done
}

@test "memory that can't be read at all: the owner, or why there is none, is unknown" {
	need_libc_registration
	need_filter
	# The tool can read memory by process_vm_readv(), which the filter refuses, and by /proc/PID/mem, which a mount hides.
	hide='mount --bind /dev/null "/proc/$2/mem" && exec $1 --json "$2"'
	for tunables in "" $tunable_off; do
		start env GLIBC_TUNABLES=$tunables sleep 60
		unshare -m mount --bind /dev/null "/proc/$target/mem" 2>/dev/null || skip "nothing can be mounted here"
		if [ -z "$tunables" ]; then
			expect_json 3 unshare -m sh -c "$hide" sh "$(below eperm process_vm_readv)" "$target"
			assert_json '[t["owner"] for t in j["threads"]] == ["unknown"]' 'ids == ["owner-unknown"]'
		else
			expect_json 3 unshare -m sh -c "$hide" sh "$(below eperm process_vm_readv)" "$target"
			assert_json 'ids == ["absence-unknown"]'
		fi
	done
}

@test "a filter that refuses ptrace is named, not the owner of the process: exit 2" {
	need_filter
	start sleep 60
	for answer in enosys eperm; do
		expect 2 $(below $answer ptrace) "$target"
		assert_says "seccomp filter"
		[[ $output != *"another user"* ]]
	done
}

@test "threads that can't be listed, or asked: the process isn't said to have ended, exit 3" {
	need_filter
	start sleep 60
	for call in getdents64 ptrace; do
		expect 3 $(below nothing $call) "$target"
		assert_says "process $target (sleep) lives"
		[[ $output != *ended* ]]
	done
}

@test "the ids of another PID namespace's /proc aren't taken for those of this one: exit 2" {
	unshare --pid --fork true 2>/dev/null || skip "no PID namespace can be made here"
	start sleep 60
	for pid in 1 "$target"; do
		expect 2 unshare --pid --fork sh -c '"$0" inspect "$1"; exit $?' "$RSEQKIT" "$pid"
		assert_says "another PID namespace"
	done
	unshare --pid --fork --mount-proc true 2>/dev/null || skip "/proc can't be mounted here" # for example in a chroot
	expect 0 unshare --pid --fork --mount-proc sh -c '"$0" inspect 1; exit $?' "$RSEQKIT"
}

@test "a filter that refuses readlink(2) shows no other PID namespace" {
	need_filter
	start sleep 60
	expect 0 env LD_LIBRARY_PATH="$libraries" $(below eperm readlink) "$target"
}

@test "no process can be started for the look: exit 3, with the reason" {
	need_filter
	start sleep 60
	expect 3 $(below eperm clone) "$target"
	assert_says "cannot start the process that traces: Operation not permitted"
}

@test "without /proc: said, instead of advice about hidepid, exit 2" {
	unshare -m mount -t tmpfs none /proc 2>/dev/null || skip "/proc can't be hidden here"
	start sleep 60
	for pid in "$target" $$; do
		expect 2 env LD_LIBRARY_PATH="$libraries" unshare -m sh -c 'mount -t tmpfs none /proc && exec "$0" inspect "$1"' \
			"$RSEQKIT" "$pid"
		assert_says "/proc isn't mounted"
		[[ $output != *hidepid* ]]
	done
}

@test "a filter that refuses poll(2) makes no look time out; one that refuses getpid(2) shows no other PID namespace" {
	need_filter
	start sleep 60
	expect 0 timeout 50 $(below eperm poll) "$target"
	[[ $output != *'took more than'* ]]
	run $(below eperm getpid) "$target"
	[[ $output != *'PID namespace'* ]]
}
