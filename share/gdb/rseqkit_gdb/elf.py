# SPDX-License-Identifier: MIT
"""elf.py - reads words of an ELF file, as the dynamic linker would relocate them, and a few symbols.

All addresses are as the linker gave them. The caller adds the distance by which the file was moved when it was loaded. A damaged
file can have any contents. Each fault of a file becomes an ElfError.
"""
import functools
import os
import struct

MACHINES = {62: 'x86-64', 183: 'arm64'}
# Two types of relocation, by machine. RELATIVE adds the distance by which the file was moved. THREAD_OFFSET writes the offset
# from the thread pointer to a thread-local variable.
RELATIVE = {62: 8, 183: 1027}
THREAD_OFFSET = {62: 18, 183: 1030}
PT_TLS = 7
SHT_SYMTAB, SHT_RELA, SHT_NOBITS, SHT_DYNSYM = 2, 4, 8, 11
SHT_TYPES = (SHT_SYMTAB, SHT_DYNSYM)


class ElfError(Exception):
    """A file can't be read. The message is the reason."""


def checked(method):
    """Wraps a method. If a damaged file makes it fail, raises an ElfError. Keeps the method's results, because files.py makes a
    new Elf object when a file has changed."""
    @functools.wraps(method)
    def call(self, *arguments):
        key = (method.__name__, *arguments)
        if key not in self.kept:
            try:
                self.kept[key] = method(self, *arguments)
            except (struct.error, ValueError, IndexError, OverflowError) as error:
                raise ElfError(f'the file is damaged: {error}') from error
        return self.kept[key]
    return call


def text_at(texts, place):
    return texts[place:max(texts.find(b'\0', place), 0)].decode('utf-8', 'replace')


class Symbol:
    """A defined symbol. `value` is its address, or for a thread-local one its offset in the file's thread-local data. Other files
    can only use a symbol that is exported."""

    def __init__(self, value, is_thread_local, is_exported):
        self.value = value
        self.is_thread_local = is_thread_local
        self.is_exported = is_exported


class Elf:
    """A 64-bit little-endian ELF file. It isn't mapped: if another program shortened a mapped file, gdb would die of SIGBUS."""

    def __init__(self, path):
        self.kept = {}
        try:
            self.file = open(path, 'rb', buffering=0) # pylint: disable=consider-using-with
            self.size = os.fstat(self.file.fileno()).st_size
        except OSError as error:
            raise ElfError(f'{path}: {error.strerror}') from error
        self._read_headers()

    def _read(self, place, size):
        if place + size > self.size:
            raise ElfError('the file is too short')
        try:
            data = os.pread(self.file.fileno(), size, place)
        except OSError as error:
            raise ElfError(error.strerror) from error
        if len(data) != size:
            raise ElfError('the file is too short')
        return data

    def _unpack(self, form, place):
        return struct.unpack(form, self._read(place, struct.calcsize(form)))

    def _rows(self, form, place, size):
        row = struct.calcsize(form)
        return struct.iter_unpack(form, self._read(place, size // row * row))

    @checked
    def _read_headers(self):
        if self._read(0, 6) != b'\x7fELF\x02\x01':
            raise ElfError('not a 64-bit little-endian ELF file')
        self.machine, = self._unpack('<H', 18)
        if self.machine not in MACHINES:
            raise ElfError('neither x86-64 nor arm64')
        segments, headers = self._unpack('<QQ', 32)
        _, size, count, header_size, header_count, names = self._unpack('<HHHHHH', 52)
        self.tls = None
        for i in range(count if segments else 0):
            kind, _, _, address, _, _, memory, alignment = self._unpack('<IIQQQQQQ', segments + i * size)
            if kind == PT_TLS:
                self.tls = (address, memory, max(alignment, 1))
        rows = [self._unpack('<IIQQQQIIQQ', headers + i * header_size) for i in range(header_count if headers else 0)]
        texts = self._read(rows[names][4], rows[names][5]) if names < len(rows) else b''
        # name, type, address, place in the file, size, linked section
        self.sections = [(text_at(texts, row[0]), row[1], row[3], row[4], row[5], row[6]) for row in rows]

    def addresses(self, name):
        """(address, size) of each section of this name."""
        return [(row[2], row[4]) for row in self.sections if row[0] == name and row[1] != SHT_NOBITS]

    def _raw(self, address, size):
        for _, kind, start, place, length, _ in self.sections:
            if kind != SHT_NOBITS and start and start <= address and address + size <= start + length:
                return self._read(place + address - start, size)
        raise ElfError(f'the file has no data for address {address:#x}')

    def _relocations(self):
        """(address, type, symbol's number, addend) of each relocation that the dynamic linker applies."""
        for _, kind, address, place, size, _ in self.sections:
            if kind == SHT_RELA and address:
                for where, info, addend in self._rows('<QQq', place, size):
                    yield where, info & 0xffffffff, info >> 32, addend

    @checked
    def words(self, ranges):
        """The 64-bit words of each (address, size), as if the dynamic linker had relocated them. Packed relocations (RELR) need
        no code here, because the linker has written the address into such a word."""
        found = [list(struct.unpack(f'<{size // 8}Q', self._raw(address, size // 8 * 8))) for address, size in ranges]
        places = {}
        for number, (address, size) in enumerate(ranges):
            places.update({address + 8 * i: (number, i) for i in range(size // 8)})
        for where, kind, _, addend in self._relocations() if places else ():
            if where in places and kind == RELATIVE[self.machine]:
                number, i = places[where]
                found[number][i] = addend & 0xffffffffffffffff
        return found

    @checked
    def symbols(self, names):
        """The defined symbols with one of these names. Most files have none, so the table of the symbols' names is searched
        first, and the symbols are only read if it has one."""
        found = {}
        for _, kind, _, place, size, link in self.sections:
            if kind not in SHT_TYPES or link >= len(self.sections):
                continue
            texts = self._read(*self.sections[link][3:5])
            wanted = {}
            for name in names:
                at = texts.find(name.encode() + b'\0')
                while at >= 0:
                    wanted[at] = name
                    at = texts.find(name.encode() + b'\0', at + 1)
            if not wanted:
                continue
            for name, info, _, section, value, _ in self._rows('<IBBHQQ', place, size):
                if name in wanted and section != 0 and not (wanted[name] in found and found[wanted[name]].is_exported):
                    found[wanted[name]] = Symbol(value, info & 15 == 6, kind == SHT_DYNSYM)
        return found

    @checked
    def thread_offset_words(self, name):
        """The addresses of words into which the dynamic linker writes the offset from the thread pointer to a thread-local symbol
        of this name."""
        found = []
        for _, kind, _, place, size, link in self.sections:
            if kind != SHT_DYNSYM or link >= len(self.sections):
                continue
            texts = self._read(*self.sections[link][3:5])
            symbols = list(self._rows('<IBBHQQ', place, size))
            for where, reloc, number, addend in self._relocations():
                if reloc == THREAD_OFFSET[self.machine] and addend == 0 and 0 < number < len(symbols) and \
                        text_at(texts, symbols[number][0]) == name:
                    found.append(where)
        return found

    @checked
    def executable_offset(self, symbol):
        """The offset from the thread pointer to a thread-local symbol, if this file is the executable."""
        address, size, alignment = self.tls
        first = -address % alignment
        if self.machine == 62:
            return symbol.value - (-(-(size - first) // alignment) * alignment + first)
        return symbol.value + address % alignment + -(-16 // alignment) * alignment
