# SPDX-License-Identifier: MIT
# helper.bash - functions and variables that the test files share. Meson sets RSEQKIT and HELPERS in the environment.

: "${RSEQKIT:?path of the program under test}" "${HELPERS:?folder of the helper programs}"

. "${BASH_SOURCE[0]%/*}/../python.sh"

validate=$(realpath "${BASH_SOURCE[0]%/*}/../schema/validate")

setup_file() {
	find_python "$BATS_FILE_TMPDIR/python"
}

# Checks all JSON that the tests of a file got from the tool. One validator checks it together, because its start takes long.
teardown_file() {
	assert_kept_json "$BATS_FILE_TMPDIR/json"
}

unset COLUMNS # the tool would break its lines at this width

tunable_off=glibc.pthread.rseq=0

# Runs a program and expects an exit status. Stores its stdout and stderr in $output.
expect() {
	local expected=$1
	shift
	run "$@"
	if [ "$status" -ne "$expected" ]; then
		echo "exit status $status, not $expected: $*"
		echo "$output"
		return 1
	fi
	[[ $output != '{'*'"rseqkit.'*'}' ]] || keep_json - <<<"$output"
}

# Keeps JSON of rseqkit, which teardown_file() checks.
keep_json() { # FILE
	local folder=$BATS_FILE_TMPDIR/json
	mkdir -p "$folder"
	cat "$1" >"$folder/$BATS_TEST_NUMBER-$(($(ls "$folder" | wc -l) + 1))"
}

# Checks each file of the folder by its JSON schema. The files' names begin with the numbers of tests.
assert_kept_json() { # FOLDER
	[ ! -d "$1" ] || (cd "$1" && python3 "$validate" *)
}

# Repeats the command until it succeeds, for events that usually take milliseconds. Fails when the pauses add up to a minute.
wait_until() {
	local tries
	for ((tries = 0; tries < 1200; tries++)); do
		! "$@" || return 0
		sleep 0.05
	done
	echo "in vain: $*"
	return 1
}

# Repeats the command until it succeeds, at most TRIES times, and prints the number of tries. If all fail, skips the test.
try_until() { # TRIES REASON COMMAND...
	local tries=$1 reason=$2 try
	shift 2
	for ((try = 1; try <= tries; try++)); do
		! "$@" || { echo "# try $try: $*" >&3; return 0; }
	done
	skip "$reason $tries times"
}

# Runs a program, expects an exit status, and stores its stdout in the file $json, which assert_json reads.
expect_json() {
	local expected=$1 got=0
	shift
	"$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || got=$?
	json=$BATS_TEST_TMPDIR/out
	if [ "$got" -ne "$expected" ]; then
		echo "exit status $got, not $expected: $*"
		cat "$json" "$BATS_TEST_TMPDIR/err"
		return 1
	fi
	keep_json "$json"
}

# Checks that the given Python expressions are all true. In them, j is the object in $json. Also keeps $json for its schema.
assert_json() {
	keep_json "$json"
	python3 - "$json" "$@" <<-'EOF'
		import json, re, sys
		j = json.load(open(sys.argv[1]))
		ids = [f["id"] for f in j.get("findings", [])]
		for expression in sys.argv[2:]:
		    if not eval(expression):
		        sys.exit("not true: %s\n%s" % (expression, json.dumps(j, indent=1)))
	EOF
}

# Checks that $output contains the text.
assert_says() {
	if [[ "$output" != *"$1"* ]]; then
		echo "no '$1' in:"
		echo "$output"
		return 1
	fi
}

# Checks that no line of a text has more than forty columns, unless the line is one long word.
assert_fits_forty() { # TEXT
	local long
	long=$(grep -E '.{41}' <<<"$1" | grep -vE '^ *[^ ]{30,}$') || return 0
	printf 'too long:\n%s\n' "$long"
	return 1
}

# Skips the test if the C library of this machine doesn't register threads, or if the kernel has no rseq.
need_libc_registration() {
	[ "$("$HELPERS/rseq_state")" = libc ] || skip "the C library doesn't register rseq here"
}

# Skips the test if the kernel has no rseq.
need_rseq() {
	[ "$("$HELPERS/rseq_state")" != none ] || skip "no rseq here"
}

# Skips the test if a component with __rseq_abi can't be preloaded into the program under test.
need_early() {
	is_sanitized && skip "sanitizers want to be preloaded first"
	[ -e "$HELPERS/early.so" ] || skip "not for this machine"
}

# Succeeds if the program under test is built with a sanitizer.
is_sanitized() {
	grep -qaE '__asan_init|__tsan_init' "$RSEQKIT"
}

need_filter() {
	"$HELPERS/with_filter" enosys membarrier -- true 2>/dev/null || skip "seccomp filters can't be installed here"
}

# Runs a command that has descriptors 0 to 2 and can have COUNT descriptors in total.
with_descriptors() { # COUNT COMMAND...
	bash -c 'for fd in {3..99}; do eval "exec $fd>&-"; done; ulimit -n "$0" && exec "$@"' "$@"
}
