#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lets a real shell complete a line, and prints the words that the shell puts in place of the last one.

usage: complete.py bash|zsh|fish DATA-FOLDER LINE

The shell finds the completion script in DATA-FOLDER, as it does in /usr/share. bash and zsh run in a terminal, and get the line
as keys. Then one key inserts all words that the shell offers, and another key prints the line. fish prints the offered words.
"""
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import time

PATIENCE = 60 # seconds

BASHRC = r'''
. /usr/share/bash-completion/bash_completion
PS1= PS2=
print_line() { printf 'LINE<%s>\n' "$READLINE_LINE"; }
bind 'set enable-bracketed-paste off'
bind '"\C-t": insert-completions'
bind -x '"\C-g": print_line'
echo READY
'''
ZSHRC = r'''
PS1= PS2= PROMPT_EOL_MARK=
fpath=($DATA_FOLDER/zsh/site-functions $fpath)
autoload -U compinit && compinit -u -D
zstyle ':completion:all-matches:*' completer _all_matches _complete
zstyle ':completion:all-matches:*' insert true
zstyle ':completion:*' insert-tab false
zstyle ':completion:*:processes' command 'ps -A -o pid,cmd'
zle -C all-matches complete-word _generic
print-line() { print -r -- "LINE<$BUFFER>" }
zle -N print-line
bindkey -e
bindkey '^T' all-matches
bindkey '^G' print-line
echo READY
'''


def wait_for(fd, pattern, text=''):
    until = time.monotonic() + PATIENCE
    while not (match := re.search(pattern, text, re.S)):
        if time.monotonic() > until:
            sys.exit(f'no {pattern!r} in {text!r}')
        if select.select([fd], [], [], 0.1)[0]:
            text += os.read(fd, 65536).decode()
    return match


def type_into(arguments, line, environment):
    child, fd = pty.fork()
    if child == 0:
        os.execvpe(arguments[0], arguments, environment)
    wait_for(fd, r'READY\r?\n')
    os.write(fd, line.encode() + b'\x14\x07')
    found = wait_for(fd, r'LINE<(.*?)>')[1]
    os.close(fd) # the shell gets SIGHUP
    os.waitpid(child, 0)
    return found


def main():
    shell, data, line = sys.argv[1:]
    last = re.search(r'[^ =]*$', line)[0]
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, 'HOME': home, 'ZDOTDIR': home, 'DATA_FOLDER': data, 'TERM': 'dumb', 'COLUMNS': '1000',
                       'LC_ALL': 'C', 'XDG_DATA_DIRS': f'{data}:/usr/share', 'INPUTRC': '/dev/null'}
        if shell == 'fish':
            printed = subprocess.run(['fish', '-c', 'complete -C "$argv"', line], env=environment, check=True,
                                     stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
            words = [text.split('\t')[0] for text in printed.splitlines()]
        else:
            with open(f'{home}/.{shell}rc', 'w', encoding='utf-8') as file:
                file.write(BASHRC if shell == 'bash' else ZSHRC)
            arguments = ['bash', '--noprofile', '--rcfile', f'{home}/.bashrc', '-i'] if shell == 'bash' else ['zsh', '-d', '-i']
            found = type_into(arguments, line, environment)
            words = found[len(line) - len(last):].split()
    # For --option=word, some shells repeat the option in each word that they offer. Some end a folder's name with a slash.
    before = re.search(r'(?<= )--[a-z-]+=(?=[^ ]*$)|$', line)[0]
    print(*sorted({word.removeprefix(before).rstrip('/') for word in words}))


main()
