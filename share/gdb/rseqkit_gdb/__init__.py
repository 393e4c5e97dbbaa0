# SPDX-License-Identifier: MIT
"""The code of rseqkit.py. Of the modules elf, files, sections, area, step and commands, each uses only those before it."""
