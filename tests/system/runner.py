# SPDX-License-Identifier: MIT
"""Runs this project's test programs on other kernels, C libraries and architectures, in machines that QEMU emulates.

usage: run BUILD-DIR [ROW... | quick | normal | all]     rows as in the file `rows`; without one, the normal and quick ones
       run --guest ROW FOLDER BUILD-DIR TEST...          only these tests, of the build in FOLDER

BUILD-DIR/check has the builds that scripts/check configured; this script builds the programs of the rows. BUILD-DIR/packages has
the fetched packages. BUILD-DIR/system/ROW has a row's initramfs, its console, and a test log like meson's. BUILD-DIR/system/logs
names the logs of the last run, for scripts/summary. The output ends with a table and the line "N passed, N failed, N skipped".
Exit status: 0 if nothing failed, 1 if a test failed, 2 for wrong usage, 3 if a machine never came up.
"""
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import guest
import image
from tables import read_table, Row, Selected, Unavailable

# Commands whose output is compared with the known facts of the row, with the options for the comparison.
DOCTOR = 'rseqkit doctor --json'
DOCTORS = {DOCTOR: [], **{f'rseqkit exec {option} -- tool/{DOCTOR}': [option] for option in ('--full-size', '--ktls')}}
HERE = os.path.dirname(os.path.realpath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))


def load_summary():
    return image.load_script(os.path.join(SOURCE, 'scripts', 'summary'))


def compared(job, program):
    """Compares doctor's output with the known facts of the row. Returns TAP."""
    options = DOCTORS[program.name]
    path = os.path.join(job.folder, f'doctor{"".join(options)}.json')
    start = program.output.find('{')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(program.output[start:] if start >= 0 else program.output)
    return subprocess.run([os.path.join(HERE, 'kernels'), 'compare', *options, job.row.name, path], capture_output=True,
                          text=True)


def mended(output):
    """Returns cmocka's TAP, corrected by tests/tap, for scripts/summary."""
    return subprocess.run([os.path.join(SOURCE, 'tests', 'tap'), 'cat'], input=output, capture_output=True, text=True,
                          check=True).stdout


def keeps_plan(output):
    """Returns true if TAP has a line for every announced test, and at least one. A program that ends early may exit with 0."""
    announced = sum(map(int, re.findall(r'^1\.\.(\d+)', output, re.MULTILINE)))
    return announced > 0 and announced == len(re.findall(r'^(?:not )?ok\b', output, re.MULTILINE))


def entry(job, program):
    """
    Returns a test's entry in the log. A command of the tool has one result, which follows from its exit status. A test's TAP
    must be complete, also that of a test that the tool runs.
    """
    end, number = program.end
    output, good = program.output, end == 'exit' and number == 0
    if program.name in DOCTORS:
        compare = compared(job, program)
        output, good = compare.stdout + compare.stderr, good and compare.returncode == 0
    elif program.case:
        program.case.judge(number if end == 'exit' else f'{end} {number}', output)
        output, good = program.case.result(1), not program.case.wrong
    elif not program.name.startswith('rseqkit ') or ' tests/unit/' in program.name:
        output = mended(output)
        if good and not keeps_plan(output):
            good = False
            output += '\nnot ok - every test that was announced has a result\n'
    if program.unplug:
        good = good and bool(program.unplugged)
        output += f'\n{"" if program.unplugged else "not "}ok - CPUs brought back {program.unplugged or 0} times\n'
    if program.tainted is not None:
        good = False
        output += f'\nnot ok - the kernel has nothing to complain of\n# it is tainted with {program.tainted}\n'
    if not good:
        output += f'\n# ended with {end} {number}\n'
    return {'name': program.name, 'stdout': output, 'duration': program.seconds,
            'result': 'OK' if good else 'TIMEOUT' if end == 'timeout' else 'FAIL'}


@dataclass
class Job:
    """A row that is ready to boot, or the reason why it can't boot."""
    row: Row
    folder: str
    kernel: str = None
    initramfs: str = None
    programs: list = None
    missing: str = None
    booted: guest.Booted = None
    seconds: float = 0


def prepare(row, selection, build):
    folder = os.path.join(build, 'system', row.name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    job = Job(row, folder)
    try:
        guest.need(row)
        packages = image.Packages(SOURCE, build, row)
        job.kernel = packages.kernel()
        job.programs = image.select(row, selection, build, packages)
        job.initramfs = image.pack(folder, build, job.programs, packages)
    except Unavailable as reason:
        job.missing = str(reason)
    return job


def execute(job):
    start = time.monotonic()
    if not job.missing:
        job.booted = guest.boot(job.folder, job.row, job.kernel, job.initramfs, job.programs)
    job.seconds = time.monotonic() - start
    print(f'   {job.row.name}: {job.missing or job.booted.problem or "done"}, {job.seconds:.0f} s', flush=True)


def compared_page(folder):
    """Compares the table of doc/ktls.md with the results on a row's console. The result is an entry of the log."""
    check = subprocess.run([os.path.join(SOURCE, 'tests', 'ktls', 'table'), '--check', os.path.join(folder, 'console')],
                           capture_output=True, text=True)
    good = check.returncode == 0
    why = ''.join(f'# {line}\n' for line in (check.stdout + check.stderr).splitlines())
    return {'name': 'ktls/table', 'stdout': f'{"" if good else "not "}ok 1 - doc/ktls.md agrees with the results\n{why}',
            'result': 'OK' if good else 'FAIL', 'duration': 0}


def entries_of(job):
    """Returns the entries of the row's test log."""
    if job.missing:
        return [{'name': job.row.name, 'stdout': f'ok 1 - {job.row.name} # SKIP {job.missing}\n', 'result': 'SKIP',
                 'duration': 0}]
    entries = [entry(job, program) for program in job.programs if program.end is not None]
    if any('KTLS_REQUIRED' in program.environment for program in job.programs):
        entries.append(compared_page(job.folder))
    if job.booted.problem:
        where = os.path.relpath(os.path.join(job.folder, 'console'), SOURCE)
        text = '\n'.join('#   ' + line for line in job.booted.tail)
        entries.append({'name': 'guest', 'result': 'FAIL', 'duration': 0, 'stdout':
                        f'not ok 1 - the guest works off its list\n# {job.booted.problem}; {where} has all that it '
                        f'printed, at last:\n{text}\n'})
    return entries


def write_log(job, entries):
    folder = os.path.join(job.folder, 'meson-logs')
    os.makedirs(folder)
    with open(os.path.join(folder, 'testlog.json'), 'w', encoding='utf-8') as log:
        for item in entries:
            log.write(json.dumps(item) + '\n')


def said_by_doctor(job):
    """Returns the C library and the mode of registrations; in brackets, the mode of registrations of full size if it differs."""
    try:
        with open(os.path.join(job.folder, 'doctor.json'), encoding='utf-8') as file:
            said = json.load(file)
    except (OSError, ValueError):
        return '-', '-'
    full = {True: 'optimised', False: 'legacy', None: 'unknown'}[said['full_size']['optimised']]
    mode = said['mode'] or 'unknown'
    return f'{said["libc"]["name"]} {said["libc"]["version"]}', mode if mode == full else f'{mode} (full: {full})'


def print_table(table):
    lines = [['row', 'kernel', 'C library', 'mode', 'passed', 'failed', 'skipped', 'seconds']] + table
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    print()
    for line in lines:
        print('  '.join(cell.ljust(width) if column < 4 else cell.rjust(width)
                        for column, (cell, width) in enumerate(zip(line, widths))))
    print(flush=True)


def choose(rows, names):
    names = names or ['normal']
    known = {row.name for row in rows} | {'quick', 'normal', 'all'}
    for name in names:
        if name not in known:
            print(f'run: there is no row {name}; there are: {" ".join(row.name for row in rows)}', file=sys.stderr)
            sys.exit(2)
    return [row for row in rows if row.name in names or 'all' in names or row.when in names or
            ('normal' in names and row.when == 'quick')]


def lock(build):
    """Waits until no other run uses these folders. The lock is held as long as the returned file is open."""
    os.makedirs(os.path.join(build, 'system'), exist_ok=True)
    file = open(os.path.join(build, 'system', 'lock'), 'w', encoding='utf-8')
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print('   waiting for another run in this folder', flush=True)
        fcntl.flock(file, fcntl.LOCK_EX)
    return file


def run_rows(rows, selection, build, summary):
    """Boots the rows, and adds up their results. Returns the exit status."""
    # The emulation of one guest keeps about one processor busy. Rows share fetched packages, so all rows are prepared first.
    jobs = [prepare(row, selection, build) for row in rows]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(execute, jobs))
    table = []
    for job in jobs:
        entries = entries_of(job)
        write_log(job, entries)
        outcomes = [outcome for item in entries for outcome, _, _ in summary.results(item)]
        counts = [str(outcomes.count(what)) for what in ('passed', 'failed', 'skipped')]
        kernel = job.booted and job.booted.kernel or '-'
        table.append([job.row.name, kernel, *said_by_doctor(job), *counts, f'{job.seconds:.0f}'])
    print_table(table)
    logs = [f'{job.row.name}={os.path.relpath(job.folder)}' for job in jobs]
    with open(os.path.join(build, 'system', 'logs'), 'w', encoding='utf-8') as file:
        file.write('\n'.join(logs) + '\n')
    status = summary.main(logs)
    return 3 if any(job.booted and job.booted.kernel is None for job in jobs) else status


def main(arguments):
    if not arguments:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    rows = read_table(os.path.join(HERE, 'rows'), Row)
    if arguments[0] == '--guest':
        _, name, folder, build, *tests = arguments
        rows = choose(rows, [name])
        # The selection gets a line for each test, so a test that doesn't exist is an error.
        group, folder = rows[0].programs.split()[0], os.path.realpath(folder)
        selection = [Selected(group, folder, f'[a-z]+/{re.escape(test)}', '120', 'plug', '') for test in tests]
    else:
        build, *names = arguments
        rows = choose(rows, names)
        selection = read_table(os.path.join(HERE, 'selection'), Selected)
        if names == ['quick']:
            selection = [line for line in selection if not line.programs.endswith('more')]
    build = os.path.realpath(build)
    summary = load_summary()
    with lock(build):
        return run_rows(rows, selection, build, summary)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
