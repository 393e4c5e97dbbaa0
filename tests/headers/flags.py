#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles public headers with the warning flags of other projects, and -Werror. Prints TAP.

usage: flags.py SOURCE-ROOT

The table `flags` beside this file has the projects and their flags. Each header is compiled alone, in C and C++, with gcc and clang.
A flag that the compiler doesn't know in this language is left out and counted. Further tests plant a fault, which must be found.
"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

HEADERS = ['rseqkit.h', 'rseqkit/ops.h', 'rseqkit/embed.h']
COMPILERS = {'gcc': {'c': 'gcc', 'c++': 'g++'}, 'clang': {'c': 'clang', 'c++': 'clang++'}}
# With this RKI_INLINE, the compiler emits each inline function, also those that nothing calls.
INLINE = '-DRKI_INLINE=static __attribute__((__used__))'
OPTIONS = {'c': ['-std=c11', '-O2', INLINE], 'c++': ['-std=c++17', '-O2', INLINE]}


def run(command, text):
    return subprocess.run(command, input=text, capture_output=True, text=True, env={**os.environ, 'LC_ALL': 'C'})


def read_table(path):
    """(rows, exceptions): rows are (languages, project, flags), exceptions are {(compiler, project): flag}."""
    rows, exceptions = [], {}
    with open(path, encoding='utf-8') as file:
        for line in file:
            if line.startswith('#') or not line.strip():
                continue
            fields = [field.strip() for field in line.split('|')]
            if fields[0] == 'except':
                exceptions[fields[1], fields[2]] = fields[3]
            else:
                rows.append((['c', 'c++'] if fields[0] == 'both' else [fields[0]], fields[1], fields[2].split()))
    return rows, exceptions


def known(compiler, language, flags):
    """The flags that the compiler knows in this language. It names all others at once, and -Wno-... only in its positive form."""
    asked = {flag: flag.replace('-Wno-', '-W', 1) for flag in flags}
    while True:
        done = run([compiler, '-x', language, *OPTIONS[language], '-Werror', *asked.values(), '-c', '-o', os.devnull, '-'], 'int main(void);\n')
        named = set(re.findall(r"-[Wp][\w+=#-]*[\w+=]", done.stderr))
        unknown = [flag for flag, form in asked.items()
                   if form in named or (form.split('=')[0] + '=') in named or (done.returncode and form.split('=')[0] in named)]
        if not done.returncode:
            return list(asked)
        if not unknown:
            sys.exit(f'{compiler}: {done.stderr}')
        for flag in unknown:
            del asked[flag]


def compile_header(compiler, language, header, include, flags):
    text = f'#include <{header}>\n#include <{header}>\nint main(void);\n'
    return run([compiler, '-x', language, *OPTIONS[language], *flags, '-Werror', '-I' + include, '-c', '-o', os.devnull, '-'], text)


# A header with a fault that only -Wconversion finds, which several rows of the table have.
PLANTED = """#ifndef PLANTED_H
#define PLANTED_H
static inline char planted(int a) { return a; }
#endif
"""


def is_found(compiler, language, flags):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, 'planted.h'), 'w', encoding='utf-8') as file:
            file.write(PLANTED)
        return 'conversion' in compile_header(compiler, language, 'planted.h', folder, flags).stderr


def main(root):
    include = os.path.join(root, 'include')
    rows, exceptions = read_table(os.path.join(root, 'tests', 'headers', 'flags'))
    jobs, unknown, used = [], {}, {}
    for name, by_language in COMPILERS.items():
        if not all(shutil.which(compiler) for compiler in by_language.values()):
            continue
        for languages, project, flags in rows:
            for language in languages:
                compiler = by_language[language]
                mine = known(compiler, language, flags)
                unknown.setdefault(name, set()).update(set(flags) - set(mine))
                used.setdefault(name, set()).update(mine)
                if (name, project) in exceptions:
                    mine.append(exceptions[name, project].replace('-W', '-Wno-', 1))
                jobs += [(project, compiler, language, header, mine) for header in HEADERS]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda job: compile_header(job[1], job[2], job[3], include, job[4]), jobs))
    number = failed = 0
    for job, done in zip(jobs, results):
        number += 1
        if done.returncode != 0:
            failed += 1
            print('not', end=' ')
        print(f'ok {number} - {job[0]}: {job[3]} as {job[2]}, {job[1]}')
        if done.returncode != 0:
            print(re.sub('^', '# ', '\n'.join(done.stderr.splitlines()[:40]), flags=re.M))
    for project, compiler, language, _, flags in jobs[::len(HEADERS)]:
        if '-Wconversion' in flags:
            number += 1
            found = is_found(compiler, language, flags)
            failed += not found
            print(f'{"" if found else "not "}ok {number} - {project}: a planted fault is found, {compiler}')
    print(f'1..{number}')
    for name in used:
        print(f'# {name}: {len({row[1].split(",")[0] for row in rows})} projects, {len(used[name])} flags;'
              f' {len(unknown[name])} further flags are unknown to it in one language or both')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
