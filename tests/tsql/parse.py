"""Reads every statement of the SQL Server engine's golden files with a T-SQL grammar. Arguments: the files.

A statement that this grammar cannot read though it is T-SQL stands in LACKS, with the reason; the Rust grammar in
host/src/store/sqlserver/golden.rs must read that one, but where it is said.
"""

import sys
from pathlib import Path

from sqlfluff.core import FluffConfig, Linter

LACKS = {
    # Azure's own option: the other grammar cannot read it either, so this one statement rests on Azure's documentation.
    "create/create_database_in_elastic_pool": "options of CREATE DATABASE on Azure",
    "ddl/create_table_every_default": "texts put together with + in a DEFAULT",
    # Neither grammar knows EXECUTE AS with an option; it rests on the vendor's documentation.
    "guest_users/become_user": "EXECUTE AS USER ... WITH NO REVERT",
}


def statements(path):
    for text in path.read_bytes().decode("utf-8").split("\nGO\n"):
        text = text.strip()
        if text:
            name, _, sql = text.partition("\n")
            yield f"{path.stem}/{name.removeprefix('-- ')}", sql + "\n"


def main():
    linter = Linter(config=FluffConfig(overrides={"dialect": "tsql", "large_file_skip_byte_limit": 0}))
    wrong, names = [], set()
    for path in map(Path, sys.argv[1:]):
        for name, sql in statements(path):
            names.add(name)
            parsed = linter.parse_string(sql)
            troubles = [str(violation) for violation in parsed.violations]
            if parsed.tree is None or list(parsed.tree.recursive_crawl("unparsable")):
                troubles.append("unparsable")
            if troubles and name not in LACKS:
                wrong.append(f"{name}: {troubles[0]}\n{sql}")
            if not troubles and name in LACKS:
                wrong.append(f"{name}: the grammar reads it, no excuse is needed")
    wrong += [f"{name} is excused and is no statement" for name in LACKS.keys() - names]
    print("\n".join(wrong) or f"{len(names)} statements are T-SQL")
    return 1 if wrong or not names else 0


sys.exit(main())
