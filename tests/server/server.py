# SPDX-License-Identifier: MIT
"""Classes and functions that the tests of the example server share: a running server, its statistics, clients, and TAP.

A scrape is the server's answer with its statistics. Each scrape is checked strictly. A test fails if a scrape can't be parsed, if
a counter is lower than in an earlier scrape, or if sums don't agree.
"""
import os
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback

PATIENCE = 60  # seconds, after which a test fails because the server is too slow

COMMENT = re.compile(r'# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (\S.*)')
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_][a-zA-Z0-9_]*="[^"\\\n]*"\})? '
                    r'(-?[0-9]+(?:\.[0-9]+)?(?:e[+-][0-9]+)?)')


class Failure(Exception):
    pass


def need(condition, *what):
    if not condition:
        raise Failure(' '.join(str(part) for part in what))


def tests_of(tests):
    """Runs all test functions, or those named in the arguments. Prints a TAP line for each, with the first line of its docstring
    as the name. Returns the exit status."""
    failed = 0
    tests = [test for test in tests if test.__name__ in sys.argv[2:] or not sys.argv[2:]]
    for number, test in enumerate(tests, 1):
        name = test.__doc__.splitlines()[0]
        try:
            skipped = test()
            print('ok', number, '-', name, '# SKIP ' + skipped if skipped else '', flush=True)
        except Exception:  # any exception fails this test only
            failed += 1
            print('not ok', number, '-', name)
            print('# ' + traceback.format_exc().rstrip().replace('\n', '\n# '), flush=True)
    print(f'1..{len(tests)}')
    return 1 if failed else 0


def is_kind(name, family, kind):
    suffixes = {'counter': ['_total'], 'gauge': [''], 'histogram': ['_bucket', '_sum', '_count']}[kind]
    return any(name == (family if family.endswith(suffix) else family + suffix) for suffix in suffixes)


def parse_metrics(text):
    """Returns the samples of a text in format 0.0.4 of Prometheus. The keys are the names with their labels, as written."""
    samples, kinds, helped, family = {}, {}, set(), None
    need(text.endswith('\n'), 'no newline at the end')
    for line in text[:-1].split('\n'):
        comment = COMMENT.fullmatch(line)
        if comment:
            what, family, rest = comment.groups()
            if what == 'HELP':
                need(family not in helped, 'second HELP:', line)
                helped.add(family)
            else:
                need(family in helped and family not in kinds, 'second TYPE, or no HELP:', line)
                need(rest in ('counter', 'gauge', 'histogram'), line)
                need(rest != 'counter' or family.endswith('_total'), line)
                kinds[family] = rest
            continue
        sample = SAMPLE.fullmatch(line) or re.fullmatch(r'(\w+_bucket)(\{le="\+Inf"\}) ([0-9]+)', line)
        need(sample, 'no sample:', line)
        name, labels, value = sample.groups()
        need(family in kinds and is_kind(name, family, kinds[family]), 'not of its family:', line)
        need(name + (labels or '') not in samples, 'twice:', line)
        samples[name + (labels or '')] = float(value) if '.' in value else int(value)
    need(helped == set(kinds), 'HELP without TYPE')
    return samples


def sum_of(samples, name):
    return sum(value for key, value in samples.items() if key.startswith(name + '{'))


def check_histogram(samples, name):
    buckets = [(float(key.split('"')[1]), value) for key, value in samples.items() if key.startswith(name + '_bucket')]
    need(len(buckets) > 10 and buckets == sorted(buckets), 'bounds are out of order', buckets)
    need([count for _, count in buckets] == sorted(count for _, count in buckets), 'not cumulative', buckets)
    need(buckets[-1] == (float('inf'), samples[name + '_count']), '_count is not that of +Inf')
    # A value in a bucket is above the bound of the previous bucket, and not above the bound of its own bucket.
    least = greatest = 0.0
    for (low, before), (high, count) in zip([(0.0, 0)] + buckets, buckets):
        least += low * (count - before)
        greatest += (70 if high == float('inf') else high) * (count - before)
    need(least * 0.999 <= samples[name + '_sum'] <= greatest * 1.001, '_sum is not of these buckets')


def check(samples):
    """Checks conditions that are true in every scrape, also in one whose numbers aren't of one moment."""
    check_histogram(samples, 'server_response_seconds')
    for name, value in samples.items():
        need(value >= 0 or name in ('server_requests_in_progress', 'server_connections_open'), name, value)


class Server:
    def __init__(self, file, *options, files=None):
        def limit_files():
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        # A small quarantine: the freed memory that a sanitizer keeps would count as the server's memory.
        environment = dict(os.environ, ASAN_OPTIONS=os.environ.get('ASAN_OPTIONS', '') + ':quarantine_size_mb=1')
        self.process = subprocess.Popen([file, '--port', '0', *options], stdout=subprocess.PIPE, text=True,
                                        env=environment, preexec_fn=limit_files if files else None)
        line = self.process.stdout.readline()
        match = re.fullmatch(r'server: statistics by (\w+); http://127\.0\.0\.1:(\d+)/ with (\d+) threads for (\d+) '
                             r'connections\n', line)
        need(match, 'it said:', line)
        self.kind, self.port, self.threads = match[1], int(match[2]), int(match[3])
        self.most = int(match[4])
        self.url = f'http://127.0.0.1:{self.port}'
        self.clients = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def connect(self, receive_buffer=None):
        client = Client(receive_buffer)
        client.connect(('127.0.0.1', self.port))
        self.clients.append(client)
        return client

    def get(self, path='/'):
        """Returns the answer to a request on a new connection."""
        with self.connect() as client:
            client.sendall(request(path, 'Connection: close'))
            return client.answer()

    def scrape(self):
        """Returns the statistics, or None if the server is at its limit of connections."""
        status, fields, body = self.get('/metrics')
        if status == 503:
            return None
        need(status == 200 and fields['content-type'] == 'text/plain; version=0.0.4', status, fields)
        samples = parse_metrics(body.decode())
        check(samples)
        return samples

    def settle(self, every_byte=False):
        """Waits until only this scrape's connection is open, checks that no count is lost, and returns the statistics. With
        `every_byte` also compares the bytes; then the clients must have read all bytes that were sent to them."""
        end = time.monotonic() + PATIENCE
        samples = self.scrape()
        while not samples or samples['server_connections_open'] != 1 or samples['server_requests_in_progress'] != 1:
            need(time.monotonic() < end, 'connections stay open:', samples)
            time.sleep(0.01)
            samples = self.scrape()
        need(samples['server_requests_total'] == sum_of(samples, 'server_responses_total') +
             samples['server_requests_aborted_total'] + 1, 'requests are lost:', samples)
        need(sum_of(samples, 'server_responses_total') == samples['server_response_seconds_count'],
             'latencies are lost:', samples)
        if every_byte: # the scrape's own answer was sent after the counts were read
            need(samples['server_sent_bytes_total'] == sum(client.taken for client in self.clients[:-1]), 'bytes are lost')
            need(samples['server_received_bytes_total'] == sum(client.given for client in self.clients), 'bytes are lost')
        return samples

    def memory(self):
        """Returns the resident memory of the process, in bytes."""
        with open(f'/proc/{self.process.pid}/statm', encoding='ascii') as file:
            return int(file.read().split()[1]) * os.sysconf('SC_PAGESIZE')

    def rests(self):
        """Returns true as soon as the server uses hardly any CPU time for half a second."""
        for _ in range(12):
            before = self.cpu_time()
            time.sleep(0.5)
            if self.cpu_time() - before < 0.1:
                return True
        return False

    def cpu_time(self):
        with open(f'/proc/{self.process.pid}/stat', encoding='ascii') as file:
            fields = file.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def terminate(self):
        """Ends the server by SIGTERM, checks that it exits with 0 and has lost no count, and returns its report."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self):
        output, _ = self.process.communicate(timeout=PATIENCE)
        need(self.process.returncode == 0, 'it ended with', self.process.returncode)
        match = re.search(r'ended: (\d+) requests, (\d+) responses, (\d+) aborted, (\d+) connections, (\d+) refused; '
                          r'CPU time ([\d.]+) s user, ([\d.]+) s system\n', output)
        need(match, 'it said:', output)
        requests, responses, aborted, connections, refused = (int(n) for n in match.groups()[:5])
        need(requests == responses + aborted, output)
        return {'requests': requests, 'responses': responses, 'aborted': aborted, 'connections': connections,
                'refused': refused, 'cpu': float(match[6]) + float(match[7])}


def request(path='/', *fields, method='GET', version='HTTP/1.1'):
    return '\r\n'.join([f'{method} {path} {version}', 'Host: server', *fields, '', '']).encode()


class Client(socket.socket):
    """A connection that reads answers."""

    def __init__(self, receive_buffer=None):
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.settimeout(PATIENCE)
        self.input = b''
        self.taken = self.given = 0  # bytes

    def recv(self, size):
        got = super().recv(size)
        self.taken += len(got)
        return got

    def sendall(self, data):
        super().sendall(data)
        self.given += len(data)

    def more(self):
        got = self.recv(65536)
        self.input += got
        return got

    def answer(self, head_only=False):
        """Returns status, fields (by names in lower case) and body of the next answer, or None at the end of the input."""
        while b'\r\n\r\n' not in self.input:
            if not self.more():
                need(self.input == b'', 'the answer ends in its head:', self.input[:200])
                return None
        head, self.input = self.input.split(b'\r\n\r\n', 1)
        lines = head.decode().split('\r\n')
        match = re.fullmatch(r'HTTP/1\.1 (\d{3}) [A-Z][A-Za-z ]*', lines[0])
        need(match, 'no status line:', lines[0])
        fields = {name.lower(): value for name, value in (line.split(': ', 1) for line in lines[1:])}
        length = 0 if head_only else int(fields['content-length'])
        parts, have = [self.input], len(self.input)
        while have < length:
            got = self.recv(1 << 20)
            need(got, 'the answer ends in its body')
            parts.append(got)
            have += len(got)
        all_of_it = b''.join(parts)
        self.input = all_of_it[length:]
        return int(match[1]), fields, all_of_it[:length]

    def is_closed(self):
        """Waits for the end of the connection. Returns true if no input comes before it."""
        try:
            return self.input == b'' and self.more() == b''
        except ConnectionResetError:
            return True

    def reset(self):
        self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.close()

    def is_readable(self, seconds):
        return bool(select.select([self], [], [], seconds)[0])


def raise_files(number):
    """Raises this process's limit of open files to the highest allowed. Returns true if it is at least `number`."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < number:
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return True


def server_file():
    return sys.argv[1]
