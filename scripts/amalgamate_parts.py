# SPDX-License-Identifier: MIT
"""Leaves out of the library in one file what some public headers don't use. scripts/amalgamate uses it.

Both files are cut into pieces: definitions, declarations, directives and comments at the top level. A piece stays if a piece that
stays has its name. All pieces of the named headers stay. The search reads text, in all branches of each #if, so the result is
right for each machine. It keeps too much rather than too little: a name stays also if it only equals another name.
"""
import collections
import os
import re

GUARD = re.compile(r'#define \w+_H$')
PLACE = re.compile(r'/\* \S+\.[ch] \*/$') # the comment before each file
CONDITIONAL = re.compile(r'\s*#\s*(?:if|ifdef|ifndef|elif|else|endif)\b')
PRAGMAS = ('#pragma GCC visibility push(default)', '#pragma GCC visibility pop')
KEYWORDS = {'sizeof', 'const', 'struct', 'void', 'int', 'char', 'static', 'if'}


class Piece:
    """A definition, a declaration, a directive or a comment at the top level, in the lines from `first` to `last`."""

    def __init__(self, unit, first, last):
        self.path = unit.paths[first]
        self.text = '\n'.join(unit.lines[first:last + 1])
        self.code = without_comments(self.text)
        self.kept = self.is_assert = False
        self.names = []
        self.tokens = set(re.findall(r'[A-Za-z_]\w*', self.code))
        # The parts of names that a macro joins, without its parameters.
        parameters = re.match(r'\s*#\s*define\s+\w+\(([^)]*)\)', self.code)
        parameters = re.findall(r'\w+', parameters.group(1)) if parameters else []
        self.prefixes = set(re.findall(r'(\w+)##', self.code)) - set(parameters)
        self.suffixes = set(re.findall(r'##(\w+)', self.code)) - set(parameters)
        is_macro = re.match(r'\s*#\s*define', self.code) is not None
        # A source's macros and static names are its own.
        is_source = (self.path or '').endswith('.c')
        self.is_shared = is_source and not is_macro and not re.match(r'static|(?:struct|union|enum) \w+ \{', self.code)
        self.is_own = is_source and self.code.startswith('static')


def without_comments(text):
    """The text without its comments. Lines that had only a comment are left out."""
    marked = re.sub(r'("(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\')|/\*.*?\*/|//[^\n]*',
                    lambda match: match.group(1) or '\0', text, flags=re.S)
    lines = [line.replace('\0', '').rstrip() for line in marked.split('\n') if line.strip('\0 \t') or not line.strip()]
    return '\n'.join(re.sub(r'[ \t]*\\$', r' \\', line) for line in lines)


def expanded(macro, argument, macros):
    """The name that a macro with one parameter makes of its argument, by the latest definitions of macros."""
    while macro:
        parameter, body = macros[macro]
        body = re.sub(rf'\b{parameter}\b', argument, body.replace('##', '\0')).replace('\0', '')
        macro, argument = re.match(r'(?:(\w+)\()?(\w+)', body).groups()
    return argument


def name_piece(piece, macros):
    """Finds out which names a piece defines. A piece without a name stays with its file."""
    code = piece.code.strip()
    define = re.match(r'#\s*define\s+(\w+)(?:\((\w+)\)\s*(.*))?', code)
    if define:
        macros[define.group(1)] = define.groups()[1:]
        piece.names = [define.group(1)]
        return
    if code.startswith('#') or not code:
        return
    bare = re.sub(r'__attribute__\s*\(\((?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))*\)\)', '', code)
    bare = re.sub(r'__asm__\s*\((?:"[^"]*"|[^()"])*\)', '', bare) if not bare.startswith('__asm__') else bare
    head = bare.split('{')[0].split('=')[0].strip()
    operation = re.search(r'(?:\b(RK_OP|RK_OP_PUBLISH)|^(RK_OP)_\w+)\((\w+)', head)
    called = re.search(r'\b(\w+)\s*\(', head)
    tag = re.match(r'(?:__extension__ )?(struct|union|enum)\s+(\w+)\s*(?:\{|;)', bare)
    if re.match(r'(?:static )?enum \{', bare):
        piece.names = re.findall(r'\b(\w+)\s*(?=[,=};\n])', bare)
    elif re.match(r'_Static_assert\b', bare):
        piece.is_assert = True
    elif operation:
        piece.names = [expanded('RK_OP_PUBLISH' if operation.group(2) else operation.group(1), operation.group(3), macros)]
    elif tag:
        piece.names = [tag.group(2)]
        if tag.group(1) == 'enum':
            piece.names += re.findall(r'\b(\w+)\s*(?=[,=}\n])', bare.split('{', 1)[1] if '{' in bare else '')
    elif re.match(r'[A-Z_]+\(.*\b(?:rk|rki)_\w+', head):
        piece.names = re.findall(r'\brki?_\w+', head)
    elif bare.startswith('typedef') or re.match(r'[A-Z_]+\b\s*(?:\(|$)', head) or not bare.endswith((';', '}')):
        return
    elif called and called.group(1) not in KEYWORDS:
        piece.names = [called.group(1)]
    elif not called:
        piece.names = [re.findall(r'\w+', part.split('[')[0])[-1] for part in head.rstrip(';').split(',')
                       if re.search(r'\w', part.split('[')[0])]


def pieces_of(unit):
    """Cuts a file into pieces. A definition with a body ends at a brace in the first column."""
    found, at, lines = [], 0, unit.lines
    while at < len(lines):
        first, line = at, lines[at]
        if line.startswith('/*') and not re.match(r'/\*.*\*/.*\w', line):
            while '*/' not in lines[at]:
                at += 1
        elif re.match(r'\s*#', line):
            while lines[at].endswith('\\') or without_comments('\n'.join(lines[first:at + 1])).count('/*'):
                at += 1
        elif line.strip() and not (re.match(r'\w+$|[A-Z_]+\(.*\)$', line) and line.count('(') == line.count(')')):
            opened = False
            while True:
                code = without_comments('\n'.join(lines[first:at + 1]))
                opened = opened or code.count('{') > code.count('}')
                if re.match(r'[A-Z_]+\(', line) and lines[at].endswith(')') and code.count('(') == code.count(')'):
                    break # a macro that makes definitions
                if lines[at].startswith('}') or (not opened and code.rstrip().endswith((';', '}'))):
                    break
                at += 1
        found.append(Piece(unit, first, at))
        at += 1
    return found


def reached_by(includes):
    """For each file, the files whose names it can use: those that a source includes together with it."""
    def below(path, found):
        if path not in found:
            found.add(path)
            for inner in includes[path]:
                below(inner, found)
        return found

    result, tops = collections.defaultdict(set), collections.defaultdict(set)
    for top in [path for path in list(includes) if not any(path in inner for inner in includes.values())]:
        its = below(top, set())
        for path in its:
            result[path] |= its
            tops[path].add(top)
    return result, tops


def mark(pieces, is_root, reached, tops):
    """Marks each piece that the roots name, directly or through other pieces."""
    by_name, macros = collections.defaultdict(list), {}
    for piece in pieces:
        name_piece(piece, macros)
        inner = re.findall(r'^\s*#\s*(if|endif)', piece.code, re.M)
        if not piece.code.startswith('#') and inner.count('if') != inner.count('endif'):
            piece.names = [] # an #if begins or ends inside it
        for name in piece.names:
            by_name[name].append(piece)
    asserts = [piece for piece in pieces if piece.is_assert]
    checks = {piece.names[0] for piece in pieces
              if piece.code.startswith('#') and piece.names and '_Static_assert(' in piece.code}
    asserts += [piece for piece in pieces if not piece.names and re.match(r'(\w*)', piece.code).group(1) in checks]
    pending, prefixes, suffixes, tokens = [], set(), set(), set()

    def keep(piece):
        if not piece.kept:
            piece.kept = True
            pending.append(piece)

    def named(token, user):
        """The pieces with this name that `user` can use."""
        return [one for one in by_name.get(token, ()) if one.is_shared or one.path == user.path or (
            one.path in reached[user.path] and not (one.is_own and len(tops[user.path]) > 1))]

    waiting = []
    for piece in pieces:
        if piece in asserts:
            continue
        if is_root(piece) or CONDITIONAL.match(piece.code):
            keep(piece)
        elif not piece.names or (re.search(r'__(?:constructor|used)__', piece.code.split('\n{')[0]) and piece.code[0] != '#'):
            waiting.append(piece)
    while pending:
        piece = pending.pop()
        if not GUARD.match(piece.code) and not re.match(r'\s*#\s*undef', piece.code):
            for token in piece.tokens:
                for each in named(token, piece):
                    keep(each)
            if not (piece.names and piece.names[0].startswith('RK_OP')): # these macros make definitions (expanded())
                prefixes |= piece.prefixes
            suffixes |= piece.suffixes
            tokens |= piece.tokens
        if not pending: # names that macros join of two parts
            for name, each in by_name.items():
                begins = [prefix for prefix in prefixes if name.startswith(prefix)]
                ends = [suffix for suffix in suffixes if name.endswith(suffix) and name[:-len(suffix)] in tokens]
                if (name.isupper() and (begins or ends)) or (
                        name.startswith('rk') and any(name[len(prefix):] in tokens for prefix in begins)):
                    for one in each:
                        keep(one)
        if not pending: # an #include, a constructor and others that no code names stay if their file has more that stays
            alive = {one.path for one in pieces if one.kept and one.names and one not in waiting and not GUARD.match(one.code)}
            for one in waiting:
                if one.path in alive:
                    keep(one)
    for piece in asserts:
        piece.kept = all(any(one.kept for one in named(token, piece)) for token in piece.tokens if named(token, piece))


def written(pieces, is_documented):
    """The lines of the kept pieces. A comment stays with the pieces until the next empty line."""
    texts, defined = [], {name for piece in pieces if piece.kept for name in piece.names}
    ours = {name for piece in pieces for name in piece.names}
    for at, piece in enumerate(pieces):
        undef = re.match(r'#\s*undef\s+(\w+)', piece.code)
        is_text = not piece.code.strip()
        if not piece.text.strip() and not is_documented(piece.path):
            continue
        if is_text and piece.text.strip():
            group = []
            for other in pieces[at + 1:]:
                if not other.text.strip() or other.path != piece.path:
                    break
                group.append(other)
            if PLACE.match(piece.text) or (is_documented(piece.path) and any(
                    other.kept and other.code.strip() for other in group)):
                texts.append(piece.text)
        elif is_text or (piece.kept and not (undef and undef.group(1) in ours - defined)):
            texts.append(piece.text if is_documented(piece.path) else re.sub(r'\n\n+', '\n', piece.code))
    return tidy('\n'.join(texts).split('\n'))


def without_unused_pairs(lines):
    """Leaves out each #define whose name no code uses until the #undef of the name, directly or through other macros."""
    bodies, uses, begins, depths, depth = collections.defaultdict(set), [], None, [], 0
    for line in lines:
        depth += bool(re.match(r'\s*#\s*if', line)) - bool(re.match(r'\s*#\s*endif', line))
        depths.append(depth)
        tokens = set(re.findall(r'[A-Za-z_]\w*', line))
        begins = begins or re.match(r'\s*#\s*define (\w+)', line)
        uses.append(set() if begins else tokens)
        if begins:
            bodies[begins.group(1)] |= tokens - {begins.group(1)}
        if not line.endswith('\\'):
            begins = None
    users = collections.defaultdict(set) # for each name, the macros that use it directly
    for macro, tokens in bodies.items():
        for token in tokens & bodies.keys():
            users[token].add(macro)
    gone = set()
    for at, line in enumerate(lines):
        name, end = re.match(r'#define (\w+)', line), at
        if not name:
            continue
        while lines[end].endswith('\\'):
            end += 1
        known, pending = set(), [name.group(1)]
        while pending:
            one = pending.pop()
            known.add(one)
            pending += users[one] - known
        for other in range(end + 1, len(lines)):
            if lines[other] == '#undef ' + name.group(1):
                if depths[other] == depths[at]:
                    gone |= {*range(at, end + 1), other}
            elif not uses[other] & known or other in gone:
                continue
            break
    return [line for at, line in enumerate(lines) if at not in gone]


def without_guards(lines):
    """Leaves out the include guards of private headers that are there once."""
    kept, is_dropped, at = [], [], 0
    names = collections.Counter(line for line in lines if line.startswith('#ifndef RK_SRC_'))
    while at < len(lines):
        line = lines[at]
        if re.match(r'\s*#\s*if', line):
            is_dropped.append(names[line] == 1 and lines[at + 1] == line.replace('#ifndef', '#define'))
            at += is_dropped[-1]
            line = None if is_dropped[-1] else line
        elif re.match(r'\s*#\s*endif', line) and is_dropped.pop():
            line = None
        if line is not None:
            kept.append(line)
        at += 1
    return kept


def tidy(lines):
    """Leaves out empty conditionals, names of files that have nothing left, and repeated empty lines."""
    included, open_ifs, known = set(), [], []
    for line in lines: # a system header once, if the first copy isn't below an #if that isn't an include guard
        if re.match(r'\s*#\s*if', line):
            open_ifs.append(not re.match(r'#ifndef \w+_H$', line))
        elif re.match(r'\s*#\s*endif', line):
            open_ifs.pop()
        if line.startswith('#include <'):
            if line in included:
                continue
            if not any(open_ifs):
                included.add(line)
        known.append(line)
    lines, before = without_guards(without_unused_pairs(known)), None
    while before != lines:
        before, lines = lines, []
        for line in before:
            last = lines[-1] if lines else ''
            if line.startswith('#endif') and GUARD.match(last) and re.match('#ifndef ', lines[-2]):
                del lines[-2:]
            elif re.match(r'\s*#\s*endif', line) and re.match(r'\s*#\s*if', last) and not last.endswith('\\'):
                lines.pop()
            elif re.match(r'\s*#\s*endif', line) and re.match(r'\s*#\s*else', last):
                lines[-1] = line
            elif (line, last) in (PRAGMAS, PRAGMAS[::-1]):
                lines.pop()
            elif PLACE.match(line) and PLACE.match(last):
                lines[-1] = line
            elif line.strip() or last.strip():
                lines.append(line)
    return lines


def leave_out(header, source, parts, starts):
    """Leaves out of both files what the parts don't use. `starts` are sources that the program uses without a call."""
    documented = {*parts[1:], 'include/rseqkit/api.h'}
    pieces = [pieces_of(unit) for unit in (header, source)]
    has_operations = any(os.path.basename(part).startswith('ops') for part in parts)

    def is_root(piece):
        path = piece.path or ''
        return (not path or path in documented or path == parts[0] or
                (path in starts and piece.code.startswith('EXPORTED')) or
                # ops.h describes the operations, and the headers beside it have them
                (has_operations and piece in pieces[0] and re.match(r'include/rseqkit/(?:detail/)?ops', path) is not None))

    includes = collections.defaultdict(set)
    for unit in (header, source):
        for path, inner in unit.includes.items():
            includes[path] |= inner
    mark(pieces[0] + pieces[1], is_root, *reached_by(includes))
    for unit, its in zip((header, source), pieces):
        unit.lines = written(its, lambda path: path is None or path in documented)


def leave_out_anywhere(header, source, parts, root):
    """Leaves out of anywhere/ what the named headers don't declare. Returns False if they declare nothing that it has."""
    wanted = set()
    for part in parts[1:]:
        with open(os.path.join(root, part), encoding='utf-8') as file:
            wanted |= set(re.findall(r'\brk_\w+(?=\()|\bRK_\w+|(?<=struct )rk_\w+', without_comments(file.read())))
    pieces = [pieces_of(unit) for unit in (header, source)]
    common = {'rk_version', 'rk_error_text'}
    path = 'anywhere/rseqkit-anywhere.'
    mark(pieces[0] + pieces[1], lambda piece: bool((wanted | common) & set(piece.names)),
         *reached_by(collections.defaultdict(set, {path + 'c': {path + 'h'}})))
    for unit, its in zip((header, source), pieces):
        unit.lines = written(its, lambda path: path is not None and path.endswith('.h'))
    return any(name in wanted and name.startswith('rk_') for piece in pieces[1] if piece.kept for name in piece.names)
