# SPDX-License-Identifier: MIT
# bench-files.bats - tests the files that `rseqkit bench` writes. An existing file stays until the new one is complete, and stays
# for good if writing fails. Files that aren't regular, such as FIFOs, are written to directly.

load helper
load bench

setup() {
	folder=$BATS_TEST_TMPDIR/folder
	mkdir "$folder"
}

teardown() {
	[ -z "$reachable" ] || rm -r "$reachable"
}

# Runs one bench quickly.
cpu() {
	"$RSEQKIT" bench cpu --time 0.01 --threads 1 "$@"
}

# Runs a command whose files can have at most the given number of KiB.
limited() {
	bash -c 'ulimit -f "$0"; exec "$@"' "$@"
}

# Checks that the folder contains exactly these files, hidden files included.
assert_folder() {
	[ "$(ls -A "$folder" | paste -sd' ')" = "$*" ] || { ls -lA "$folder"; return 1; }
}

assert_report() {
	json=$1
	assert_json 'j["schema"] == "rseqkit.bench/1"' 'len(j["results"]) == 4'
}

# Skips the test if no file system can be mounted in a new namespace.
need_mount() {
	unshare -rm mount -t tmpfs none "$folder" 2>/dev/null || skip "nothing can be mounted here"
}

@test "JSON that gets too large: the old one stays, a new one isn't begun; exit 2" {
	echo old >"$folder/json"
	for name in json new; do
		expect 2 limited 1 "$RSEQKIT" bench cpu $quickly --output "$folder/$name"
		assert_says "cannot write $folder/$name: File too large"
		assert_says "cpu: read the number"
		assert_folder json
	done
	[ "$(cat "$folder/json")" = old ]
}

@test "a page that gets too large: the old one stays; exit 2" {
	make_report
	echo old >"$folder/index.html"
	expect 2 limited 4 "$RSEQKIT" bench --from "$report" --report "$folder"
	assert_says "cannot write $folder/index.html: File too large"
	assert_folder index.html
	[ "$(cat "$folder/index.html")" = old ]
}

@test "a full disk: the old page and the old JSON stay, and nothing else is left" {
	need_mount
	make_report
	expect 0 unshare -rm bash -c '
		mount -t tmpfs -o size=12k none "$2" && cd "$2" && echo old >index.html && echo old >json || exit 1
		"$0" bench --from "$1" --report . && exit 1
		head -c 100000 /dev/zero >zeros
		"$0" bench cpu --time 0.01 --threads 1 --output json && exit 1
		[ "$(ls -A | paste -sd" ")" = "index.html json zeros" ] && [ "$(cat index.html json | uniq)" = old ]' \
		"$RSEQKIT" "$report" "$folder"
	assert_says "cannot write ./index.html: No space left"
	assert_says "cannot write json: No space left"
}

# Starts a run, and waits until it measures. $tool is its process id.
begin() {
	"$RSEQKIT" bench cpu --threads 1 "$@" >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- 5>&- &
	tool=$!
	wait_until pgrep -P $tool -f nopie
	kill -0 $tool
}

# Starts a long run with the given options, and kills it when it measures.
interrupt() {
	begin --time 60 "$@"
	kill $tool
	! wait $tool || return 1
}

@test "an interrupted run: the old JSON stays, a new one isn't begun" {
	echo old >"$folder/json"
	interrupt --output "$folder/json"
	interrupt --output "$folder/new"
	assert_folder json
	[ "$(cat "$folder/json")" = old ]
}

@test "what is looked at before measuring makes nothing" {
	expect 2 "$RSEQKIT" bench cpu --time 600 --output "$folder/new" --report "$folder/none/below"
	assert_folder
	for name in "" none/json new/ "$(printf '%0300d' 0)"; do
		expect 2 timeout 60 "$RSEQKIT" bench cpu --time 600 --output "$folder/$name"
		assert_says "rseqkit bench: cannot write $folder/$name: "
		[[ "$output" != *"cpu: read"* ]]
	done
	expect 2 timeout 60 "$RSEQKIT" bench cpu --time 600 --output ""
	assert_folder
}

@test "a new file has the mode that the umask leaves, an old one keeps its own" {
	umask 027
	cd "$folder"
	cpu --output new
	[ "$(stat -c %a new)" = 640 ]
	echo old >json
	chmod 604 json
	cpu --output json
	[ "$(stat -c %a json)" = 604 ]
	assert_report json
	assert_folder json new
}

@test "a symbolic link stays one, and leads to the JSON; so do two names of a file" {
	cd "$folder"
	echo old >target
	ln -s target link
	ln -s later dangling
	echo old >one
	ln one other
	for name in link dangling one; do
		cpu --output $name
	done
	[ "$(readlink link)" = target ]
	[ "$(readlink dangling)" = later ]
	[ one -ef other ]
	for name in target later other; do
		assert_report $name
	done
	assert_folder dangling later link one other target
}

@test "as another user: a file that may not be written stays, one in a folder that takes none is written over" {
	[ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null || skip "for root, with setpriv"
	as="setpriv --reuid=65534 --regid=65534 --clear-groups"
	$as "$RSEQKIT" bench --list >/dev/null || skip "the tool is where other users can't reach it"
	reachable=$(mktemp -d /tmp/rseqkit.XXXXXX) # other users can't reach the folders of bats
	folder=$reachable
	echo old >"$folder/json"
	chmod 777 "$folder"
	expect 2 $as "$RSEQKIT" bench cpu --time 600 --output "$folder/json"
	assert_says "cannot write $folder/json: Permission denied"
	[ "$(cat "$folder/json")" = old ]
	chmod 666 "$folder/json"
	# In both cases the tool must overwrite the old file: with mode 777 because it can't give a new file the old owner, and
	# with mode 755 because it can't make a new file in this folder.
	for mode in 777 755; do
		echo old >"$folder/json"
		chmod $mode "$folder"
		expect 0 $as "$RSEQKIT" bench cpu --time 0.01 --threads 1 --output "$folder/json"
		[ "$(stat -c %u%a "$folder/json")" = 0666 ]
		assert_report "$folder/json"
		assert_folder json
	done
	expect 2 $as "$RSEQKIT" bench cpu --time 600 --output "$folder/new"
	assert_says "cannot write $folder/new: Permission denied"
}

@test "a file that has attributes keeps them" {
	echo old >"$folder/json"
	python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.a", b"b")' "$folder/json" || skip "files have no attributes here"
	expect 0 cpu --output "$folder/json"
	python3 -c 'import os, sys; exit(os.getxattr(sys.argv[1], "user.a") != b"b")' "$folder/json"
	assert_report "$folder/json"
	assert_folder json
}

@test "the file that stdout goes to gets both, one behind the other" {
	"$RSEQKIT" bench cpu $quickly --output /dev/stdout >"$folder/both"
	head -n 1 "$folder/both" | grep -v '{'
	sed -n '/^{/,$p' "$folder/both" >"$folder/json"
	assert_report "$folder/json"
	"$RSEQKIT" bench cpu $quickly --json --output "$folder/json" >"$folder/both"
	cmp "$folder/both" "$folder/json"
}

@test "a file that is mounted on is written over" {
	need_mount
	echo old >"$folder/json"
	echo old >"$BATS_TEST_TMPDIR/mounted"
	expect 0 unshare -rm bash -c 'mount --bind "$1" "$2/json" && "$0" bench cpu --time 0.01 --threads 1 -o "$2/json"' \
		"$RSEQKIT" "$BATS_TEST_TMPDIR/mounted" "$folder"
	[ "$(cat "$folder/json")" = old ]
	assert_report "$BATS_TEST_TMPDIR/mounted"
	assert_folder json
}

@test "a FIFO without a reader is refused before anything is measured; one with a reader gets all of it" {
	mkfifo "$folder/fifo"
	expect 2 timeout 60 "$RSEQKIT" bench cpu --time 600 --output "$folder/fifo"
	assert_says "cannot write $folder/fifo: No such device or address"
	exec 5<>"$folder/fifo" # so that neither the reader nor the tool waits for the other when it opens the FIFO
	cat "$folder/fifo" >"$BATS_TEST_TMPDIR/got" 3>&- 5>&- &
	local reader=$! status=0
	expect 0 timeout 60 "$RSEQKIT" bench cpu $quickly --output "$folder/fifo" 5>&-
	exec 5>&-
	wait $reader
	assert_report "$BATS_TEST_TMPDIR/got"
	[ -p "$folder/fifo" ]
	# The FIFO's reader has ended when the tool writes.
	exec 5<>"$folder/fifo"
	begin --time 3 --output "$folder/fifo"
	exec 5>&-
	wait $tool || status=$?
	[ $status -eq 2 ]
	grep "cannot write $folder/fifo: Broken pipe" "$BATS_TEST_TMPDIR/said"
	make_report
	mkfifo "$folder/index.html"
	expect 2 timeout 60 "$RSEQKIT" bench --from "$report" --report "$folder"
	assert_says "cannot write $folder/index.html: No such device or address"
	assert_folder fifo index.html
}

@test "text that comes from elsewhere is printable ASCII in JSON, and so valid" {
	with_worker "$(printf 'while read -r request; do case $request in owner) printf "l\\\\377bc\\\\n" ;;
		malloc*) printf "/lib/libjemalloc\\\\376.so\\\\n" ;;
		list) printf "placements 1\nbench cache 1 0 takes\ncontender one any 0\ncontender two any 0\n"
			printf "contender jemalloc jemalloc 0\ncontender mimalloc mimalloc 0\nend\n" ;;
		*two*) printf "unavailable as \\\\303 says\\\\n" ;;
		*) echo 100000000 ;; esac; done')"
	RSEQKIT_BENCH_MIMALLOC=$'/x/\xff\033[1m' expect_json 0 "$tree/tool/rseqkit" bench cache --json $quickly --threads 1
	cp "$json" "$folder/fake"
	assert_json '{r["contender"]: r["library"] for r in j["results"]} == {"one": None, "jemalloc": "libjemalloc?.so",
			"mimalloc": "libjemalloc?.so"}' '{r["owner"] for r in j["results"]} == {"l?bc"}' \
		'[u["reason"] for u in j["unavailable"]] == ["as ? says"]'
	RSEQKIT_BENCH_JEMALLOC=$'/x/\xff\033[1m' expect_json 0 "$RSEQKIT" bench cache --json $quickly --threads 1
	assert_json '["/x/??[1m can" in u["reason"] for u in j["unavailable"] if u["contender"] == "jemalloc"] == [True]' \
		"j['machine']['kernel'] == '$(uname -r)' and j['machine']['model'] != ''"
	for file in "$json" "$folder/fake"; do
		! LC_ALL=C grep '[^ -~]' "$file" || return 1
	done
	RSEQKIT_BENCH_JEMALLOC=$'/x/\xff\033[1m' expect 0 "$RSEQKIT" bench cache $quickly --threads 1
	! LC_ALL=C grep '[^ -~]' <<<"$output" || return 1
}

@test "progress on a terminal, and Ctrl-C: no worker and no file is left" {
	python3 -c 'import pty; pty.openpty()' 2>/dev/null || skip "no pseudo-terminal can be had here"
	python3 "$BATS_TEST_DIRNAME/interrupt.py" "[0-9]+% cpu, 1 thread" "[1-9][0-9]*% cpu, 1 thread" -- \
		"$RSEQKIT" bench cpu --threads 1 --time 30 --output new
}
