"""Keeps a summary of a mirrored table: how many rows and how much in all for each value of a column.

At the end of every cycle in which the table changed, the sums are compared with those that stand in the summary table, and
what differs is written. So whoever reads the table in between finds every group, with its sum of now or of the cycle before.
"""

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import database, log, store
from wit_world.imports.database import EngineKind, Value_Integer, Value_Null, Value_Real, Value_Text

GROUPS = 10_000
"""The host gives no more rows at once; more groups than that are an error and no wrong sum."""


class ReplicationCompleted(exports.ReplicationCompleted):
    """The hook: its name is that of the interface, in Python's spelling."""

    def replication_completed(self, context, changed):
        table = setting("table")
        if not any(one.table.lower() == table.lower() for one in changed):
            return
        try:
            summary = Summary(table, setting("group_by"), setting("amount"))
            updated, added, removed = summary.refresh()
        except Err as error:
            # What is raised is the hook's error: its text is for the operator.
            raise Err(words(error.value)) from None
        log.write(log.Level.INFO, f"{table}: {updated} sums changed, {added} new, {removed} gone")


class Summary:
    """The summary of one table, in a table of this plug-in's own."""

    def __init__(self, table, group_by, amount):
        self.sqlite = database.engine() == EngineKind.SQLITE
        self.name = self.quoted(database.prefix() + "totals")
        self.source = self.quoted(table)
        self.group_by = self.quoted(group_by)
        self.amount = self.quoted(amount)

    def refresh(self):
        """Writes what differs; answers how many rows were updated, added, removed."""
        old, new = self.stored(), self.sums()
        update = [[*new[group], group] for group in new.keys() & old.keys() if new[group] != old[group]]
        insert = [[*new[group], group] for group in new.keys() - old.keys()]
        delete = [[group] for group in old.keys() - new.keys()]
        one, two, three = (self.parameter(number) for number in (1, 2, 3))
        self.write(f"UPDATE {self.name} SET row_count = {one}, total = {two} WHERE group_value = {three}", update)
        self.write(f"INSERT INTO {self.name} (row_count, total, group_value) VALUES ({one}, {two}, {three})", insert)
        self.write(f"DELETE FROM {self.name} WHERE group_value = {one}", delete)
        return len(update), len(insert), len(delete)

    def sums(self):
        """What the mirror holds now: group -> (rows, total)."""
        return self.read(
            f"SELECT {self.group_by}, COUNT(*), COALESCE(SUM({self.amount}), 0) FROM {self.source} GROUP BY {self.group_by}"
        )

    def stored(self):
        """What the summary table says. Makes the table when it is not there yet."""
        try:
            return self.read(f"SELECT group_value, row_count, total FROM {self.name}")
        except Err as error:
            if not isinstance(error.value, database.Error_Invalid):
                raise
        database.execute(
            f"CREATE TABLE {self.name} (group_value nvarchar(400) NOT NULL PRIMARY KEY, row_count bigint NOT NULL,"
            " total float NOT NULL)",
            [],
        )
        return {}

    @staticmethod
    def read(sql):
        rows = database.query(sql, [], GROUPS).rows
        return {text(group): (int(count.value), round(float(total.value), 4)) for group, count, total in rows}

    @staticmethod
    def write(sql, rows):
        for at in range(0, len(rows), GROUPS):
            database.execute_many(sql, [[parameter(value) for value in row] for row in rows[at : at + GROUPS]])

    def quoted(self, name):
        return '"' + name.replace('"', '""') + '"' if self.sqlite else "[" + name.replace("]", "]]") + "]"

    def parameter(self, number):
        return f"?{number}" if self.sqlite else f"@P{number}"


def text(value):
    """A group's value as text; NULL is the empty one."""
    return "" if isinstance(value, Value_Null) else str(value.value)


def parameter(value):
    if isinstance(value, int):
        return Value_Integer(value)
    return Value_Real(value) if isinstance(value, float) else Value_Text(value)


def setting(key):
    value = store.get(key)
    if not value:
        raise Err(f"[config] {key} is missing")
    return value


def words(error):
    """An error of the database as text; what is a text already stays one."""
    return error if isinstance(error, str) else str(error.value)
