# SPDX-License-Identifier: MIT
# Completion of rseqkit for bash. It works without the package bash-completion. If this package is there, it completes the words
# of a program that rseqkit is to run, such as those after `rseqkit exec`.

# Sets what can follow a command: its options, the kinds of their arguments, and the kind of its operands. Without a command,
# sets what can follow rseqkit itself. The build replaces the line in it by a table of all commands (tool/completion.c).
_rseqkit_table() # [COMMAND]
{
	options='' arguments='' operand=''
	@TABLE@
}

# Offers words of a kind that begin with the given word.
_rseqkit_offer() # KIND WORD
{
	local list= tool=${COMP_WORDS[0]//[\\\"\']/} # as it is typed, without the quoting
	case $1 in
	FILE) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
	DIR) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -d -- "$2") ;;
	PROGRAM) mapfile -t COMPREPLY < <(compgen -c -- "$2") ;;
	PID) list=$(cd /proc && echo [0-9]*) ;;
	BENCH) list=$("${tool/#\~\//$HOME/}" bench --list 2>/dev/null | sed -n 's/^\([a-z][a-z0-9_-]*\).*/\1/p') ;;
	COMMAND) list=$commands ;;
	OPTION)
		list=$options
		[[ $2 != --*  ]] || list=$(printf '%s\n' $options | grep -e --)
		;;
	esac
	[[ -z $list ]] || mapfile -t COMPREPLY < <(compgen -W "$list" -- "$2")
	[[ ${#COMPREPLY[@]} -ne 1 || $COMPREPLY != *= ]] || compopt -o nospace
}

_rseqkit()
{
	local commands options arguments operand kind at=1 mixed=yes word=${COMP_WORDS[COMP_CWORD]} IFS=$' \t\n'
	COMPREPLY=()
	_rseqkit_table
	if ((COMP_CWORD > 1)); then
		_rseqkit_table "${COMP_WORDS[1]}"
		at=2
	fi
	for (( ; at < COMP_CWORD; at++)); do
		case $mixed${COMP_WORDS[at]} in
		yes--) mixed=no ;;
		yes-*)
			[[ " $arguments " == *" ${COMP_WORDS[at]}:"* ]] || continue
			kind=${arguments#*"${COMP_WORDS[at]}:"} kind=${kind%% *}
			# Bash makes three words of --option=argument.
			[[ ${COMP_WORDS[at + 1]} != = ]] || ((++at))
			[[ $word != = ]] || word=
			((++at < COMP_CWORD)) || { _rseqkit_offer "$kind" "$word" && return; }
			;;
		*)
			# This word is the program that rseqkit is to run. What follows are the program's words, not rseqkit's.
			[[ $operand != PROGRAM ]] || break
			;;
		esac
	done
	if ((at < COMP_CWORD)); then
		! declare -F _command_offset >/dev/null || _command_offset "$at"
	elif [[ $mixed$word == yes-* ]]; then
		_rseqkit_offer OPTION "$word"
	else
		_rseqkit_offer "$operand" "$word"
	fi
}

complete -o bashdefault -F _rseqkit rseqkit
