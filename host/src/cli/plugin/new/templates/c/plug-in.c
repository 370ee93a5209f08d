// Takes away the spaces around the texts of one column.

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "plug_in.h"

typedef plug_in_string_t text_t;

static bool same(text_t one, text_t other) {
    return one.len == other.len && strncasecmp((const char *)one.ptr, (const char *)other.ptr, one.len) == 0;
}

// An error of the hook: a text for the operator. Always false, which is how a hook fails.
static bool fail(text_t *error, const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    plug_in_string_dup(error, line);
    return false;
}

static bool setting(char *name, text_t *value, text_t *error) {
    text_t key;
    plug_in_option_string_t found;
    wasi_config_store_error_t why;
    plug_in_string_set(&key, name);
    if (!wasi_config_store_get(&key, &found, &why)) return fail(error, "cannot read [config]");
    if (!found.is_some) return fail(error, "[config] %s is missing", name);
    *value = found.val;
    return true;
}

// A list of one text, a copy: what a hook answers is freed by the generated code.
static plug_in_list_string_t list_of(text_t text) {
    text_t *copy = malloc(sizeof *copy);
    if (!copy) abort();
    plug_in_string_dup_n(copy, (const char *)text.ptr, text.len);
    return (plug_in_list_string_t){copy, 1};
}

// Asked about every table. No answer leaves a table alone.
bool exports_speil_mirror_transform_plan(exports_speil_mirror_transform_context_t *context,
                                         exports_speil_mirror_transform_table_t *table,
                                         exports_speil_mirror_transform_option_table_plan_t *ret, text_t *error) {
    (void)context;
    text_t wanted, name;
    if (!setting("table", &wanted, error)) return false;
    ret->is_some = same(table->name, wanted);
    if (!ret->is_some) return true;
    if (!setting("column", &name, error)) return false;
    for (size_t i = 0; i < table->columns.len; i++) {
        speil_mirror_types_column_t *column = &table->columns.ptr[i];
        if (!same(column->name, name)) continue;
        if (column->kind != SPEIL_MIRROR_TYPES_VALUE_KIND_TEXT) {
            return fail(error, "[config] column: %.*s is no text column", (int)name.len, name.ptr);
        }
        ret->val.tag = EXPORTS_SPEIL_MIRROR_TRANSFORM_TABLE_PLAN_ROWS;
        ret->val.val.rows = (exports_speil_mirror_transform_rows_plan_t){
            .inputs = list_of(column->name),
            .outputs = list_of(column->name),
        };
        return true;
    }
    return fail(error, "[config] column: %.*s has no column %.*s", (int)table->name.len, table->name.ptr, (int)name.len,
                name.ptr);
}

static text_t trimmed(text_t text) {
    size_t from = 0, to = text.len;
    while (from < to && text.ptr[from] == ' ') from++;
    while (from < to && text.ptr[to - 1] == ' ') to--;
    text_t copy;
    plug_in_string_dup_n(&copy, (const char *)text.ptr + from, to - from);
    return copy;
}

// Gets the inputs of a batch as whole columns, and returns the outputs.
bool exports_speil_mirror_transform_apply(exports_speil_mirror_transform_context_t *context, text_t *table,
                                          exports_speil_mirror_transform_batch_t *batch,
                                          exports_speil_mirror_transform_applied_t *ret, text_t *error) {
    (void)context, (void)table, (void)error;
    for (size_t i = 0; i < batch->columns.len; i++) {
        plug_in_list_option_string_t texts = batch->columns.ptr[i].values.val.text;
        for (size_t row = 0; row < texts.len; row++) {
            if (texts.ptr[row].is_some) texts.ptr[row].val = trimmed(texts.ptr[row].val);
        }
    }
    // The columns as they came, with the new texts in them. They are ours to give back, and freed by the generated code.
    *ret = (exports_speil_mirror_transform_applied_t){.columns = batch->columns};
    return true;
}
