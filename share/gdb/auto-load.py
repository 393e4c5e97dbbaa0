# SPDX-License-Identifier: MIT
"""auto-load.py - gdb runs this file when it loads librseqkit.so. If the commands aren't loaded yet, this file sources them.

It is installed as PREFIX/share/gdb/auto-load/LIBRARY-gdb.py. From its own path, it finds PREFIX/share/rseqkit/gdb/rseqkit.py.
"""
import os
import sys

import gdb

if 'rseqkit_gdb.commands' not in sys.modules:
    FILE = (lambda: None).__code__.co_filename # if a script sources this file, __file__ is the name of that script
    gdb.execute('source ' + os.path.join(FILE.split('/gdb/auto-load/')[0], 'rseqkit', 'gdb', 'rseqkit.py'))
