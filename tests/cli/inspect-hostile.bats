# SPDX-License-Identifier: MIT
# inspect-hostile.bats - tests `rseqkit inspect` with processes that change while it looks, or whose files were made to do harm.

load helper
load target

@test "a file that it's told of by the process isn't opened: a FIFO would let it wait for ever" {
	need_rseq
	mkdir -p "$BATS_TEST_TMPDIR/.debug"
	mkfifo "$BATS_TEST_TMPDIR/.debug/x.debug"
	printf 'x.debug\0\0\0\0\0' >"$BATS_TEST_TMPDIR/link"
	strip -o "$BATS_TEST_TMPDIR/stripped" "$HELPERS/registrant"
	objcopy --add-section .gnu_debuglink="$BATS_TEST_TMPDIR/link" "$BATS_TEST_TMPDIR/stripped" "$BATS_TEST_TMPDIR/linked"
	start env GLIBC_TUNABLES=$tunable_off "$BATS_TEST_TMPDIR/linked" section
	# At an unlucky moment the thread is in no section. Then inspect needs no file, and the test tries again.
	names_file() {
		run timeout 60 "$RSEQKIT" inspect "$target"
		{ [ "$status" -ne 124 ] && [ "$status" -ne 2 ]; } || exit
		[[ "$output" = *"/linked)"* ]]
	}
	try_until 500 "it was in no section" names_file
}

@test "a thread beside an execve() that hangs: unknown, exit 3" {
	start "$HELPERS/registrant" stuck
	# Until execve() hangs, inspect exits with 2, because another process traces the thread.
	hangs() {
		status=0
		timeout 60 "$RSEQKIT" inspect "$target" >/dev/null 2>&1 || status=$?
		[ "$status" -ne 2 ]
	}
	wait_until hangs
	expect_json 3 timeout 60 "$RSEQKIT" inspect --json "$target"
	assert_json '"not-stopped" in ids'
	nobody_is_left() { ! pgrep -f "rseqkit inspect --json $target"; }
	wait_until nobody_is_left
}

@test "a process that executes itself is never taken for two at once" {
	start "$HELPERS/registrant" restless
	for _ in $(seq 20); do
		run "$RSEQKIT" inspect "$target"
		echo "$output"
		# On a busy machine inspect may see the thread before the C library registers it, or may not stop it in time.
		[ "$status" -eq 0 ] || [[ "$output" = *"executes one program after another"* && "$status" -eq 3 ]] ||
			[[ "$output" = *"owners: 1 none"*"[thread-without-rseq]"* && "$status" -eq 1 ]] ||
			[[ "$output" = *"owners: 1 unknown (not stopped)"*"[not-stopped]"* && "$status" -eq 3 ]]
	done
}

@test "it survives what becomes of files while it reads them: exit 3" {
	is_sanitized && skip "sanitizers want to be preloaded first"
	start sleep 60
	expect 3 env READING=die LD_PRELOAD="$HELPERS/reading.so" "$RSEQKIT" inspect "$target"
	assert_says "ended by signal"
	assert_says "[owner-unknown]"
}

@test "it survives wrong results of the process that reads files" {
	is_sanitized && skip "sanitizers want to be preloaded first"
	start sleep 60
	for form in --all --json; do
		run env READING=spoil LD_PRELOAD="$HELPERS/reading.so" "$RSEQKIT" inspect "$form" "$target"
		echo "$status: $output"
		[ "$status" -le 3 ]
		[ -n "$output" ]
	done
}

@test "it reads files as who runs the process" {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	is_sanitized && skip "sanitizers want to be preloaded first"
	need_libc_registration
	for id in 0 65534; do
		start setpriv --reuid=$id --clear-groups sleep 60
		expect 0 env READING=who LD_PRELOAD="$HELPERS/reading.so" "$RSEQKIT" inspect "$target"
		assert_says "reads as $id"
	done
	# inspect isn't allowed to read this program, only to execute it. The C library's file is enough to find the owner.
	install -m 711 "$(command -v sleep)" "$BATS_TEST_TMPDIR/sleep"
	chmod 755 "$BATS_TEST_TMPDIR"
	start setpriv --reuid=65534 --clear-groups "$BATS_TEST_TMPDIR/sleep" 60
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json 'j["threads"][0]["owner"] == "libc"'
}

@test "rights that root can't take: nothing is read, exit 3" {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	is_sanitized && skip "sanitizers want to be preloaded first"
	start setpriv --reuid=65534 --clear-groups sleep 60
	expect 3 setpriv --bounding-set=-setuid,-setgid --inh-caps=-setuid,-setgid \
		env READING=who LD_PRELOAD="$HELPERS/reading.so" "$RSEQKIT" inspect "$target"
	assert_says "cannot take the rights of process $target"
	[[ "$output" != *"reads as"* ]]
}

@test "who reads doesn't outlive the tool" {
	is_sanitized && skip "sanitizers want to be preloaded first"
	# If the reader changes its user id, the kernel forgets that the reader must be killed when the tool ends
	# (PR_SET_PDEATHSIG).
	if [ "$(id -u)" -eq 0 ]; then
		start setpriv --reuid=65534 --clear-groups sleep 60
	else
		start sleep 60
	fi
	READING=hang LD_PRELOAD="$HELPERS/reading.so" "$RSEQKIT" inspect "$target" >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	tool=$!
	wait_until grep -q "reads as" "$BATS_TEST_TMPDIR/said"
	reader=$(pgrep -P $tool)
	kill -KILL $tool
	! wait $tool || return 1
	is_gone() { ! kill -0 "$reader" 2>/dev/null; }
	wait_until is_gone || { kill -KILL "$reader"; return 1; }
}

@test "who reads has 4 GiB more than there is" {
	is_sanitized && skip "sanitizers want to be preloaded first"
	start sleep 60
	run env READING=room LD_PRELOAD="$HELPERS/reading.so" "$RSEQKIT" inspect "$target"
	echo "$output"
	[[ "$output" =~ "has room for "(1[0-6])$ ]] || [[ "$output" =~ "has room for "(1[0-6])$'\n' ]]
}

@test "a process of 60,000 mappings takes no ten seconds" {
	start python3 -c 'import ctypes, json, decimal, bz2, lzma, time
libc, pages = ctypes.CDLL(None), 60000
libc.mmap.restype = ctypes.c_void_p
at = libc.mmap(None, ctypes.c_size_t(pages * 4096), 1, 0x22, -1, ctypes.c_long(0))
for i in range(1, pages, 2):
    libc.mprotect(ctypes.c_void_p(at + i * 4096), ctypes.c_size_t(4096), 3)
print("ready", flush=True)
time.sleep(60)'
	wait_until grep -q ready "$BATS_TEST_TMPDIR/target"
	[ "$(wc -l <"/proc/$target/maps")" -gt 50000 ] || skip "so many mappings can't be made here"
	run sh -c 'ulimit -St 10; exec "$0" inspect $1' "$RSEQKIT" "$target"
	echo "$output"
	[[ "$output" != *"ended by signal"* ]] && [ "$status" -ne 2 ]
}

@test "as many mapped files as there are: few descriptors are made more" {
	need_libc_registration
	start python3 -c 'import time, json, ctypes, decimal, bz2, lzma; time.sleep(60)'
	expect_json 0 sh -c 'ulimit -Sn 6; exec "$0" inspect --json $1' "$RSEQKIT" "$target"
	assert_json 'j["threads"][0]["owner"] == "libc"'
}

@test "too few descriptors for the mapped files: the limit is named" {
	need_libc_registration
	start sleep 60
	expect 3 with_descriptors 5 "$RSEQKIT" inspect "$target"
	assert_says "the limit of open files (ulimit -n) is too low"
	expect 3 with_descriptors 4 "$RSEQKIT" inspect "$target"
	assert_says "cannot start the process that reads files, so owners are unknown: Too many open files"
}

@test "a process that /proc doesn't show isn't called missing" {
	start sleep 60
	unshare -m mount -t tmpfs none /proc/$target 2>/dev/null || skip "no mounts can be made here"
	expect 2 unshare -m sh -c 'mount -t tmpfs none /proc/$1 && exec "$0" inspect $1' "$RSEQKIT" "$target"
	assert_says "doesn't show it"
}
