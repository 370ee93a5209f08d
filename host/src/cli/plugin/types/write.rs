//! The types themselves, in each language. Values are those of `transform`'s batches: see `types.value-kind` in the WIT files.

use std::fmt::Write as _;

use super::name::{fields, plain, type_name};
use crate::protocol::sql_type::Family;
use crate::protocol::table_def::TableDef;

/// A language that plug-ins are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Lang {
    Rust,
    Js,
    Python,
    C,
}

/// One column.
struct Field {
    /// Its name in the language.
    name: String,
    /// Its name in the table.
    column: String,
    kind: Kind,
    nullable: bool,
    /// What the column is, for a comment.
    remark: String,
}

/// As `value-kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Real,
    Decimal,
    Timestamp,
    Binary,
}

impl Kind {
    const fn of(family: Family) -> Self {
        match family {
            Family::Text | Family::Guid | Family::TimestampOffset => Self::Text,
            Family::Integer => Self::Integer,
            Family::Real => Self::Real,
            Family::Decimal => Self::Decimal,
            Family::Timestamp | Family::Time => Self::Timestamp,
            Family::Binary => Self::Binary,
        }
    }

    /// The case of `column-values`.
    const fn case(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Integer => "Integer",
            Self::Real => "Real",
            Self::Decimal => "Decimal",
            Self::Timestamp => "Timestamp",
            Self::Binary => "Binary",
        }
    }

    const fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Real | Self::Timestamp)
    }
}

/// The type of a table's rows.
pub(super) fn row_type(def: &TableDef, lang: Lang) -> String {
    let names = fields(def.columns.iter().map(|column| column.name.as_str()), lang);
    let all: Vec<Field> = def
        .columns
        .iter()
        .zip(names)
        .enumerate()
        .map(|(index, (column, name))| {
            let null = if column.nullable { "" } else { " not null" };
            let key = if def.is_key(index) { ", key" } else { "" };
            Field {
                name,
                column: column.name.clone(),
                kind: Kind::of(column.sql_type.family()),
                nullable: column.nullable,
                remark: format!("{}{null}{key}", column.sql_type),
            }
        })
        .collect();
    let table = def.name.as_str();
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = match lang {
        Lang::Rust => rust(&mut text, table, &all),
        Lang::Js => js(&mut text, table, &all),
        Lang::Python => python(&mut text, table, &all),
        Lang::C => c(&mut text, table, &all),
    };
    text
}

/// A text literal that all four languages read alike.
fn literal(text: &str) -> String {
    let escaped: Vec<String> = text
        .chars()
        .map(|one| match one {
            '"' | '\\' => format!("\\{one}"),
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            other => other.to_string(),
        })
        .collect();
    format!("\"{}\"", escaped.concat())
}

/// A name inside a comment, which it cannot end.
fn comment(text: &str) -> String {
    text.chars()
        .map(|one| if one.is_control() || matches!(one, '*' | '/' | '`' | '"' | '\\') { '_' } else { one })
        .collect()
}

fn literals(all: &[Field], indent: &str) -> String {
    let lines: Vec<String> = all.iter().map(|field| format!("{indent}{},\n", literal(&field.column))).collect();
    lines.concat()
}

fn rust(text: &mut String, table: &str, all: &[Field]) -> std::fmt::Result {
    let name = type_name(table);
    writeln!(text, "/// A row of `{}`.\n#[derive(Debug, Clone, PartialEq)]\npub struct {name} {{", comment(table))?;
    for field in all {
        let one = match field.kind {
            Kind::Text | Kind::Decimal => "String",
            Kind::Integer | Kind::Timestamp => "i64",
            Kind::Real => "f64",
            Kind::Binary => "Vec<u8>",
        };
        let one = if field.nullable { format!("Option<{one}>") } else { one.to_owned() };
        writeln!(text, "    /// `{}`: {}\n    pub {}: {one},", comment(&field.column), field.remark, field.name)?;
    }
    let count = all.len();
    writeln!(
        text,
        "}}\n\nimpl {name} {{\n    /// What a plan names as `inputs` to get whole rows.\n    pub const COLUMNS: [&str; {count}] = [\n{}    ];\n",
        literals(all, "        ")
    )?;
    writeln!(
        text,
        "    /// The rows of such a batch; `None`: it is another.\n    pub fn rows(columns: &[NamedColumn]) -> Option<Vec<Self>> {{"
    )?;
    let numbers = |part: &dyn Fn(usize) -> String| (0..count).map(part).collect::<Vec<_>>().join(", ");
    writeln!(text, "        let [{}] = columns else {{ return None }};", numbers(&|at| format!("c{at}")))?;
    for (at, field) in all.iter().enumerate() {
        let case = field.kind.case();
        writeln!(text, "        let ColumnValues::{case}(c{at}) = &c{at}.values else {{ return None }};")?;
    }
    writeln!(text, "        (0..c0.len())\n            .map(|row| {{\n                Some(Self {{")?;
    for (at, field) in all.iter().enumerate() {
        let clone = if field.kind.is_number() { "" } else { ".clone()" };
        let mark = if field.nullable { "" } else { "?" };
        writeln!(text, "                    {}: c{at}[row]{clone}{mark},", field.name)?;
    }
    writeln!(text, "                }})\n            }})\n            .collect()\n    }}\n}}")
}

fn js(text: &mut String, table: &str, all: &[Field]) -> std::fmt::Result {
    let name = type_name(table);
    writeln!(text, "/**\n * A row of `{}`.\n *\n * @typedef {{object}} {name}", comment(table))?;
    for field in all {
        let one = match field.kind {
            Kind::Text | Kind::Decimal => "string",
            Kind::Integer | Kind::Timestamp => "bigint",
            Kind::Real => "number",
            Kind::Binary => "Uint8Array",
        };
        let one = if field.nullable { format!("{one} | undefined") } else { one.to_owned() };
        writeln!(text, " * @property {{{one}}} {} `{}`: {}", field.name, comment(&field.column), field.remark)?;
    }
    let rows = format!("{}{}Rows", name[..1].to_ascii_lowercase(), &name[1..]);
    let columns = format!("{}Columns", rows.trim_end_matches("Rows"));
    writeln!(
        text,
        " */\n\n/** What a plan names as `inputs` to get whole rows. */\nexport const {columns} = [\n{}];\n",
        literals(all, "  ")
    )?;
    writeln!(
        text,
        "/**\n * The rows of such a batch.\n *\n * @param {{{{ values: {{ val: any[] }} }}[]}} columns\n * @returns {{{name}[]}}\n */\nexport function {rows}(columns) {{\n  const values = columns.map((column) => column.values.val);\n  return Array.from(values[0], (_, row) => ({{"
    )?;
    for (at, field) in all.iter().enumerate() {
        writeln!(text, "    {}: values[{at}][row],", field.name)?;
    }
    writeln!(text, "  }}));\n}}")
}

fn python(text: &mut String, table: &str, all: &[Field]) -> std::fmt::Result {
    let name = type_name(table);
    writeln!(
        text,
        "from dataclasses import dataclass\nfrom typing import ClassVar, Optional\n\n\n@dataclass\nclass {name}:\n    \"\"\"A row of {}.\"\"\"\n",
        comment(table)
    )?;
    writeln!(
        text,
        "    # What a plan names as inputs to get whole rows.\n    COLUMNS: ClassVar[list[str]] = [\n{}    ]\n",
        literals(all, "        ")
    )?;
    for field in all {
        let one = match field.kind {
            Kind::Text | Kind::Decimal => "str",
            Kind::Integer | Kind::Timestamp => "int",
            Kind::Real => "float",
            Kind::Binary => "bytes",
        };
        let one = if field.nullable { format!("Optional[{one}]") } else { one.to_owned() };
        writeln!(text, "    {}: {one}  # {}: {}", field.name, comment(&field.column), field.remark)?;
    }
    writeln!(
        text,
        "\n    @classmethod\n    def rows(cls, columns) -> \"list[{name}]\":\n        \"\"\"The rows of such a batch.\"\"\"\n        return [cls(*row) for row in zip(*(column.values.value for column in columns))]"
    )
}

fn c(text: &mut String, table: &str, all: &[Field]) -> std::fmt::Result {
    let name = format!("{}_row", plain(table).to_lowercase());
    writeln!(
        text,
        "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n\n#ifndef SPEIL_BYTES\n#define SPEIL_BYTES\n/* A text in UTF-8 or bytes, without an end mark. */\ntypedef struct speil_bytes {{\n    const uint8_t *ptr;\n    size_t len;\n}} speil_bytes;\n#endif\n"
    )?;
    writeln!(text, "/* A row of {}. */\ntypedef struct {name} {{", comment(table))?;
    for field in all {
        let one = match field.kind {
            Kind::Text | Kind::Decimal | Kind::Binary => "speil_bytes",
            Kind::Integer | Kind::Timestamp => "int64_t",
            Kind::Real => "double",
        };
        writeln!(text, "    {one} {}; /* {}: {} */", field.name, comment(&field.column), field.remark)?;
    }
    for field in all.iter().filter(|field| field.nullable) {
        writeln!(text, "    bool null_{};", field.name.trim_end_matches('_'))?;
    }
    writeln!(
        text,
        "}} {name};\n\n/* What a plan names as inputs to get whole rows. */\nstatic const char *const {name}_columns[{}] = {{\n{}}};",
        all.len(),
        literals(all, "    ")
    )
}

#[cfg(test)]
mod tests;
