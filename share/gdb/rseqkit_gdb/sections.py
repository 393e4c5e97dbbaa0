# SPDX-License-Identifier: MIT
"""sections.py - the critical sections of the loaded files, and the places where a thread leaves one.

The ELF section __rseq_cs has descriptors, and __rseq_cs_ptr_array has their addresses. __rseq_exit_point_array lists the places
outside a section to which it jumps. Some files lack this list, so a section's instructions are also decoded, to find its jumps.
"""
import re

import gdb

from rseqkit_gdb.elf import ElfError
from rseqkit_gdb.files import MASK, loaded, place, read_words

MOST_INSTRUCTIONS = 10000 # a damaged table can have any length
JUMPS = re.compile(r'^(?:bnd |notrack |[c-gs]s )*(?:j\w+|loop\w*|b|b\.\w+|cbn?z|tbn?z)\s(?:.*[,\s])?(0x[0-9a-f]+)(?:\s|$)')
BLIND = re.compile(r'^(?:bnd |notrack |repz |[c-gs]s )*(?:jmp\w?\s+(?!0x)(?=\S)|ret|br\s|bra\w+\s)')


class Section:
    """A critical section: its descriptor's address and members. `exits` has the places outside to which it jumps, as listed in
    the file."""

    def __init__(self, descriptor, words, file=None):
        self.descriptor = descriptor
        self.version, self.flags = words[0] & 0xffffffff, words[0] >> 32
        moved = file.moved if file else int
        self.start, self.length, self.abort = moved(words[1]), words[2], moved(words[3])
        self.exits = []

    @property
    def end(self):
        return (self.start + self.length) & MASK

    def __contains__(self, address):
        return (address - self.start) & MASK < self.length

    def fault(self):
        """Why the kernel doesn't accept this descriptor, or None."""
        if self.version or self.flags:
            return f'version {self.version} and flags {self.flags:#x} aren\'t 0'
        if self.start >= 1 << 63 or self.start + self.length > 1 << 63:
            return 'its range isn\'t in user space'
        if self.abort in self:
            return 'its abort handler is inside its range'
        return None


def descriptor_at(address):
    """The section whose descriptor is at this address of memory. Raises gdb.MemoryError."""
    return Section(address, read_words(address, 4))


def sections_of(file):
    found = {}
    for start, words in file.tables('__rseq_cs'):
        for i in range(0, len(words) - 3, 4):
            found[start + 8 * i] = words[i:i + 4]
    for _, pointers in file.tables('__rseq_cs_ptr_array'):
        for pointer in map(file.moved, pointers):
            if pointer not in found:
                try:
                    found[pointer] = file.words_at(pointer, 4)
                except (ElfError, gdb.MemoryError):
                    continue # garbage in the table
    sections = [Section(address, words, file) for address, words in found.items() if words[1] or words[2]]
    by_start = {section.start: section for section in sections}
    for _, words in file.tables('__rseq_exit_point_array'):
        for i in range(0, len(words) - 1, 2):
            section, target = by_start.get(file.moved(words[i])), file.moved(words[i + 1])
            if section and target not in section and target not in section.exits:
                section.exits.append(target)
    return sorted(sections, key=lambda section: section.start)


def all_sections(files=None):
    """(file, its critical sections) of each loaded file that has any."""
    found = []
    for file in loaded() if files is None else files:
        try:
            sections = sections_of(file)
        except (ElfError, gdb.MemoryError) as error:
            print(f'{file.name}: its sections can\'t be read ({error})')
            continue
        if sections:
            found.append((file, sections))
    return found


def find(address, known):
    """The section with this address inside, or None. `known` is what all_sections() returned."""
    return next((section for section in valid(known) if address in section), None)


def valid(known):
    """The sections among `known` whose descriptors the kernel accepts."""
    return (section for _, sections in known for section in sections if not section.fault())


def is_jump(text):
    return bool(JUMPS.match(text) or BLIND.match(text))


def decoded(section):
    """Returns the targets outside the section to which its direct jumps lead. Also returns whether the section has other jumps,
    whose targets can't be known from the code."""
    targets, is_blind = [], False
    try:
        architecture = gdb.selected_inferior().architecture()
        code = architecture.disassemble(section.start, section.end - 1, MOST_INSTRUCTIONS) if section.length else []
    except gdb.MemoryError:
        return [], False
    for instruction in code:
        match = JUMPS.match(instruction['asm'])
        if match and int(match.group(1), 16) not in section:
            targets.append(int(match.group(1), 16))
        is_blind |= bool(BLIND.match(instruction['asm']))
    return targets, is_blind


def ways_out(section):
    """Returns the places outside the section where a thread can go on, each with the way there: 'end', 'exit' or 'abort'. Also
    returns whether there are jumps whose targets are unknown."""
    targets, is_blind = decoded(section)
    ways = {target: 'exit' for target in section.exits + targets}
    ways[section.abort] = 'abort'
    ways[section.end] = 'end'
    return ways, is_blind


def describe(section, files=None):
    return f'{place(section.start, files)}, {section.length} bytes from {section.start:#x} to {section.end:#x}'
