//! SQL Server column types: parsed from the wire and written out again, never passed through (protocol.md
//! section 5, invariant 8). Its text form, both ways, is in `text`.

mod text;

pub use text::SqlTypeError;

/// A column type SQL Server can give a table's column. Stored as its text, so that what is read back is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum SqlType {
    Bit,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    /// `decimal(p,s)`, and `numeric(p,s)`, which is the same.
    Decimal {
        precision: u8,
        scale: u8,
    },
    Money,
    SmallMoney,
    /// `float(25..=53)`, 8 bytes.
    Float,
    /// `real` and `float(1..=24)`, 4 bytes.
    Real,
    Date,
    /// `time(n)`, n = 0..=7.
    Time(u8),
    SmallDateTime,
    DateTime,
    /// `datetime2(n)`.
    DateTime2(u8),
    /// `datetimeoffset(n)`.
    DateTimeOffset(u8),
    /// `char(n)`, 1..=8000.
    Char(u16),
    /// `varchar(n)`, or `varchar(max)`.
    VarChar(Length),
    /// `nchar(n)`, 1..=4000.
    NChar(u16),
    /// `nvarchar(n)`, or `nvarchar(max)`; `sysname` is `nvarchar(128)`.
    NVarChar(Length),
    Text,
    NText,
    Binary(u16),
    VarBinary(Length),
    Image,
    UniqueIdentifier,
    Xml,
    /// `json`, in Azure SQL and SQL Server 2025; mirrored as text.
    Json,
    /// `rowversion` or `timestamp`: 8 bytes, mirrored as `binary(8)` since the mirror may not make its own.
    RowVersion,
    /// Mirrored as text: the wire does not say which base type a value has.
    SqlVariant,
    HierarchyId,
    Geometry,
    Geography,
}

/// The length of a variable column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Length {
    /// Characters or bytes, at least 1.
    Limited(u16),
    /// `(max)`.
    Max,
}

/// How a type's values are kept in memory: which [`super::columns::Column`] variant they fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// bit, tinyint, smallint, int, bigint: `i64`.
    Integer,
    /// float, real: `f64`.
    Real,
    /// decimal, money, smallmoney: `i128` scaled by [`SqlType::decimal_scale`].
    Decimal,
    /// date, smalldatetime, datetime, datetime2: ticks of 100 ns since 0001-01-01T00:00.
    Timestamp,
    /// time: ticks of 100 ns since midnight.
    Time,
    /// datetimeoffset: local ticks and the offset in minutes.
    TimestampOffset,
    /// Character types, xml, json, sql_variant: UTF-8.
    Text,
    /// binary types, rowversion, hierarchyid, geometry, geography: bytes.
    Binary,
    /// uniqueidentifier: 16 bytes in the order of its text.
    Guid,
}

impl SqlType {
    /// Which family the type belongs to.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::Bit | Self::TinyInt | Self::SmallInt | Self::Int | Self::BigInt => Family::Integer,
            Self::Float | Self::Real => Family::Real,
            Self::Decimal { .. } | Self::Money | Self::SmallMoney => Family::Decimal,
            Self::Date | Self::SmallDateTime | Self::DateTime | Self::DateTime2(_) => Family::Timestamp,
            Self::Time(_) => Family::Time,
            Self::DateTimeOffset(_) => Family::TimestampOffset,
            Self::Char(_)
            | Self::VarChar(_)
            | Self::NChar(_)
            | Self::NVarChar(_)
            | Self::Text
            | Self::NText
            | Self::Xml
            | Self::Json
            | Self::SqlVariant => Family::Text,
            Self::Binary(_)
            | Self::VarBinary(_)
            | Self::Image
            | Self::RowVersion
            | Self::HierarchyId
            | Self::Geometry
            | Self::Geography => Family::Binary,
            Self::UniqueIdentifier => Family::Guid,
        }
    }

    /// Digits after the point of the decimal family; 0 for the others.
    #[must_use]
    pub const fn decimal_scale(self) -> u8 {
        match self {
            Self::Decimal { scale, .. } => scale,
            Self::Money | Self::SmallMoney => 4,
            _ => 0,
        }
    }

    /// The most UTF-16 units a character column may hold; `None` for no limit of its own and for other types.
    ///
    /// For `char` and `varchar` the source counts bytes of a code page the wire does not name. No code page packs
    /// two UTF-16 units into one byte, so every value the source can hold passes, and what is refused is surely
    /// too long.
    #[must_use]
    pub const fn max_units(self) -> Option<u16> {
        match self {
            Self::Char(units)
            | Self::NChar(units)
            | Self::VarChar(Length::Limited(units))
            | Self::NVarChar(Length::Limited(units)) => Some(units),
            _ => None,
        }
    }

    /// The most bytes a binary column may hold; `None` for no limit of its own and for other types.
    #[must_use]
    pub const fn max_bytes(self) -> Option<u16> {
        match self {
            Self::Binary(bytes) | Self::VarBinary(Length::Limited(bytes)) => Some(bytes),
            Self::RowVersion => Some(8),
            Self::HierarchyId => Some(892),
            _ => None,
        }
    }

    /// The smallest and greatest number of the integer family; `None` for the others.
    #[must_use]
    pub const fn integer_range(self) -> Option<(i64, i64)> {
        Some(match self {
            Self::Bit => (0, 1),
            Self::TinyInt => (0, 255),
            Self::SmallInt => (i16::MIN as i64, i16::MAX as i64),
            Self::Int => (i32::MIN as i64, i32::MAX as i64),
            Self::BigInt => (i64::MIN, i64::MAX),
            _ => return None,
        })
    }

    /// The smallest and greatest number of the decimal family, scaled by [`SqlType::decimal_scale`]; `None` for the
    /// others.
    #[must_use]
    pub const fn decimal_range(self) -> Option<(i128, i128)> {
        Some(match self {
            Self::Decimal { precision, .. } => {
                let limit = 10i128.pow(precision as u32) - 1;
                (-limit, limit)
            }
            Self::Money => (i64::MIN as i128, i64::MAX as i128),
            Self::SmallMoney => (i32::MIN as i128, i32::MAX as i128),
            _ => return None,
        })
    }

    /// Whether SQL Server lets a column of this type be part of a primary key, and a mirror can tell its values
    /// apart. `sql_variant` is left out: of its values only a text arrives.
    #[must_use]
    pub const fn can_be_key(self) -> bool {
        !matches!(
            self,
            Self::Text
                | Self::NText
                | Self::Image
                | Self::Xml
                | Self::Json
                | Self::SqlVariant
                | Self::Geometry
                | Self::Geography
                | Self::VarChar(Length::Max)
                | Self::NVarChar(Length::Max)
                | Self::VarBinary(Length::Max)
        )
    }
}
