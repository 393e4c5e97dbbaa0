# SPDX-License-Identifier: MIT
"""area.py - the rseq area of a thread: where it is, which component registered it, and its fields.

The kernel knows where the area is. gdb is the thread's tracer, so it may ask the kernel (PTRACE_GET_RSEQ_CONFIGURATION). With
a core file or a gdbserver, there is no kernel to ask. Then symbols of the loaded files tell the places where the area can be.
In an area that is registered, the kernel keeps the thread's CPU number in cpu_id. In others, cpu_id is negative.
"""
import contextlib
import ctypes
import re
import struct

import gdb

from rseqkit_gdb.elf import ElfError
from rseqkit_gdb.files import read

GET_CONFIGURATION = 0x420f # include/uapi/linux/ptrace.h
FEATURE_SIZE = 27          # AT_RSEQ_FEATURE_SIZE, include/uapi/linux/auxvec.h
RENDEZVOUS = 0x1e0000      # RK_RENDEZVOUS_ADDRESS, include/rseqkit/detail/agreement.h
SYMBOLS = ('__rseq_offset', '__rseq_size', '__rseq_abi', 'rk_area_offset', 'rseq_offset', 'rseq_register_current_thread')
SIGNATURES = {'x86-64': 0x53053053, 'arm64': 0xd428bc00}
POINTERS = {'x86-64': ('$fs_base',), 'arm64': ('$tpidr', '$TPIDR_EL0')} # emulators use the second name
# name, offset, size
FIELDS = (('cpu_id_start', 0, 4), ('cpu_id', 4, 4), ('rseq_cs', 8, 8), ('flags', 16, 4), ('node_id', 20, 4), ('mm_cid', 24, 4),
          ('slice_ctrl', 28, 4))


class Area:
    """What is known about a thread's area. If its place is unknown, `address` is None."""

    def __init__(self):
        self.address = self.length = self.signature = None
        self.is_asked = False      # the kernel answered
        self.is_registered = False
        self.owner = 'unknown'
        self.data = b''            # the area's bytes, up to the end of the last field that the kernel fills
        self.why = None            # why something isn't known

    def field(self, name):
        _, offset, size = next(row for row in FIELDS if row[0] == name)
        if len(self.data) < offset + size:
            return None
        return int.from_bytes(self.data[offset:offset + size], 'little')


def machine():
    name = gdb.selected_inferior().architecture().name()
    found = 'x86-64' if name.startswith('i386:x86-64') else 'arm64' if name.startswith('aarch64') else None
    if not found or name.endswith(':ilp32'):
        raise gdb.GdbError(f'The rseq commands know x86-64 and arm64, not {name}.')
    return found


def is_native():
    connection = gdb.selected_inferior().connection
    return connection is not None and connection.type == 'native'


def is_core():
    connection = gdb.selected_inferior().connection
    return connection is not None and connection.type == 'core'


def thread_pointer():
    """The value of the thread pointer. None if it isn't among the registers that gdb shows."""
    for name in POINTERS[machine()]:
        with contextlib.suppress(gdb.error):
            return int(gdb.parse_and_eval(f'(unsigned long){name}'))
    return None


def ask_kernel():
    """(address, length, signature) of the selected thread's registration, all 0 if it has none. None if there is no answer."""
    if not is_native():
        return None
    answer = (ctypes.c_uint64 * 3)()
    ptrace = ctypes.CDLL(None).ptrace
    ptrace.restype = ctypes.c_long
    thread = ctypes.c_long(gdb.selected_thread().ptid[1] or gdb.selected_inferior().pid)
    if ptrace(ctypes.c_long(GET_CONFIGURATION), thread, ctypes.c_long(ctypes.sizeof(answer)), answer) < 0:
        return None # the kernel is older than 5.13, or has no rseq
    return struct.unpack('<QII', bytes(answer)[:16])


def feature_size():
    try:
        text = gdb.execute('info auxv', to_string=True)
    except gdb.error:
        return 20
    match = re.search(rf'^{FEATURE_SIZE}\s.*\s(0x[0-9a-f]+|\d+)\s*$', text, re.M)
    return int(match.group(1), 0) if match else 20


def signed(value, bits):
    return value - (1 << bits) if value >> (bits - 1) else value


def rendezvous():
    """(offset, owner, length) of the area that the copies of rseqkit in this process share, or None. They share it by a page at
    a fixed address, RENDEZVOUS. The offset is that from the thread pointer."""
    try:
        page = read(RENDEZVOUS, 56)
    except gdb.MemoryError:
        return None
    if page[:8] != b'rseqkit\0':
        return None
    _, _, kind, _, offset, length, _, _, _, blob = struct.unpack_from('<IIIIqIIIII', page, 8)
    return offset, 'early' if kind == 2 else 'kernel' if blob else 'self', length


def offsets_by_gdb():
    """Finds places as offsets() does, but by the symbols that gdb has read. Only gdb can read some files, such as those on the
    machine of a gdbserver."""
    found = []
    for name, owner in (('__rseq_offset', 'libc'), ('rk_area_offset', 'self')):
        with contextlib.suppress(gdb.error):
            offset = int(gdb.parse_and_eval(f'(long){name}'))
            size = int(gdb.parse_and_eval('(unsigned int)__rseq_size')) if owner == 'libc' else 0
            if offset:
                found.append((offset, 'self' if owner == 'libc' and size == 0 else owner, max(size, 32)))
    return found


def offsets(files):
    """Returns a list and a flag. The list has (offset from the thread pointer, owner, length) of each place that a symbol tells.
    The owner is that of an area that is registered at this place. The flag says whether a variable with such an offset is in
    memory that can't be read."""
    found, unused, lost = [], [], []
    for number, file in enumerate(files):
        try:
            symbols = file.elf.symbols(SYMBOLS) if file.elf else {}
            words = file.elf.thread_offset_words('__rseq_abi') if '__rseq_abi' in symbols else []
        except ElfError:
            continue

        def word(name, size, symbols=symbols, file=file):
            symbol = symbols.get(name)
            try:
                return int.from_bytes(read(symbol.value + file.bias, size), 'little') if symbol else None
            except gdb.MemoryError:
                lost.append(name)
                return None

        offset = word('__rseq_offset', 8)
        if offset:
            size = word('__rseq_size', 4)
            (found if size else unused).append((signed(offset, 64), 'libc' if size else 'self', max(size or 32, 32)))
        early = symbols.get('__rseq_abi')
        if early and early.is_thread_local and number == 0 and file.elf.tls:
            found.append((file.elf.executable_offset(early), 'early' if early.is_exported else 'foreign', 32))
        for address in words:
            try:
                found.append((signed(int.from_bytes(read(address + file.bias, 8), 'little'), 64), 'early', 32))
            except gdb.MemoryError:
                lost.append('__rseq_abi')
        if 'rseq_register_current_thread' in symbols and word('rseq_offset', 8):
            found.append((signed(word('rseq_offset', 8), 64), 'librseq', 32))
        offset = word('rk_area_offset', 8)
        if offset:
            unused.append((signed(offset, 64), 'self', 32))
    agreed = rendezvous()
    if any(file.path.startswith('target:') for file in files):
        unused += offsets_by_gdb()
    return ([agreed] if agreed else []) + found + unused, bool(lost)


def fill(area, candidates, pointer):
    """Fills in the first place whose cpu_id isn't negative: the thread is registered there. Without such a place, fills in the
    first one that can be read."""
    for offset, owner, length in candidates:
        try:
            cpu = signed(int.from_bytes(read(pointer + offset + 4, 4), 'little'), 32)
        except gdb.MemoryError:
            area.why = 'the memory of the area can\'t be read'
            continue
        if area.address is None or cpu >= 0:
            area.address, area.length = pointer + offset, length
            area.is_registered, area.owner = cpu >= 0, owner if cpu >= 0 else 'none'
        if cpu >= 0:
            return


def of_thread(files):
    """The area of the selected thread. Raises gdb.GdbError if there is no such thread, or if it is running."""
    thread = gdb.selected_thread()
    if thread is None:
        raise gdb.GdbError('No thread is selected: there is neither a process nor a core file.')
    if thread.is_running():
        raise gdb.GdbError('The thread is running. Stop it first, with "interrupt".')
    area = Area()
    pointer, answer = thread_pointer(), ask_kernel()
    candidates, is_lost = offsets(files) if pointer else ([], False)
    if answer:
        area.is_asked = True
        if answer[0]:
            area.address, area.length, area.signature = answer
            area.is_registered = True
            offset = area.address - (pointer or 0)
            area.owner = next((row[1] for row in candidates if row[0] == offset), 'foreign' if candidates else 'unknown')
    if not area.is_registered:
        if pointer is None:
            area.why = 'the thread pointer isn\'t among the registers'
        elif pointer == 0:
            area.why = 'the thread has no thread-local storage yet'
        elif not candidates:
            area.why = 'the memory that says where it is can\'t be read' if is_lost else 'no symbol says where it is'
            if is_core() and not is_lost:
                area.why += '; the core file may lack the list of libraries'
        else:
            fill(area, candidates, pointer)
        if area.is_asked: # cpu_id was only a guess, and the kernel has said that the thread isn't registered
            area.is_registered, area.owner = False, 'none'
    if area.address is not None:
        length = area.length or 32
        try:
            area.data = read(area.address, min(feature_size(), 28 if length == 32 else length))
        except gdb.MemoryError:
            area.why = 'the memory of the area can\'t be read'
    return area
