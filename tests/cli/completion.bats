# SPDX-License-Identifier: MIT
# completion.bats - tests the completions that bash, zsh and fish offer for rseqkit. COMPLETIONS is the folder where the build
# puts the completion scripts.

load helper

setup_file() {
	find_python "$BATS_FILE_TMPDIR/python"
	# The folders are those of an installation. tests/install checks that.
	local data=$BATS_FILE_TMPDIR/share
	mkdir -p "$data"/bash-completion/completions "$data/zsh/site-functions" "$data/fish/vendor_completions.d"
	cp "$COMPLETIONS/rseqkit" "$data/bash-completion/completions/"
	cp "$COMPLETIONS/_rseqkit" "$data/zsh/site-functions/"
	cp "$COMPLETIONS/rseqkit.fish" "$data/fish/vendor_completions.d/"
	export PATH=${RSEQKIT%/*}:$PATH
}

setup() {
	shells=
	for shell in bash zsh fish; do
		! command -v $shell >/dev/null || shells="$shells $shell"
	done
	[ "$shells" = " bash zsh fish" ] || skip "not all of bash, zsh and fish are here"
	[ -e /usr/share/bash-completion/bash_completion ] || skip "no bash-completion here"
}

# Each shell offers exactly these words.
offers() { # LINE WORD...
	local shell expected
	expected=$(printf '%s\n' "${@:2}" | LC_ALL=C sort | paste -sd ' ')
	for shell in $shells; do
		expect 0 python3 "$BATS_TEST_DIRNAME/complete.py" "$shell" "$BATS_FILE_TMPDIR/share" "$1"
		[ "$output" = "$expected" ] || { echo "$shell, '$1': $output, not $expected"; return 1; }
	done
}

# No shell changes the last word of the line.
offers_nothing() { # LINE
	local shell
	for shell in $shells; do
		expect 0 python3 "$BATS_TEST_DIRNAME/complete.py" "$shell" "$BATS_FILE_TMPDIR/share" "$1"
		[ -z "$output" ] || [ "$output" = "${1##* }" ] || { echo "$shell, '$1': $output"; return 1; }
	done
}

# Each shell offers the word, and may offer others.
offers_also() { # LINE WORD
	local shell
	for shell in $shells; do
		expect 0 python3 "$BATS_TEST_DIRNAME/complete.py" "$shell" "$BATS_FILE_TMPDIR/share" "$1"
		[[ " $output " == *" $2 "* ]] || { echo "$shell, '$1': no $2 in $output"; return 1; }
	done
}

# names prints the names of all commands, and options_of the options of a command, from --help.
names() {
	"$RSEQKIT" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

options_of() { # COMMAND...
	"$RSEQKIT" "$@" --help | sed -n 's/^  .*\(--[a-z-]*\).*  .*/\1/p'
}

@test "the commands are offered, and help offers them, too" {
	offers "rseqkit " help $(names)
	offers "rseqkit help " $(names)
	offers "rseqkit t" top torture trace
	offers "rseqkit --v" --version
}

@test "each command offers exactly the options of its --help" {
	for command in $(names); do
		expected=$(options_of "$command")
		[[ $expected == *--help* ]]
		# To an option that needs an argument, bash and zsh add a =.
		for shell in $shells; do
			expect 0 python3 "$BATS_TEST_DIRNAME/complete.py" "$shell" "$BATS_FILE_TMPDIR/share" "rseqkit $command --"
			[ "$(tr ' ' '\n' <<<"${output//=/}" | sort)" = "$(sort <<<"$expected")" ] ||
				{ echo "$shell, $command: $output, not $expected"; return 1; }
		done
	done
}

@test "arguments are files, folders, processes and benches" {
	folder=$BATS_TEST_TMPDIR/f
	mkdir -p "$folder/inner" && touch "$folder/one" "$folder/other"
	offers "rseqkit lint $folder/o" "$folder/one" "$folder/other"
	offers "rseqkit demo --threads 2 $folder/o" "$folder/one" "$folder/other"
	for before in "bench -o " "bench --output " "bench --output=" "trace -o "; do
		offers "rseqkit $before$folder/on" "$folder/one"
	done
	offers "rseqkit bench --json --report $folder/" "$folder/inner"
	offers "rseqkit bench --report=$folder/" "$folder/inner"
	offers_also "rseqkit inspect $$" $$
	offers_also "rseqkit torture --pid $$" $$
	offers_also "rseqkit top --pid=$$" $$
}

@test "the names of benches are offered" {
	[[ $("$RSEQKIT" bench --list) == *counter-variable* ]]
	offers "rseqkit bench --json counter-" counter-variable
}

@test "a number isn't completed, nor is a second command" {
	for line in "trace -t " "demo --threads=" "doctor d" "inspect --count "; do
		offers_nothing "rseqkit $line"
	done
}

@test "a program is completed with its own arguments" {
	offers_also "rseqkit exec rseqk" rseqkit
	offers_also "rseqkit exec --ktls rseqk" rseqkit
	offers "rseqkit exec rseqkit doct" doctor
	offers "rseqkit exec --full-size -- rseqkit doct" doctor
	offers_nothing "rseqkit exec rseqkit doctor --kt" # an option of exec
	offers "rseqkit exec --full" --full-size
}

@test "a script without a place for the table isn't accepted" {
	expect 0 "$COMPLETIONS/make-completion" bash "$BATS_TEST_DIRNAME/../../share/completion/rseqkit.bash"
	echo nothing >"$BATS_TEST_TMPDIR/script"
	expect 2 "$COMPLETIONS/make-completion" bash "$BATS_TEST_TMPDIR/script"
	expect 2 "$COMPLETIONS/make-completion" bash /no/such/file
	expect 2 "$COMPLETIONS/make-completion" csh "$BATS_TEST_DIRNAME/../../share/completion/rseqkit.bash"
	expect 2 "$COMPLETIONS/make-completion" bash
}

@test "bash: a tool whose path begins with ~ or has blanks, and any IFS" {
	words() { # IFS PROGRAM WORD
		HOME=${RSEQKIT%/*/*} bash -c 'compopt() { :; }
			. "$4" && COMP_WORDS=("$2" bench "$3") COMP_CWORD=2 IFS=$1
			_rseqkit && printf "%s\n" "${COMPREPLY[@]}"' \
			bash "$@" "$COMPLETIONS/rseqkit"
	}
	folder=$BATS_TEST_TMPDIR
	ln -s "${RSEQKIT%/*}" "$folder/a b"
	for program in "$RSEQKIT" "~/${RSEQKIT#"${RSEQKIT%/*/*}/"}" "$folder/a\\ b/rseqkit" "'$folder/a b/rseqkit'"; do
		for ifs in ' ' $'\n' ''; do
			[ "$(words "$ifs" "$program" ring-)" = $'ring-batch\nring-remote' ]
			[ "$(words "$ifs" "$program" --th)" = --threads= ]
		done
	done
}

@test "zsh: the names of benches are those of the tool whose path is typed" {
	PATH=${PATH#*:} shells=zsh
	! command -v rseqkit >/dev/null || skip "another rseqkit is installed here"
	offers "$RSEQKIT bench ring-" ring-batch ring-remote
}
