# SPDX-License-Identifier: MIT
# inspect-owners.bats - tests how `rseqkit inspect` finds the owner of an area by the symbols of programs and libraries.

load helper
load target

@test "a component with a private area: foreign, exit 1" {
	need_rseq
	is_sanitized && skip "sanitizers want to be preloaded first"
	start env LD_PRELOAD="$HELPERS/foreign.so" GLIBC_TUNABLES=$tunable_off sleep 60
	expect_json 1 "$RSEQKIT" inspect --json "$target"
	assert_json 'j["threads"][0]["owner"] == "foreign" and ids == ["foreign-owner"]' \
		"j['findings'][0]['threads'] == [$target] and j['findings'][0]['severity'] == 'warning'"
	expect 1 "$RSEQKIT" inspect "$target"
	assert_says "[foreign-owner]"
}

@test "__rseq_abi of a library that is loaded with the program: early, exit 0" {
	need_rseq
	is_sanitized && skip "sanitizers want to be preloaded first"
	for library in early early_some_calls early_elsewhere; do
		start env LD_PRELOAD="$HELPERS/$library.so" GLIBC_TUNABLES=$tunable_off sleep 60
		expect_json 0 "$RSEQKIT" inspect --json "$target"
		assert_json '[t["owner"] for t in j["threads"]] == ["early"] and ids == []'
	done
}

@test "where the library asks for it by calls alone it can't be told, and that is said" {
	need_rseq
	is_sanitized && skip "sanitizers want to be preloaded first"
	start env LD_PRELOAD="$HELPERS/early_calls.so" GLIBC_TUNABLES=$tunable_off sleep 60
	expect_json 1 "$RSEQKIT" inspect --json "$target"
	assert_json 'ids == ["foreign-owner", "early-symbol-in-library"]'
}

@test "__rseq_abi that no other module sees: foreign, as the library in the process says, and told" {
	need_rseq
	is_sanitized && skip "sanitizers want to be preloaded first"
	for program in "$HELPERS/early_private" "env LD_PRELOAD=$HELPERS/early_private_library.so sleep 60"; do
		start env GLIBC_TUNABLES=$tunable_off $program
		expect_json 1 "$RSEQKIT" inspect --json "$target"
		assert_json '[t["owner"] for t in j["threads"]] == ["foreign"]' \
			'ids == ["foreign-owner", "early-symbol-hidden"]'
	done
}

@test "librseq: its own area has its name, and a thread that didn't ask for it is no finding, exit 0" {
	need_rseq
	for program in librseq_user librseq_user_exported; do
		start env GLIBC_TUNABLES=$tunable_off "$HELPERS/$program" wait
		expect_json 0 "$RSEQKIT" inspect --json "$target"
		assert_json 'sorted(t["owner"] for t in j["threads"]) == ["librseq", "none"] and ids == ["thread-not-yet"]' \
			'"refused" in j["findings"][0]["message"]' # inspect can't distinguish refused and unasked
	done
	need_libc_registration
	start "$HELPERS/librseq_user" wait
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json '[t["owner"] for t in j["threads"]] == ["libc"] * 2'
}

@test "librseq inside the program: foreign, and told" {
	need_rseq
	start env GLIBC_TUNABLES=$tunable_off "$HELPERS/librseq_user_static" wait
	expect_json 1 "$RSEQKIT" inspect --json "$target"
	assert_json 'ids == ["foreign-owner", "early-symbol-hidden", "thread-not-yet"]'
}

@test "an executable that is deleted is read without privileges, too" {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	need_rseq
	need_early
	setpriv --reuid=65534 --clear-groups "$RSEQKIT" --version >/dev/null 2>&1 || skip "nobody else can run the program"
	[ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)" = 0 ] || skip "ptrace is restricted here"
	install -m 755 "$HELPERS/early" "$BATS_TEST_TMPDIR/program"
	start env GLIBC_TUNABLES=$tunable_off setpriv --reuid=65534 --clear-groups "$BATS_TEST_TMPDIR/program"
	rm "$BATS_TEST_TMPDIR/program"
	expect_json 0 setpriv --reuid=65534 --clear-groups "$RSEQKIT" inspect --json "$target"
	assert_json 'j["threads"][0]["owner"] == "early"'
}

@test "files and libraries that are deleted, or replaced, or in another mount namespace" {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	need_rseq
	need_early
	cp "$HELPERS/early" "$HELPERS/early.so" "$BATS_TEST_TMPDIR"
	start env GLIBC_TUNABLES=$tunable_off "$BATS_TEST_TMPDIR/early"
	rm "$BATS_TEST_TMPDIR/early"
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json '[t["owner"] for t in j["threads"]] == ["early"]'
	start env LD_PRELOAD="$BATS_TEST_TMPDIR/early.so" GLIBC_TUNABLES=$tunable_off sleep 60
	rm "$BATS_TEST_TMPDIR/early.so"
	echo "something else" >"$BATS_TEST_TMPDIR/early.so"
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json '[t["owner"] for t in j["threads"]] == ["early"]'
	mkdir "$BATS_TEST_TMPDIR/there"
	unshare -m mount -t tmpfs none "$BATS_TEST_TMPDIR/there" 2>/dev/null || skip "no mount namespaces here"
	start env GLIBC_TUNABLES=$tunable_off unshare -m sh -c 'mount -t tmpfs none "$0" && cp "$1" "$0" && exec "$0/early"' \
		"$BATS_TEST_TMPDIR/there" "$HELPERS/early"
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json '[t["owner"] for t in j["threads"]] == ["early"]'
}
