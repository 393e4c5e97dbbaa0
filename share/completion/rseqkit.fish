# SPDX-License-Identifier: MIT
# Completion of rseqkit for fish.

# Does the command line have this command? Without an argument: does it have no command yet?
function __rseqkit_in # [COMMAND]
    set -l tokens (commandline -opc)
    if not set -q argv[1]
        test (count $tokens) -eq 1
        return
    end
    test "$tokens[2]" = $argv[1]
end

# Prints the program that rseqkit is to run, and the words after it, one a line. They aren't rseqkit's options.
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
        # There is no program yet, so the current word may be an option of rseqkit, or the argument of such an option.
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
