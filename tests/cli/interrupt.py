#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a command in a terminal until it shows some progress, then presses Ctrl-C. The command must leave no process and no file.

usage: interrupt.py TEXT... -- COMMAND...

Each TEXT is a regular expression. The command must rewrite a line so that it begins with the first TEXT, then with the second
TEXT, and so on. The command has its own folder as working directory, home and TMPDIR. Ctrl-C must end it by SIGINT.
Exit status: 0 if every check succeeded, otherwise 1, with a message.
"""
import os
import pty
import re
import select
import signal
import sys
import tempfile
import time

PATIENCE = 60 # seconds, until progress comes
AT_ONCE = 10 # seconds, on a machine with other load


def is_of(pid, session, folder):
    """Returns true if the process still runs, and is in the session or has the folder in its environment."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
            fields = file.read().rpartition(')')[2].split()
        with open(f'/proc/{pid}/environ', 'rb') as file:
            environment = file.read().split(b'\0')
    except OSError:
        return False
    return fields[0] not in 'ZX' and (int(fields[3]) == session or f'TMPDIR={folder}'.encode() in environment)


def left_of(session, folder):
    return [pid for pid in map(int, filter(str.isdigit, os.listdir('/proc'))) if is_of(pid, session, folder)]


def expect(fd, pattern, text):
    """Waits for the pattern, and returns the text after it."""
    until = time.monotonic() + PATIENCE
    while not (match := re.search(rf'\r\033\[K *{pattern}', text)):
        if time.monotonic() > until:
            sys.exit(f'no {pattern!r} in {text!r}')
        if select.select([fd], [], [], 0.1)[0]:
            try:
                text += os.read(fd, 65536).decode(errors='replace')
            except OSError:
                sys.exit(f'the command has ended, without {pattern!r} in {text!r}')
    return text[match.end():]


def main():
    split = sys.argv.index('--')
    texts, command = sys.argv[1:split], sys.argv[split + 1:]
    with tempfile.TemporaryDirectory() as folder:
        child, fd = pty.fork()
        if child == 0:
            os.chdir(folder)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.execvpe(command[0], command, {**os.environ, 'TMPDIR': folder, 'HOME': folder, 'TERM': 'xterm'})
        text = ''
        for pattern in texts:
            text = expect(fd, pattern, text)
        begun = time.monotonic()
        os.write(fd, b'\003')
        while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < begun + AT_ONCE:
            time.sleep(0.01)
        if ended[0] == 0:
            os.killpg(child, signal.SIGKILL)
            sys.exit(f'it still ran {AT_ONCE} seconds after Ctrl-C')
        if not os.WIFSIGNALED(ended[1]) or os.WTERMSIG(ended[1]) != signal.SIGINT:
            sys.exit(f'it ended with status {ended[1]:#x}, not by SIGINT')
        # A child that the kernel kills at the end of its parent ends a moment later.
        while (left := left_of(child, folder)) and time.monotonic() < begun + AT_ONCE:
            time.sleep(0.01)
        if left:
            sys.exit(f'processes are left: {left}')
        if os.listdir(folder):
            sys.exit(f'files are left: {os.listdir(folder)}')


main()
