//! A table as it was and, below `---`, as it is, as for [`schemas`](super::schemas); below another `---` a line
//! `index|name|column|...` or `statistic|name|column` for what people have made over it. What would be sent to a SQL Server is read
//! again, by a reader that knows no more of T-SQL than that: nothing from outside stands there unquoted. Then it is done, to a
//! table in memory that refuses what a server refuses: what comes out is what making the new table would have made.

mod server;
mod tokens;

use speil::mirror::{PlannedChange, planned_change};
use speil::protocol::table_def::TableDef;
use speil::protocol::table_name::fold;
use speil::store::IndexDef;
use speil::store::records::IndexColumn;
use speil::store::sqlserver::{DraftTable, Statement};

use server::Server;

/// More of them say nothing new.
const MOST_LINES: usize = 8;
const SCHEMA: &str = "my]schema";

/// Tries one change.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut parts = text.splitn(3, "\n---\n");
    let (Some(old), Some(new)) = (parts.next(), parts.next()) else { return };
    let (Some(old), Some(mut new)) = (super::schemas::table(old), super::schemas::table(new)) else { return };
    if new.name.folded() != old.name.folded() {
        new.name = old.name.clone();
    }
    let bare = DraftTable { schema: SCHEMA, def: &old, indexes: &[], statistics: &[], is_babelfish: false };
    let (indexes, statistics) = made_by_people(parts.next().unwrap_or_default(), &Server::of(&bare.made().sql, false));
    for is_babelfish in [false, true] {
        let table = DraftTable { indexes: &indexes, statistics: &statistics, is_babelfish, ..bare.clone() };
        let sent = match table.changed_to(&new) {
            Ok(sent) => sent,
            Err(error) => {
                super::is_presentable(&error.message, 6000);
                continue;
            }
        };
        let sent: Vec<_> = sent.iter().map(|statement| (tokens::of(&statement.sql), statement)).collect();
        let again =
            DraftTable { def: &new, ..table.clone() }.changed_to(&new).expect("a change to what is there already");
        assert_eq!(again, [], "what is there already is left alone: {new:#?}");
        // Another server, whose tables have no constraints, has rules of its own.
        if !is_babelfish {
            is_done(&table, &new, &sent);
        }
    }
}

/// Does it, and looks at what comes out.
fn is_done(table: &DraftTable<'_>, new: &TableDef, sent: &[(Vec<tokens::Token>, &Statement)]) {
    let old = table.def;
    // Whether rows stand in the way is asked before, by the pipeline: here only what it lets through must be done with rows.
    let has_rows = planned_change(old, new) == PlannedChange::InPlace;
    let mut server = Server::of(&table.made().sql, has_rows);
    for index in table.indexes {
        server.index(index);
    }
    for (name, column) in table.statistics {
        server.statistic(name, column);
    }
    for (tokens, statement) in sent {
        server.run(tokens, &statement.parameters, &statement.sql);
    }
    let wanted = DraftTable { def: new, indexes: &[], statistics: &[], ..table.clone() };
    let wanted = Server::of(&wanted.made().sql, has_rows);
    server.is_made_like(&wanted, sent);
    for index in table.indexes {
        let kept = index.columns.iter().all(|column| wanted.can_index(&column.name));
        assert_eq!(server.has_index(&index.name), kept, "index {:?} of {old:#?}, changed to {new:#?}", index.name);
    }
}

/// Indexes and statistics over columns that there are, each name once.
fn made_by_people(text: &str, made: &Server) -> (Vec<IndexDef>, Vec<(String, String)>) {
    let (mut indexes, mut statistics): (Vec<IndexDef>, Vec<(String, String)>) = (Vec::new(), Vec::new());
    for line in text.split('\n').take(MOST_LINES) {
        let mut parts = line.split('|');
        let (kind, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let mut columns: Vec<String> = Vec::new();
        for column in parts.filter_map(|column| made.spelled(column)) {
            if !columns.contains(&column) && (kind != "index" || made.can_index(&column)) {
                columns.push(column);
            }
        }
        let is_new = !indexes.iter().any(|index| fold(&index.name) == fold(name))
            && !statistics.iter().any(|(earlier, _)| fold(earlier) == fold(name));
        if name.is_empty() || columns.is_empty() || !is_new {
            continue;
        }
        match kind {
            "index" => {
                let columns = columns.into_iter().map(|name| IndexColumn { name, descending: false });
                indexes.push(IndexDef { name: name.to_owned(), columns: columns.collect(), unique: false });
            }
            "statistic" => statistics.extend(columns.into_iter().map(|column| (name.to_owned(), column))),
            _ => {}
        }
    }
    (indexes, statistics)
}
