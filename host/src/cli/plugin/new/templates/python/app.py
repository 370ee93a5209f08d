"""Takes away the spaces around the texts of one column."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.transform import Applied, ColumnValues_Text, NamedColumn, RowsPlan, TablePlan_Rows
from wit_world.imports import store
from wit_world.imports.types import ValueKind


class Transform(exports.Transform):
    """The hook: its name and its functions' are those of the interface, in Python's spelling."""

    def plan(self, context, table):
        """Asked about every table. `None` leaves a table alone."""
        if table.name.lower() != setting("table").lower():
            return None
        name = setting("column")
        column = next((one for one in table.columns if one.name.lower() == name.lower()), None)
        # What is raised is the hook's error: its text is for the operator.
        if column is None:
            raise Err(f"[config] column: {table.name} has no column {name}")
        if column.kind != ValueKind.TEXT:
            raise Err(f"[config] column: {name} is no text column")
        return TablePlan_Rows(RowsPlan(drop=[], add=[], inputs=[column.name], outputs=[column.name], filter=False))

    def apply(self, context, table, batch):
        """Gets the inputs of a batch as whole columns, and returns the outputs. None is NULL."""
        return Applied([NamedColumn(one.name, trimmed(one.values.value)) for one in batch.columns], keep=[])


def trimmed(texts):
    return ColumnValues_Text([None if text is None else text.strip(" ") for text in texts])


def setting(key):
    value = store.get(key)
    if not value:
        raise Err(f"[config] {key} is missing")
    return value
