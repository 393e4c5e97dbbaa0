# SPDX-License-Identifier: MIT
# demo.bats - `rseqkit demo`: its counts beside wc's and Python's, on inputs of every kind, and its refusals.

load helper

# Counts the files given, quickly, into $json.
count() {
	expect_json 0 "$RSEQKIT" demo --json --seconds 0 "$@"
}

# Keeps $json for the next assert_counts, which then looks at all that were kept.
keep() {
	cp "$json" "kept.$1"
}

# $json must have the counts of the files, which are given once more: those of wc, and Python's for the histograms.
assert_counts() {
	local results
	results=$(compgen -G 'kept.*' || echo "$json")
	RESULTS=$results python3 - "$@" <<-'EOF'
		import json, os, re, subprocess, sys
		lines = words = size = 0
		values, lengths = [0] * 256, [0] * 32
		for path in sys.argv[1:]:
		    text = open(path, "rb").read()
		    size += len(text)
		    lines += text.count(b"\n")
		    for value in range(256):
		        values[value] += text.count(bytes([value]))
		    for word in re.findall(rb"[^ \t-\r]+", text):
		        if re.search(rb"[!-~]", word):
		            words += 1
		            lengths[min(len(word), 32) - 1] += 1
		env = dict(os.environ, LC_ALL="C")
		def wc(path):
		    out = subprocess.run(["wc", "-lwc", path], capture_output=True, env=env).stdout
		    return map(int, out.split()[:3])
		real = [sum(column) for column in zip(*map(wc, sys.argv[1:]))]
		for result in os.environ["RESULTS"].split():
		    j = json.load(open(result))
		    got = [j["lines"], j["words"], j["bytes"], j["files"]]
		    expected = [lines, words, size, len(sys.argv) - 1]
		    if got != expected:
		        sys.exit("%s: counted %s, but there are %s" % (result, got, expected))
		    if j["byte_histogram"] != values or j["word_length_histogram"] != lengths:
		        sys.exit("%s: a histogram is wrong" % result)
		    if j["verified"] is not True:
		        sys.exit("%s: not verified" % result)
		    if j["wc"] and real != [j["wc"]["lines"], j["wc"]["words"], j["wc"]["bytes"]]:
		        sys.exit("%s: the program wc says %s, the demo reports %s" % (result, real, j["wc"]))
	EOF
}

setup() {
	cd "$BATS_TEST_TMPDIR"
}

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
		'j["owner"] in ("libc", "self", "foreign", "none")' \
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

@test "repetitions are divided out" {
	seq 2000 >numbers
	repeats() { # one pass only, where a thread was kept waiting for long
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

@test "what can't be read is an error that names it, exit 2, at once" {
	ln -s loop loop
	ln -s nowhere dangling
	mkfifo pipe
	seq 3 >text
	mkdir empty
	for path in missing text/below loop dangling pipe /dev/zero /dev/null ""; do
		expect 2 timeout 60 "$RSEQKIT" demo --seconds 0 "$path"
		assert_says "rseqkit: $path: "
		expect 2 sh -c 'timeout 60 "$0" demo --json --seconds 0 text "$1" 2>/dev/null' "$RSEQKIT" "$path"
		[ -z "$output" ]
	done
	expect 2 "$RSEQKIT" demo --seconds 0 empty
	assert_says "nothing to count"
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

@test "short options, and a fraction that begins with a point" {
	seq 10 >text
	expect_json 0 "$RSEQKIT" demo -j -t 3 -c 5 -s .01 text
	assert_counts text
	assert_json 'j["threads"] == 3 and j["chunk"] == 5'
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

@test "a wc that takes unprintable bytes for a word is judged by its own rule" {
	printf 'a \001 b\n' >text
	mkdir bin
	cat >bin/wc <<-'EOF'
		#!/usr/bin/env python3
		import sys
		b = sys.stdin.buffer.read()
		print(b.count(b"\n"), len(b.split()), len(b))
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
	local name
	head -c 200000 /dev/zero >text
	mkdir bin
	# One answer, for what is tried first; then nothing, and somebody else has the input.
	cat >bin/wc <<-'EOF'
		#!/bin/sh
		[ ! -e asked ] || { exec 4<&0; sleep 1000 <&4 3>&- & echo $! >>sleepers; wait; }
		: >asked
		exec /usr/bin/env -S PATH=/usr/bin:/bin wc "$@"
	EOF
	chmod +x bin/wc
	for name in first second; do # the first time it is silent at once
		[ $name = second ] || : >asked
		expect_json 0 timeout 240 env PATH="$PWD/bin:$PATH" "$RSEQKIT" demo --json --seconds 0 text
		assert_json 'j["wc"] is None and j["verified"] is True'
		grep -q 'wc gave no answer in [1-9][0-9]* seconds, and was ended' err
		rm asked
	done
	pgrep -f "^$RSEQKIT demo" >left || true
	kill $(cat sleepers)
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

@test "tunable off: the counters register the threads themselves, and count right" {
	need_libc_registration
	seq 5000 >text
	expect_json 0 env GLIBC_TUNABLES=$tunable_off "$RSEQKIT" demo --json --seconds 0.1 --chunk 100 text
	assert_counts text
	assert_json 'j["owner"] == "self"'
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

@test "valgrind: the fallback counts right, and valgrind has no complaint" {
	need_valgrind
	seq 200 >text
	expect_json 0 valgrind -q --error-exitcode=99 --leak-check=full \
		"$RSEQKIT" demo --json --seconds 0 --threads 2 text
	assert_counts text
	assert_json 'j["owner"] == "none"'
}

@test "threads that can't be had are an error, exit 2" {
	need_filter
	seq 10 >text
	expect 2 env ASAN_OPTIONS=detect_leaks=0 "$HELPERS/with_filter" eperm clone clone3 -- \
		"$RSEQKIT" demo --seconds 0 text
	assert_says "cannot start"
}
