# SPDX-License-Identifier: MIT
"""files.py - the ELF files that gdb has loaded: where each is in memory, and its contents.

A file's contents come from the file itself if it can be read, and otherwise from memory. Memory is wrong until the dynamic linker
has relocated the program; the words from the file are always right.
"""
import os
import re
import struct

import gdb

from rseqkit_gdb.elf import Elf, ElfError

LINE = re.compile(r'^\s+0x([0-9a-f]+) - 0x([0-9a-f]+) is (\S+)(?: in (.*))?$')
MASK = 0xffffffffffffffff
HEADERS_MAX = 0x10000 # the ELF header is at most this many bytes before the first section
kept = {} # for each path: ((time, size, inode), Elf), or None instead of Elf if the file can't be read. See elf_of()


def read_words(address, count):
    """64-bit words of memory. Raises gdb.MemoryError."""
    return list(struct.unpack(f'<{count}Q', read(address, 8 * count)))


def read(address, size):
    return bytes(gdb.selected_inferior().read_memory(address & MASK, size))


def elf_of(path):
    """The Elf object of a file, or None if it can't be read. The file is read anew if its time, size or inode has changed."""
    try:
        status = os.stat(path)
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if kept.get(path, (None,))[0] != stamp:
            try:
                kept[path] = (stamp, Elf(path))
            except ElfError:
                kept[path] = (stamp, None)
        return kept[path][1]
    except OSError:
        return None


def bias_in_memory(start):
    """The distance by which a file was moved when it was loaded, read from the ELF header in memory before the first section. This
    is for a file that can't be read, such as a remote target's. Returns 0 if there is no header."""
    try:
        page = start & ~0xfff
        while read(page, 4) != b'\x7fELF':
            page -= 0x1000
            if page < start - HEADERS_MAX:
                return 0
        offset, = struct.unpack('<Q', read(page + 32, 8))
        size, count = struct.unpack('<HH', read(page + 54, 4))
        for i in range(count):
            kind, _, at, address = struct.unpack('<IIQQ', read(page + offset + i * size, 24))
            if kind == 1: # PT_LOAD
                return page - (address - at)
    except gdb.MemoryError:
        pass
    return 0


class File:
    """A loaded file. `sections` has a list of (start, end) in memory for each name of an ELF section. `elf` is None if the file
    can't be read. `bias` is the distance by which the file was moved when it was loaded."""

    def __init__(self, path, sections):
        self.path = path
        self.sections = sections
        self.elf = elf_of(path)
        self.bias = 0
        if self.elf:
            self.bias = next((start - row[2] for row in self.elf.sections for start, _ in sections.get(row[0], [])[:1]
                              if row[2]), 0)
        else:
            self.bias = bias_in_memory(min(start for ranges in sections.values() for start, _ in ranges))

    @property
    def name(self):
        return os.path.basename(self.path)

    def tables(self, name):
        """(address, words) of each ELF section of this name. See moved() for words that are addresses."""
        if self.elf:
            ranges = self.elf.addresses(name)
            return [(start + self.bias, words) for (start, _), words in zip(ranges, self.elf.words(tuple(ranges)))]
        return [(start, read_words(start, (end - start) // 8)) for start, end in self.sections.get(name, [])]

    def words_at(self, address, count):
        if self.elf:
            return self.elf.words((((address - self.bias) & MASK, 8 * count),))[0]
        return read_words(address, count)

    def moved(self, address):
        """The address in memory that a word of this file stands for."""
        return (address + self.bias) & MASK if self.elf else address

    def has(self, address):
        return any(start <= address < end for ranges in self.sections.values() for start, end in ranges)


def loaded():
    """All loaded files, the executable first. Only the text of `info files` tells them; gdb has no Python function for this."""
    executable = gdb.current_progspace().filename
    found = {}
    for line in gdb.execute('info files', to_string=True).splitlines():
        match = LINE.match(line)
        if match and (match.group(4) or not re.match(r'load\d|note\d|\.reg', match.group(3))):
            path = match.group(4) or executable
            if path and not path.startswith('system-supplied DSO'):
                start, end = int(match.group(1), 16), int(match.group(2), 16)
                found.setdefault(path, {}).setdefault(match.group(3), []).append((start, end))
    return [File(path, sections) for path, sections in found.items()]


def file_at(address, files):
    return next((file for file in files if file.has(address)), None)


def symbol_at(address):
    """(symbol's name, distance from it), or None."""
    match = re.match(r'^(.+?)(?: \+ (\d+))? in section ', gdb.execute(f'info symbol {address:#x}', to_string=True))
    return (match.group(1), int(match.group(2) or 0)) if match else None


def place(address, files=None):
    """An address in words: the symbol and the distance from it, or without a symbol the file and the distance in it. The source
    line follows in brackets if it is known."""
    symbol = symbol_at(address)
    if symbol:
        text = symbol[0] + (f'+{symbol[1]:#x}' if symbol[1] else '')
    else:
        file = file_at(address, loaded() if files is None else files)
        if not file:
            return f'{address:#x}'
        text = f'{file.name}+{(address - file.bias) & MASK:#x}'
    line = gdb.find_pc_line(address)
    return f'{text} ({os.path.basename(line.symtab.filename)}:{line.line})' if line.symtab and line.line else text


def location(address):
    """The address as the break command of gdb takes it. It is given by a symbol if possible, because the program can be at other
    addresses when it is started again."""
    symbol = symbol_at(address)
    if symbol:
        name = symbol[0] if re.fullmatch(r'\w+', symbol[0]) else f"'{symbol[0]}'"
        try:
            if int(gdb.parse_and_eval(f'(unsigned long)&{name}')) + symbol[1] == address:
                return f'*({name}+{symbol[1]})' if symbol[1] else f'*{name}'
        except gdb.error:
            pass
    return f'*{address:#x}'
