//! Column types as text: read in any case and spacing, with every alias SQL Server knows; written in one way.

use std::fmt;
use std::str::FromStr;

use super::{Length, SqlType};
use crate::protocol::shown::shown;

/// Why a text is no column type. A sentence for people that quotes the text, shortened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlTypeError {
    #[error("the column type is empty")]
    Empty,
    #[error("{0} is not a column type of SQL Server")]
    Unknown(String),
    #[error("{0} is not written as a column type is: expected a name, then perhaps numbers in parentheses")]
    Malformed(String),
    #[error("{text} is not a column type of SQL Server: {name} takes no length or precision")]
    TakesNone { text: String, name: String },
    #[error("{text} is not a column type of SQL Server: {name} takes {allowed}")]
    OutOfRange { text: String, name: String, allowed: &'static str },
}

/// No type of SQL Server needs more; a longer text is refused unread.
const LONGEST: usize = 256;

/// What stood in the parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arguments {
    None,
    Max,
    One(u32),
    Two(u32, u32),
}

impl FromStr for SqlType {
    type Err = SqlTypeError;

    /// Reads a type as SQL Server's catalogue, a script or a person writes it: `nvarchar(50)`, `[NVarChar] ( 50 )`,
    /// `national character varying(50)`. A length left out is that of a column definition: 1 for characters and
    /// bytes, 7 for dates, (18,0) for decimals.
    fn from_str(text: &str) -> Result<Self, SqlTypeError> {
        if text.trim().is_empty() {
            return Err(SqlTypeError::Empty);
        }
        if text.len() > LONGEST {
            return Err(SqlTypeError::Unknown(shown(text)));
        }
        let (name, arguments) = split(text).ok_or_else(|| SqlTypeError::Malformed(shown(text)))?;
        let fixed = |sql_type: Self| match arguments {
            Arguments::None => Ok(sql_type),
            _ => Err(SqlTypeError::TakesNone { text: shown(text), name: name.clone() }),
        };
        let refuse = |allowed| Err(SqlTypeError::OutOfRange { text: shown(text), name: name.clone(), allowed });
        // A length from 1 to `most`, or `(max)` as 0 where that may be.
        let length = |most: u16, allowed, max: bool| match arguments {
            Arguments::None => Ok(1),
            Arguments::Max if max => Ok(0),
            Arguments::One(n @ 1..) if n <= u32::from(most) => Ok(u16::try_from(n).expect("compared with a u16")),
            _ => refuse(allowed).map(|(): ()| 0),
        };
        let chars = |most, allowed| length(most, allowed, false);
        let varying =
            |most, allowed| length(most, allowed, true).map(|n| if n == 0 { Length::Max } else { Length::Limited(n) });
        let digits = || match arguments {
            Arguments::None => Ok(7),
            Arguments::One(n @ 0..=7) => Ok(u8::try_from(n).expect("at most 7")),
            _ => refuse("0 to 7 digits").map(|(): ()| 0),
        };

        match name.as_str() {
            "bit" => fixed(Self::Bit),
            "tinyint" => fixed(Self::TinyInt),
            "smallint" => fixed(Self::SmallInt),
            "int" | "integer" => fixed(Self::Int),
            "bigint" => fixed(Self::BigInt),
            "decimal" | "dec" | "numeric" => {
                let (precision, scale) = match arguments {
                    Arguments::None => (18, 0),
                    Arguments::One(precision) => (precision, 0),
                    Arguments::Two(precision, scale) => (precision, scale),
                    Arguments::Max => (0, 0),
                };
                match (u8::try_from(precision), u8::try_from(scale)) {
                    (Ok(precision @ 1..=38), Ok(scale)) if scale <= precision => Ok(Self::Decimal { precision, scale }),
                    _ => refuse("a precision of 1 to 38 and a scale of at most that").map(|(): ()| Self::Bit),
                }
            }
            "money" => fixed(Self::Money),
            "smallmoney" => fixed(Self::SmallMoney),
            "float" => match arguments {
                Arguments::None | Arguments::One(25..=53) => Ok(Self::Float),
                Arguments::One(1..=24) => Ok(Self::Real),
                _ => refuse("1 to 53 bits").map(|(): ()| Self::Float),
            },
            "double precision" => fixed(Self::Float),
            "real" => fixed(Self::Real),
            "date" => fixed(Self::Date),
            "time" => digits().map(Self::Time),
            "smalldatetime" => fixed(Self::SmallDateTime),
            "datetime" => fixed(Self::DateTime),
            "datetime2" => digits().map(Self::DateTime2),
            "datetimeoffset" => digits().map(Self::DateTimeOffset),
            "char" | "character" => chars(8000, "1 to 8000").map(Self::Char),
            "varchar" | "char varying" | "character varying" => varying(8000, "1 to 8000, or max").map(Self::VarChar),
            "nchar" | "national char" | "national character" => chars(4000, "1 to 4000").map(Self::NChar),
            "nvarchar" | "national char varying" | "national character varying" => {
                varying(4000, "1 to 4000, or max").map(Self::NVarChar)
            }
            "sysname" => fixed(Self::NVarChar(Length::Limited(128))),
            "text" => fixed(Self::Text),
            "ntext" | "national text" => fixed(Self::NText),
            "binary" => chars(8000, "1 to 8000").map(Self::Binary),
            "varbinary" | "binary varying" => varying(8000, "1 to 8000, or max").map(Self::VarBinary),
            "image" => fixed(Self::Image),
            "uniqueidentifier" => fixed(Self::UniqueIdentifier),
            "xml" => fixed(Self::Xml),
            "json" => fixed(Self::Json),
            "rowversion" | "timestamp" => fixed(Self::RowVersion),
            "sql_variant" => fixed(Self::SqlVariant),
            "hierarchyid" => fixed(Self::HierarchyId),
            "geometry" => fixed(Self::Geometry),
            "geography" => fixed(Self::Geography),
            _ => Err(SqlTypeError::Unknown(shown(text))),
        }
    }
}

/// Name in lower case with single spaces, and arguments. `None` if the text has another shape.
fn split(text: &str) -> Option<(String, Arguments)> {
    let text = text.trim();
    let (name, rest) = if let Some(inside) = text.strip_prefix('[') {
        let (name, rest) = inside.split_once(']')?;
        (name, rest)
    } else {
        text.split_at(text.find('(').unwrap_or(text.len()))
    };
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    if name.is_empty() {
        return None;
    }
    let rest = rest.trim();
    if rest.is_empty() {
        return Some((name, Arguments::None));
    }
    let inside = rest.strip_prefix('(')?.strip_suffix(')')?.trim();
    let arguments = if inside.eq_ignore_ascii_case("max") {
        Arguments::Max
    } else if let Some((first, second)) = inside.split_once(',') {
        Arguments::Two(number(first)?, number(second)?)
    } else {
        Arguments::One(number(inside)?)
    };
    Some((name, arguments))
}

fn number(text: &str) -> Option<u32> {
    let text = text.trim();
    // A number too large to hold is out of every range, not malformed.
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().unwrap_or(u32::MAX))
}

impl TryFrom<String> for SqlType {
    type Error = SqlTypeError;

    fn try_from(text: String) -> Result<Self, SqlTypeError> {
        text.parse()
    }
}

impl From<SqlType> for String {
    fn from(sql_type: SqlType) -> Self {
        sql_type.to_string()
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limited(length) => length.fmt(f),
            Self::Max => f.write_str("max"),
        }
    }
}

impl fmt::Display for SqlType {
    /// The one text we write: `nvarchar(255)`, `decimal(18,2)`, `datetime2(7)`; lengths always in full.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Bit => "bit",
            Self::TinyInt => "tinyint",
            Self::SmallInt => "smallint",
            Self::Int => "int",
            Self::BigInt => "bigint",
            Self::Decimal { precision, scale } => return write!(f, "decimal({precision},{scale})"),
            Self::Money => "money",
            Self::SmallMoney => "smallmoney",
            Self::Float => "float",
            Self::Real => "real",
            Self::Date => "date",
            Self::Time(digits) => return write!(f, "time({digits})"),
            Self::SmallDateTime => "smalldatetime",
            Self::DateTime => "datetime",
            Self::DateTime2(digits) => return write!(f, "datetime2({digits})"),
            Self::DateTimeOffset(digits) => return write!(f, "datetimeoffset({digits})"),
            Self::Char(length) => return write!(f, "char({length})"),
            Self::VarChar(length) => return write!(f, "varchar({length})"),
            Self::NChar(length) => return write!(f, "nchar({length})"),
            Self::NVarChar(length) => return write!(f, "nvarchar({length})"),
            Self::Text => "text",
            Self::NText => "ntext",
            Self::Binary(length) => return write!(f, "binary({length})"),
            Self::VarBinary(length) => return write!(f, "varbinary({length})"),
            Self::Image => "image",
            Self::UniqueIdentifier => "uniqueidentifier",
            Self::Xml => "xml",
            Self::Json => "json",
            Self::RowVersion => "rowversion",
            Self::SqlVariant => "sql_variant",
            Self::HierarchyId => "hierarchyid",
            Self::Geometry => "geometry",
            Self::Geography => "geography",
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::testing::any_type;

    fn parsed(text: &str) -> String {
        text.parse::<SqlType>().unwrap_or_else(|error| panic!("{error}")).to_string()
    }

    fn refused(text: &str) -> String {
        text.parse::<SqlType>().map(|read| read.to_string()).expect_err(text).to_string()
    }

    #[test]
    fn every_alias_is_read_as_what_it_stands_for() {
        for (text, canonical) in [
            ("int", "int"),
            ("INTEGER", "int"),
            ("dec", "decimal(18,0)"),
            ("decimal", "decimal(18,0)"),
            ("numeric(9)", "decimal(9,0)"),
            ("Numeric ( 18 , 2 )", "decimal(18,2)"),
            ("decimal(38,38)", "decimal(38,38)"),
            ("float", "float"),
            ("float(53)", "float"),
            ("float(25)", "float"),
            ("float(24)", "real"),
            ("float(1)", "real"),
            ("double   precision", "float"),
            ("real", "real"),
            ("char", "char(1)"),
            ("character(8000)", "char(8000)"),
            ("varchar", "varchar(1)"),
            ("character varying(20)", "varchar(20)"),
            ("CHAR VARYING(MAX)", "varchar(max)"),
            ("national character varying (7)", "nvarchar(7)"),
            ("national char varying(max)", "nvarchar(max)"),
            ("national character(4000)", "nchar(4000)"),
            ("national char", "nchar(1)"),
            ("national text", "ntext"),
            ("nvarchar", "nvarchar(1)"),
            ("nvarchar( max )", "nvarchar(max)"),
            ("[nvarchar](50)", "nvarchar(50)"),
            ("[nvarchar] (50)", "nvarchar(50)"),
            (" [int] ", "int"),
            ("sysname", "nvarchar(128)"),
            ("binary", "binary(1)"),
            ("binary varying(16)", "varbinary(16)"),
            ("varbinary(max)", "varbinary(max)"),
            ("timestamp", "rowversion"),
            ("rowversion", "rowversion"),
            ("time", "time(7)"),
            ("time(0)", "time(0)"),
            ("datetime2", "datetime2(7)"),
            ("datetimeoffset(3)", "datetimeoffset(3)"),
            ("sql_variant", "sql_variant"),
            ("\tdatetime\n", "datetime"),
        ] {
            assert_eq!(parsed(text), canonical, "{text:?}");
        }
    }

    #[test]
    fn anything_else_is_refused_in_a_sentence_that_quotes_it() {
        assert_eq!(refused(" "), "the column type is empty");
        assert_eq!(refused("varchar2(10)"), "\"varchar2(10)\" is not a column type of SQL Server");
        assert_eq!(refused("int identity"), "\"int identity\" is not a column type of SQL Server");
        assert_eq!(refused("int); drop table x --"), "\"int); drop table x --\" is not a column type of SQL Server");
        assert_eq!(
            refused("nvarchar(50) not null"),
            "\"nvarchar(50) not null\" is not written as a column type is: expected a name, then perhaps numbers in parentheses"
        );
        assert_eq!(
            refused("int(11)"),
            "\"int(11)\" is not a column type of SQL Server: int takes no length or precision"
        );
        assert_eq!(
            refused("nvarchar(4001)"),
            "\"nvarchar(4001)\" is not a column type of SQL Server: nvarchar takes 1 to 4000, or max"
        );
        assert_eq!(
            refused("decimal(10,11)"),
            "\"decimal(10,11)\" is not a column type of SQL Server: decimal takes a precision of 1 to 38 and a scale of at most that"
        );
        assert_eq!(refused(&"x".repeat(1000)), format!("\"{}…\" is not a column type of SQL Server", "x".repeat(60)));
    }

    #[test]
    fn bounds_are_those_of_sql_server() {
        for text in [
            "nvarchar(0)",
            "nchar(4001)",
            "nchar(max)",
            "varchar(0)",
            "varchar(8001)",
            "char(8001)",
            "char(max)",
            "decimal(0)",
            "decimal(39)",
            "decimal(max)",
            "decimal(5,6)",
            "decimal(1,2,3)",
            "float(0)",
            "float(54)",
            "float(max)",
            "time(8)",
            "datetime2(8)",
            "datetimeoffset(9)",
            "time(max)",
            "binary(0)",
            "binary(8001)",
            "varbinary(8001)",
            "varchar(99999999999)",
            "varchar(-1)",
            "varchar(1",
            "varchar 1)",
            "varchar()",
            "varchar(1,1)",
            "[varchar",
            "[](1)",
            "()",
            "(1)",
            "[int]]",
            "varchar(+1)",
            "datetime(3)",
            "text(5)",
            "real(4)",
            "double precision(3)",
            "cursor",
            "table",
            "vector(3)",
            "dbo.mytype",
            "[sys].[int]",
        ] {
            refused(text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(sql_type in any_type()) {
            prop_assert_eq!(sql_type.to_string().parse::<SqlType>(), Ok(sql_type));
            prop_assert_eq!(sql_type.to_string().to_uppercase().parse::<SqlType>(), Ok(sql_type));
        }

        #[test]
        fn reading_never_panics(text in any::<String>(), inside in "[0-9a-z, ()]{0,12}") {
            let _ = text.parse::<SqlType>();
            let _ = format!("decimal({inside})").parse::<SqlType>();
        }
    }
}
