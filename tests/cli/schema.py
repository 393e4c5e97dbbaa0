#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks each line of a file against a JSON Schema. It knows the words of our schemas, and fails at any other word.

usage: schema.py SCHEMA FILE

Exit status: 0 if all lines fit, 1 with a message for the first line that doesn't.
"""
import json
import re
import sys

TYPES = {'object': dict, 'array': list, 'string': str, 'boolean': bool, 'null': type(None)}
SAID = {'$schema', '$id', 'title', 'description', '$defs'} # words without a test


def is_of(value, kind):
    if kind in ('integer', 'number'):
        return not isinstance(value, bool) and isinstance(value, int if kind == 'integer' else (int, float))
    return isinstance(value, TYPES[kind])


def fault(value, schema, root, where='line'):
    """Returns what is wrong with the value, or None."""
    for word, wanted in schema.items():
        found = None
        if word == '$ref':
            target = root
            for part in wanted.removeprefix('#/').split('/'):
                target = target[part]
            found = fault(value, target, root, where)
        elif word == 'type':
            kinds = wanted if isinstance(wanted, list) else [wanted]
            if not any(is_of(value, kind) for kind in kinds):
                found = f'{where}: {value!r} is not of type {kinds}'
        elif word == 'const':
            found = None if value == wanted else f'{where}: {value!r} is not {wanted!r}'
        elif word == 'enum':
            found = None if value in wanted else f'{where}: {value!r} is not one of {wanted}'
        elif word == 'pattern':
            if isinstance(value, str) and not re.search(wanted, value):
                found = f'{where}: {value!r} does not match {wanted}'
        elif word == 'minimum':
            if is_of(value, 'number') and value < wanted:
                found = f'{where}: {value!r} is below {wanted}'
        elif word == 'required':
            missing = [name for name in wanted if isinstance(value, dict) and name not in value]
            found = f'{where}: {missing} missing' if missing else None
        elif word == 'properties':
            for name, part in wanted.items():
                if isinstance(value, dict) and name in value:
                    found = found or fault(value[name], part, root, f'{where}.{name}')
        elif word == 'items':
            for i, item in enumerate(value if isinstance(value, list) else []):
                found = found or fault(item, wanted, root, f'{where}[{i}]')
        elif word == 'oneOf':
            faults = [fault(value, part, root, where) for part in wanted]
            if faults.count(None) != 1:
                found = f'{where}: fits {faults.count(None)} of: ' + '; '.join(str(f) for f in faults)
        elif word == 'allOf':
            for part in wanted:
                found = found or fault(value, part, root, where)
        elif word not in SAID:
            found = f'the schema has an unknown word: {word}'
        if found:
            return found
    return None


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    with open(sys.argv[1], encoding='utf-8') as file:
        schema = json.load(file)
    count = 0
    with open(sys.argv[2], encoding='utf-8') as file:
        for count, line in enumerate(file, 1):
            found = fault(json.loads(line), schema, schema)
            if found:
                print(f'{sys.argv[2]}:{count}: {found}')
                return 1
    return 0 if count > 0 else 1


sys.exit(main())
