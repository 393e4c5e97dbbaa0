# SPDX-License-Identifier: MIT
# exec.bats - tests `rseqkit exec` with programs that register threads themselves. tests/preload has all other programs.

load helper

setup() {
	need_rseq
	is_sanitized && skip "the preloaded library isn't built with a sanitizer"
	off=GLIBC_TUNABLES=$tunable_off
}

# Succeeds if the preloaded library was built so that it looks for librseq.
knows_librseq() {
	grep -qa rseq_register_current_thread "$(dirname "$RSEQKIT")/../src/librseqkit-preload.so"
}

@test "a program with librseq: said, and not kept from registering itself" {
	expect 0 env $off "$HELPERS/librseq_user"
	[ "$output" = registered ]
	for program in librseq_user librseq_user_exported; do
		run env $off "$RSEQKIT" exec "$HELPERS/$program"
		assert_says "has librseq, which registers threads itself, so librseqkit-preload.so registers none"
	done
	knows_librseq || skip "this library doesn't step back yet"
	for program in librseq_user librseq_user_exported; do
		expect 0 env $off "$RSEQKIT" exec "$HELPERS/$program"
		assert_says registered
	done
}

@test "librseq that is needed by a library, or preloaded, is found too" {
	for program in "$HELPERS/needs_librseq" "env LD_PRELOAD=$HELPERS/../beside/neighbours/librseq.so.0 $RSEQKIT exec -f true"; do
		expect 2 env $off "$RSEQKIT" exec -f $program
		assert_says "librseq.so"
	done
	printf '#!%s\n' "$HELPERS/needs_librseq" >"$BATS_TEST_TMPDIR/script"
	chmod +x "$BATS_TEST_TMPDIR/script"
	expect 2 "$RSEQKIT" exec -f "$BATS_TEST_TMPDIR/script"
}

@test "--full-size is refused to it, whoever registers: nothing would have the full size, exit 2" {
	for tunables in "" $off; do
		expect 2 env $tunables "$RSEQKIT" exec --full-size "$HELPERS/librseq_user"
		assert_says "has librseq"
		assert_says "Run the program without that option."
	done
}

@test "an area or a librseq that nobody else sees: refused, exit 2" {
	for program in librseq_user_static early_private; do
		expect 2 env $off "$RSEQKIT" exec "$HELPERS/$program"
		assert_says "$HELPERS/$program registers threads itself"
		expect 2 "$RSEQKIT" exec -f "$HELPERS/$program"
	done
	# exec can't recognise the librseq of a stripped program, and doesn't see the program behind a script, so it runs them.
	# The preloaded object finds the code of librseq, and registers no thread.
	strip -o "$BATS_TEST_TMPDIR/stripped" "$HELPERS/librseq_user_static"
	printf '#!/bin/sh\n"$@"\n' >"$BATS_TEST_TMPDIR/script"
	chmod +x "$BATS_TEST_TMPDIR/script"
	expect 0 env $off "$RSEQKIT" exec "$BATS_TEST_TMPDIR/stripped"
	[ "$output" = registered ]
	expect 0 env $off "$RSEQKIT" exec "$BATS_TEST_TMPDIR/script" "$HELPERS/librseq_user_static"
	[ "$output" = registered ]
}

@test "where the C library registers, they all run, and nothing is said" {
	need_libc_registration
	for program in librseq_user librseq_user_exported librseq_user_static; do
		expect 0 "$RSEQKIT" exec "$HELPERS/$program"
		[ "$output" = registered ]
	done
}

@test "where there is no rseq, nobody is in anybody's way, and nothing is said" {
	need_filter
	for answer in enosys eperm; do
		run env $off "$HELPERS/with_filter" $answer rseq -- "$RSEQKIT" exec "$HELPERS/librseq_user_static"
		[ "$status" -eq 1 ]
		[ "$output" = refused ]
	done
}

@test "a filter that refuses access(2) keeps no program from running" {
	need_filter
	for answer in eperm enosys einval; do
		for option in "" --full-size; do
			expect 0 "$HELPERS/with_filter" $answer access faccessat faccessat2 -- "$RSEQKIT" exec $option /bin/echo fine
			[ "$output" = fine ]
		done
	done
}

@test "a filter that kills for prctl lets a program run that doesn't call it" {
	need_filter
	expect 0 "$HELPERS/with_filter" kill prctl -- "$RSEQKIT" exec echo fine
	[ "$output" = fine ]
}

@test "a filter that answers rt_sigprocmask with EINVAL doesn't make memory readable that isn't there" {
	need_filter
	expect 0 env $off "$HELPERS/with_filter" einval rt_sigprocmask -- "$RSEQKIT" exec -f true
}

@test "__rseq_abi that is exported is shared: nothing is said, but that it can't have the full size" {
	need_early
	expect 0 env $off LD_PRELOAD="$HELPERS/early.so" "$RSEQKIT" exec echo fine
	[ "$output" = fine ]
	expect 0 env LD_PRELOAD="$HELPERS/early.so" "$RSEQKIT" exec -f echo fine
	assert_says "defines __rseq_abi"
	assert_says fine
}

@test "files that lie about themselves do no harm" {
	[ "$(getconf LONG_BIT)" = 64 ] || skip "the lies are for 64-bit files"
	# exec refuses the preloaded librseq after it has read the program, so none of these programs is run.
	export LD_PRELOAD=$HELPERS/../beside/neighbours/librseq.so.0
	python3 - "$HELPERS/librseq_user_static" "$BATS_TEST_TMPDIR/lie" "$RSEQKIT" <<-'EOF2'
		import os, random, struct, subprocess, sys
		whole = open(sys.argv[1], "rb").read()
		phoff, shoff = struct.unpack_from("<QQ", whole, 32)
		phnum, shnum = struct.unpack_from("<H", whole, 56)[0], struct.unpack_from("<H", whole, 60)[0]
		lies = [whole[:size] for size in (64, 65, phoff + 8, phoff + 56 * phnum, len(whole) // 2, len(whole) - 1)]
		def changed(offset, form, value):
		    copy = bytearray(whole)
		    struct.pack_into(form, copy, offset, value)
		    return bytes(copy)
		for huge in (0, 2**63, 2**64 - 1, len(whole) - 1):
		    lies += [changed(offset, "<Q", huge) for offset in (32, 40)]
		    for i in range(phnum): # offset, address, size
		        lies += [changed(phoff + 56 * i + field, "<Q", huge) for field in (8, 16, 32)]
		    for i in range(shnum): # offset, size
		        lies += [changed(shoff + 64 * i + field, "<Q", huge) for field in (24, 32)]
		        lies += [changed(shoff + 64 * i + 40, "<I", huge % 2**32)] # link
		lies += [changed(offset, "<H", value) for offset in (54, 56, 58, 60, 62) for value in (0, 1, 0xffff)]
		choose = random.Random(1)
		for _ in range(50):
		    copy = bytearray(whole)
		    for _ in range(20):
		        copy[choose.randrange(64, len(copy))] = choose.randrange(256)
		    lies.append(bytes(copy))
		for i, lie in enumerate(lies):
		    with open(sys.argv[2], "wb") as file:
		        file.write(lie)
		    os.chmod(sys.argv[2], 0o755)
		    end = subprocess.run([sys.argv[3], "exec", "-f", sys.argv[2]], capture_output=True, timeout=60)
		    assert end.returncode == 2, (i, end)
	EOF2
}

@test "--ktls on a kernel that has none, or doesn't answer: said, and the program is run as without it" {
	run "$RSEQKIT" doctor --json
	[[ ${output//[[:space:]]/} == *'"ktls":{"available":true'* ]] && skip "this kernel has it"
	for filter in "" "$HELPERS/with_filter nothing rseq=4:1 --" "$HELPERS/with_filter eperm rseq=4:1 --" \
		"$HELPERS/with_filter e2big rseq=4:1 --"; do
		expect 0 $filter "$RSEQKIT" exec --ktls true
		assert_says "running without --ktls"
		expect 0 env -u GLIBC_TUNABLES -u RSEQKIT_AREA $filter "$RSEQKIT" exec --ktls env
		[[ $output == *librseqkit-preload.so* ]]
		[[ $output != *RSEQKIT_AREA=* && $output != *GLIBC_TUNABLES=* ]]
		expect 0 env -u GLIBC_TUNABLES -u RSEQKIT_AREA $filter "$RSEQKIT" exec --ktls -f env
		[[ $output == *RSEQKIT_AREA=own* && $output == *"GLIBC_TUNABLES=$tunable_off"* ]]
	done
	run env $off "$RSEQKIT" exec --ktls "$HELPERS/librseq_user"
	assert_says "so librseqkit-preload.so registers none"
}
