# SPDX-License-Identifier: MIT
"""auto-load.py - gdb runs this file when it loads librseqkit.so. It sources the commands, once.

It is installed as PREFIX/share/gdb/auto-load/LIBRARY-gdb.py, and finds PREFIX/share/rseqkit/gdb/rseqkit.py from there.
"""
import os
import sys

import gdb

if 'rseqkit_gdb.commands' not in sys.modules:
    FILE = (lambda: None).__code__.co_filename # __file__ is another one if a script sources this file
    gdb.execute('source ' + os.path.join(FILE.split('/gdb/auto-load/')[0], 'rseqkit', 'gdb', 'rseqkit.py'))
