#compdef rseqkit
# SPDX-License-Identifier: MIT
# Completion of rseqkit for zsh.

# Sets the specifications of what can follow a command, as zsh's function _arguments takes them. Without a command, sets those of
# the commands' names. The build replaces the line with TABLE by a table of all commands (tool/completion.c).
_rseqkit_table() # [COMMAND]
{
	arguments=() stops=()
	@TABLE@
}

# Offers words of a kind. zsh's function _arguments calls this, with options for compadd before the kind.
_rseqkit_offer() # [OPTION...] KIND
{
	local kind=$@[-1]
	local -a benches

	argv[-1]=()
	case $kind in
	(FILE) _files "$@" ;;
	(DIR) _files "$@" -/ ;;
	(PID) _pids "$@" ;;
	(PROGRAM) _command_names -e ;;
	(ARGUMENT)
		[[ $words[1] != -- ]] || { shift words && ((CURRENT--)) }
		_normal
		;;
	(BENCH)
		benches=(${(f)"$(_call_program benches $program bench --list 2>/dev/null |
			sed -n 's/^\([a-z][a-z0-9_-]*\).*/\1/p')"})
		compadd "$@" -a benches
		;;
	(COMMAND) _describe command names ;;
	(*) _message "$kind" ;;
	esac
}

_rseqkit()
{
	local -a names arguments stops
	local curcontext=$curcontext context state state_descr line program=$words[1]
	local -A opt_args

	_rseqkit_table
	if ((CURRENT > 2)); then
		_rseqkit_table $words[2]
		shift words
		((CURRENT--))
	fi
	_arguments -s -S $stops : $arguments
}

_rseqkit "$@"
