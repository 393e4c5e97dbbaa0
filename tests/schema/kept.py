# SPDX-License-Identifier: MIT
"""Keeps JSON that a test got from the tool, and checks all of it by its schemas at the end.

The check is a separate program, because the Python that runs the test may lack the package jsonschema.
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
        """Returns the lines of all faults. It is a fault, too, if no JSON was kept."""
        self.file.flush()
        validate = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'validate')
        run = subprocess.run([sys.executable, validate, self.file.name], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return [] if run.returncode == 0 else (run.stdout + run.stderr).splitlines() or [f'validate: {run.returncode}']
