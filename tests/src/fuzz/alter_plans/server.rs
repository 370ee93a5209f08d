//! One table of a SQL Server, in memory: it does what it is told in T-SQL, and refuses what SQL Server refuses.

use speil::protocol::table_name::fold;
use speil::store::IndexDef;
use speil::store::sqlserver::{KEY_NAME, Statement, default_name};

use super::tokens::{self, Token};

/// What a name of a column, a constraint or an index is told by.
fn same(a: &str, b: &str) -> bool {
    fold(a) == fold(b)
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    name: String,
    sql_type: Vec<Token>,
    collation: Option<&'static str>,
    nullable: bool,
    default: Option<Vec<Token>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    kind: &'static str,
    columns: Vec<String>,
}

/// A table, and whether rows are in it.
#[derive(Debug)]
pub struct Server {
    schema: String,
    table: String,
    columns: Vec<Column>,
    key: Option<Key>,
    /// Name, columns.
    indexes: Vec<(String, Vec<String>)>,
    /// Name, column.
    statistics: Vec<(String, String)>,
    has_rows: bool,
}

/// Whether SQL Server makes an index or a key over such a column.
fn can_index(sql_type: &[Token]) -> bool {
    let refused = ["max", "ntext", "image"];
    !sql_type.iter().any(|token| matches!(token, Token::Word(word) if refused.contains(word)))
}

/// Whether a column of the one type becomes the other under an index: only texts and bytes of varying length, and longer.
fn is_longer(from: &[Token], to: &[Token]) -> bool {
    let length = |sql_type: &[Token]| match sql_type {
        [Token::Word(word @ ("nvarchar" | "varbinary")), Token::Sign('('), Token::Number(length), Token::Sign(')')] => {
            Some((*word, length.parse::<u32>().expect("a length")))
        }
        _ => None,
    };
    match (length(from), length(to)) {
        (Some((was, from)), Some((is, to))) => was == is && from <= to,
        _ => false,
    }
}

/// What is left of a statement.
struct Reader<'t> {
    left: &'t [Token],
    sql: &'t str,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> &'t Token {
        let (first, rest) = self.left.split_first().unwrap_or_else(|| panic!("the statement breaks off: {}", self.sql));
        self.left = rest;
        first
    }

    fn has(&mut self, wanted: &Token) -> bool {
        let has = self.left.first() == Some(wanted);
        if has {
            self.left = &self.left[1..];
        }
        has
    }

    fn has_word(&mut self, word: &'static str) -> bool {
        self.has(&Token::Word(word))
    }

    fn sign(&mut self, sign: char) {
        assert!(self.has(&Token::Sign(sign)), "{sign} is wanted before {:?}: {}", self.left.first(), self.sql);
    }

    fn words(&mut self, words: &[&'static str]) {
        for word in words {
            assert!(self.has_word(word), "{word} is wanted before {:?}: {}", self.left.first(), self.sql);
        }
    }

    fn word(&mut self) -> &'static str {
        match self.next() {
            Token::Word(word) => word,
            other => panic!("a word is wanted in the place of {other:?}: {}", self.sql),
        }
    }

    fn name(&mut self) -> &'t str {
        match self.next() {
            Token::Name(name) => name,
            other => panic!("a name is wanted in the place of {other:?}: {}", self.sql),
        }
    }

    /// `([a], [b])`
    fn names(&mut self) -> Vec<String> {
        self.sign('(');
        let mut names = vec![self.name().to_owned()];
        while self.has(&Token::Sign(',')) {
            names.push(self.name().to_owned());
        }
        self.sign(')');
        names
    }

    /// What stands in parentheses, with them.
    fn group(&mut self) -> Vec<Token> {
        let (mut depth, mut group) = (0, Vec::new());
        loop {
            let token = self.next();
            match token {
                Token::Sign('(') => depth += 1,
                Token::Sign(')') => depth -= 1,
                _ => {}
            }
            group.push(token.clone());
            if depth == 0 {
                assert!(group.len() > 1, "an expression stands in parentheses: {}", self.sql);
                return group;
            }
        }
    }

    /// `[a] nvarchar(10) COLLATE x NOT NULL DEFAULT (N'')`; without a word of NULL it may be.
    fn column(&mut self) -> Column {
        let name = self.name().to_owned();
        let mut sql_type = vec![Token::Word(self.word())];
        if self.left.first() == Some(&Token::Sign('(')) {
            sql_type.extend(self.group());
        }
        let collation = self.has_word("COLLATE").then(|| self.word());
        let not_null = self.has_word("NOT");
        if not_null || self.left.first() == Some(&Token::Word("NULL")) {
            self.words(&["NULL"]);
        }
        let default = self.has_word("DEFAULT").then(|| self.group());
        Column { name, sql_type, collation, nullable: !not_null, default }
    }

    /// `PRIMARY KEY CLUSTERED ([a])`, behind its first word.
    fn key(&mut self) -> Key {
        self.words(&["KEY"]);
        let kind = self.word();
        assert!(["CLUSTERED", "NONCLUSTERED"].contains(&kind), "{}", self.sql);
        Key { kind, columns: self.names() }
    }

    fn end(&self) {
        assert!(self.left.is_empty(), "{:?} is too much: {}", self.left, self.sql);
    }
}

impl Server {
    /// One that has made this table.
    pub fn of(create_table: &str, has_rows: bool) -> Self {
        let tokens = tokens::of(create_table);
        let mut read = Reader { left: &tokens, sql: create_table };
        read.words(&["CREATE", "TABLE"]);
        let schema = read.name().to_owned();
        read.sign('.');
        let table = read.name().to_owned();
        let mut made =
            Self { schema, table, columns: vec![], key: None, indexes: vec![], statistics: vec![], has_rows: false };
        read.sign('(');
        loop {
            if read.has_word("PRIMARY") {
                made.add_key(read.key(), create_table);
            } else {
                made.add_column(read.column(), create_table);
            }
            if !read.has(&Token::Sign(',')) {
                break;
            }
        }
        read.sign(')');
        read.end();
        made.has_rows = has_rows;
        made
    }

    /// Somebody makes an index.
    pub fn index(&mut self, index: &IndexDef) {
        let columns: Vec<String> = index.columns.iter().map(|column| column.name.clone()).collect();
        self.add_index(&index.name, columns, "an index by hand");
    }

    /// Somebody makes a statistic.
    pub fn statistic(&mut self, name: &str, column: &str) {
        self.statistics.push((name.to_owned(), column.to_owned()));
    }

    pub fn has_index(&self, name: &str) -> bool {
        self.indexes.iter().any(|(own, _)| same(own, name))
    }

    /// Whether there is such a column, and an index can be over it.
    pub fn can_index(&self, column: &str) -> bool {
        self.columns.iter().any(|own| same(&own.name, column) && can_index(&own.sql_type))
    }

    /// A column's name as it is spelled here.
    pub fn spelled(&self, column: &str) -> Option<String> {
        self.columns.iter().find(|own| same(&own.name, column)).map(|own| own.name.clone())
    }

    /// Does it.
    pub fn run(&mut self, tokens: &[Token], parameters: &[String], sql: &str) {
        let mut read = Reader { left: tokens, sql };
        match read.word() {
            "ALTER" => {
                read.words(&["TABLE"]);
                self.this(&mut read);
                self.alter(&mut read);
            }
            "UPDATE" => {
                self.this(&mut read);
                read.words(&["SET"]);
                let column = read.name();
                read.sign('=');
                read.words(&["DEFAULT"]);
                assert!(self.column(column, sql).default.is_some(), "rows are given a default that is none: {sql}");
            }
            "CREATE" => {
                read.words(&["INDEX"]);
                let name = read.name();
                read.words(&["ON"]);
                self.this(&mut read);
                self.add_index(name, read.names(), sql);
            }
            "DROP" if read.has_word("INDEX") => {
                let name = read.name();
                assert!(self.has_index(name), "there is no such index: {sql}");
                self.indexes.retain(|(own, _)| !same(own, name));
                read.words(&["ON"]);
                self.this(&mut read);
            }
            "DROP" => {
                read.words(&["STATISTICS"]);
                self.this(&mut read);
                read.sign('.');
                let name = read.name();
                assert!(self.statistics.iter().any(|(own, _)| same(own, name)), "there is no such statistic: {sql}");
                self.statistics.retain(|(own, _)| !same(own, name));
            }
            "EXEC" => self.rename(&mut read, parameters),
            other => panic!("{other} begins no statement of a change: {sql}"),
        }
        read.end();
    }

    /// The table's name, in a statement about it.
    fn this(&self, read: &mut Reader<'_>) {
        let schema = read.name();
        read.sign('.');
        assert_eq!((schema, read.name()), (self.schema.as_str(), self.table.as_str()), "another table: {}", read.sql);
    }

    fn alter(&mut self, read: &mut Reader<'_>) {
        let sql = read.sql;
        match read.word() {
            "ADD" if read.has_word("PRIMARY") => self.add_key(read.key(), sql),
            "ADD" if read.has_word("DEFAULT") => {
                let default = read.group();
                read.words(&["FOR"]);
                let column = self.column_mut(read.name(), sql);
                assert!(column.default.is_none(), "the column has a default: {sql}");
                column.default = Some(default);
            }
            "ADD" => self.add_column(read.column(), sql),
            "ALTER" => {
                read.words(&["COLUMN"]);
                self.alter_column(read.column(), sql);
            }
            "DROP" if read.has_word("CONSTRAINT") => self.drop_constraint(read.name(), sql),
            "DROP" => {
                read.words(&["COLUMN"]);
                let name = read.name();
                let column = self.column(name, sql);
                assert!(column.default.is_none(), "a default is in the way: {sql}");
                self.is_unused(name, sql);
                self.columns.retain(|own| !same(&own.name, name));
                assert!(!self.columns.is_empty(), "a table must have a column: {sql}");
            }
            other => panic!("{other} changes no table: {sql}"),
        }
    }

    fn alter_column(&mut self, new: Column, sql: &str) {
        assert!(new.default.is_none(), "a default is no part of this: {sql}");
        let was = self.column(&new.name, sql);
        assert!(was.default.is_none(), "a default is in the way: {sql}");
        let longer = is_longer(&was.sql_type, &new.sql_type)
            && was.nullable == new.nullable
            && was.collation == new.collation
            && !self.is_in_key(&new.name);
        if !longer {
            self.is_unused(&new.name, sql);
        }
        assert!(!self.has_rows || !was.nullable || new.nullable, "rows may hold NULL there: {sql}");
        // As it is spelled already.
        let name = was.name.clone();
        let column = self.column_mut(&name, sql);
        *column = Column { name, ..new };
    }

    fn is_in_key(&self, column: &str) -> bool {
        self.key.as_ref().is_some_and(|key| key.columns.iter().any(|own| same(own, column)))
    }

    /// Neither the key nor an index nor a statistic is over it.
    fn is_unused(&self, column: &str, sql: &str) {
        assert!(!self.is_in_key(column), "the key is in the way: {sql}");
        let over = |columns: &[String]| columns.iter().any(|own| same(own, column));
        for (name, columns) in &self.indexes {
            assert!(!over(columns), "index {name:?} is in the way: {sql}");
        }
        for (name, own) in &self.statistics {
            assert!(!same(own, column), "statistic {name:?} is in the way: {sql}");
        }
    }

    fn add_column(&mut self, column: Column, sql: &str) {
        assert!(self.spelled(&column.name).is_none(), "the column is there: {sql}");
        assert!(!self.has_rows || column.nullable || column.default.is_some(), "rows have nothing for it: {sql}");
        self.columns.push(column);
    }

    fn add_key(&mut self, key: Key, sql: &str) {
        assert!(self.key.is_none(), "there is a key: {sql}");
        for name in &key.columns {
            assert!(!self.column(name, sql).nullable && self.can_index(name), "{name:?} can be in no key: {sql}");
        }
        self.key = Some(key);
    }

    fn add_index(&mut self, name: &str, columns: Vec<String>, sql: &str) {
        assert!(!self.has_index(name), "there is an index of that name: {sql}");
        assert!(columns.iter().all(|column| self.can_index(column)), "no index can be over that: {sql}");
        self.indexes.push((name.to_owned(), columns));
    }

    fn drop_constraint(&mut self, name: &str, sql: &str) {
        if same(name, KEY_NAME) {
            assert!(self.key.take().is_some(), "there is no key: {sql}");
            return;
        }
        let of = |column: &&mut Column| column.default.is_some() && same(&default_name(&column.name), name);
        let column = self.columns.iter_mut().find(of).unwrap_or_else(|| panic!("there is no such constraint: {sql}"));
        column.default = None;
    }

    fn rename(&mut self, read: &mut Reader<'_>, parameters: &[String]) {
        let sql = read.sql;
        read.words(&["sp_rename", "@P1"]);
        read.sign(',');
        read.words(&["@P2"]);
        read.sign(',');
        read.words(&["N"]);
        let Token::Text(what) = read.next() else { panic!("what is renamed: {sql}") };
        let [full, to] = parameters else { panic!("two names are wanted: {sql}") };
        // The procedure takes a name apart itself.
        let tokens = parts(full);
        match (what.as_str(), tokens.as_slice()) {
            ("COLUMN", [schema, table, column]) => {
                assert_eq!((schema, table), (&self.schema, &self.table), "{sql} {parameters:?}");
                assert!(same(column, to), "a change of case only: {parameters:?}");
                self.column_mut(column, sql).name.clone_from(to);
            }
            ("OBJECT", [schema, table]) => {
                assert_eq!((schema, table), (&self.schema, &self.table), "{sql} {parameters:?}");
                assert!(same(table, to), "a change of case only: {parameters:?}");
                self.table.clone_from(to);
            }
            _ => panic!("{sql} {parameters:?}"),
        }
    }

    fn column(&self, name: &str, sql: &str) -> &Column {
        let found = self.columns.iter().find(|column| same(&column.name, name));
        found.unwrap_or_else(|| panic!("there is no column {name:?}: {sql}"))
    }

    fn column_mut(&mut self, name: &str, sql: &str) -> &mut Column {
        let found = self.columns.iter_mut().find(|column| same(&column.name, name));
        found.unwrap_or_else(|| panic!("there is no column {name:?}: {sql}"))
    }

    /// Whether this has become what that was made as, but for the order of its columns and what people made over it.
    pub fn is_made_like(&self, wanted: &Self, sent: &[(Vec<Token>, &Statement)]) {
        let sorted = |server: &Self| {
            let mut columns = server.columns.clone();
            columns.sort_by(|a, b| a.name.cmp(&b.name));
            columns
        };
        assert_eq!(self.table, wanted.table, "{sent:#?}");
        assert_eq!(sorted(self), sorted(wanted), "{sent:#?}");
        let key = |server: &Self| {
            let key = server.key.clone()?;
            Some((key.kind, key.columns.iter().map(|column| fold(column)).collect::<Vec<_>>()))
        };
        assert_eq!(key(self), key(wanted), "{sent:#?}");
    }
}

/// `[a].[b]]c]`: its parts.
fn parts(full: &str) -> Vec<String> {
    let (mut parts, mut rest) = (Vec::new(), full);
    loop {
        let name = rest.strip_prefix('[').unwrap_or_else(|| panic!("a bracket opens: {full:?}"));
        let mut meant = String::new();
        let mut chars = name.char_indices().peekable();
        let end = loop {
            let (at, c) = chars.next().unwrap_or_else(|| panic!("a bracket closes: {full:?}"));
            if c == ']' && chars.next_if(|(_, next)| *next == ']').is_none() {
                break at + 1;
            }
            meant.push(c);
        };
        parts.push(meant);
        rest = &name[end..];
        if rest.is_empty() {
            return parts;
        }
        rest = rest.strip_prefix('.').unwrap_or_else(|| panic!("a dot parts names: {full:?}"));
    }
}
