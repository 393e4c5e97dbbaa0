# SPDX-License-Identifier: MIT
"""Keeps JSON that a test got from the tool, and checks all of it by its schemas at the end.

The check is a program of its own, because the Python of the test may lack the package that it needs.
"""
import os
import subprocess
import sys
import tempfile


class Kept:
    def __init__(self):
        self.file = tempfile.NamedTemporaryFile('w', encoding='utf-8', suffix='.json')

    def keep(self, text):
        self.file.write(text)

    def faults(self):
        """The lines of all faults. That nothing was kept is a fault, too."""
        self.file.flush()
        validate = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'validate')
        run = subprocess.run([sys.executable, validate, self.file.name], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return [] if run.returncode == 0 else (run.stdout + run.stderr).splitlines() or [f'validate: {run.returncode}']
