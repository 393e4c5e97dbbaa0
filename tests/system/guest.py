# SPDX-License-Identifier: MIT
"""Boots a guest, and reads the results of the programs from its console (init.c describes the format).

A boot that dies before the first process prints anything is tried again, twice at most, because emulators sometimes fail. A guest
that dies later is a result, and isn't booted again. There is one exception: a kernel that dies of a breakpoint in its own code
(EMULATORS_FAULT). The kernel sets such a breakpoint while it patches its code, and a CPU of an emulator may miss its removal: see
process_mend() in tool/torture/space.h.
"""
import copy
import os
import re
import select
import shutil
import subprocess
import time
from dataclasses import dataclass, field

from tables import Unavailable

BOOT_SECONDS = 180    # until the first process prints anything; a few seconds are usual
SILENCE_SECONDS = 90  # without output, in addition to the program's own limit
POWER_OFF_SECONDS = 10
ATTEMPTS = 3
EMULATORS_FAULT = 'Oops: int3:'

# `-cx16`: with QEMU 7.2 guests sometimes panic right after a cmpxchg16b. `-abm`: real machines have lzcnt, so these guests
# test without it. `-bmi1,-bmi2`: programs such as zstd assume that a machine with bmi has lzcnt.
MACHINES = {
    'x86_64': ['qemu-system-x86_64', '-M', 'q35', '-cpu', 'max,-cx16,-abm,-bmi1,-bmi2', 'console=ttyS0'],
    'aarch64': ['qemu-system-aarch64', '-M', 'virt,gic-version=3', '-cpu', 'max,pauth-impdef=on', 'console=ttyAMA0'],
}
# By default all CPUs of a guest run at once, at full speed. With `counted` they run in turns, and each instruction takes a
# nanosecond of the guest's clocks. Times in the guest therefore don't depend on the load of this machine.
PACES = {'': ['-accel', 'tcg,thread=multi'], 'counted': ['-accel', 'tcg,thread=single', '-icount', 'shift=0,sleep=off']}


@dataclass
class Booted:
    kernel: str = None                        # the kernel's release
    problem: str = None                       # None if the guest ran all programs
    tail: list = field(default_factory=list)  # the last lines of output if there is a problem


def need(row):
    """Raises Unavailable if the row's machine can't be emulated here."""
    for program in (MACHINES[row.machine][0], 'cpio', 'readelf'):
        if shutil.which(program) is None:
            raise Unavailable(f'{program} is not installed')


def command_of(row, kernel, initramfs):
    *machine, console = MACHINES[row.machine]
    return [*machine, *PACES[row.pace], '-smp', row.cpus, '-m', '1G', '-nodefaults', '-no-user-config',
            '-display', 'none', '-serial', 'stdio', '-no-reboot', '-kernel', kernel, '-initrd', initramfs, '-append',
            f'{console} panic=-1 quiet {row.arguments}'.strip()]


class Console:
    """The guest's console, read line by line. All output is also stored in a file."""

    def __init__(self, command, path):
        self.file = open(path, 'wb')
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.rest = b''

    def line(self, seconds):
        """Returns the next line, or None at the end of the console. Raises TimeoutError if no line comes in time."""
        deadline = time.monotonic() + seconds
        while b'\n' not in self.rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise TimeoutError
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return None
            self.file.write(data)
            self.rest += data
        line, self.rest = self.rest.split(b'\n', 1)
        return line.decode('utf-8', 'replace').strip('\r')

    def close(self, ended):
        """Ends the emulator. A guest that has `ended` its work may first power off."""
        try:
            self.process.wait(POWER_OFF_SECONDS if ended else 0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.file.close()


def wait_for_init(console):
    """Returns the kernel's release, or None if the boot died."""
    deadline = time.monotonic() + BOOT_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        try:
            line = console.line(left)
        except TimeoutError:
            return None
        if line is None:
            return None
        if found := re.match(r'@guest kernel (\S+),', line):
            return found[1]
    return None


def follow(console, programs):
    """Stores the results in `programs`. Returns the problem that ended the guest early, or None, and its last lines."""
    waiting, current, output = list(programs), None, []
    while True:
        try:
            line = console.line(SILENCE_SECONDS + (current.seconds_allowed if current else 0))
        except TimeoutError:
            return f'the guest said nothing any more{" during " + current.name if current else ""}', output[-20:]
        if line is None:
            return f'the guest ended{" during " + current.name if current else ""}', output[-20:]
        # The line "@guest end" may be lost among the kernel's messages. Then the program's result is unknown.
        if current and current.end is None and re.match(r'@guest (begin |done$)', line):
            return f'the guest never said how {current.name} ended', output[-20:]
        if found := re.match(r'@guest begin (.*)$', line):
            current, output = waiting.pop(0) if waiting else None, []
            if current is None or current.name != found[1]:
                return f'the guest began {found[1]} instead of {current.name if current else "nothing"}', output
        elif current and (found := re.match(r'@guest end (\w+) (\d+), (\d+) ms', line)):
            current.end, current.seconds = (found[1], int(found[2])), int(found[3]) / 1000
            current.output = '\n'.join(output)
        elif current and (found := re.match(r'@guest unplugged (\d+) times', line)):
            current.unplugged = int(found[1])
        elif current and (found := re.match(r'@guest tainted (\d+)', line)):
            current.tainted = int(found[1])
        elif line == '@guest done':
            return (f'{waiting[0].name} was not run' if waiting else None), []
        else:
            output.append(line)


def text_of(path):
    with open(path, encoding='utf-8', errors='replace') as file:
        return file.read()


def boot(folder, row, kernel, initramfs, programs):
    """Boots the row's machine and runs its programs."""
    path = os.path.join(folder, 'console')
    for left in reversed(range(ATTEMPTS)):
        console = Console(command_of(row, kernel, initramfs), path)
        release = wait_for_init(console)
        ran = copy.deepcopy(programs)
        problem, tail = follow(console, ran) if release else (None, [])
        console.close(release and not problem)
        if release and not (left > 0 and problem and EMULATORS_FAULT in text_of(path)):
            for program, result in zip(programs, ran):
                vars(program).update(vars(result))
            return Booted(release, problem, tail)
    return Booted(None, f'the boot died {ATTEMPTS} times before the first process spoke', text_of(path).splitlines()[-20:])
