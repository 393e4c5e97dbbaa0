# SPDX-License-Identifier: MIT
"""step.py - steps a thread by source lines, or by instructions where no line is known. A whole section is one step.

The kernel aborts a section in which a thread stops, so these commands never stop a thread inside a section. When the thread is at
the store that begins a section, they set a breakpoint at each place outside the section where the thread can go on. Then they
let the thread run. The store is taken to be the instruction that ends at the section's start.
"""
import contextlib
import re

import gdb

from rseqkit_gdb import files, sections

LONGEST_INSTRUCTION = 15
CALL = re.compile(r'^(?:bnd |notrack |[c-gs]s )*(?:call\w*|bl|blr\w*)\s')
WAYS = {'end': 'The thread reached the end of the section {section}, and is at {place}.',
        'exit': 'The thread left the section {section} by an exit, and is at {place}.',
        'abort': 'The section {section} was aborted. The thread is at the abort handler, {place}.'}


class Stop:
    """Runs gdb commands that let the thread go on, and keeps gdb from printing each stop. Tells if something other than the
    command stopped the thread."""

    def __enter__(self):
        self.event = self.exit = None
        gdb.events.stop.connect(self._stopped)
        gdb.events.exited.connect(self._exited)
        self.words = None
        with contextlib.suppress(RuntimeError, gdb.error): # gdb before 13 has no such setting, and prints each stop
            self.words = gdb.parameter('suppress-cli-notifications')
        return self

    def __exit__(self, *_):
        gdb.events.stop.disconnect(self._stopped)
        gdb.events.exited.disconnect(self._exited)

    def _stopped(self, event):
        self.event = event

    def _exited(self, event):
        self.exit = event

    @contextlib.contextmanager
    def _quiet(self):
        if self.words is not None:
            gdb.execute('set suppress-cli-notifications on', to_string=True)
        try:
            yield
        finally:
            if self.words is not None:
                gdb.execute(f'set suppress-cli-notifications {"on" if self.words else "off"}', to_string=True)

    def run(self, command):
        """Runs a command. If something else stopped the thread before the command was done, returns a sentence about this for the
        user, and otherwise None."""
        self.event = self.exit = None
        number = gdb.selected_thread().global_num
        with self._quiet():
            gdb.execute(command, to_string=True)
        if self.exit is not None:
            return 'The process has ended' + (f', with status {self.exit.exit_code}.' if hasattr(self.exit, 'exit_code') else '.')
        thread = gdb.selected_thread()
        if thread is None:
            return 'The thread has ended.'
        by = f'Thread {thread.num}' if thread.global_num != number else 'The thread'
        if isinstance(self.event, gdb.SignalEvent):
            return f'{by} got {self.event.stop_signal}.'
        if isinstance(self.event, gdb.BreakpointEvent) and any(b.number > 0 for b in self.event.breakpoints):
            return f'{by} stopped at breakpoint {next(b.number for b in self.event.breakpoints if b.number > 0)}.'
        return f'{by} stopped.' if thread.global_num != number else None


def current_pc():
    return gdb.newest_frame().pc()


def instruction(address):
    return gdb.selected_inferior().architecture().disassemble(address)[0]


def begun_by(address, known):
    """The section that starts right after the instruction at this address, or None. A call or a jump begins no section."""
    near = [section for section in sections.valid(known) if 0 < section.start - address <= LONGEST_INSTRUCTION]
    now = instruction(address) if near else None
    if not near or CALL.match(now['asm']) or sections.is_jump(now['asm']):
        return None
    return next((section for section in near if section.start == address + now['length']), None)


@contextlib.contextmanager
def undisturbed(first, section):
    """While the section is passed: disables the user's breakpoints at `first` and inside the section, and lets only this thread
    run. To go on from a breakpoint at `first`, gdb would step that instruction, and so stop the thread inside the section."""
    disabled = []
    for breakpoint_ in gdb.breakpoints():
        places = locations(breakpoint_)
        if breakpoint_.enabled and (places is None or any(place == first or place in section for place in places)):
            breakpoint_.enabled = False
            disabled.append(breakpoint_)
    locking = gdb.parameter('scheduler-locking')
    try:
        with contextlib.suppress(gdb.error): # some targets can't run one thread alone
            gdb.execute('set scheduler-locking on', to_string=True)
        yield
    finally:
        with contextlib.suppress(gdb.error):
            gdb.execute(f'set scheduler-locking {locking}', to_string=True)
        for breakpoint_ in disabled:
            if breakpoint_.is_valid():
                breakpoint_.enabled = True


def locations(breakpoint_):
    """The addresses of a breakpoint. None if this version of gdb can't tell them."""
    if breakpoint_.type not in (gdb.BP_BREAKPOINT, getattr(gdb, 'BP_HARDWARE_BREAKPOINT', gdb.BP_BREAKPOINT)):
        return []
    if not hasattr(breakpoint_, 'locations'): # gdb before 13
        return None
    return [location.address for location in breakpoint_.locations if location.address]


def pass_section(stop, section):
    """Lets the thread go on to the first place outside the section, and prints this place. If something else stopped the thread
    before, returns a sentence about this for the user."""
    first = current_pc()
    where = files.place(section.start)
    ways, is_blind = sections.ways_out(section)
    if is_blind:
        print(f'The section at {where} has jumps to unknown places. If the thread takes one, this step doesn\'t end there.')
    if first in section:
        print('The thread stopped inside the section. The kernel aborts the section if it is active.')
    guards = []
    try:
        for target in ways:
            guard = gdb.Breakpoint(f'*{target:#x}', internal=True)
            guard.silent = True
            guard.thread = gdb.selected_thread().global_num
            guards.append(guard)
        with undisturbed(first, section):
            other = stop.run('continue')
    finally:
        for guard in guards:
            if guard.is_valid():
                guard.delete()
    if stop.exit is not None or gdb.selected_thread() is None:
        return other
    pc = current_pc()
    if pc not in ways:
        return other or 'The thread stopped.'
    print(WAYS[ways[pc]].format(section=where, place=files.place(pc)))
    return None


def function_has_sections(frame, known):
    """Does the function of this frame have sections? True also if the function's range isn't known."""
    block = None
    with contextlib.suppress(RuntimeError):
        block = frame.block()
    while block is not None and block.superblock is not None and not block.superblock.is_static:
        block = block.superblock
    return block is None or any(block.start <= section.start < block.end for _, found in known for section in found)


def can_use_gdb(known):
    """Is gdb's own command for a step good enough? It is if neither the current function nor its caller has a section."""
    frame = gdb.newest_frame()
    if not gdb.find_pc_line(frame.pc()).line or function_has_sections(frame, known):
        return False
    older = frame.older()
    while older is not None and older.type() == gdb.INLINE_FRAME:
        older = older.older()
    return older is None or not gdb.find_pc_line(older.pc()).line or not function_has_sections(older, known)


def call(stop, pc, length, is_over):
    """Executes a call instruction, and with is_over also the called function. Returns (sentence, done). The sentence tells the
    user what else stopped the thread, and is None if nothing did. `done` is true if the step ends here."""
    if is_over:
        return stop.run('nexti'), False
    guard = gdb.Breakpoint(f'*{pc + length:#x}', internal=True)
    guard.silent = True
    guard.thread = gdb.selected_thread().global_num
    guard.condition = f'$sp == {int(gdb.parse_and_eval("(unsigned long)$sp")):#x}'
    try:
        other = stop.run('step')
    finally:
        guard.delete()
    return other, other is None and current_pc() != pc + length


def one_step(stop, known, is_over):
    """Does one step. If something else ended it early, returns a sentence about this for the user."""
    origin = gdb.find_pc_line(current_pc())
    while True:
        pc = current_pc()
        now = instruction(pc)
        section = sections.find(pc, known) or begun_by(pc, known)
        if section:
            return pass_section(stop, section)
        if CALL.match(now['asm']) and (is_over or origin.line):
            other, is_done = call(stop, pc, now['length'], is_over)
        else:
            other, is_done = stop.run('stepi'), False
        if other is not None or is_done:
            return other
        line = gdb.find_pc_line(current_pc())
        if not origin.line or not line.line:
            return None
        if line.pc == current_pc() and (line.line, line.symtab.filename) != (origin.line, origin.symtab.filename):
            return None


def step(count, is_over):
    known = sections.all_sections()
    with Stop() as stop:
        for _ in range(count):
            if can_use_gdb(known):
                other = stop.run('next' if is_over else 'step')
            else:
                other = one_step(stop, known, is_over)
            if other is not None:
                print(other)
                break
        if gdb.selected_thread() is None or stop.exit is not None:
            return
        # The unwind information describes an abort handler as a signal handler's frame. gdb would print that, not the place.
        if gdb.newest_frame().type() != gdb.SIGTRAMP_FRAME:
            gdb.execute('frame')
