# SPDX-License-Identifier: MIT
# demo-whole.bats - further tests of `rseqkit demo`: inputs of every kind, wc programs that misbehave, no rseq, refusals.

load helper
load demo

@test "repetitions are divided out" {
	seq 2000 >numbers
	repeats() { # fails if there was only one pass, because a thread waited long for a CPU
		{ expect_json 0 "$RSEQKIT" demo --json --seconds 0.2 numbers && assert_counts numbers; } || exit
		assert_json 'j["passes"]["rseqkit"] > 1'
	}
	try_until 50 "one pass took all the time" repeats
}

@test "threads 1 to 8 and many chunk sizes count the same" {
	python3 -c 'import random; random.seed(1); print("".join(random.choice("ab \n\t.") for _ in range(5000)))' >text
	for threads in 1 2 3 4 5 6 7 8; do
		for chunk in 1 7 4096 1073741824; do
			count --threads $threads --chunk $chunk text
			keep "$threads.$chunk"
		done
	done
	assert_counts text
	assert_json "j['threads'] == 8 and j['chunk'] == 1073741824"
}

@test "one huge line, one huge word" {
	head -c 2000000 /dev/zero | tr '\0' x >word
	python3 -c 'print("word " * 300000)' >line
	count word line
	assert_counts word line
	assert_json 'j["word_length_histogram"][31] == 1'
}

@test "a file given twice is counted twice" {
	seq 50 >text
	count text text ./text
	assert_counts text text text
}

@test "words of two files don't join" {
	printf 'a' >one
	printf 'b' >two
	count one two
	assert_counts one two
}

@test "a symbolic link that is given is followed" {
	seq 10 >text
	mkdir tree
	seq 5 >tree/x
	ln -s text link
	ln -s tree treelink
	count link treelink
	assert_counts text tree/x
}

@test "special files below a directory are skipped, with a word about it" {
	mkdir tree
	seq 10 >tree/a
	mkfifo tree/pipe
	count tree
	assert_counts tree/a
	assert_json 'j["skipped"] == 1'
	grep -q 'tree/pipe: skipped' err
}

@test "files whose size says 0 are read to their end" {
	[ -r /proc/filesystems ] || skip "no /proc here"
	cat /proc/filesystems >copy
	count /proc/filesystems
	assert_counts copy
}

@test "file names with blanks, newlines and a leading dash" {
	name=$'a b\nc'
	seq 3 >"$name"
	seq 4 >-dash
	count -- "$name" -dash
	assert_counts "$name" ./-dash
}

@test "unreadable file and directory, as another user" {
	[ "$(id -u)" -ne 0 ] || command -v setpriv >/dev/null || skip "no setpriv here, and root may read everything"
	chmod 755 "$BATS_TEST_TMPDIR"
	mkdir -m 700 closed
	seq 3 >secret
	chmod 600 secret
	as=()
	if [ "$(id -u)" -eq 0 ]; then
		as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
		"${as[@]}" "$RSEQKIT" --version >/dev/null || skip "the tool is where other users can't reach it"
		"${as[@]}" ls -d . >/dev/null 2>&1 || skip "the test's folder is where other users can't reach it"
	else
		chmod 0 closed secret
	fi
	for path in "$PWD/closed" "$PWD/secret"; do
		expect 2 "${as[@]}" "$RSEQKIT" demo --seconds 0 "$path"
		assert_says "$path: Permission denied"
	done
	chmod 755 closed
}

@test "an error while reading is an error, exit 2" {
	[ -e /proc/self/mem ] || skip "no /proc here"
	expect 2 "$RSEQKIT" demo --seconds 0 /proc/self/mem
	assert_says "/proc/self/mem: "
}

@test "an input larger than the memory is refused before it is read" {
	truncate -s 1P huge 2>/dev/null || truncate -s 8T huge 2>/dev/null || skip "no sparse files here"
	expect 2 timeout 60 "$RSEQKIT" demo --seconds 0 huge
	assert_says "huge: the input is larger than half of this machine's memory"
}

@test "short options, and a fraction that begins with a point" {
	seq 10 >text
	expect_json 0 "$RSEQKIT" demo -j -t 3 -c 5 -s .01 text
	assert_counts text
	assert_json 'j["threads"] == 3 and j["chunk"] == 5'
}

@test "a wc that takes unprintable bytes for a word is judged by its own rule" {
	printf 'a \001 b\240c\n' >text
	mkdir bin
	cat >bin/wc <<-'EOF'
		#!/usr/bin/env python3
		import os, sys
		b = sys.stdin.buffer.read()
		words = b if "POSIXLY_CORRECT" in os.environ else b.replace(b"\240", b" ")
		print(b.count(b"\n"), len(words.split()), len(b))
	EOF
	chmod +x bin/wc
	expect_json 0 env PATH="$PWD/bin:$PATH" "$RSEQKIT" demo --json --seconds 0 text
	assert_json 'j["words"] == 2 and j["wc"]["words"] == 3 and j["verified"] is True'
}

@test "a wc that fails, or talks nonsense, is said to" {
	seq 10 >text
	mkdir bin
	for body in 'exit 1' 'echo nonsense' 'kill -9 $$'; do
		printf '#!/bin/sh\n%s\n' "$body" >bin/wc
		chmod +x bin/wc
		expect_json 0 env PATH="$PWD/bin:$PATH" "$RSEQKIT" demo --json --seconds 0 text
		assert_json 'j["wc"] is None and j["verified"] is True'
	done
}

@test "a wc that says nothing is ended after ten seconds, which is told; its feeder, too" {
	local name demos=()
	head -c 200000 /dev/zero >text
	mkdir bin first second
	# This wc answers the tool's first call. At later calls it is silent, and another process (sleep) holds its input open.
	cat >bin/wc <<-'EOF'
		#!/bin/sh
		[ ! -e asked ] || { exec 4<&0; sleep 1000 <&4 3>&- & echo $! >>sleepers; wait; }
		: >asked
		exec /usr/bin/env -S PATH=/usr/bin:/bin wc "$@"
	EOF
	chmod +x bin/wc
	: >first/asked # in this folder, wc is silent from the first call on
	for name in first second; do # both run at the same time, because each waits for ten seconds
		(cd $name && exec timeout 240 env PATH="$PWD/../bin:$PATH" "$RSEQKIT" demo --json --seconds 0 "$PWD/../text") \
			>$name/out 2>$name/err 3>&- &
		demos+=($!)
	done
	for name in "${demos[@]}"; do
		wait "$name"
	done
	for name in first second; do
		json=$name/out
		assert_json 'j["wc"] is None and j["verified"] is True'
		grep -q 'wc gave no answer in [1-9][0-9]* seconds, and was ended' $name/err
	done
	pgrep -f "^$RSEQKIT demo .*$PWD/" >left || true
	kill $(cat first/sleepers second/sleepers)
	[ ! -s left ] || { echo "a process is left"; return 1; }
}

@test "on a terminal it is said that wc is waited for" {
	seq 10 >text
	python3 - "$RSEQKIT" <<-'EOF'
		import os, pty, subprocess, sys
		ours, theirs = pty.openpty()
		demo = subprocess.Popen([sys.argv[1], "demo", "--seconds", "0", "text"], stdout=subprocess.DEVNULL, stderr=theirs)
		os.close(theirs)
		said = b""
		try:
		    while part := os.read(ours, 4096):
		        said += part
		except OSError:
		    pass
		sys.exit(demo.wait() or (f"not said: {said}" if b"waiting for wc ...\r\x1b[K" not in said else 0))
	EOF
}

@test "rseq withheld by a filter: the fallback counts right" {
	need_filter
	seq 5000 >text
	for answer in enosys eperm; do
		expect_json 0 "$HELPERS/with_filter" $answer rseq -- \
			"$RSEQKIT" demo --json --seconds 0.1 --chunk 100 text
		assert_json 'j["owner"] == "none"'
		keep $answer
	done
	assert_counts text
}

@test "threads that can't be had are an error, exit 2" {
	need_filter
	seq 10 >text
	expect 2 env ASAN_OPTIONS=detect_leaks=0 "$HELPERS/with_filter" eperm clone clone3 -- \
		"$RSEQKIT" demo --seconds 0 text
	assert_says "cannot start"
}
