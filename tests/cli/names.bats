# SPDX-License-Identifier: MIT
# names.bats - tests the names that inspect, lint and trace give to an address: of C++ and Rust, and from files of debug information.

load helper
load target
load trace

# Copies the program that spins in a section, changes the copy, and starts it.
start_changed() { # OBJCOPY-OPTION...
	program=$BATS_TEST_TMPDIR/folder/program
	mkdir -p "${program%/*}/.debug"
	rm -f "$program"
	objcopy "$@" "$HELPERS/registrant" "$program"
	start env GLIBC_TUNABLES=$tunable_off "$program" section
}

# Does inspect find the text in the section's line? At an unlucky moment the thread is in no section.
shows() { # TEXT
	run "$RSEQKIT" inspect "$target"
	[[ "$output" = *" section at "* ]] || return 1
	echo "$output"
	[[ "$output" = *" section at $1"* ]] || exit 1
}

@test "names of C++ and Rust are shown as in the source, and other names as they are" {
	need_rseq
	[ "$LIBIBERTY" = yes ] || skip "built without libiberty"
	while read -r symbol name; do
		start_changed --redefine-sym "spin_in_section=$symbol"
		wait_until shows "$name+0x"
		expect 0 "$RSEQKIT" lint --json "$program"
		[[ "$output" = *"\"symbol\": \"$name\""* ]]
	done <<-'EOF'
		_ZN4shop4cartISsE4spinEv shop::cart<std::string>::spin
		_ZN4shop4spinEi.cold shop::spin
		_ZN4shop4spin17h05af221e174051e9E shop::spin
		_RNvNtCs1234_7mycrate3foo3bar mycrate::foo::bar
		_Zspin _Zspin
		_spin _spin
		Zspin Zspin
	EOF
}

@test "a file of debug information that the program names is found beside it, in .debug, and by checksum only" {
	need_rseq
	local debug
	mkdir -p "$BATS_TEST_TMPDIR/folder/.debug"
	cd "$BATS_TEST_TMPDIR/folder"
	for debug in program.debug .debug/program.debug; do
		rm -f program.debug .debug/program.debug
		objcopy --only-keep-debug "$HELPERS/registrant" "$debug"
		start_changed --strip-all --remove-section .note.gnu.build-id --add-gnu-debuglink="$debug"
		wait_until shows "spin_in_section+0x"
	done
	# Bytes after the file's end change its checksum.
	echo >>"$debug"
	wait_until shows "0x"
}

@test "a name with a folder isn't followed" {
	need_rseq
	cd "$BATS_TEST_TMPDIR"
	mkdir -p folder
	objcopy --only-keep-debug "$HELPERS/registrant" elsewhere.debug
	objcopy --strip-all --add-gnu-debuglink=elsewhere.debug "$HELPERS/registrant" linked
	objcopy -O binary --only-section .gnu_debuglink --set-section-flags .gnu_debuglink=alloc linked link
	# The section has the name, its end, zeros up to a multiple of 4, and the checksum.
	{ printf '../elsewhere.debug\0\0' && tail -c 4 link; } >changed
	start_changed --strip-all --add-section .gnu_debuglink=changed
	wait_until shows "0x"
	# The same section with the plain name is followed.
	cp elsewhere.debug folder/
	start_changed --strip-all --add-gnu-debuglink=elsewhere.debug
	wait_until shows "spin_in_section+0x"
}

@test "trace finds a file of debug information that the program names" {
	need_tracing
	# The child that reads the file has no rights, and the folders of bats are for their owner only.
	local folder
	folder=$(mktemp -d)
	chmod 755 "$folder"
	objcopy --only-keep-debug "$HELPERS/aborted" "$folder/aborted.debug"
	objcopy --strip-all --remove-section .note.gnu.build-id --add-gnu-debuglink="$folder/aborted.debug" "$HELPERS/aborted" "$folder/linked"
	LD_LIBRARY_PATH="$(dirname "$RSEQKIT")/../src" run "$RSEQKIT" trace --json --output "$BATS_TEST_TMPDIR/out" -- "$folder/linked" 0.3
	rm -r "$folder"
	echo "$output"
	[ "$status" -eq 0 ]
	grep -q '"symbol":"count_thousand".*"file":"[^"]*/add.h","line":[1-9]' "$BATS_TEST_TMPDIR/out"
}

@test "code of line 0 has the line before" {
	# GNU as writes no line 0, so this file has its own table of lines: 7 at the first nop, and 0 at the section.
	cat >"$BATS_TEST_TMPDIR/zero.s" <<-'EOF'
		.text
		.globl zero
		.type zero, %function
		zero:
		nop
		.pushsection __rseq_cs, "aw"
		.balign 32
		.long 0, 0
		.quad 1f, 2f - 1f, 3f
		.popsection
		1: nop
		2: nop
		3: nop
		4:
		.size zero, . - zero
		.section .debug_abbrev, "", %progbits
		.byte 1, 0x11, 0 /* a unit without children */
		.byte 0x10, 0x17, 0x11, 1, 0x12, 6, 3, 8, 0, 0, 0 /* stmt_list, low_pc, high_pc, name */
		.section .debug_info, "", %progbits
		.long 6f - 5f
		5: .short 4
		.long 0
		.byte 8, 1
		.long 0
		.quad zero
		.long 4b - zero
		.asciz "zero.c"
		6:
		.section .debug_line, "", %progbits
		.long 9f - 7f
		7: .short 4
		.long 8f - . - 4
		.byte 1, 1, 1, 1, 1, 10, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0
		.asciz "zero.c"
		.byte 0, 0, 0, 0
		8: .byte 0, 9, 2
		.quad zero
		.byte 3, 6, 1 /* line 7 */
		.byte 2
		.uleb128 1b - zero
		.byte 3, 0x79, 1 /* line 0 */
		.byte 2
		.uleb128 3b - 1b
		.byte 3, 9, 1 /* line 9 */
		.byte 2
		.uleb128 4b - 3b
		.byte 0, 1, 1
		9:
	EOF
	cc -c -o "$BATS_TEST_TMPDIR/zero.o" "$BATS_TEST_TMPDIR/zero.s"
	run "$RSEQKIT" lint --json "$BATS_TEST_TMPDIR/zero.o"
	keep_json - <<<"$output"
	python3 - <<-EOF
		import json
		section, = json.loads("""$output""")["files"][0]["sections"]
		assert (section["symbol"], section["file"], section["line"]) == ("zero", "zero.c", 7), section
		assert section["findings"][0]["line"] == 9, section
	EOF
}
