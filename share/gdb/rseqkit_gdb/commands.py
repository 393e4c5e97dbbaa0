# SPDX-License-Identifier: MIT
"""commands.py - the commands, and the note that is printed when the user sets a breakpoint in a section.

On each error the user reads one sentence, and never a Python traceback.
"""
import functools
import re

import gdb

from rseqkit_gdb import area as areas
from rseqkit_gdb import files, sections
from rseqkit_gdb import step as steps
from rseqkit_gdb.elf import ElfError

DANGER = ' If the kernel looks there, it ends the process by SIGSEGV.'
seen = {} # for each breakpoint, by its number: the addresses that it had when note() last looked at it
noted = set() # (number of a breakpoint, text) of each note that was printed, so that none is printed twice


def plain(function):
    """Turns errors into gdb.GdbError, which gdb prints without a traceback."""
    @functools.wraps(function)
    def call(*arguments):
        try:
            return function(*arguments)
        except gdb.GdbError:
            raise
        except (gdb.error, ElfError) as error:
            raise gdb.GdbError(str(error)) from None
        except KeyboardInterrupt:
            raise gdb.GdbError('Quit') from None
        except Exception as error: # pylint: disable=broad-except
            raise gdb.GdbError(f'The rseq command failed: {type(error).__name__}: {error}') from None
    return call


def show_section(area, loaded, known):
    """Prints the section that rseq_cs names, and what the kernel will do with it when the thread goes on."""
    address, pc = area.field('rseq_cs'), files.MASK & gdb.newest_frame().pc()
    by_pc = sections.find(pc, known)
    if not address:
        if by_pc:
            print(f'section: rseq_cs names none. The pc is in {sections.describe(by_pc, loaded)}, which isn\'t active.')
        return
    try:
        section = sections.descriptor_at(address)
    except gdb.MemoryError:
        where = 'The core file lacks it.' if areas.is_core() else 'Possibly its library was unloaded.'
        print(f'section: the memory at {address:#x} can\'t be read. {where}{DANGER}')
        return
    fault = section.fault()
    if fault:
        print(f'section: at {address:#x} there is no valid descriptor: {fault}.{DANGER}')
        return
    print(f'section: {sections.describe(section, loaded)}')
    print(f'abort handler: {section.abort:#x}, {files.place(section.abort, loaded)}')
    show_signature(section, area)
    if pc not in section:
        print('state: not active, because the pc is outside. The kernel clears rseq_cs later.')
    elif not area.is_registered:
        print(f'state: without protection, because the thread isn\'t registered; the pc is {pc - section.start} bytes after the '
              'start.')
    else:
        then = '' if areas.is_core() else '. When the thread goes on, it goes on at the abort handler'
        print(f'state: active, the pc is {pc - section.start} bytes after the start{then}.')


def show_signature(section, area):
    wanted = area.signature or areas.SIGNATURES[areas.machine()]
    try:
        found = int.from_bytes(files.read(section.abort - 4, 4), 'little')
    except gdb.MemoryError:
        print('abort handler: the memory before it can\'t be read')
        return
    if found != wanted:
        print(f'abort handler: before it is {found:#010x} instead of the signature {wanted:#010x}, so an abort ends the process')


class Rseq(gdb.Command):
    """Commands for restartable sequences (rseq)."""

    def __init__(self):
        super().__init__('rseq', gdb.COMMAND_USER, prefix=True)


class Info(gdb.Command):
    """Show the selected thread's rseq area, its owner, and the section that it names.
Usage: rseq info

For all threads: thread apply all rseq info"""

    def __init__(self):
        super().__init__('rseq info', gdb.COMMAND_STATUS)

    @plain
    def invoke(self, argument, _):
        if argument.strip():
            raise gdb.GdbError('rseq info takes no argument. For all threads: thread apply all rseq info')
        loaded = files.loaded()
        area = areas.of_thread(loaded)
        thread = gdb.selected_thread()
        print(f'thread: {thread.num} (LWP {thread.ptid[1] or thread.ptid[0]})')
        if area.is_asked or area.address is None or not area.data:
            print(f'registered: {"yes" if area.is_registered else "no" if area.is_asked else "unknown"}')
        else:
            print(f'registered: {"yes" if area.is_registered else "no"}, as the sign of cpu_id says; the kernel can\'t be asked')
        print(f'owner: {area.owner}')
        if area.address is None:
            print(f'area: none; {area.why}' if area.is_asked else f'area: unknown, because {area.why}')
            return
        size = f'{area.length} bytes' if area.is_registered and area.is_asked else 'registered size unknown'
        signature = f', signature {area.signature:#010x}' if area.signature is not None else ''
        print(f'area: {area.address:#x}' + (f', {size}{signature}' if area.is_registered else ''))
        if not area.data:
            print(f'fields: unknown, because {area.why}')
            return
        for name, _, _ in areas.FIELDS:
            value = area.field(name)
            if value is None:
                print(f'{name}: not in this area')
            elif name.startswith('cpu_id'):
                print(f'{name}: {areas.signed(value, 32)}')
            else:
                print(f'{name}: ' + (f'{value:#x}' if name in ('rseq_cs', 'flags', 'slice_ctrl') else f'{value}'))
        show_section(area, loaded, sections.all_sections(loaded))


class Sections(gdb.Command):
    """List the critical sections of all loaded files.
Usage: rseq sections [REGEX]

REGEX selects by symbol, source file and line, or by the file's name."""

    def __init__(self):
        super().__init__('rseq sections', gdb.COMMAND_STATUS)

    @plain
    def invoke(self, argument, _):
        try:
            wanted = re.compile(argument.strip())
        except re.error as error:
            raise gdb.GdbError(f'The regular expression is wrong: {error}.') from None
        loaded = files.loaded()
        count = 0
        for file, found in sections.all_sections(loaded):
            lines = []
            for section in found:
                where = sections.describe(section, loaded)
                if wanted.search(where) or wanted.search(file.name):
                    lines.append(f'  {where}; abort handler {section.abort:#x}' +
                                 ''.join(f', exit {target:#x}' for target in sorted(section.exits)) +
                                 (f'; not valid: {section.fault()}' if section.fault() else ''))
            if lines:
                print(f'{file.path}:')
                print('\n'.join(lines))
            count += len(lines)
        print(f'{count} section{"s" if count != 1 else ""}')


class Step(gdb.Command):
    """Step to another source line, and pass a critical section as one step.
Usage: rseq step [COUNT]

A single step inside a section aborts it, so gdb's own commands never get to its end. This command says
whether the thread reached the end, an exit or the abort handler. Where there is no line information, one
instruction is a step."""

    def __init__(self, name='step'):
        super().__init__(f'rseq {name}', gdb.COMMAND_RUNNING)
        self.is_over = name == 'next'

    @plain
    def invoke(self, argument, _):
        count = int(gdb.parse_and_eval(argument)) if argument.strip() else 1
        if count < 1:
            raise gdb.GdbError('COUNT must be at least 1.')
        if areas.is_core() or gdb.selected_thread() is None:
            raise gdb.GdbError('There is no process to step.')
        areas.machine()
        steps.step(count, self.is_over)


class Next(Step):
    """Like "rseq step", but a called function is also passed as one step.
Usage: rseq next [COUNT]"""

    def __init__(self):
        super().__init__('next')


def note(breakpoint_):
    """gdb calls this when a breakpoint is created or changed. If the breakpoint is inside a section, or at the store that begins
    one, prints what it does to the section. Drops all errors, because the note is only advice."""
    try:
        places = steps.locations(breakpoint_) or []
        if seen.get(breakpoint_.number) == places: # not moved: gdb also calls this at each hit, for instance
            return
        seen[breakpoint_.number] = places
        known = sections.all_sections() if places else []
        for address in places:
            section = sections.find(address, known)
            begun = None if section else steps.begun_by(address, known)
            text = inside(section, address) if section else before(begun, address) if begun else None
            if text and (breakpoint_.number, text) not in noted:
                noted.add((breakpoint_.number, text))
                print(f'Note: breakpoint {breakpoint_.number}, {text}')
                if section:
                    protect()
    except Exception: # pylint: disable=broad-except
        pass # the note is only advice


def protect():
    """Turns off gdb's displaced stepping. To step from a breakpoint, it executes a copy of the instruction outside the section.
    The kernel then takes the section for finished, and doesn't abort it."""
    setting = gdb.parameter('displaced-stepping')
    if setting in (None, 'auto'): # the value of auto differs between gdb's versions
        gdb.execute('set displaced-stepping off', to_string=True)
        print('Note: displaced-stepping is off now. With it, gdb would let the section go on without protection.')
    elif setting in (True, 'on'):
        print('Note: displaced-stepping is on. With it, gdb lets the section go on without protection.')


def inside(section, address):
    return (f'{files.location(address)}, is inside a critical section. Each stop there aborts the section, and the thread goes '
            f'on at the abort handler. A breakpoint at the end, {files.location(section.end)}, or at the abort handler, '
            f'{files.location(section.abort)}, aborts nothing.')


def before(section, address):
    return (f'{files.location(address)}, is at the store that begins a critical section. To go on, gdb steps this instruction. '
            f'The thread then stops inside the section, which aborts it. "rseq step" passes the section without an abort.')


def register():
    for command in (Rseq, Info, Sections, Step, Next):
        command()
    gdb.events.breakpoint_created.connect(note)
    gdb.events.breakpoint_modified.connect(note)


def forget():
    """Disconnects note() from gdb's events. Without this, each loading of these commands would print each note once more."""
    gdb.events.breakpoint_created.disconnect(note)
    gdb.events.breakpoint_modified.disconnect(note)
