# SPDX-License-Identifier: MIT
# report.bash - functions for tests of `rseqkit torture`. They run the tool and read its reports.

# Skips the test if `rseqkit torture` refuses to run with these options on this machine. Changes to the test's folder.
need() { # TEXT_OF_A_REFUSAL OPTION...
	cd "$BATS_TEST_TMPDIR"
	"$HELPERS/program" threads || skip "no sections here"
	run "$RSEQKIT" torture "${@:2}" "$HELPERS/program" threads
	[[ "$output" != *"$1"* ]] || skip "$output"
}

need_tracing() {
	need "cannot trace"
}

# Runs `rseqkit torture` with a program, and checks the exit status. Stores the JSON in report.json.
torture() { # STATUS OPTION... PROGRAM ARGUMENT...
	local wanted=$1
	shift
	expect "$wanted" "$RSEQKIT" torture --json --output report.json "$@"
	[ "$wanted" -eq 2 ] || keep_json report.json
}

field() { # EXPRESSION of the report `r`
	python3 -c "import json; r = json.load(open('report.json')); print(($1))"
}

is() { # EXPRESSION VALUE
	local value
	value=$(field "$1")
	[ "$value" = "$2" ] || {
		echo "$1 is $value, not $2"
		return 1
	}
}

holds() { # EXPRESSION...: all of these are true
	python3 - "$@" <<-'EOF'
		import json, sys
		r = json.load(open('report.json'))
		wrong = [expression for expression in sys.argv[1:] if not eval(expression)]
		if wrong:
		    r['sections'] = [s for s in r['sections'] if s['reached'] or s['unprotected']]
		    sys.exit(f'not true: {wrong}\n{json.dumps(r, indent=1)}')
	EOF
}
