# SPDX-License-Identifier: MIT
# inspect-hostile.bats - `rseqkit inspect` on processes that don't hold still, or whose files were made to do harm.

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
	run timeout 20 "$RSEQKIT" inspect "$target"
	[ "$status" -ne 124 ] && [ "$status" -ne 2 ]
	assert_says "/linked)"
}

@test "a thread beside an execve() that hangs: unknown, exit 3" {
	start "$HELPERS/registrant" stuck
	sleep 0.2
	expect_json 3 timeout 20 "$RSEQKIT" inspect --json "$target"
	assert_json '"not-stopped" in ids'
	sleep 0.2
	run pgrep -f "rseqkit inspect --json $target"
	[ "$status" -ne 0 ]
}

@test "a process that executes itself is never taken for two at once" {
	start "$HELPERS/registrant" restless
	for _ in $(seq 20); do
		run "$RSEQKIT" inspect "$target"
		echo "$output"
		[ "$status" -eq 0 ] || [[ "$output" = *"goes from one program to the next"* && "$status" -eq 3 ]]
	done
}

@test "it survives what becomes of files while it reads them: exit 3" {
	is_sanitized && skip "sanitizers want to be preloaded first"
	start sleep 60
	expect 3 env READING=die LD_PRELOAD="$HELPERS/reading.so" "$RSEQKIT" inspect "$target"
	assert_says "ended by signal"
	assert_says "[owner-unknown]"
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
	# One that may be executed only. What the C library says is enough.
	install -m 711 "$(command -v sleep)" "$BATS_TEST_TMPDIR/sleep"
	chmod 755 "$BATS_TEST_TMPDIR"
	start setpriv --reuid=65534 --clear-groups "$BATS_TEST_TMPDIR/sleep" 60
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json 'j["threads"][0]["owner"] == "libc"'
}

@test "as many mapped files as there are: few descriptors are made more" {
	need_libc_registration
	start python3 -c 'import time, json, ctypes, decimal, bz2, lzma; time.sleep(60)'
	expect_json 0 sh -c 'ulimit -Sn 6; exec "$0" inspect --json $1' "$RSEQKIT" "$target"
	assert_json 'j["threads"][0]["owner"] == "libc"'
}

@test "a process that /proc doesn't show isn't called missing" {
	unshare -m true 2>/dev/null || skip "no mounts can be made here"
	start sleep 60
	expect 2 env LD_LIBRARY_PATH="$(dirname "$RSEQKIT")/../src" unshare -m sh -c 'mount -t tmpfs none /proc && exec "$0" inspect $1' "$RSEQKIT" "$target"
	assert_says "doesn't show it"
}
