# SPDX-License-Identifier: MIT
# helper.bash - what the test files share. RSEQKIT and HELPERS come from meson.

: "${RSEQKIT:?path of the program under test}" "${HELPERS:?folder of the helper programs}"

. "${BASH_SOURCE[0]%/*}/../python.sh"

validate=$(realpath "${BASH_SOURCE[0]%/*}/../schema/validate")

setup_file() {
	find_python "$BATS_FILE_TMPDIR/python"
}

# All JSON that the tests of a file got, checked at once: the start of the validator takes long.
teardown_file() {
	assert_kept_json "$BATS_FILE_TMPDIR/json"
}

unset COLUMNS # lines are broken by it

tunable_off=glibc.pthread.rseq=0

# Runs the program given and expects an exit status; $output is what it wrote on stdout and stderr.
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

# Keeps JSON of rseqkit for the end of the file's tests.
keep_json() { # FILE
	local folder=$BATS_FILE_TMPDIR/json
	mkdir -p "$folder"
	cat "$1" >"$folder/$BATS_TEST_NUMBER-$(($(ls "$folder" | wc -l) + 1))"
}

# Each file of the folder must have JSON as its schema says. The names begin with the numbers of tests.
assert_kept_json() { # FOLDER
	[ ! -d "$1" ] || (cd "$1" && python3 "$validate" *)
}

# Until the command succeeds: a minute, of pauses alone, for what takes milliseconds.
wait_until() {
	local tries
	for ((tries = 0; tries < 1200; tries++)); do
		! "$@" || return 0
		sleep 0.05
	done
	echo "in vain: $*"
	return 1
}

# The same for what comes sooner or later if it is tried again, says how often, and is skipped where it never came.
try_until() { # TRIES REASON COMMAND...
	local tries=$1 reason=$2 try
	shift 2
	for ((try = 1; try <= tries; try++)); do
		! "$@" || { echo "# try $try: $*" >&3; return 0; }
	done
	skip "$reason $tries times"
}

# Runs the program given, expects an exit status, and keeps stdout in $json, for assert_json to read and for its schema.
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

# Python expressions over the object j of $json, which must all be true.
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

# The text must be somewhere in $output.
assert_says() {
	if [[ "$output" != *"$1"* ]]; then
		echo "no '$1' in:"
		echo "$output"
		return 1
	fi
}

# No line of a text has more than forty columns, unless it is one long word.
assert_fits_forty() { # TEXT
	local long
	long=$(grep -E '.{41}' <<<"$1" | grep -vE '^ *[^ ]{30,}$') || return 0
	printf 'too long:\n%s\n' "$long"
	return 1
}

# Skips where the C library of this machine doesn't register rseq, or the kernel has none.
need_libc_registration() {
	[ "$("$HELPERS/rseq_state")" = libc ] || skip "the C library doesn't register rseq here"
}

# Skips where rseq can't be had at all.
need_rseq() {
	[ "$("$HELPERS/rseq_state")" != none ] || skip "no rseq here"
}

# Skips where a component with __rseq_abi can't be preloaded into the program under test.
need_early() {
	is_sanitized && skip "sanitizers want to be preloaded first"
	[ -e "$HELPERS/early.so" ] || skip "not for this machine"
}

# Is the program under test built with a sanitizer?
is_sanitized() {
	grep -qaE '__asan_init|__tsan_init' "$RSEQKIT"
}

need_filter() {
	"$HELPERS/with_filter" enosys membarrier -- true 2>/dev/null || skip "seccomp filters can't be installed here"
}
