# SPDX-License-Identifier: MIT
"""elf.py - makes small ELF files. A test can give any field a wrong value."""
import struct

NULL, PROGBITS, SYMTAB, STRTAB, RELA, NOBITS, SYMTAB_SHNDX = 0, 1, 2, 3, 4, 8, 18
WRITE, ALLOC, EXEC, COMPRESSED = 1, 2, 4, 0x800
OBJECT, PROGRAM, SHARED = 1, 2, 3
X86, AARCH64 = 62, 183


class Section:
    """A section of the file. Fields that are None get the values that a right file has."""

    def __init__(self, name, kind=PROGBITS, flags=0, data=b'', addr=None, offset=None, size=None, link=0, info=0, align=8,
                 entsize=0, name_at=None):
        self.name, self.kind, self.flags, self.data = name, kind, flags, data
        self.addr, self.offset, self.size, self.link, self.info = addr, offset, size, link, info
        self.align, self.entsize, self.name_at = align, entsize, name_at


def fit(number, size):
    return number & ((1 << 8 * size) - 1)


def make(sections, kind=SHARED, machine=X86, shnum=None, shstrndx=None, shoff=None, first=(0, 0), phnum=None, phoff=64, ident=None):
    """Returns the bytes of a file. `first` is size and link of section header 0, for numbers that don't fit the ELF header."""
    has_segment = kind != OBJECT
    sections = [*sections, Section('.shstrtab', STRTAB)]
    names = b'\0'
    places = []
    for section in sections:
        places.append(len(names))
        names += section.name.encode() + b'\0'
    sections[-1].data = names
    body, headers = bytearray(64 + 56 * has_segment), bytearray(struct.pack('<IIQQQQIIQQ', 0, 0, 0, 0, 0, fit(first[0], 8), first[1], 0, 0, 0))
    address = 0x10000
    for section, place in zip(sections, places):
        body += bytes(-len(body) % 16)
        at = len(body)
        body += section.data
        size = len(section.data) if section.size is None else section.size
        addr = 0
        if section.flags & ALLOC and kind != OBJECT:
            addr = address if section.addr is None else section.addr
            address += (len(section.data) + 0xfff) & ~0xfff
        headers += struct.pack('<IIQQQQIIQQ', place if section.name_at is None else section.name_at, section.kind, section.flags,
                               fit(addr, 8), fit(at if section.offset is None else section.offset, 8), fit(size, 8),
                               section.link, section.info, section.align, section.entsize)
    body += bytes(-len(body) % 16)
    count = len(sections) + 1
    header = struct.pack('<16sHHIQQQIHHHHHH', ident or b'\x7fELF\2\1\1' + bytes(9), kind, machine, 1, 0, phoff if has_segment else 0,
                         len(body) if shoff is None else fit(shoff, 8), 0, 64, 56, has_segment if phnum is None else phnum, 64,
                         fit(count if shnum is None else shnum, 2), fit(count - 1 if shstrndx is None else shstrndx, 2))
    body[:64] = header
    if has_segment: # libdw needs one
        body[64:120] = struct.pack('<IIQQQQQQ', 1, 5, 0, 0, 0, len(body), 1 << 32, 0x1000)
    return bytes(body + headers)


def descriptor(start, length, abort, version=0, flags=0):
    return struct.pack('<IIQQQ', version, flags, fit(start, 8), fit(length, 8), fit(abort, 8))


# movq %rcx,(%rax); nop; the signature; a handler that jumps back
CODE = bytes.fromhex('64 48 89 42 08 48 89 08 90 90 90 90 0f b9 3d 53 30 05 53 eb e4'.replace(' ', '')) + b'\x90' * 43


def program(code=CODE, table=None, more=(), **fields):
    """Returns a shared object with code at 0x10000, and a table of descriptors: by default one descriptor with wrong flags."""
    if table is None:
        table = descriptor(0x10005, 3, 0x10013, flags=4)
    return make([Section('.text', flags=ALLOC | EXEC, data=code, align=16), Section('__rseq_cs', flags=ALLOC | WRITE, data=table),
                 *more], **fields)


def member(name, data, size=None, end=b'`\n'):
    """Returns a member of an archive."""
    return struct.pack('16s12s6s6s8s10s2s', name.encode().ljust(16), b'0'.ljust(12), b'0'.ljust(6), b'0'.ljust(6),
                       b'644'.ljust(8), str(len(data) if size is None else size).encode().ljust(10)[:10], end) + data + \
        b'\n' * (len(data) % 2)
