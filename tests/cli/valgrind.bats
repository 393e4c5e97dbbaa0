# SPDX-License-Identifier: MIT
# valgrind.bats - tests the tool in valgrind, and `rseqkit inspect` with processes in valgrind. There is no rseq in valgrind.

load helper
load demo
load target

need_valgrind() {
	! valgrind -q "$RSEQKIT" --version 2>&1 | grep -qE 'Fatal error at startup|debuginfo reader' ||
		skip "this valgrind can't run this program: it can't read its debug information, or the libc's"
}

@test "doctor: no rseq, valgrind is named, exit 1" {
	need_valgrind
	expect_json 1 valgrind -q --error-exitcode=99 "$RSEQKIT" doctor --json
	assert_json 'not j["rseq"] and j["reason"] == "valgrind" and j["owner"] == "none"'
}

@test "inspect: under valgrind nobody is registered, since it refuses; exit 1" {
	need_valgrind
	start valgrind -q sleep 60
	wait_until grep -q '/sleep$' "/proc/$target/maps" # waits until valgrind has loaded the program
	expect_json 1 "$RSEQKIT" inspect --json "$target"
	assert_json '{t["owner"] for t in j["threads"]} == {"none"}' '[f["id"] for f in j["findings"]] == ["registration-refused"]'
}

@test "inspect runs under valgrind itself" {
	need_valgrind
	start sleep 60
	expect 0 valgrind -q --error-exitcode=99 "$RSEQKIT" inspect "$target"
	assert_says "process $target (sleep)"
}

@test "demo: the fallback counts right, and valgrind has no complaint" {
	need_valgrind
	cd "$BATS_TEST_TMPDIR"
	seq 200 >text
	expect_json 0 valgrind -q --error-exitcode=99 --leak-check=full \
		"$RSEQKIT" demo --json --seconds 0 --threads 2 text
	assert_counts text
	assert_json 'j["owner"] == "none"'
}

@test "exec: no error" {
	need_valgrind
	expect 0 valgrind -q --error-exitcode=99 --trace-children=yes "$RSEQKIT" exec true
	expect 0 valgrind -q --error-exitcode=99 --trace-children=yes "$RSEQKIT" exec "$HELPERS/../preload/threads-pie" any 200
}
