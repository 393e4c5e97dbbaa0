# SPDX-License-Identifier: MIT
# demo.bats - short tests of `rseqkit demo`: its output, counts that equal those of wc and Python, and errors.

load helper
load demo

@test "text: the three counts, the times, the owner, the check; exit 0" {
	printf 'one two\nthree\n' >text
	expect 0 "$RSEQKIT" demo --seconds 0 text
	for word in "per-CPU counters" "one thread alone" "wc -lwc" "rseqkit" "shared-atomic" "mutex" "owner" \
		"verified: yes"; do
		assert_says "$word"
	done
	[[ "$output" =~ 2\ +3\ +14\ +per-CPU ]]
}

@test "JSON has what the schema promises" {
	printf 'one two\nthree\n' >text
	count text
	assert_json 'j["schema"] == "rseqkit.demo/1" and j["verified"] is True' \
		'j["owner"] in ("libc", "self", "early", "librseq", "kernel", "foreign", "none")' \
		'[j["files"], j["bytes"], j["lines"], j["words"]] == [1, 14, 2, 3]' \
		'set(j["seconds"]) == {"rseqkit", "shared-atomic", "mutex"} == set(j["passes"])' \
		'all(type(s) is float or type(s) is int for s in j["seconds"].values())' \
		'all(type(p) is int and p >= 1 for p in j["passes"].values())' \
		'len(j["byte_histogram"]) == 256 and sum(j["byte_histogram"]) == 14' \
		'j["word_length_histogram"][:5] == [0, 0, 2, 0, 1]'
}

@test "the documents of the working directory are counted when no file is named" {
	mkdir doc
	printf 'a b\n' >README.md
	printf 'c\n' >doc/x.md
	count
	assert_json 'j["files"] >= 2 and j["words"] >= 3'
	expect 0 "$RSEQKIT" demo --seconds 0
}

@test "a word at, before, behind and across the border of chunks is counted once, with its length" {
	printf 'abcd efg\nh ijklmnopqrstuvwxyz 0123 4\n' >text
	printf 'abcdefgh' >whole
	printf '        ' >blank
	for chunk in $(seq 1 12) 36 37 38; do
		count --threads 3 --chunk "$chunk" text whole blank
		keep "$chunk"
	done
	assert_counts text whole blank
}

@test "binary files: random bytes, unprintable words, NULs, high bytes, no newline at the end" {
	python3 - <<-'EOF'
		import random
		random.seed(7)
		open("random", "wb").write(bytes(random.randrange(256) for _ in range(100000)))
		open("mixed", "wb").write(bytes(random.choice(b"\0\1\x80\xff\x7f ab\n\v\f\r\t") for _ in range(50000)))
		open("unprintable", "wb").write(b"\1 \x80 \xff\n a\1b \1")
		open("nuls", "wb").write(b"\0" * 5000)
	EOF
	count --chunk 100 random mixed unprintable nuls
	assert_counts random mixed unprintable nuls
}

@test "empty files, alone and among others" {
	: >empty
	printf 'a\n' >text
	count empty
	assert_counts empty
	count empty text empty empty
	assert_counts empty text empty empty
}

@test "directories are walked; symbolic links below them are not followed, so loops are no trouble" {
	mkdir -p tree/deep/deeper
	seq 10 >tree/a
	seq 20 >tree/deep/b
	seq 30 >tree/deep/deeper/.hidden
	ln -s .. tree/deep/loop
	ln -s loop2 tree/loop2
	ln -s a tree/link
	count tree
	assert_counts tree/a tree/deep/b tree/deep/deeper/.hidden
	assert_json 'j["skipped"] == 0'
	[ ! -s err ]
}

@test "what can't be read is an error that names it, exit 2, at once" {
	ln -s loop loop
	ln -s nowhere dangling
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
	seq 3 >text
	mkdir empty
	for path in missing text/below loop dangling socket /dev/zero /dev/null ""; do
		expect 2 timeout 60 "$RSEQKIT" demo --seconds 0 "$path"
		assert_says "rseqkit demo: $path: "
		expect 2 sh -c 'timeout 60 "$0" demo --json --seconds 0 text "$1" 2>/dev/null' "$RSEQKIT" "$path"
		[ -z "$output" ]
	done
	expect 2 "$RSEQKIT" demo --seconds 0 socket
	assert_says "'-' reads standard input"
	expect 2 "$RSEQKIT" demo --seconds 0 empty
	assert_says "nothing to count"
}

@test "- is standard input, whatever that is; once, and beside files; a directory is an error" {
	seq 3000 >text
	printf 'a b\n' >more
	count - more <text
	assert_counts text more
	(sleep 0.1; cat text) | count -
	assert_counts text
	expect_json 0 python3 - "$RSEQKIT" <<-'EOF'
		import socket, subprocess, sys, time
		ours, theirs = socket.socketpair()
		theirs.setblocking(False)
		demo = subprocess.Popen([sys.argv[1], "demo", "--json", "--seconds", "0", "-"], stdin=theirs)
		theirs.close()
		time.sleep(0.3)
		ours.sendall(open("text", "rb").read())
		ours.close()
		sys.exit(demo.wait())
	EOF
	assert_counts text
	cp text ./-
	count ./- <more
	assert_counts text
	expect 2 "$RSEQKIT" demo - - <text
	assert_says "rseqkit demo: -: standard input can be read only once"
	expect 2 "$RSEQKIT" demo - <.
	assert_says "rseqkit demo: standard input: Is a directory"
}

@test "FIFOs that are named are read to their ends: the shell's, one that has a name, /dev/stdin" {
	seq 3000 >text
	mkfifo pipe
	count <(cat text)
	assert_counts text
	(sleep 0.1; cat text >pipe) 3>&- &
	count pipe
	assert_counts text
	cat text | count /dev/stdin
	assert_counts text
	count /dev/stdin <text
	assert_counts text
}

@test "options: not a number, out of range, unknown, without argument; exit 2" {
	printf 'a\n' >text
	for arguments in "--threads 0" "--threads -1" "--threads x" "--threads 4x" "--threads ''" "--threads 1e3" \
		"--threads 4097" "--threads 99999999999999999999999" "--threads ' 3'" "--threads +3" "--threads" \
		"--chunk 0" "--chunk 1073741825" "--chunk k" "--seconds -1" "--seconds x" "--seconds nan" \
		"--seconds inf" "--seconds 1e9" "--seconds 0x1" "--seconds ''" "--frobnicate" "--json=1" "-z"; do
		expect 2 sh -c "\"\$0\" demo text $arguments 2>&1 >/dev/null" "$RSEQKIT"
		assert_says "rseqkit demo --help"
	done
}

@test "no wc: said so, verified by the other count" {
	seq 10 >text
	mkdir bin
	expect_json 0 env PATH="$PWD/bin" "$RSEQKIT" demo --json --seconds 0 text
	assert_json 'j["wc"] is None and j["verified"] is True and j["lines"] == 10'
	expect 0 env PATH="$PWD/bin" "$RSEQKIT" demo --seconds 0 text
	assert_says "there is no wc on this machine"
}

@test "a wc that disagrees: verification fails, exit 1" {
	seq 10 >text
	mkdir bin
	printf '#!/bin/sh\nexec echo 11 10 99\n' >bin/wc
	chmod +x bin/wc
	expect_json 1 env PATH="$PWD/bin:$PATH" "$RSEQKIT" demo --json --seconds 0 text
	assert_json 'j["verified"] is False and j["lines"] == 10'
	expect 1 env PATH="$PWD/bin:$PATH" "$RSEQKIT" demo --seconds 0 text
	assert_says "verified: NO"
	assert_says "wc says 10 lines"
}

@test "tunable off: the counters register the threads themselves, and count right" {
	need_libc_registration
	seq 5000 >text
	expect_json 0 env GLIBC_TUNABLES=$tunable_off "$RSEQKIT" demo --json --seconds 0.1 --chunk 100 text
	assert_counts text
	assert_json 'j["owner"] == "self"'
}

# Runs `rseqkit demo` in a terminal until it shows the texts, one after the other. Then Ctrl-C must end it with all its children.
interrupted() { # TEXT... -- ARGUMENT...
	local texts=()
	while [ "$1" != -- ]; do texts+=("$1"); shift; done
	shift
	python3 "$BATS_TEST_DIRNAME/interrupt.py" "${texts[@]}" -- "$RSEQKIT" demo "$@"
}

need_terminal() {
	python3 -c 'import pty; pty.openpty()' 2>/dev/null || skip "no pseudo-terminal can be had here"
}

@test "progress, and Ctrl-C: while it reads a large input" {
	need_terminal
	cd "$BATS_TEST_TMPDIR"
	mkfifo input
	(head -c 150M /dev/zero; exec sleep 60) >input 3>&- &
	feeder=$!
	interrupted "reading" "reading, 64 MiB" "reading, 128 MiB" -- "$PWD/input"
	kill $feeder 2>/dev/null || true # the feeder has already ended if it wrote after the tool's end
}

@test "progress, and Ctrl-C: while it waits for wc, which goes, too" {
	need_terminal
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\nsleep 600\n' >"$BATS_TEST_TMPDIR/bin/wc"
	chmod +x "$BATS_TEST_TMPDIR/bin/wc"
	PATH="$BATS_TEST_TMPDIR/bin:$PATH" interrupted "counting with one thread" "waiting for wc" -- "$BATS_TEST_FILENAME"
}

@test "progress, and Ctrl-C: while it counts, the share grows" {
	need_terminal
	interrupted "counting with [a-z-]+ " "counting with [a-z-]+, +[0-9]+%" "counting with [a-z-]+, +[1-9][0-9]*%" -- \
		--seconds 60 "$BATS_TEST_FILENAME"
}
