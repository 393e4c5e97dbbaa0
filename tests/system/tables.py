# SPDX-License-Identifier: MIT
"""Reads the tables of the system test. Each line is an entry; fields are separated by bars with blanks around them."""
import re
from dataclasses import dataclass, fields


class Unavailable(Exception):
    """Something that a row needs isn't available here. The row is skipped for this reason."""


@dataclass
class Row:
    name: str
    when: str       # quick, normal, asked
    machine: str    # a name of guest.MACHINES; after a comma a pace of guest.PACES
    kernel: str     # "SUITE PATTERN", or the script that builds it
    libc: str       # Debian suite
    cpus: str       # the argument of QEMU's -smp
    arguments: str  # arguments of the kernel
    programs: str   # names of groups in the selection

    def __post_init__(self):
        self.machine, _, self.pace = self.machine.partition(', ')


@dataclass
class Selected:
    programs: str
    build: str        # a build of scripts/check, kernel, or the path of a script
    tests: str        # a regular expression for SUITE/NAME
    seconds: str
    cpus: str         # plug; or unplug: CPUs are taken away and brought back while the test runs
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
