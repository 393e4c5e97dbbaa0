#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs `rseqkit top` in a terminal, as a job of a session leader that acts like a shell, and checks its output and the terminal.

usage: terminal.py RSEQKIT PID ACTION
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

PATIENCE = 30 # seconds


def modes(fd):
    return termios.tcgetattr(fd)[3] & (termios.ICANON | termios.ECHO)


class Terminal:
    def __init__(self, lines, columns):
        self.leader, self.fd = pty.fork()
        if self.leader == 0:
            self.lead(lines, columns)
        self.text = ''

    @staticmethod
    def lead(lines, columns):
        """Runs as the session leader: runs the tool as its foreground job, prints its id, and prints when it stops or ends."""
        Terminal.resize_fd(0, lines, columns)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        go, ready = os.pipe()
        tool = os.fork()
        if tool == 0:
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            os.setpgid(0, 0)
            os.read(go, 1)
            os.execv(sys.argv[1], [sys.argv[1], 'top', '--interval', '0.2', '--pid', sys.argv[2]])
        os.setpgid(tool, tool)
        os.tcsetpgrp(0, tool)
        os.write(ready, b'x')
        print(f'TOOL {tool} ', flush=True)
        while True:
            _, status = os.waitpid(tool, os.WUNTRACED)
            if os.WIFSTOPPED(status):
                print(f'STOPPED {modes(0)} ', flush=True)
                os.tcsetpgrp(0, tool)
                continue
            os.tcsetpgrp(0, os.getpgrp())
            print(f'ENDED {status} {modes(0)} ', flush=True)
            os._exit(0)

    @staticmethod
    def resize_fd(fd, lines, columns):
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))

    def expect(self, pattern):
        """Waits until the output contains the pattern. Removes and returns all output up to the pattern's end."""
        until = time.monotonic() + PATIENCE
        while True:
            match = re.search(pattern, self.text, re.S)
            if match:
                self.text = self.text[match.end():]
                return match
            if time.monotonic() > until:
                sys.exit(f'no {pattern!r} in {self.text[-2000:]!r}')
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.fd, 65536).decode()
                except OSError:
                    sys.exit(f'the terminal has gone, without {pattern!r} in {self.text[-2000:]!r}')

    def write(self, keys):
        os.write(self.fd, keys)


def assert_given_back(terminal, before):
    """Checks that the tool shows the main screen and the cursor again, restores the terminal's modes, and ends without error."""
    terminal.expect(r'\033\[\?25h\033\[\?1049l')
    ended = terminal.expect(r'ENDED (\d+) (\d+) ')
    assert ended[1] == '0', ended[0]
    assert int(ended[2]) == before, (ended[0], before)


def cut(text):
    """Returns the lines that were drawn, without escape sequences."""
    return [re.sub(r'\033\[[0-9;?]*[a-zA-Z]', '', part) for part in re.split(r'\033\[\d+;1H', text)]


def act(action):
    narrow = action == 'narrow'
    terminal = Terminal(6 if narrow else 12, 20 if narrow else 100)
    before = modes(terminal.fd)
    tool = int(terminal.expect(r'TOOL (\d+) ')[1])
    terminal.expect(r'\033\[\?1049h')
    terminal.expect(r'aborts/s')
    assert modes(terminal.fd) == 0, 'keys need a newline'
    if action == 'keys':
        terminal.expect(r'INSTRUCTION.*count_thousand')
        for key, expected in ((b's', r'SECTION.*count_thousand'), (b'p', r' PROCESS.*aborted'), (b't', r' THREAD.*worker'),
                              (b'c', r' CPU\x1b'), (b'a', r'ALL\*'), (b'r', r'RATE/s\*'), (b' ', r'PAUSED')):
            terminal.write(key)
            terminal.expect(expected)
        time.sleep(1)
        while select.select([terminal.fd], [], [], 0)[0]:
            terminal.text += os.read(terminal.fd, 65536).decode()
        assert 'aborts/s' not in terminal.text, 'it draws while it pauses'
        terminal.write(b' \033[A') # an arrow key isn't a command
        terminal.expect(r'in all\x1b')
        terminal.expect(r'in all\x1b')
        terminal.write(b'q')
    elif action == 'narrow':
        drawn = terminal.expect(r'.*?aborts/s.*?q quit[^\033]*')[0]
        lines = cut(drawn)
        assert len(lines) >= 5 and all(len(line) <= 20 for line in lines), lines
        terminal.write(b'q')
    elif action == 'interrupt':
        terminal.write(b'\003')
    elif action == 'terminate':
        os.kill(tool, signal.SIGTERM)
        assert_given_back(terminal, before)
        act('hang-up')
        return
    elif action == 'hang-up':
        os.kill(tool, signal.SIGHUP)
    elif action == 'suspend':
        for stop in (lambda: terminal.write(b'\032'), lambda: os.kill(tool, signal.SIGTSTP)):
            stop()
            terminal.expect(r'\033\[\?25h\033\[\?1049l')
            assert int(terminal.expect(r'STOPPED (\d+) ')[1]) == before, 'the terminal stayed as it was for keys'
            os.kill(tool, signal.SIGCONT)
            terminal.expect(r'\033\[\?1049h.*aborts/s')
            assert modes(terminal.fd) == 0
        terminal.write(b'q')
    elif action == 'resize':
        terminal.write(b' ')
        terminal.expect('PAUSED')
        Terminal.resize_fd(terminal.fd, 5, 30)
        lines = cut(terminal.expect(r'\033\[5;1H[^\033]*\033\[Kq quit[^\033]*')[0] + terminal.text)
        assert all(len(line) <= 30 for line in lines), lines
        terminal.write(b'q')
    assert_given_back(terminal, before)


act(sys.argv[3])
