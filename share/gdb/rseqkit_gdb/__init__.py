# SPDX-License-Identifier: MIT
"""The commands of rseqkit.py, by layers: elf, files, sections, area, step, commands. Each module uses only those before it."""
