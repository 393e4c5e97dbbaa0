# SPDX-License-Identifier: MIT
# Completion of rseqkit for fish.

# Is this the command? Without a name: is no command given yet?
function __rseqkit_in # [COMMAND]
    set -l tokens (commandline -opc)
    if not set -q argv[1]
        test (count $tokens) -eq 1
        return
    end
    test "$tokens[2]" = $argv[1]
end

# Prints the words from the program on, which has options of its own.
function __rseqkit_words_of_program # OPTION-WITH-ARGUMENT...
    set -l tokens (commandline -opc)[3..-1]
    while set -q tokens[1]
        set -l token $tokens[1]
        contains -- $token $argv
        and set -e tokens[1]
        string match -q -- '-*' $token
        or break
        set -e tokens[1]
        test $token = --
        and break
    end
    set -q tokens[1]
    and printf '%s\n' $tokens
end

function __rseqkit_before_program # COMMAND OPTION-WITH-ARGUMENT...
    __rseqkit_in $argv[1]
    and not contains -- -- (commandline -opc)
    and test (count (__rseqkit_words_of_program $argv[2..-1])) -eq 0
end

function __rseqkit_program # OPTION-WITH-ARGUMENT...
    set -l tokens (__rseqkit_words_of_program $argv)
    set -l before (commandline -opc)
    if not set -q tokens[1]
        # This word may be an option, or the argument of an option.
        if contains -- $before[-1] $argv; or begin
                string match -q -- '-*' (commandline -ct); and not contains -- -- $before
            end
            return
        end
    end
    complete -C "$tokens "(commandline -ct)
end

function __rseqkit_folders
    set -l token (string replace -r '^-[^=]*=' '' -- (commandline -ct))
    __fish_complete_directories "$token" folder
end

function __rseqkit_benches
    set -l program (commandline -opc)[1]
    $program bench --list 2>/dev/null | string replace -rf '^([a-z][a-z0-9_-]*).*' '$1'
end

complete -c rseqkit -f
@TABLE@
