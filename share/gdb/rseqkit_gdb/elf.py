# SPDX-License-Identifier: MIT
"""elf.py - reads what the commands need of an ELF file: words as the dynamic linker relocates them, and a few symbols.

All addresses are those of the link: the caller adds the distance by which the file was moved when it was loaded. A file can have
any contents. Whatever is wrong with it becomes an ElfError.
"""
import mmap
import struct

MACHINES = {62: 'x86-64', 183: 'arm64'}
# Types of relocations, by machine: a word that gets a distance added, a symbol's address, a thread-local symbol's offset.
RELATIVE = {62: 8, 183: 1027}
THREAD_OFFSET = {62: 18, 183: 1030}
PT_TLS = 7
SHT_SYMTAB, SHT_RELA, SHT_NOBITS, SHT_DYNSYM = 2, 4, 8, 11
SHT_TYPES = (SHT_SYMTAB, SHT_DYNSYM)


class ElfError(Exception):
    """The file can't be read, for this reason."""


class Symbol:
    """A defined symbol: its address, or its offset in the file's thread-local data."""

    def __init__(self, value, is_thread_local):
        self.value = value
        self.is_thread_local = is_thread_local


class Elf:
    """A 64-bit little-endian ELF file."""

    def __init__(self, path):
        try:
            with open(path, 'rb') as file:
                self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._read_headers()
        except (OSError, ValueError, struct.error) as error:
            raise ElfError(f'{path}: {error}') from error

    def _read_headers(self):
        data = self.data
        if data[:6] != b'\x7fELF\x02\x01':
            raise ValueError('not a 64-bit little-endian ELF file')
        self.machine, = struct.unpack_from('<H', data, 18)
        if self.machine not in MACHINES:
            raise ValueError('neither x86-64 nor arm64')
        segments, headers = struct.unpack_from('<QQ', data, 32)
        _, size, count, header_size, header_count, names = struct.unpack_from('<HHHHHH', data, 52)
        self.tls = None
        for i in range(count if segments else 0):
            kind, _, _, address, _, _, memory, alignment = struct.unpack_from('<IIQQQQQQ', data, segments + i * size)
            if kind == PT_TLS:
                self.tls = (address, memory, max(alignment, 1))
        rows = [struct.unpack_from('<IIQQQQIIQQ', data, headers + i * header_size) for i in range(header_count if headers else 0)]
        text = rows[names][4] if names < len(rows) else 0
        # name, type, address, place in the file, size, linked section
        self.sections = [(self._text(text + row[0]), row[1], row[3], row[4], row[5], row[6]) for row in rows]

    def _text(self, place):
        return self.data[place:self.data.find(b'\0', place)].decode('utf-8', 'replace')

    def addresses(self, name):
        """(address, size) of each section of this name."""
        return [(row[2], row[4]) for row in self.sections if row[0] == name and row[1] != SHT_NOBITS]

    def _raw(self, address, size):
        for _, kind, start, place, length, _ in self.sections:
            if kind != SHT_NOBITS and start and start <= address and address + size <= start + length:
                data = self.data[place + address - start:place + address - start + size]
                if len(data) == size:
                    return data
        raise ElfError(f'the file has no data for address {address:#x}')

    def _relocations(self):
        """(address, type, symbol's number, addend) of each relocation that the dynamic linker applies."""
        for _, kind, address, place, size, _ in self.sections:
            if kind == SHT_RELA and address:
                for where, info, addend in struct.iter_unpack('<QQq', self.data[place:place + size // 24 * 24]):
                    yield where, info & 0xffffffff, info >> 32, addend

    def words(self, ranges):
        """The 64-bit words of each (address, size), as if they were relocated. A file with packed relocations (RELR) has these
        words in place already."""
        found = [list(struct.unpack(f'<{size // 8}Q', self._raw(address, size // 8 * 8))) for address, size in ranges]
        places = {}
        for number, (address, size) in enumerate(ranges):
            places.update({address + 8 * i: (number, i) for i in range(size // 8)})
        for where, kind, _, addend in self._relocations() if places else ():
            if where in places and kind == RELATIVE[self.machine]:
                number, i = places[where]
                found[number][i] = addend & 0xffffffffffffffff
        return found

    def symbols(self, names):
        """The defined symbols among the names. Searches the texts first, because few files have any of these names."""
        found = {}
        for _, kind, _, place, size, link in self.sections:
            if kind not in SHT_TYPES or link >= len(self.sections):
                continue
            text, length = self.sections[link][3:5]
            wanted = {}
            for name in names:
                at = self.data.find(name.encode() + b'\0', text, text + length)
                while at >= 0:
                    wanted[at - text] = name
                    at = self.data.find(name.encode() + b'\0', at + 1, text + length)
            if not wanted:
                continue
            for name, info, _, section, value, _ in struct.iter_unpack('<IBBHQQ', self.data[place:place + size // 24 * 24]):
                if name in wanted and section != 0:
                    found[wanted[name]] = Symbol(value, info & 15 == 6)
        return found

    def thread_offset_words(self, name):
        """Addresses of words that hold, once relocated, the offset from the thread pointer to the thread-local symbol."""
        for index, (_, kind, _, place, size, link) in enumerate(self.sections):
            if kind != SHT_DYNSYM or link >= len(self.sections) or index == 0:
                continue
            text = self.sections[link][3]
            for where, reloc, number, addend in self._relocations():
                if reloc == THREAD_OFFSET[self.machine] and addend == 0 and 0 < number < size // 24 and \
                        self._text(text + struct.unpack_from('<I', self.data, place + number * 24)[0]) == name:
                    yield where

    def executable_offset(self, symbol):
        """The offset from the thread pointer to a thread-local symbol, if this file is the executable."""
        address, size, alignment = self.tls
        first = -address % alignment
        if self.machine == 62:
            return symbol.value - (-(-(size - first) // alignment) * alignment + first)
        return symbol.value + address % alignment + -(-16 // alignment) * alignment
