// Keeps only some rows of a table in the mirror, by the value of a column.
//
// [config] "table.column" = "578, 752"   only rows with one of these values stay
//          "table.column" = "not 1, 2"   rows with one of these values are left out
// The word NULL stands for no value. Several columns of one table: a row stays if all of them agree.

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "row_filter.h"

typedef row_filter_string_t text_t;
typedef exports_speil_mirror_transform_column_values_t values_t;

// One line of [config], taken apart.
typedef struct {
    text_t column;
    bool leave_out;
    bool null_listed;
    size_t count;
    text_t *listed;
    // The same as numbers, where the column holds numbers.
    int64_t *numbers;
} rule_t;

typedef struct {
    size_t count;
    rule_t *rules;
} rules_t;

// Memory that is not to be had ends the call: the host says so, and nothing is written.
static void *some(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (!memory) abort();
    return memory;
}

static bool same(text_t one, const char *other, size_t length) {
    return one.len == length && strncasecmp((const char *)one.ptr, other, length) == 0;
}

// An error of the hook: a text for the operator. Always false, which is how a hook fails.
static bool fail(text_t *error, const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    row_filter_string_dup(error, line);
    return false;
}

static text_t trimmed(const uint8_t *from, const uint8_t *to) {
    while (from < to && *from == ' ') from++;
    while (from < to && to[-1] == ' ') to--;
    return (text_t){(uint8_t *)from, (size_t)(to - from)};
}

// The values of a rule, which point into the configuration's own text.
static rule_t read_rule(text_t column, text_t value) {
    rule_t rule = {.column = column, .listed = some(value.len + 1, sizeof(text_t))};
    const uint8_t *at = value.ptr, *end = value.ptr + value.len;
    if (value.len > 4 && memcmp(at, "not ", 4) == 0) {
        rule.leave_out = true;
        at += 4;
    }
    while (at <= end) {
        const uint8_t *comma = at;
        while (comma < end && *comma != ',') comma++;
        text_t one = trimmed(at, comma);
        if (one.len == 4 && memcmp(one.ptr, "NULL", 4) == 0) rule.null_listed = true;
        else rule.listed[rule.count++] = one;
        at = comma + 1;
    }
    return rule;
}

// The rules for a table, in the order of the configuration.
static bool rules_for(text_t table, rules_t *found, text_t *error) {
    row_filter_list_tuple2_string_string_t all;
    wasi_config_store_error_t why;
    if (!wasi_config_store_get_all(&all, &why)) return fail(error, "cannot read [config]");
    found->count = 0;
    found->rules = some(all.len, sizeof(rule_t));
    for (size_t i = 0; i < all.len; i++) {
        text_t key = all.ptr[i].f0;
        const uint8_t *point = memchr(key.ptr, '.', key.len);
        if (!point) return fail(error, "[config] %.*s: a key is written \"table.column\"", (int)key.len, key.ptr);
        size_t length = (size_t)(point - key.ptr);
        if (!same(table, (const char *)key.ptr, length)) continue;
        text_t column = {(uint8_t *)point + 1, key.len - length - 1};
        found->rules[found->count++] = read_rule(column, all.ptr[i].f1);
    }
    return true;
}

// Reads the listed values as numbers. Those that are none are the operator's mistake.
static bool read_numbers(rule_t *rule, text_t *error) {
    rule->numbers = some(rule->count, sizeof(int64_t));
    for (size_t i = 0; i < rule->count; i++) {
        char digits[24] = {0}, *end = digits;
        text_t one = rule->listed[i];
        errno = 0;
        if (one.len > 0 && one.len < sizeof digits) {
            memcpy(digits, one.ptr, one.len);
            rule->numbers[i] = strtoll(digits, &end, 10);
        }
        if (end == digits || *end || errno) {
            return fail(error, "[config] %.*s holds whole numbers, and \"%.*s\" is none", (int)rule->column.len,
                        rule->column.ptr, (int)one.len, one.ptr);
        }
    }
    return true;
}

bool exports_speil_mirror_transform_plan(exports_speil_mirror_transform_context_t *context,
                                         exports_speil_mirror_transform_table_t *table,
                                         exports_speil_mirror_transform_option_table_plan_t *ret, text_t *error) {
    (void)context;
    rules_t rules;
    if (!rules_for(table->name, &rules, error)) return false;
    ret->is_some = rules.count > 0;
    if (!ret->is_some) return true;

    exports_speil_mirror_transform_rows_plan_t rows = {.filter = true};
    rows.inputs.ptr = some(rules.count, sizeof(text_t));
    for (size_t i = 0; i < rules.count; i++) {
        rule_t *rule = &rules.rules[i];
        speil_mirror_types_column_t *column = NULL;
        for (size_t j = 0; j < table->columns.len; j++) {
            if (same(table->columns.ptr[j].name, (char *)rule->column.ptr, rule->column.len)) column = &table->columns.ptr[j];
        }
        const char *name = (const char *)rule->column.ptr;
        int length = (int)rule->column.len;
        if (!column) return fail(error, "[config] %.*s has no column %.*s", (int)table->name.len, table->name.ptr, length, name);
        switch (column->kind) {
        case SPEIL_MIRROR_TYPES_VALUE_KIND_TEXT: break;
        case SPEIL_MIRROR_TYPES_VALUE_KIND_INTEGER:
            if (!read_numbers(rule, error)) return false;
            break;
        default: return fail(error, "[config] %.*s: only texts and whole numbers can be compared", length, name);
        }
        // A copy: what is answered is freed by the generated code.
        row_filter_string_dup_n(&rows.inputs.ptr[rows.inputs.len++], name, rule->column.len);
    }
    ret->val.tag = EXPORTS_SPEIL_MIRROR_TRANSFORM_TABLE_PLAN_ROWS;
    ret->val.val.rows = rows;
    return true;
}

// Whether a row's value is one of those listed.
static bool listed(const rule_t *rule, const values_t *values, size_t row) {
    if (values->tag == EXPORTS_SPEIL_MIRROR_TRANSFORM_COLUMN_VALUES_INTEGER) {
        row_filter_option_s64_t value = values->val.integer.ptr[row];
        if (!value.is_some) return rule->null_listed;
        for (size_t i = 0; i < rule->count; i++) {
            if (rule->numbers[i] == value.val) return true;
        }
        return false;
    }
    row_filter_option_string_t value = values->val.text.ptr[row];
    if (!value.is_some) return rule->null_listed;
    for (size_t i = 0; i < rule->count; i++) {
        text_t one = rule->listed[i];
        if (one.len == value.val.len && memcmp(one.ptr, value.val.ptr, one.len) == 0) return true;
    }
    return false;
}

bool exports_speil_mirror_transform_apply(exports_speil_mirror_transform_context_t *context, text_t *table,
                                          exports_speil_mirror_transform_batch_t *batch,
                                          exports_speil_mirror_transform_applied_t *ret, text_t *error) {
    (void)context;
    rules_t rules;
    if (!rules_for(*table, &rules, error)) return false;
    // The columns come in the order in which `plan` asked for them: that of the rules.
    if (rules.count != batch->columns.len) return fail(error, "not the columns that were asked for");
    size_t rows = batch->operations.len;
    bool *keep = some(rows, sizeof(bool));
    memset(keep, true, rows);
    for (size_t i = 0; i < rules.count; i++) {
        rule_t *rule = &rules.rules[i];
        const values_t *values = &batch->columns.ptr[i].values;
        if (values->tag == EXPORTS_SPEIL_MIRROR_TRANSFORM_COLUMN_VALUES_INTEGER && !read_numbers(rule, error)) return false;
        for (size_t row = 0; row < rows; row++) keep[row] = keep[row] && listed(rule, values, row) != rule->leave_out;
    }
    // What is left over goes with the instance, after the call.
    *ret = (exports_speil_mirror_transform_applied_t){.keep = {keep, rows}};
    return true;
}
