// Takes away the spaces around the texts of one column.

import { get } from "wasi:config/store@0.2.0-rc.1";

/** The hook: its name and its functions' are those of the interface, in JavaScript's spelling. */
export const transform = {
  /** Asked about every table. `undefined` leaves a table alone. */
  plan(context, table) {
    if (!same(table.name, setting("table"))) return undefined;
    const name = setting("column");
    const column = table.columns.find((one) => same(one.name, name));
    // What is thrown is the hook's error: its text is for the operator.
    if (!column) throw `[config] column: ${table.name} has no column ${name}`;
    if (column.kind !== "text") throw `[config] column: ${name} is no text column`;
    return { tag: "rows", val: { drop: [], add: [], inputs: [column.name], outputs: [column.name], filter: false } };
  },

  /** Gets the inputs of a batch as whole columns, and returns the outputs. No value is NULL. */
  apply(context, table, batch) {
    const trimmed = (text) => (text == null ? undefined : text.replace(/^ +| +$/g, ""));
    const columns = batch.columns.map(({ name, values }) => ({ name, values: { tag: "text", val: values.val.map(trimmed) } }));
    return { columns, keep: [] };
  },
};

/** Names have no case. */
function same(one, other) {
  return one.toLowerCase() === other.toLowerCase();
}

function setting(key) {
  const value = get(key);
  if (!value) throw `[config] ${key} is missing`;
  return value;
}

// A mistake in the code is an Error, and only texts can be passed on: its words are, so that the operator can tell you.
for (const [name, hook] of Object.entries(transform)) {
  transform[name] = (...given) => {
    try {
      return hook(...given);
    } catch (error) {
      throw error instanceof Error ? `${error} (${error.stack.split("\n")[0]})` : error;
    }
  };
}
