# SPDX-License-Identifier: MIT
# lint.bats - tests options, exit status and JSON of `rseqkit lint`, and files that it can't check. tests/lint tests its rules.

load helper

setup() {
	cd "$BATS_TEST_TMPDIR"
	sed -n '1,/^\/\* == add_in_place/p' "${BATS_TEST_DIRNAME:?}/../lint/right-x86_64.S" | sed '$d' >right.S
	sed 's/^end:/\tnop\nend:/' right.S >wrong.S
}

# Builds a file with cc. Skips the test on other machines than x86-64, because the sections are in assembly.
build() { # NAME OPTION...
	[ "$(uname -m)" = x86_64 ] || skip "not x86-64"
	cc -nostdlib "${@:2}" -o "$1"
}

@test "help names the exit status; a file is needed" {
	expect 0 "$RSEQKIT" lint --help
	assert_says "Exit status: 0 no errors"
	expect 2 "$RSEQKIT" lint
	expect 2 "$RSEQKIT" lint --wrong
}

@test "a right section: nothing on stdout, exit 0; a wrong one: file, symbol, line and id, exit 1" {
	build right.o -c -g right.S
	expect 0 "$RSEQKIT" lint --all right.o
	[ -z "$output" ]
	build wrong.o -c -g wrong.S
	expect 1 "$RSEQKIT" lint right.o wrong.o
	[[ "$output" =~ ^wrong.o:\ add\+0x[0-9a-f]+\ \(.*wrong.S:[0-9]+\):\ \[commit\] ]]
}

@test "a jump into a section, far behind the beginning of its function: a note" {
	cat right.S - >far.S <<-'EOF'
		.text
		.type far, @function
		far:
		.cfi_startproc
		.fill 300000, 1, 0x90
		jmp start
		.cfi_endproc
		.size far, . - far
	EOF
	build far.so -shared far.S
	expect 0 "$RSEQKIT" lint --all far.so
	assert_says "[entry] note: this may be a jump into the range"
}

@test "a jump into a section, from code without symbols and unwind information: a note" {
	cat - right.S >bare.S <<-'EOF'
		.text
		nop
		mov $1, %eax
		test %eax, %eax
		jne start
		ret
	EOF
	build bare.so -shared bare.S
	strip -o stripped.so bare.so
	for file in bare.so stripped.so; do
		expect 0 "$RSEQKIT" lint --all $file
		assert_says "[entry] note: this may be a jump into the range"
	done
}

@test "the same in an executable, a static one, a shared object, a stripped one, an archive, and after ld -r" {
	build wrong -static -Wl,-e,add wrong.S
	build wrong-pie -pie -Wl,-e,add wrong.S
	build wrong.so -shared wrong.S
	build stripped.so -shared -s wrong.S
	build relr.so -shared -Wl,-z,pack-relative-relocs wrong.S || cp wrong.so relr.so
	build wrong.o -c wrong.S
	ld -r -o linked.o wrong.o
	ar rc a.a wrong.o
	for file in wrong wrong-pie wrong.so stripped.so relr.so linked.o a.a; do
		expect 1 "$RSEQKIT" lint "$file"
		assert_says "$file"
		assert_says "[commit]"
	done
	assert_says "a.a(wrong.o)"
}

@test "JSON has files, sections and findings" {
	build wrong.o -c -g wrong.S
	build right.o -c -g right.S
	ar rc empty.a
	expect_json 1 "$RSEQKIT" lint --json right.o wrong.o empty.a
	assert_json "j['schema'] == 'rseqkit.lint/1'" "[f['path'] for f in j['files']] == ['right.o', 'wrong.o', 'empty.a']" \
		"j['files'][0]['arch'] == 'x86-64' and '__rseq_cs' in j['files'][0]['how']" \
		"j['files'][0]['sections'][0]['findings'] == [] and j['files'][2]['sections'] == []" \
		"set(j['files'][1]['sections'][0]) == {'symbol', 'offset', 'file', 'line', 'start', 'length', 'abort', 'instructions', 'findings'}" \
		"j['files'][1]['sections'][0]['symbol'] == 'add' and j['files'][1]['sections'][0]['line'] > 0" \
		"[(f['id'], f['severity']) for f in j['files'][1]['sections'][0]['findings']] == [('commit', 'error')]"
	expect_json 2 "$RSEQKIT" lint --json none wrong.o
	assert_json "'error' in j['files'][0] and len(j['files']) == 2"
}

@test "a file's name that isn't UTF-8 makes no wrong JSON" {
	build right.o -c -g right.S
	for name in ü€😀 $'a\xff\xfe' $'\xe2\x82' $'\xed\xa0\x80' $'\xc0\xaf' $'\xf4\x90\x80\x80'; do
		cp right.o "$name.o"
		expect_json 0 "$RSEQKIT" lint --json "$name.o"
		[[ $name = ü* ]] || assert_json "re.fullmatch('a?\\ufffd+\\.o', j['files'][0]['path'])"
	done
	expect_json 0 "$RSEQKIT" lint --json "ü€😀.o"
	assert_json "j['files'][0]['path'] == 'ü€😀.o'"
}

@test "control characters and bytes that aren't UTF-8 in a file's name are '?' in findings and notes" {
	build $'w\e[31m\n\xff\xc3\xbc\x9b.so' -shared wrong.S
	expect 1 "$RSEQKIT" lint --all w*.so
	[[ $output == $'w?[31m??\xc3\xbc?.so: add'* ]]
}

@test "the schema refuses other JSON" {
	build wrong.o -c wrong.S
	"$RSEQKIT" lint --json wrong.o none >good || true
	json=$BATS_TEST_TMPDIR/changed
	for change in 's/"id"/"name"/' 's/"commit"/"comit"/' 's/"length":.*/"length": "4",/' 's/"start": "0x/"start": "/' \
		's,lint/1,lint/2,' 's/"error": ".*"/"error": ""/' 's/"symbol": "add"/"symbol": 1/' '/"line"/d' \
		's/"instructions": /"instructions": -/'; do
		sed "$change" good >changed
		expect 1 cmp -s good changed
		expect 1 python3 "$validate" "$json"
	done
}

@test "what can't be read, exit 2; what can't be decided, exit 3" {
	expect 2 "$RSEQKIT" lint none
	assert_says "none: No such file"
	expect_json 2 "$RSEQKIT" lint --json ""
	assert_json "j['files'] == [{'path': '', 'error': 'No such file or directory'}]"
	expect 2 "$RSEQKIT" lint /dev/zero
	assert_says "not a regular file"
	echo text >text
	expect 2 "$RSEQKIT" lint text
	: >empty
	expect 2 "$RSEQKIT" lint empty
	build right.o -c right.S
	head -c 200 right.o >short.o
	expect 2 "$RSEQKIT" lint short.o
	assert_says "short.o: "
	expect 2 with_descriptors 4 "$RSEQKIT" lint right.o
	assert_says "cannot start the process that reads it: Too many open files"
	printf 'int f(void) { return 0; }\n' >f.c
	build lto.o -c -flto -fno-fat-lto-objects f.c
	expect 3 "$RSEQKIT" lint lto.o
	# Changes the number of the machine in the ELF header, so the file is for another architecture.
	cp right.o other.o
	printf '\x15\x00' | dd of=other.o bs=1 seek=18 conv=notrunc status=none
	expect 3 "$RSEQKIT" lint other.o
	# Errors determine the exit status, even if other files can't be decided.
	build wrong.o -c wrong.S
	expect 1 "$RSEQKIT" lint other.o wrong.o
}
