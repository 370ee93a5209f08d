//! The stage: where the rows of a stretch wait, and the statements that carry them from there into their table.
//!
//! A stage is a temporary table or, for a few rows, a table variable. Its columns: `op` (0 delete, 1 insert or update), `n`, the
//! row's number in its batch, and `c0`, `c1`, ... in the order of the definition. All statements here are pure text.

use std::fmt::Write as _;

use super::carrier::Target;
use crate::store::sqlserver::schema::ident::quote;

/// The temporary table of a connection.
pub(in crate::store::sqlserver) const TABLE: &str = "#speil_stage";
/// The table variable of a statement.
pub(in crate::store::sqlserver) const VARIABLE: &str = "@stage";
/// What `op` is for a row to be deleted.
pub(in crate::store::sqlserver) const DELETE: u8 = 0;
/// What `op` is for a row to be written.
pub(in crate::store::sqlserver) const UPSERT: u8 = 1;

/// Where rows go, as far as statements differ by it.
#[derive(Debug, Clone)]
pub(in crate::store::sqlserver) struct Layout {
    /// The table's full name, quoted.
    pub table: String,
    /// In the order of the definition.
    pub columns: Vec<Target>,
    /// Places of the key's columns.
    pub key: Vec<usize>,
}

/// What a stretch needs of [`Layout::apply`].
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::store::sqlserver) struct Work {
    pub deletes: bool,
    pub upserts: bool,
    /// Texts that a code page may not have are among the rows.
    pub check: bool,
    /// The temporary table is emptied row by row.
    pub by_row: bool,
}

impl Layout {
    /// `n int, op tinyint, c0 ..., c1 ...`
    fn stage_columns(&self) -> String {
        let mut columns = "op tinyint NOT NULL, n int NOT NULL".to_owned();
        for (place, column) in self.columns.iter().enumerate() {
            write!(columns, ", c{place} {} NULL", column.stage_type()).expect("writing to a string cannot fail");
        }
        columns
    }

    /// Makes the temporary table anew.
    pub fn create_stage(&self) -> String {
        format!(
            "IF OBJECT_ID('tempdb..{TABLE}') IS NOT NULL DROP TABLE {TABLE};\nCREATE TABLE {TABLE} ({})",
            self.stage_columns()
        )
    }

    /// Makes the table variable.
    pub fn declare_stage(&self) -> String {
        format!("DECLARE {VARIABLE} TABLE ({})", self.stage_columns())
    }

    /// The temporary table's columns, as the bulk load names them.
    pub fn stage_names(&self) -> Vec<String> {
        ["op".to_owned(), "n".to_owned()].into_iter().chain((0..self.columns.len()).map(|i| format!("c{i}"))).collect()
    }

    /// The table's own columns, quoted.
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| quote(&column.name)).collect()
    }

    /// What makes a stage's row `s` that of the table's row `t`.
    fn same_key(&self) -> String {
        let parts: Vec<String> = self
            .key
            .iter()
            .map(|&i| {
                format!("t.{} = {}", quote(&self.columns[i].name), self.columns[i].taken_from_stage(&format!("s.c{i}")))
            })
            .collect();
        parts.join(" AND ")
    }

    /// Whether rows with different keys may be one row to the table.
    pub fn equates(&self) -> bool {
        self.key.iter().any(|&i| self.columns[i].equates())
    }

    /// Carries a stage's rows into the table and empties the temporary one. Answers one row: deleted, updated, inserted, and the
    /// number and column place of a row whose text a code page has not; then nothing was done. `upserts` is how many rows there are
    /// to be written: when all were there already, nobody looks for missing ones.
    pub fn apply(&self, stage: &str, work: Work, upserts: &str) -> String {
        let mut sql = "SET NOCOUNT ON;\nDECLARE @d bigint, @u bigint, @i bigint, @twice bigint, @n int, @c int;\n\
             SET @d = 0; SET @u = 0; SET @i = 0; SET @twice = 0;\n"
            .to_owned();
        if work.check {
            for (place, column) in self.columns.iter().enumerate().filter(|(_, column)| column.has_code_page()) {
                let lost = column.loses_text(&format!("s.c{place}"));
                writeln!(
                    sql,
                    "IF @n IS NULL SELECT TOP (1) @n = s.n, @c = {place} FROM {stage} AS s WHERE {lost} ORDER BY s.n;"
                )
                .expect("writing to a string cannot fail");
            }
            sql.push_str("IF @n IS NULL\nBEGIN\n");
        }
        if work.deletes {
            self.delete(stage, &mut sql);
        }
        if work.upserts {
            self.upsert(stage, upserts, &mut sql);
        }
        if work.check {
            sql.push_str("END;\n");
        }
        if stage == TABLE {
            let emptying = if work.by_row { "DELETE FROM" } else { "TRUNCATE TABLE" };
            writeln!(sql, "{emptying} {TABLE};").expect("writing to a string cannot fail");
        }
        // Some servers do not take a setting back at the end of a statement that was called.
        sql.push_str("SET NOCOUNT OFF;\nSELECT @d, @u + @twice, @i, @n, @c");
        sql
    }

    fn delete(&self, stage: &str, sql: &mut String) {
        writeln!(
            sql,
            "DELETE t FROM {} AS t INNER JOIN {stage} AS s ON {} WHERE s.op = {DELETE};\nSET @d = @@ROWCOUNT;",
            self.table,
            self.same_key()
        )
        .expect("writing to a string cannot fail");
    }

    fn upsert(&self, stage: &str, upserts: &str, sql: &mut String) {
        let names = self.names();
        let values: Vec<String> =
            (0..names.len()).map(|i| self.columns[i].taken_from_stage(&format!("s.c{i}"))).collect();
        let insert = format!(
            "INSERT INTO {} ({}) SELECT {} FROM {stage} AS s WHERE s.op = {UPSERT}",
            self.table,
            names.join(", "),
            values.join(", ")
        );
        if self.key.is_empty() {
            writeln!(sql, "{insert};\nSET @i = @@ROWCOUNT;").expect("writing to a string cannot fail");
            return;
        }
        let same = self.same_key();
        if self.equates() {
            // Of rows that are one to the table the last wins, and the others count as updates of it.
            let twice: Vec<String> = self
                .key
                .iter()
                .map(|&i| {
                    let of = |alias: &str| self.columns[i].taken_from_stage(&format!("{alias}.c{i}"));
                    format!("{} = {}", of("later"), of("s"))
                })
                .collect();
            writeln!(
                sql,
                "DELETE s FROM {stage} AS s WHERE s.op = {UPSERT} AND EXISTS (SELECT 1 FROM {stage} AS later WHERE later.op = \
                 {UPSERT} AND later.n > s.n AND {});\nSET @twice = @@ROWCOUNT;",
                twice.join(" AND ")
            )
            .expect("writing to a string cannot fail");
        }
        // A key that is written differently and yet the same is written anew too.
        let set: Vec<String> = (0..names.len())
            .filter(|i| !self.key.contains(i) || self.columns[*i].equates())
            .map(|i| format!("{} = {}", names[i], values[i]))
            .collect();
        if set.is_empty() {
            writeln!(
                sql,
                "SELECT @u = COUNT(*) FROM {} AS t INNER JOIN {stage} AS s ON {same} WHERE s.op = {UPSERT};",
                self.table
            )
        } else {
            writeln!(
                sql,
                "UPDATE t SET {} FROM {} AS t INNER JOIN {stage} AS s ON {same} WHERE s.op = {UPSERT};\nSET @u = @@ROWCOUNT;",
                set.join(", "),
                self.table
            )
        }
        .expect("writing to a string cannot fail");
        writeln!(
            sql,
            "IF @u + @twice < {upserts}\nBEGIN\n{insert} AND NOT EXISTS (SELECT 1 FROM {} \
             AS t WHERE {same});\nSET @i = @@ROWCOUNT;\nEND;",
            self.table
        )
        .expect("writing to a string cannot fail");
    }

    /// Rows by parameter: each of `rows` is one bracketed list of values.
    pub fn insert_rows(into: &str, names: &[String], rows: &[String]) -> String {
        format!("INSERT INTO {into} ({}) VALUES {}", names.join(", "), rows.join(", "))
    }

    /// Whether a table has rows at all, and any whose only key, a number, lies from `@P1` to `@P2`.
    pub fn probe(&self) -> String {
        let any = format!("CASE WHEN EXISTS (SELECT 1 FROM {}) THEN 1 ELSE 0 END", self.table);
        match self.key[..] {
            [key] if self.columns[key].kept.integer_range().is_some() => {
                let key = quote(&self.columns[key].name);
                format!(
                    "SELECT {any}, CASE WHEN EXISTS (SELECT 1 FROM {} WHERE {key} BETWEEN @P1 AND @P2) THEN 1 ELSE 0 END",
                    self.table
                )
            }
            _ => format!("SELECT {any}, {any}"),
        }
    }
}

/// Every statement of this file, for the golden files ([`crate::store::sqlserver::golden`]).
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    let column = |name: &str, declared: &str, collation: Option<&str>| Target {
        name: name.to_owned(),
        kept: declared.parse().expect("a type"),
        required: false,
        collation: collation.map(str::to_owned),
    };
    let layout = |columns: Vec<Target>, key: &[usize]| Layout {
        table: crate::store::sqlserver::schema::ident::qualified("dbo", "od]d \"name"),
        columns,
        key: key.to_vec(),
    };
    let all = Work { deletes: true, upserts: true, check: false, by_row: false };
    let plain = layout(vec![column("id", "int", None), column("na me", "nvarchar(220)", None)], &[0]);
    let keyless = layout(plain.columns.clone(), &[]);
    let only_key = layout(vec![column("id", "bigint", None)], &[0]);
    let taken = Some("Latin1_General_CI_AS");
    let taken_over = layout(
        vec![column("code", "varchar(20)", taken), column("n", "decimal(9,2)", None), column("note", "text", taken)],
        &[0, 1],
    );
    let types = [
        "bit",
        "tinyint",
        "smallint",
        "int",
        "bigint",
        "decimal(38,38)",
        "money",
        "smallmoney",
        "float",
        "real",
        "date",
        "time(3)",
        "smalldatetime",
        "datetime",
        "datetime2(7)",
        "datetimeoffset(0)",
        "char(10)",
        "varchar(max)",
        "nchar(10)",
        "nvarchar(2000)",
        "nvarchar(2001)",
        "nvarchar(max)",
        "text",
        "ntext",
        "xml",
        "binary(8)",
        "varbinary(8000)",
        "varbinary(max)",
        "image",
        "uniqueidentifier",
    ];
    let every = layout(types.iter().map(|name| column(name, name, None)).collect(), &[3]);
    let rows = [
        "(0, 7, CONVERT(int, @P1), NULL)".to_owned(),
        "(1, 8, CONVERT(int, @P2), CONVERT(nvarchar(220), @P3))".to_owned(),
    ];
    vec![
        ("create_stage", plain.create_stage()),
        ("create_stage_every_type", every.create_stage()),
        ("declare_stage", taken_over.declare_stage()),
        ("insert_rows", Layout::insert_rows(TABLE, &plain.stage_names(), &rows)),
        ("probe", plain.probe()),
        ("probe_text_key", taken_over.probe()),
        ("apply", plain.apply(TABLE, all, "@P1")),
        ("apply_emptying_by_row", plain.apply(TABLE, Work { by_row: true, ..all }, "@P1")),
        ("apply_deletes", plain.apply(TABLE, Work { upserts: false, ..all }, "@P1")),
        ("apply_upserts", plain.apply(TABLE, Work { deletes: false, ..all }, "@P1")),
        ("apply_keyless", keyless.apply(TABLE, Work { deletes: false, ..all }, "@P1")),
        ("apply_only_key", only_key.apply(TABLE, all, "@P1")),
        ("apply_every_type", every.apply(TABLE, all, "@P1")),
        ("apply_taken_over", taken_over.apply(TABLE, Work { check: true, ..all }, "@P1")),
    ]
}
