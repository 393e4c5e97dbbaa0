# SPDX-License-Identifier: MIT
# main.bats - tests the command line of rseqkit: help, version, unknown commands, errors of output.

load helper

@test "--help, -h and help go to stdout, exit 0, and name every command" {
	for option in --help -h help; do
		expect 0 sh -c '"$0" "$1" 2>/dev/null' "$RSEQKIT" "$option"
		for command in doctor demo bench inspect lint trace top; do
			assert_says "  $command"
		done
	done
}

@test "--version and -V print the version, exit 0" {
	for option in --version -V; do
		expect 0 sh -c '"$0" "$1" 2>/dev/null' "$RSEQKIT" "$option"
		[[ "$output" =~ ^rseqkit\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	done
}

@test "without a command: usage on stderr, nothing on stdout, exit 2" {
	expect 2 sh -c '"$0" 2>&1 >/dev/null' "$RSEQKIT"
	assert_says "Usage: rseqkit"
	expect 2 sh -c '"$0" 2>/dev/null' "$RSEQKIT"
	[ -z "$output" ]
}

@test "an unknown command is named on stderr, exit 2" {
	expect 2 sh -c '"$0" frobnicate 2>&1 >/dev/null' "$RSEQKIT"
	assert_says "'frobnicate'"
	expect 2 "$RSEQKIT" help frobnicate
	assert_says "'frobnicate'"
	expect 2 "$RSEQKIT" --frobnicate
}

@test "COMMAND --help, COMMAND -h and help COMMAND say the same on stdout, exit 0" {
	for command in doctor demo lint trace top; do
		expect 0 sh -c '"$0" "$1" --help 2>/dev/null' "$RSEQKIT" "$command"
		assert_says "Usage: rseqkit $command"
		assert_says "Exit status:"
		long=$output
		expect 0 sh -c '"$0" "$1" -h 2>/dev/null' "$RSEQKIT" "$command"
		[ "$output" = "$long" ]
		expect 0 sh -c '"$0" help "$1" 2>/dev/null' "$RSEQKIT" "$command"
		[ "$output" = "$long" ]
	done
}

@test "help of help, by any of its names, lists the commands; help of two is wrong" {
	expect 0 "$RSEQKIT" help
	listed=$output
	for arguments in "help help" "help --help" "help -h" "--help help"; do
		expect 0 "$RSEQKIT" $arguments
		[ "$output" = "$listed" ]
	done
	expect 2 "$RSEQKIT" help doctor demo
	assert_says "rseqkit: help takes one command"
}

@test "what goes wrong is said under the command's name, by getopt too" {
	for command in doctor demo bench inspect exec; do
		for arguments in "$command --frobnicate" "$command -n"; do
			expect 2 "$RSEQKIT" $arguments
			[ -z "$(grep -v "^rseqkit $command: " <<<"$output")" ]
		done
	done
	expect 2 "$RSEQKIT" frobnicate
	[[ $output == "rseqkit: "* ]]
}

@test "in forty columns lines break at words, and nothing is lost" {
	say() { "$RSEQKIT" "$@" 2>&1 || true; }
	for arguments in --help "doctor --help" "demo --help" "bench --help" "inspect --help" "exec --help" inspect \
		"bench --from=x --json" "demo /no/such/file"; do
		wide=$(say $arguments)
		narrow=$(export COLUMNS=40 && say $arguments)
		assert_fits_forty "$narrow"
		[ "$(tr -s ' \n' '\n\n' <<<"$narrow")" = "$(tr -s ' \n' '\n\n' <<<"$wide")" ]
	done
	for arguments in "demo --seconds 0 $BATS_TEST_FILENAME" doctor; do
		narrow=$(export COLUMNS=40 && say $arguments)
		[[ $narrow == *"verified: yes"* || $narrow == *"membarrier for rseq"* ]]
		assert_fits_forty "$narrow"
	done
	# Lines of JSON aren't broken at this width.
	COLUMNS=40 expect_json 0 "$RSEQKIT" demo --json --seconds 0 "$BATS_TEST_FILENAME"
	assert_json 'j["verified"]'
}

@test "output that can't be written is an error, exit 2" {
	[ -c /dev/full ] || skip "no /dev/full here"
	for arguments in "--help" "--version" "doctor" "doctor --json" "demo --help" \
		"demo --seconds 0 $BATS_TEST_FILENAME"; do
		expect 2 sh -c "exec \"\$0\" $arguments >/dev/full" "$RSEQKIT"
		assert_says "cannot write to standard output"
	done
}

@test "closed standard streams: output fails, exit 2, and nothing else gets confused" {
	expect 2 sh -c 'exec "$0" doctor <&- >&-' "$RSEQKIT"
	[ "$output" = "rseqkit doctor: cannot write to standard output" ]
	expect 2 sh -c 'exec "$0" demo --seconds 0 "$1" <&- >&-' "$RSEQKIT" "$BATS_TEST_FILENAME"
	[ "$output" = "rseqkit demo: cannot write to standard output" ]
	expect_json 0 sh -c 'exec "$0" demo --json --seconds 0 "$1" <&- 2>&-' "$RSEQKIT" "$BATS_TEST_FILENAME"
	assert_json 'j["verified"] is True and j["wc"] is not None'
}

@test "no colour and no progress where there is no terminal" {
	for arguments in "doctor" "demo --seconds 0 $BATS_TEST_FILENAME"; do
		run sh -c "\"\$0\" $arguments 2>&1" "$RSEQKIT"
		[[ "$output" != *$'\033'* ]]
		[[ "$output" != *$'\r'* ]]
	done
}

@test "colour and progress on a terminal; NO_COLOR takes the colour away" {
	python3 -c 'import pty; pty.openpty()' 2>/dev/null || skip "no pseudo-terminal can be had here"
	on_terminal='import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'
	run env -u NO_COLOR TERM=xterm python3 -c "$on_terminal" \
		"$RSEQKIT" demo --seconds 0 "$BATS_TEST_FILENAME" </dev/null
	[ "$status" -eq 0 ]
	assert_says $'\033[32m'
	assert_says "counting with mutex"
	run env NO_COLOR=1 TERM=xterm python3 -c "$on_terminal" \
		"$RSEQKIT" demo --seconds 0 "$BATS_TEST_FILENAME" </dev/null
	[ "$status" -eq 0 ]
	[[ "$output" != *$'\033[32m'* ]]
}

# Prints the names of all commands.
commands() {
	"$RSEQKIT" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

# Prints the options in --help, a line for each: -t --time=SECONDS, or --watch[=SECONDS].
options_of_help() { # [COMMAND]
	"$RSEQKIT" "$@" --help | sed -n 's/^  \(-.,\|   \) \(--[^ ]*\)  .*/\1\2/p' | tr -d ' ,' | sort
}

# Prints the options that a manual page describes, in the same form.
options_of_page() { # FILE
	sed -n 's/^\.It Fl \(.*-[a-z].*\)/\1/p' "$1" | sed -E 's/^-/--/; s/^(.) , -/-\1--/
		s/ Ns Op = Ns Ar ([a-z]+)$/[=\U\1]/; s/ Ns = Ns Ar ([a-z]+)$/=\U\1/' | sort
}

@test "the options in --help are exactly those of the manual page" {
	pages=$BATS_TEST_DIRNAME/../../man
	[ "$(commands | sort)" = "$(cd "$pages" && ls rseqkit-*.1 | sed 's/rseqkit-\(.*\)\.1/\1/')" ]
	for command in $(commands); do
		[ -n "$(options_of_help "$command")" ]
		diff <(options_of_help "$command") <(options_of_page "$pages/rseqkit-$command.1")
	done
	diff <(printf -- '%s\n' -V--version -h--help | sort) <(options_of_page "$pages/rseqkit.1")
}

@test "each option of --help is accepted, in both of its forms" {
	for command in $(commands); do
		for option in $(options_of_help "$command"); do
			long=${option#-?--} long=--${long#--}
			case $option in
			*=FILE | *=DIR) value=/dev/null ;;
			*=PID) value=$$ ;;
			*=*) value=8 ;;
			*) value= ;;
			esac
			long=${long%%[=[]*}${value:+=$value}
			expect 0 "$RSEQKIT" "$command" "$long" --help
			[[ $option == --* ]] || expect 0 "$RSEQKIT" "$command" "${option:0:2}$value" --help
		done
	done
}

@test "each command with --json has a schema, and there is no other schema" {
	schemas=$(cd "$BATS_TEST_DIRNAME/../../share/schema" && ls)
	for command in $(commands); do
		! options_of_help "$command" | grep -q -- --json || echo "$command.json"
	done | sort >"$BATS_TEST_TMPDIR/wanted"
	diff "$BATS_TEST_TMPDIR/wanted" <(echo "$schemas")
}

@test "JSON that isn't as its schema says is found" {
	folder=$BATS_TEST_TMPDIR/kept
	mkdir "$folder"
	"$RSEQKIT" doctor --json >"$folder/good" || true
	assert_kept_json "$folder"
	for change in 's/"mode": .*,/"mode": "none",/' 's/"proc"/"prok"/' 's,doctor/1,doctor/2,' 's,doctor/1,doktor/1,' '$d' \
		's/"feature_size": .*/"feature_size": -1,/' '/"machine"/d'; do
		sed "$change" "$folder/good" >"$folder/wrong"
		! cmp -s "$folder/good" "$folder/wrong" || return 1
		expect 1 assert_kept_json "$folder"
		assert_says "wrong: "
	done
	cat "$folder/good" "$folder/good" >"$folder/wrong" # a file with two JSON values is right, too
	assert_kept_json "$folder"
}

@test "JSON for which memory is short: said, exit 2" {
	is_sanitized && skip "sanitizers want to be preloaded first"
	cd "$BATS_TEST_TMPDIR"
	for function in array string uint64; do
		echo "void *json_object_new_$function(void) { return 0; }" >none.c
		cc -shared -fPIC none.c -o "no_$function.so" || skip "no compiler here"
	done
	short_of() { # FUNCTION COMMAND...
		expect 2 env LD_PRELOAD="$PWD/no_$1.so" sh -c 'exec "$@" >/dev/null' sh "$RSEQKIT" "${@:2}"
		assert_says "out of memory"
	}
	short_of array doctor --json
	short_of array lint --json "$RSEQKIT"
	short_of string lint --json "$RSEQKIT"
	short_of array demo --json --seconds 0 none.c
	short_of uint64 demo --json --seconds 0 none.c
}

@test "control characters of names never get to the terminal: messages have '?' in their place" {
	# Also those of 8 bits, by themselves and in UTF-8, and bytes that aren't UTF-8; not the same bytes in other characters.
	name=$'a\e[31m\nb\x7f\x9b\xc2\x9b\xc3\x9b\x9b\xe2\x82\xac\xff\xe9a\xe2\x82'
	shown=$'a?[31m?b????\xc3\x9b?\xe2\x82\xac??a??'
	mkdir "$BATS_TEST_TMPDIR/$name"
	cd "$BATS_TEST_TMPDIR"
	for command in "" exec doctor inspect lint; do
		"$RSEQKIT" $command "$name" >out 2>err || true
		grep -qF "$shown" err || { cat err; return 1; }
		! LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f\x7f]' out err || return 1
	done
	mkfifo "$name/$name"
	"$RSEQKIT" demo --seconds 0 "$name" >out 2>err || true
	grep -qF "$shown/$shown: skipped" err
}
