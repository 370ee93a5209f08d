//! A statement's text and the values bound to it, put together piece by piece by pure functions, sent in one round trip.
//!
//! NULL is written into the text, not bound: an untyped NULL parameter makes some servers guess a type for it.
//!
//! A transaction cannot begin or end in a statement with parameters. Where that must not cost a round trip of its own, the statement
//! is called from a batch that begins or ends it ([`Statement::called`]): its text and so its plan stay the same, and what is bound to
//! it stands in the call as literals. Only names of tables and values of our own making go that way ([`Statement::callable`]). One that
//! comes again and again over a connection is kept ready there, and called by its number ([`Statement::call`]).

use futures_util::TryStreamExt as _;
use tiberius::{ColumnData, ColumnType, QueryItem, ToSql};

use crate::protocol::sql_type::SqlType;
use crate::store::StoreErrorKind;
use crate::store::sqlserver::connection::conn::Conn;
use crate::store::sqlserver::connection::prepared;
use crate::store::sqlserver::errors::Result;
use crate::store::sqlserver::schema::ident::text_literal;

/// Bytes of the longest text given to a statement that is called.
const MOST_CALLED: usize = 4_000;

/// A value bound to a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Param {
    Integer(i64),
    Text(String),
}

impl ToSql for Param {
    fn to_sql(&self) -> ColumnData<'_> {
        match self {
            Self::Integer(value) => ColumnData::I64(Some(*value)),
            Self::Text(text) => ColumnData::String(Some(text.into())),
        }
    }
}

/// Statements that belong together, each ended with a semicolon.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::store::sqlserver) struct Statement {
    text: String,
    params: Vec<Param>,
}

impl Statement {
    pub fn new() -> Self {
        Self::default()
    }

    /// A statement of text alone.
    pub fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), params: Vec::new() }
    }

    /// Binds a number: its name in the text.
    pub fn integer(&mut self, value: impl Into<Option<i64>>) -> String {
        match value.into() {
            Some(value) => self.param(Param::Integer(value)),
            None => "NULL".to_owned(),
        }
    }

    /// Binds a text: its name in the text.
    pub fn text<'t>(&mut self, value: impl Into<Option<&'t str>>) -> String {
        match value.into() {
            Some(value) => self.param(Param::Text(value.to_owned())),
            None => "NULL".to_owned(),
        }
    }

    fn param(&mut self, param: Param) -> String {
        // A value bound twice is one parameter; there are at most 2,100.
        let place = self.params.iter().rposition(|known| *known == param).unwrap_or_else(|| {
            self.params.push(param);
            self.params.len() - 1
        });
        format!("@P{}", place + 1)
    }

    /// Adds one statement.
    pub fn then(&mut self, statement: impl AsRef<str>) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(statement.as_ref());
        self.text.push(';');
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text, for golden files.
    pub fn sql(&self) -> &str {
        &self.text
    }

    /// The same as one transaction of its own, in one round trip: an error takes all of it back (XACT_ABORT).
    pub fn alone(mut self) -> Self {
        self.text = format!("BEGIN TRANSACTION;\n{}\nCOMMIT TRANSACTION;", self.text);
        self
    }

    /// Whether it can be called from a batch: every text is of printable characters, whose literals are exactly they.
    pub fn callable(&self) -> bool {
        let is_plain = |param: &Param| match param {
            Param::Integer(_) => true,
            Param::Text(text) => text.len() <= MOST_CALLED && !text.contains(char::is_control),
        };
        self.params.iter().all(is_plain) && prepared::is_plain(&self.text)
    }

    /// The same as a call inside a batch, for a statement that is [`Statement::callable`].
    pub fn called(&self) -> String {
        if self.params.is_empty() {
            return self.text.clone();
        }
        prepared::by_text(&self.declared(), &self.text, &self.literals())
    }

    /// [`Statement::called`], or by its number once it has come often enough over this connection.
    pub async fn call(&self, conn: &mut Conn) -> Result<String> {
        let called = Box::pin(conn.ready(&self.declared(), &self.text, &self.literals())).await?;
        Ok(called.unwrap_or_else(|| self.called()))
    }

    /// What is bound to it, declared.
    pub fn declared(&self) -> String {
        let declared = self.params.iter().enumerate().map(|(place, param)| {
            let of = match param {
                Param::Integer(_) => "bigint",
                Param::Text(_) => "nvarchar(4000)",
            };
            format!("@P{} {of}", place + 1)
        });
        declared.collect::<Vec<_>>().join(", ")
    }

    /// What is bound to it, as literals.
    pub fn literals(&self) -> Vec<String> {
        let literal = |param: &Param| match param {
            Param::Integer(value) => value.to_string(),
            Param::Text(text) => text_literal(text),
        };
        self.params.iter().map(literal).collect()
    }

    /// Runs it. Rows affected, for each statement in it that says so.
    pub async fn exec(&self, conn: &mut Conn) -> Result<Vec<u64>> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        let params: Vec<&dyn ToSql> = self.params.iter().map(|param| param as &dyn ToSql).collect();
        conn.exec(&self.text, &params).await.map_err(in_our_tables)
    }

    /// Runs it. The rows of each statement that answers rows, none of them included.
    pub async fn results(&self, conn: &mut Conn) -> Result<Vec<Answer>> {
        let params: Vec<&dyn ToSql> = self.params.iter().map(|param| param as &dyn ToSql).collect();
        let driver = conn.begin_raw();
        let answer = async { driver.query(self.text.as_str(), &params).await?.into_results().await }.await;
        Self::answered(conn, answer)
    }

    /// The same of a statement with nothing bound to it, as a batch: it may begin and end a transaction. And what the head of the last
    /// answer says, be there rows in it or not.
    pub async fn asked(&self, conn: &mut Conn) -> Result<(Vec<Answer>, Head)> {
        debug_assert!(self.params.is_empty(), "a batch has no parameters");
        let driver = conn.begin_raw();
        let mut head = Head::new();
        let answer = async {
            let mut items = driver.simple_query(self.text.as_str()).await?;
            let mut results: Vec<Vec<tiberius::Row>> = Vec::new();
            while let Some(item) = items.try_next().await? {
                match item {
                    QueryItem::Metadata(columns) => {
                        head = columns.columns().iter().map(|one| (one.name().to_owned(), one.column_type())).collect();
                        results.push(Vec::new());
                    }
                    QueryItem::Row(row) => match results.last_mut() {
                        Some(rows) => rows.push(row),
                        None => results.push(vec![row]),
                    },
                }
            }
            Ok(results)
        }
        .await;
        Ok((Self::answered(conn, answer)?, head))
    }

    fn answered(
        conn: &mut Conn,
        answer: std::result::Result<Vec<Vec<tiberius::Row>>, tiberius::error::Error>,
    ) -> Result<Vec<Answer>> {
        let results = conn.settle(answer).map_err(in_our_tables)?;
        Ok(results.into_iter().map(|rows| rows.into_iter().map(Cells::of).collect()).collect())
    }

    /// Runs it. The rows of its first result.
    pub async fn rows(&self, conn: &mut Conn) -> Result<Vec<Cells>> {
        Ok(self.results(conn).await?.into_iter().next().unwrap_or_default())
    }
}

/// A row of our own tables is never at fault: what refuses it is another host that wrote the same one at the same moment.
fn in_our_tables(mut error: crate::store::StoreError) -> crate::store::StoreError {
    if error.kind == StoreErrorKind::Row {
        error.kind = StoreErrorKind::Transient;
    }
    error
}

/// Columns of an answer, by name and type.
pub(in crate::store::sqlserver) type Head = Vec<(String, ColumnType)>;

/// The rows that one statement answers.
pub(in crate::store::sqlserver) type Answer = Vec<Cells>;

/// A row of an answer.
pub(in crate::store::sqlserver) struct Cells(Vec<ColumnData<'static>>);

impl Cells {
    fn of(row: tiberius::Row) -> Self {
        Self(row.into_iter().collect())
    }

    /// As if a server had answered these texts.
    #[cfg(test)]
    pub fn of_texts(texts: &[Option<&str>]) -> Self {
        Self(texts.iter().map(|text| ColumnData::String(text.map(|text| text.to_owned().into()))).collect())
    }

    /// A whole number, whatever type it is kept as; `None` for NULL and for what is none.
    pub fn integer(&self, column: usize) -> Option<i64> {
        match self.0.get(column)? {
            ColumnData::U8(value) => value.map(i64::from),
            ColumnData::I16(value) => value.map(i64::from),
            ColumnData::I32(value) => value.map(i64::from),
            ColumnData::I64(value) => *value,
            ColumnData::Bit(value) => value.map(i64::from),
            ColumnData::F32(value) => value.and_then(|value| whole(f64::from(value))),
            ColumnData::F64(value) => value.and_then(whole),
            ColumnData::Numeric(value) => {
                value.and_then(|value| i64::try_from(value.value() / 10i128.pow(u32::from(value.scale()))).ok())
            }
            ColumnData::String(text) => text.as_deref().and_then(|text| text.trim().parse().ok()),
            // As SQL Server casts it: the last eight bytes, the highest first.
            ColumnData::Binary(bytes) => bytes.as_deref().filter(|bytes| bytes.len() <= 8).map(|bytes| {
                let mut eight = [0; 8];
                eight[8 - bytes.len()..].copy_from_slice(bytes);
                i64::from_be_bytes(eight)
            }),
            _ => None,
        }
    }

    /// A text; `None` for NULL and for what is none.
    pub fn text(&self, column: usize) -> Option<&str> {
        match self.0.get(column)? {
            ColumnData::String(text) => text.as_deref(),
            _ => None,
        }
    }

    /// Bytes; `None` for NULL and for what is none.
    pub fn bytes(&self, column: usize) -> Option<&[u8]> {
        match self.0.get(column)? {
            ColumnData::Binary(bytes) => bytes.as_deref(),
            _ => None,
        }
    }

    /// What the column of a moment is; `None` for NULL and for what is no moment.
    pub fn moment_type(&self, column: usize) -> Option<SqlType> {
        match self.0.get(column)? {
            ColumnData::DateTime(Some(_)) => Some(SqlType::DateTime),
            ColumnData::SmallDateTime(Some(_)) => Some(SqlType::SmallDateTime),
            _ => None,
        }
    }

    /// As if a server had answered a moment of this type.
    #[cfg(test)]
    pub fn of_moment(sql_type: Option<SqlType>) -> Self {
        Self(vec![match sql_type {
            Some(SqlType::SmallDateTime) => ColumnData::SmallDateTime(Some(tiberius::time::SmallDateTime::new(1, 1))),
            Some(_) => ColumnData::DateTime(Some(tiberius::time::DateTime::new(1, 1))),
            None => ColumnData::DateTime(None),
        }])
    }

    /// A count, which has no sign.
    pub fn count(&self, column: usize) -> u64 {
        self.integer(column).and_then(|value| u64::try_from(value).ok()).unwrap_or(0)
    }

    /// The same as an owned text.
    pub fn owned(&self, column: usize) -> Option<String> {
        self.text(column).map(str::to_owned)
    }
}

/// A floating-point number that is a whole one.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn whole(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() < 9.0e18).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bound_and_null_is_written() {
        let mut statement = Statement::new();
        let (a, b, c) = (statement.text("x'; DROP"), statement.integer(None), statement.integer(7));
        let again = statement.integer(7);
        statement.then(format!("UPDATE t SET a = {a}, b = {b}, c = {c}, d = {again}"));
        assert_eq!(statement.sql(), "UPDATE t SET a = @P1, b = NULL, c = @P2, d = @P2;");
    }

    #[test]
    fn a_call_declares_what_is_bound_and_quotes_it() {
        let mut statement = Statement::new();
        let (a, b) = (statement.text("x'; DROP"), statement.integer(-7));
        statement.then(format!("UPDATE t SET a = {a}, b = {b}, c = N''"));
        assert!(statement.callable());
        assert_eq!(
            statement.called(),
            "EXEC sp_executesql N'UPDATE t SET a = @P1, b = @P2, c = N'''';', N'@P1 nvarchar(4000), @P2 bigint', \
             @P1 = N'x''; DROP', @P2 = -7;"
        );
    }

    #[test]
    fn what_has_no_plain_literal_is_not_called() {
        for text in ["a\0b", "a\r\nb", "a\\\nb"] {
            let mut statement = Statement::new();
            let a = statement.text(text);
            statement.then(format!("UPDATE t SET a = {a}"));
            assert!(!statement.callable(), "{text:?}");
        }
    }

    #[test]
    fn numbers_are_read_from_whatever_holds_them() {
        let cells = Cells(vec![
            ColumnData::I32(Some(-5)),
            ColumnData::Numeric(Some(tiberius::numeric::Numeric::new_with_scale(47_110, 1))),
            ColumnData::String(Some(" 17 ".into())),
            ColumnData::Binary(Some(vec![0, 0, 0, 0, 0, 0, 1, 2].into())),
            ColumnData::I64(None),
            ColumnData::String(Some("AbC=".into())),
        ]);
        let read: Vec<_> = (0..7).map(|i| cells.integer(i)).collect();
        assert_eq!(read, [Some(-5), Some(4711), Some(17), Some(258), None, None, None]);
    }
}
