# SPDX-License-Identifier: MIT
"""Makes the initramfs of a guest from tests of the builds and the row's C library.

A row is one machine of the system test (file `rows`). Programs have the same paths in the guest as on the host, so the guest runs
the same commands as `meson test`, with the same environment. A shared library comes from the row's C library if that has it,
otherwise from the place where the program was linked.
"""
import functools
import importlib.machinery
import importlib.util
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from tables import Selected, Unavailable

# For each machine: Debian's name, the folder of libraries, and the builds of scripts/check that have another name.
MACHINES = {
    'x86_64': {'debian': 'amd64', 'triplet': 'x86_64-linux-gnu', 'builds': {}},
    'aarch64': {'debian': 'arm64', 'triplet': 'aarch64-linux-gnu', 'builds': {'gcc': 'arm64', 'own': 'arm64-own',
                                                                             'clang': 'arm64-clang'}},
}
# SLOWNESS is TEST_DIVISOR: emulated programs take ten times as long, and some have many rounds. A stress test lasts for
# STRESS_MS / SLOWNESS milliseconds.
SLOWNESS = 50
STRESS_MS = 150000
# Files that the tool looks for in its build tree: for any command, and for `bench`.
TOOL_FINDS = ('src/librseqkit-preload.so',)
BENCH_FINDS = ('bench/rseqkit-bench-pie', 'bench/rseqkit-bench-nopie')
INIT = 'tests/system/init'
# The build that has init.c's program.
GCC = Selected('', 'gcc', '', '', '', '')


def load_script(path):
    """Loads one of the project's Python scripts as a module."""
    loader = importlib.machinery.SourceFileLoader(os.path.basename(path), path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


@dataclass
class Program:
    """A test in a guest, and after the boot its result."""
    name: str
    arguments: list
    environment: dict
    seconds_allowed: int
    unplug: bool
    files: set                  # files that the program needs in addition to its libraries
    end: tuple = None           # ('exit' | 'signal' | 'timeout', number); None if the guest ended before
    output: str = ''
    seconds: float = 0
    unplugged: int = None
    tainted: int = None         # taint bits that the kernel set while the program ran
    case: object = None         # the case of the matrix that judges the output


class Packages:
    """The packages of a row, fetched and unpacked: its kernel and its C library."""

    def __init__(self, source, build, row):
        self.source, self.build, self.row = source, build, row
        self.machine = MACHINES[row.machine]
        self.triplet = self.machine['triplet']
        self.libc_root = self.fetch(row.libc, 'libc6', 'libgcc-s1', 'busybox-static')[0]

    def fetch(self, suite, *patterns):
        folder = os.path.join(self.build, 'packages', f'{suite}-{self.machine["debian"]}')
        result = subprocess.run([os.path.join(self.source, 'scripts', 'fetch'), suite, self.machine['debian'], folder,
                                 *patterns], capture_output=True, text=True)
        if result.returncode == 77:
            raise Unavailable(result.stderr.strip())
        if result.returncode != 0:
            raise SystemExit(f'fetch: {suite}: status {result.returncode}: {result.stderr.strip()}')
        return os.path.join(folder, 'root'), result.stdout.split()

    def built(self, script, *words):
        """Runs a script of the project that builds a file. Returns the file's path."""
        result = subprocess.run([os.path.join(self.source, script), *words,
                                 os.path.join(self.build, 'packages', 'built')], capture_output=True, text=True)
        if result.returncode == 77:
            raise Unavailable(result.stderr.strip().splitlines()[-1])
        if result.returncode != 0:
            raise SystemExit(result.stderr)
        return result.stdout.strip()

    def kernel(self):
        """Returns the path of the kernel's image."""
        words = self.row.kernel.split()
        if '/' in words[0]:
            return self.built(*words)
        root, names = self.fetch(*words)
        release = re.sub(r'^linux-(image|binary)-', '', names[0])
        for path in (f'boot/vmlinuz-{release}', f'usr/lib/modules/{release}/vmlinuz', f'lib/modules/{release}/vmlinuz'):
            if os.path.exists(os.path.join(root, path)):
                return os.path.join(root, path)
        raise Unavailable(f'{names[0]} holds no kernel')

    def library(self, name):
        """Returns the path of a shared library, or None."""
        roots = [self.libc_root, os.path.join(self.build, 'packages', 'bookworm-' + self.machine['debian'], 'root'), '/']
        for root in roots:
            for folder in ('usr/lib/' + self.triplet, 'lib/' + self.triplet, 'usr/lib64', 'lib64', 'lib'):
                path = os.path.join(root, folder, name)
                if os.path.exists(path):
                    return path
        return None


@functools.cache
def read_elf(path):
    """Returns the interpreter (or None) of a program or library, the libraries that it needs, and the folders to search first."""
    text = subprocess.run(['readelf', '-ld', '--wide', path], env={**os.environ, 'LC_ALL': 'C'}, capture_output=True,
                          text=True).stdout
    interpreter = re.search(r'program interpreter: (\S+)\]', text)
    folders = re.search(r'\(RU?N?PATH\).*\[(.*)\]', text)
    origin = os.path.dirname(path)
    return (interpreter and interpreter[1], re.findall(r'\(NEEDED\).*\[(.*)\]', text),
            [os.path.normpath(folder.replace('$ORIGIN', origin)) for folder in folders[1].split(':')] if folders else [])


@functools.cache
def tests_of(folder):
    """Returns the tests that Meson would run in a build, as (SUITE/NAME, test), and the files of each target."""
    def introspect(what):
        return json.loads(subprocess.run(['meson', 'introspect', what, folder], capture_output=True, check=True).stdout)
    files = {target['id']: target['filename'] for target in introspect('--targets')}
    return [(f'{suite.split(":")[1]}/{test["name"]}', test) for test in introspect('--tests')
            for suite in test['suite']], files


def in_build(words, folder):
    """Returns the words of a command, in which each word that names a file of the build is replaced by the file's path."""
    made = {path for paths in tests_of(folder)[1].values() for path in paths}
    return [os.path.join(folder, word) if os.path.join(folder, word) in made else word for word in words]


def folder_of(line, build, packages):
    """Returns the folder of the build that a line of the selection names."""
    name = packages.machine['builds'].get(line.build, line.build)
    folder = os.path.realpath(os.path.join(build, 'check', name))
    if not os.path.exists(os.path.join(folder, 'build.ninja')):
        raise Unavailable(f'there is no build {name}: scripts/check --setup {name}')
    return folder


def selected(line, folder):
    """Returns the build's tests that a line of the selection names."""
    tests, _ = tests_of(folder)
    names = matching(line.tests, [name for name, _ in tests], line.build)
    chosen = {id(test): (name, test) for name, test in reversed(tests) if name in names} # a test may be in several suites
    return list(reversed(chosen.values()))


def made_for(line, folder):
    """Returns the files of the build that a line's tests need."""
    files = tests_of(folder)[1]
    if line.tests.startswith('rseqkit '):
        words = in_build(['tool/rseqkit', *line.tests.split(), *TOOL_FINDS,
                          *(BENCH_FINDS if ' bench ' in line.tests else [])], folder)
        return {word for word in words if word.startswith(folder + '/')}
    return {path for _, test in selected(line, folder) for path in built_for(test, files)}


def make(folder, paths):
    """Builds these files, and no others."""
    done = subprocess.run(['ninja', '-C', folder, *(os.path.relpath(path, folder) for path in sorted(paths))],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise SystemExit(f'{folder} doesn\'t build:\n' + '\n'.join(done.stdout.splitlines()[-40:]))


def command_of_tool(line, folder):
    """Returns a command of the tool as a Program, with the files that the command needs from its build tree."""
    words = in_build(line.tests.split()[1:], folder)
    beside = in_build(TOOL_FINDS + (BENCH_FINDS if ' bench ' in line.tests else ()), folder)
    return Program(line.tests, [os.path.join(folder, 'tool', 'rseqkit'), *words], {}, int(line.seconds), False,
                   {*beside, *words})


def built_for(test, files):
    return {path for target in test['depends'] for path in files.get(target, [])}


def programs_of(name, test, files, folder, line):
    """
    Returns the program that a test runs by tests/tap, or the cases of the matrix, which runner.py judges. Tests by other scripts
    need programs that a guest lacks.
    """
    command = test['cmd']
    if os.path.basename(command[0]) == 'matrix':
        matrix = load_script(command[0])
        worlds = command[command.index('--worlds') + 1].split(',')
        return [program_of_case(matrix.Case(command[1], '', *key), name, test, files, line)
                for key in matrix.spread(worlds)]
    if os.path.basename(command[0]) != 'tap':
        raise SystemExit(f'selection: {name} is a script: it can\'t be run in a guest')
    arguments = in_build(command[1:], folder)
    needed = built_for(test, files)
    needed |= {path for value in test['env'].values() for path in value.split(':') if os.path.isfile(path)}
    return [Program(name, arguments, dict(test['env']), int(line.seconds), line.cpus == 'unplug', needed)]


def program_of_case(case, name, test, files, line):
    return Program(f'{name}: {case.name()}', case.watched('/proc/self/fd/1'), case.settings(), int(line.seconds),
                   line.cpus == 'unplug', built_for(test, files), case=case)


def alternatives(pattern):
    """Returns the patterns without groups that a pattern with groups stands for. Groups don't nest."""
    if not (group := re.search(r'(?<!\\)\(([^()]*)\)', pattern)):
        return [pattern]
    return [whole for word in group[1].split('|')
            for whole in alternatives(pattern[:group.start()] + word + pattern[group.end():])]


def matching(pattern, names, build):
    """Returns the names that match, in their order. Each alternative of the pattern must match at least one name."""
    found = set()
    for alternative in alternatives(pattern):
        matches = {name for name in names if re.fullmatch(alternative, name)}
        if not matches:
            raise SystemExit(f'selection: no test of {build} matches {alternative}')
        found |= matches
    return [name for name in names if name in found]


def select(row, selection, build, packages):
    """Returns the row's programs, in the order of the selection."""
    lines = [line for line in selection if line.programs in row.programs.split()]
    is_script = {line.build: os.path.isfile(os.path.join(packages.source, line.build)) for line in lines}
    folders = {line.build: folder_of(line, build, packages) for line in lines
               if line.build != 'kernel' and not is_script[line.build]}
    folders.setdefault('gcc', folder_of(GCC, build, packages))
    for name, folder in folders.items():
        make(folder, {path for line in lines if line.build == name for path in made_for(line, folder)} |
             ({os.path.join(folder, INIT)} if name == 'gcc' else set()))
    programs = []
    for line in lines:
        if line.build == 'kernel':
            kernel = packages.kernel()
            path = os.path.join(os.path.dirname(kernel), f'{line.tests}-{kernel.rsplit("-", 1)[1]}')
            programs.append(Program(line.tests, [path], {}, int(line.seconds), False, set()))
            continue
        if is_script[line.build]: # the script builds the program
            words = line.tests.split()
            programs.append(Program(line.tests, [packages.built(line.build, '--program', words[0]), *words[1:]],
                                    dict(word.split('=', 1) for word in line.environment.split()), int(line.seconds),
                                    False, set()))
            continue
        folder = folders[line.build]
        if line.tests.startswith('rseqkit '):
            found = [command_of_tool(line, folder)]
        else:
            found = [program for name, test in selected(line, folder)
                     for program in programs_of(f'{line.build}: {name}', test, tests_of(folder)[1], folder, line)]
        for program in found:
            program.environment.update({'TEST_DIVISOR': str(SLOWNESS), 'STRESS_MS': str(STRESS_MS), 'PATH': '/bin'})
            program.environment.update(word.split('=', 1) for word in line.environment.split())
        programs += found
    return programs


def place(path, root, target=None):
    """Copies a file to the same path in the guest as on the host, or to `target`."""
    target = os.path.join(root, (target or path).lstrip('/'))
    if not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(path, target)


def place_linked(path, root, packages, target=None):
    """Copies a program or library with all libraries that it needs. The project's own libraries keep their paths."""
    if os.path.exists(os.path.join(root, (target or path).lstrip('/'))):
        return
    place(path, root, target)
    interpreter, needed, folders = read_elf(path)
    if interpreter:
        place(packages.library(os.path.basename(interpreter)) or interpreter, root, interpreter)
    for name in needed:
        own = next((folder for folder in folders if os.path.exists(os.path.join(folder, name))), None)
        if own:
            place_linked(os.path.join(own, name), root, packages)
        elif library := packages.library(name):
            place_linked(os.path.realpath(library), root, packages, f'/usr/lib/{packages.triplet}/{name}')


def pack(folder, build, programs, packages):
    """Makes the initramfs, and returns its path."""
    root = os.path.join(folder, 'root')
    for link in ('lib', 'lib64'):
        os.makedirs(os.path.join(root, 'usr', link))
        os.symlink('usr/' + link, os.path.join(root, link))
    place(os.path.join(folder_of(GCC, build, packages), INIT), root, '/init')
    for program in programs:
        files = {program.arguments[0]} | program.files
        for path in files:
            if os.path.isfile(path):
                place_linked(path, root, packages)
    # pthread_exit() and pthread_cancel() load this library.
    place_linked(os.path.realpath(packages.library('libgcc_s.so.1')), root, packages,
                 f'/usr/lib/{packages.triplet}/libgcc_s.so.1')
    # The shell is for system(), and for tests that need some program to run.
    place(next(path for path in (os.path.join(packages.libc_root, where) for where in ('bin/busybox', 'usr/bin/busybox'))
               if os.path.exists(path)), root, '/bin/busybox')
    for name in ('sh', 'true', 'wc'):
        os.symlink('busybox', os.path.join(root, 'bin', name))
    with open(os.path.join(root, 'programs'), 'w', encoding='utf-8') as listing:
        for program in programs:
            listing.write('\t'.join([str(program.seconds_allowed), 'unplug' if program.unplug else 'plug', program.name,
                                     *(f'{key}={value}' for key, value in program.environment.items()), '--',
                                     *program.arguments]) + '\n')
    path = os.path.join(folder, 'initramfs')
    with open(path, 'wb') as archive:
        names = subprocess.run(['find', '.'], cwd=root, capture_output=True, check=True).stdout
        subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], cwd=root, input=names, stdout=archive, check=True)
    shutil.rmtree(root)
    return path
