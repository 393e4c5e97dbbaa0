# SPDX-License-Identifier: MIT
# exec-programs.bats - tests which program `rseqkit exec` runs, and into which programs the library can't be preloaded.

load helper

setup() {
	is_sanitized && skip "the preloaded library isn't built with a sanitizer"
	preload=$(realpath "$(dirname "$RSEQKIT")/../src")/librseqkit-preload.so
	unset LD_PRELOAD GLIBC_TUNABLES
	cd "$BATS_TEST_TMPDIR"
}

# Sets $linker to the path of this machine's dynamic linker.
need_linker() {
	linker=$(LC_ALL=C readelf -l "$HELPERS/rseq_state" | sed -n 's/.*interpreter: \(.*\)]/\1/p')
	[ -n "$linker" ] || skip "programs here have no dynamic linker"
}

# Sets $static to the path of a static program. Skips the test if the build has none.
need_static() {
	static=$HELPERS/inspected_static
	[ -e "$static" ] || skip "no static program was built here"
}

@test "a set-user-ID program that can't be read: refused, exit 2" {
	[ "$(id -u)" -eq 0 ] || skip "takes root, to give files away"
	powerless() { # runs a command as root without capabilities
		setpriv --bounding-set=-all --inh-caps=-all "$@"
	}
	cp "$(type -P true)" program
	chown 65534 program
	for mode in 4711 4755; do
		chmod $mode program
		expect 2 powerless "$RSEQKIT" exec ./program
		assert_says "./program: it runs with other rights"
	done
	chmod 4711 program
	! powerless cat program >unreadable 2>&1 || skip "everything can be read here"
	expect 0 powerless setpriv --no-new-privs "$RSEQKIT" exec ./program
	chmod 0711 program
	expect 0 powerless "$RSEQKIT" exec ./program
}

@test "a process whose effective user or group isn't the real one: refused, exit 2" {
	for name in uid gid; do
		echo "#include <sys/types.h>
			${name}_t get$name(void) { return 65533; }" >$name.c
		cc -shared -fPIC $name.c -o $name.so || skip "no compiler here"
		expect 2 env LD_PRELOAD="$PWD/$name.so" "$RSEQKIT" exec true
		assert_says "the effective user or group of this process isn't the real one"
	done
}

@test "the dynamic linker preloads, too: what counts is the program that it is told to run" {
	need_linker
	ln -s "$linker" elsewhere
	for program in "$linker" ./elsewhere "$linker --argv0 name" "$linker --inhibit-cache --library-path ."; do
		expect 0 "$RSEQKIT" exec $program "$(type -P grep)" -o -m 1 "$preload" /proc/self/maps
		[ "$output" = "$preload" ]
	done
	# With these arguments the dynamic linker runs no program, or one that it searches itself. exec must not complain.
	for arguments in "" --argv0 "--list" "no-such-library" "/no/such/program" "$linker"; do
		[[ "$("$RSEQKIT" exec "$linker" $arguments 2>&1)" != *"rseqkit exec:"* ]]
	done
	need_static
	for program in "$linker" "$linker --argv0 name" "./elsewhere --library-path $linker --inhibit-cache"; do
		expect 2 "$RSEQKIT" exec $program "$static"
		assert_says "$static: it is statically linked"
	done
	expect 2 env GLIBC_TUNABLES=$tunable_off "$RSEQKIT" exec -f "$linker" "$HELPERS/librseq_user"
	assert_says "has librseq"
}

# Links a program whose interpreter is the given dynamic linker.
link_for() { # LINKER
	echo 'int main(void) { return 0; }' >program.c
	cc program.c -o program "-Wl,--dynamic-linker=$1" || skip "no compiler here"
}

@test "a dynamic linker by another name, a link or a copy, is the same C library's" {
	need_linker
	ln -s "$linker" link.so
	cp -L "$linker" copy.so
	for name in link.so copy.so; do
		link_for "$PWD/$name"
		expect 0 "$RSEQKIT" exec ./program
		[ -z "$output" ]
	done
}

@test "an older build of the C library: what the library needs and that lacks is said, exit 2" {
	need_linker
	needed=$(LC_ALL=C readelf -VW "$preload" | sed -n '/needs section/,$s/.*Name: \(GLIBC_[0-9.]*\) .*/\1/p' | sort -V | tail -n 1)
	[ -n "$needed" ] || skip "nothing of this C library has a version"
	mkdir other
	cp -L "$linker" other/
	for name in $(LC_ALL=C readelf -VW "$preload" | sed -n 's/.*File: \([^ ]*\).*/\1/p'); do
		cp -L "$(dirname "$(realpath "$linker")")/$name" other/
	done
	link_for "$PWD/other/${linker##*/}"
	expect 0 "$RSEQKIT" exec ./program
	sed -i "s/$needed/${needed//[0-9]/x}/g" other/*
	for program in ./program "./other/${linker##*/} $(type -P true)"; do
		expect 2 "$RSEQKIT" exec $program
		assert_says "it uses an older C library without $needed, which librseqkit-preload.so needs"
	done
}

@test "without /proc a program is run all the same; where the library isn't found, /proc is named" {
	unshare -m mount -t tmpfs none /proc 2>/dev/null || skip "/proc can't be hidden here"
	without_proc() {
		LD_LIBRARY_PATH=$(dirname "$preload") unshare -m sh -c 'mount -t tmpfs none /proc && exec "$@"' sh "$@"
	}
	expect 0 without_proc "$RSEQKIT" exec printenv LD_PRELOAD
	[ "$output" = "$preload" ]
	expect 2 without_proc env GLIBC_TUNABLES=$tunable_off "$RSEQKIT" exec -f "$HELPERS/librseq_user"
	assert_says "has librseq"
	# If the tool was started by a descriptor, it doesn't know its own path. Then it finds the library only in the install
	# folder.
	by_descriptor='import os, sys; os.execve(os.open(sys.argv[1], os.O_RDONLY), sys.argv[1:], os.environ)'
	run without_proc python3 -c "$by_descriptor" "$RSEQKIT" exec true
	[ "$status" -ne 0 ] || return 0
	[ "$status" -eq 2 ]
	assert_says "without /proc this program can't find its own folder"
}

@test "interpreters of interpreters, as many as the kernel follows" {
	need_static
	printf '#!%s\n' "$static" >script
	for i in 2 3 4 5; do
		chmod +x script
		mv script "script$i"
		printf '#!%s\n' "$BATS_TEST_TMPDIR/script$i" >script
	done
	chmod +x script
	expect 2 "$RSEQKIT" exec ./script
	assert_says "$static: it is statically linked"
}

@test "what is run is what was looked at, and found as execvp() finds it" {
	mkdir first second third
	printf '#!/nonexistent/interpreter\n' >first/program
	printf 'echo "$0,$*,$LD_PRELOAD"\n' >third/program
	chmod +x first/program third/program
	mkdir second/program
	path=PATH=first:second:third:$PATH
	# env uses execvp(). exec must run the same program.
	expect 0 env $path program a "b c"
	[ "$output" = "third/program,a b c," ]
	expect 0 env $path "$RSEQKIT" exec program a "b c"
	[ "$output" = "third/program,a b c,$preload" ]
	expect 0 env -C third PATH= "$RSEQKIT" exec program
	[ "$output" = "program,,$preload" ]
	rmdir second/program
	cp "$(type -P sh)" second/program
	expect 0 env $path "$RSEQKIT" exec program -c 'echo "$0,$LD_PRELOAD"'
	[ "$output" = "program,$preload" ]
	# exec ignores a folder of PATH whose name is too long.
	expect 0 env PATH="$(printf "/%04200d" 0):$(dirname "$(type -P true)")" "$RSEQKIT" exec true
	# For files that can't be executed or don't exist, exec has the usual messages and exit statuses.
	chmod -x second/program third/program
	env PATH=first:second:third "$RSEQKIT" exec program 2>said || [ $? -eq 126 ]
	grep "program: Permission denied" said
	env PATH=first "$RSEQKIT" exec program 2>said || [ $? -eq 127 ]
	grep "program: No such file" said
	need_static
	cp -f "$static" second/program
	chmod +x second/program
	expect 2 env $path "$RSEQKIT" exec program
	assert_says "second/program: it is statically linked"
}

@test "a library whose path the dynamic linker would read otherwise: refused, exit 2" {
	for folder in '$LIB' '${ORIGIN}' 'a$PLATFORM' 'a b' a:b; do
		mkdir -p "$folder/tool" "$folder/src"
		cp "$RSEQKIT" "$folder/tool/rseqkit"
		cp "$preload" "$folder/src"
		expect 2 env LD_LIBRARY_PATH="$(dirname "$preload")" "./$folder/tool/rseqkit" exec true
		assert_says "LD_PRELOAD can't name $PWD/$folder/src/librseqkit-preload.so"
	done
}

# Runs a command with `rseqkit exec -f` twice, one inside the other. Stores only its stdout in $output, because newer releases of
# glibc warn on stderr about a tunable that they don't understand.
exec_twice() { # COMMAND...
	output=$("$RSEQKIT" exec -f "$RSEQKIT" exec -f "$@")
}

@test "a tunable that is the last word already isn't said again" {
	off=$tunable_off
	for before in "$off" "glibc.pthread.rseq=1:$off" "$off:glibc.malloc.check=0" "${off}0" "${off}x0:glibc.malloc.check=0" \
		"${off%0}"; do
		GLIBC_TUNABLES=$before exec_twice printenv GLIBC_TUNABLES
		[ "$output" = "$before" ]
	done
	for before in "$off:" "$off:bogus" "glibc.pthread.rseq=1" "$off:glibc.pthread.rseq=1" "${off}a" "$off:glibc.pthread.rseq=2" \
		"glibc.malloc.check=0"; do
		GLIBC_TUNABLES=$before exec_twice printenv GLIBC_TUNABLES
		[ "$output" = "$before:$off" ]
	done
	exec_twice printenv GLIBC_TUNABLES RSEQKIT_AREA
	[ "$output" = "$off"$'\n'own ]
}

@test "a tunable for which glibc ignores all tunables is left out" {
	off=$tunable_off
	while read -r before after; do
		expect 0 env GLIBC_TUNABLES="$before" "$RSEQKIT" exec -f true
		assert_says "GLIBC_TUNABLES has a setting with two '='"
		GLIBC_TUNABLES=$before exec_twice printenv GLIBC_TUNABLES
		[ "$output" = "$after" ]
	done <<-EOF
		a=b=c $off
		$off,$off $off
		glibc.malloc.check=0:a=b=c glibc.malloc.check=0:$off
		a=b=c:d=e=f:$off $off:$off
		$off:a=b=c:glibc.malloc.check=0 $off:glibc.malloc.check=0:$off
	EOF
}

@test "a program of a machine with the other order of bytes: refused before a shell reads it, exit 2" {
	# A program for s390x, or on a big-endian machine for arm64.
	python3 - >program <<-'EOF'
		import struct, sys
		order, data, machine = (">", 2, 22) if sys.byteorder == "little" else ("<", 1, 183)
		linker = b"/lib/ld64.so.1\0"
		sys.stdout.buffer.write(b"\x7fELF" + bytes([2, data, 1] + [0] * 9) +
		    struct.pack(order + "HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, 1, 64, 0, 0) +
		    struct.pack(order + "IIQQQQQQ", 3, 4, 120, 120, 120, len(linker), len(linker), 1) + linker)
	EOF
	chmod +x program
	expect 2 "$RSEQKIT" exec ./program
	assert_says "nothing can be preloaded into ./program: it is for another architecture"
}
