# SPDX-License-Identifier: MIT
# inspect-guarded.bats - tests `rseqkit inspect` with processes whose files in /proc belong to root, because the processes aren't
# dumpable.

load helper
load target

need_root() {
	[ "$(id -u)" -eq 0 ] || skip "not root"
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR"
}

# Starts a program, and checks that the kernel guards the files of the process.
start_guarded() { # COMMAND...
	start "$@"
	grep -q "ready 0" "$BATS_TEST_TMPDIR/target" || skip "the kernel doesn't guard this process: $*"
}

# Checks that the tool finds the owner, and reads the environment.
assert_found() { # COMMAND...
	start_guarded "$@"
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json '{t["owner"] for t in j["threads"]} == {"libc"}' 'ids == []'
	start_guarded env GLIBC_TUNABLES=$tunable_off "$@"
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json '{t["owner"] for t in j["threads"]} == {"none"}' 'ids == ["told-not-to"]'
}

@test "root: the owner of threads whose ids have changed, all of them or some" {
	need_root
	need_libc_registration
	for way in "user 65534" "user-thread 65534" "thread 65534"; do
		assert_found "$HELPERS/guarded" $way
	done
}

@test "root: the owner of a process that has cleared its flag" {
	need_root
	need_libc_registration
	assert_found "$HELPERS/guarded" flag
	install -m 755 "$HELPERS/guarded" "$BATS_TEST_TMPDIR/program"
	assert_found setpriv --reuid=65534 --regid=65534 --clear-groups "$BATS_TEST_TMPDIR/program" flag
}

@test "root: the owner in a set-user-ID program" {
	need_root
	need_libc_registration
	install -m 4755 -o 1 "$HELPERS/guarded" "$BATS_TEST_TMPDIR/program"
	start setpriv --reuid=65534 --regid=65534 --clear-groups "$BATS_TEST_TMPDIR/program" none
	grep -q "ready 0" "$BATS_TEST_TMPDIR/target" || skip "set-user-ID has no effect here"
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json '{t["owner"] for t in j["threads"]} == {"libc"}'
}

@test "root: the owner in a program with capabilities" {
	need_root
	need_libc_registration
	install -m 755 "$HELPERS/guarded" "$BATS_TEST_TMPDIR/program"
	# This is the attribute that setcap writes for cap_net_raw=ep (struct vfs_cap_data of include/uapi/linux/capability.h).
	python3 -c 'import os, struct, sys
os.setxattr(sys.argv[1], "security.capability", struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0))' \
		"$BATS_TEST_TMPDIR/program" 2>/dev/null || skip "files can't have capabilities here"
	# Some kernels don't guard the files of such a process.
	start setpriv --reuid=65534 --regid=65534 --clear-groups "$BATS_TEST_TMPDIR/program" none
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json '{t["owner"] for t in j["threads"]} == {"libc"}'
}

@test "root: the owner of a process in a user namespace" {
	need_root
	need_libc_registration
	assert_found "$HELPERS/guarded" namespace 33
}

@test "root: a deleted file is found, but a file that the process can't open isn't read" {
	need_root
	need_libc_registration
	[ -x "$HELPERS/guarded_static" ] || skip "no static programs with a sanitizer"
	install -m 755 "$HELPERS/guarded_static" "$BATS_TEST_TMPDIR/program"
	start_guarded "$BATS_TEST_TMPDIR/program" user 65534
	rm "$BATS_TEST_TMPDIR/program"
	expect_json 0 "$RSEQKIT" inspect --json "$target"
	assert_json 'j["threads"][0]["owner"] == "libc"'
	install -m 711 "$HELPERS/guarded_static" "$BATS_TEST_TMPDIR/program"
	start_guarded "$BATS_TEST_TMPDIR/program" user 65534
	expect_json 3 "$RSEQKIT" inspect --json "$target"
	assert_json 'j["threads"][0]["owner"] == "unknown"' 'ids == ["owner-unknown"]'
}

@test "no privilege but CAP_SYS_PTRACE: the owner is found, and if the environment can't be read, exit 3" {
	need_root
	need_libc_registration
	is_sanitized && skip "the sanitizer can't be traced"
	tracer="setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+sys_ptrace --ambient-caps=+sys_ptrace $RSEQKIT"
	$tracer --version >/dev/null 2>&1 || skip "nobody else can run the program, or have this capability"
	features=$(env "$RSEQKIT" inspect --json $$ | python3 -c 'import json, sys; print(json.load(sys.stdin)["feature_size"])')
	for way in none "user 1"; do
		start "$HELPERS/guarded" $way
		expect_json 0 $tracer inspect --json "$target"
		assert_json 'j["threads"][0]["owner"] == "libc"' "j['feature_size'] == $features"
		start env GLIBC_TUNABLES=$tunable_off "$HELPERS/guarded" $way
		expect_json 3 $tracer inspect --json "$target"
		assert_json 'j["threads"][0]["owner"] == "none"' 'ids == ["absence-unknown"]'
	done
}
