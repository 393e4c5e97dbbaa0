# SPDX-License-Identifier: MIT
"""The tables of the system test: a line per entry, fields between bars that stand alone, and what one entry is."""
import re
from dataclasses import dataclass, fields


class Unavailable(Exception):
    """Something that a row needs can't be had here: the row is skipped, for this reason."""


@dataclass
class Row:
    name: str
    when: str       # quick, normal, asked
    machine: str    # as guest.MACHINES names it; behind a comma a pace of guest.PACES
    kernel: str     # "SUITE PATTERN", or the script that builds it
    libc: str       # Debian suite
    cpus: str       # as QEMU's -smp takes them
    arguments: str  # of the kernel
    programs: str   # names of groups in the selection

    def __post_init__(self):
        self.machine, _, self.pace = self.machine.partition(', ')


@dataclass
class Selected:
    programs: str
    build: str        # of scripts/check, or its path
    tests: str        # a regular expression for SUITE/NAME
    seconds: str
    cpus: str         # plug, or unplug: CPUs are taken away and brought back meanwhile
    environment: str


def read_table(path, kind):
    entries = []
    with open(path, encoding='utf-8') as file:
        for line in file:
            if line.strip() and not line.startswith('#'):
                values = [value.strip() for value in re.split(r'\s\|(?=\s|$)', line.rstrip())]
                if len(values) != len(fields(kind)):
                    raise SystemExit(f'{path}: {len(values)} fields instead of {len(fields(kind))}: {line}')
                entries.append(kind(*values))
    return entries
