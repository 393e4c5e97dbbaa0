# SPDX-License-Identifier: MIT
"""rseqkit.py - commands for gdb: `rseq info`, `rseq sections`, `rseq step`, `rseq next`. See doc/debugging.md.

usage, in gdb: source FOLDER/rseqkit.py

The folder rseqkit_gdb beside this file has the code. If this file is sourced again, it loads that code anew and removes the old
handlers of gdb's events.
"""
import os
import sys

import gdb

if gdb.VERSION.split('.', 1)[0].isdigit() and int(gdb.VERSION.split('.', 1)[0]) < 12:
    raise gdb.GdbError('the rseq commands need gdb 12 or later')


def load():
    """Imports the commands from the folder beside this file, without writing byte code there. The variable __file__ isn't
    used: if another script sources this file, the variable has that script's name."""
    before, kept = sys.dont_write_bytecode, list(sys.path)
    older = sys.modules.get('rseqkit_gdb.commands')
    if older is not None:
        older.forget()
    for name in [name for name in sys.modules if name.split('.')[0] == 'rseqkit_gdb']:
        del sys.modules[name]
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.path.dirname(os.path.realpath(load.__code__.co_filename)))
    try:
        from rseqkit_gdb import commands
        commands.register()
    finally:
        sys.dont_write_bytecode, sys.path[:] = before, kept


load()
