//! What taking over a mirror that the vendor's package made would do: said before it happens.
//!
//! The source's schema comes with the first `TableSchema`, so what can be said beforehand is what the mirror alone shows: which
//! tables have an LSN to keep, which must be filled in any case, and what will be added beside what is there.

/// One mirror that is not (or not wholly) ours yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Takeover {
    /// Server and database.
    pub place: String,
    /// The tenant, as the name of the metadata table has it.
    pub tenant: String,
    /// What its metadata table lists.
    pub tables: Vec<TakeoverTable>,
    /// Tables that its metadata table does not list: not touched. One that the source has too stops that table alone.
    pub not_ours: Vec<String>,
    /// What will be added, tables and columns.
    pub adds: Vec<String>,
    /// What would keep it from being taken over, and what an administrator must do.
    pub trouble: Option<String>,
}

/// One table of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TakeoverTable {
    pub table: String,
    pub lsn: Option<i64>,
    /// As the database counts them, roughly.
    pub rows: Option<u64>,
    /// Why it will be filled anew whatever the source says; `None`: rows and LSN are kept if the source's columns are the same.
    pub refill: Option<String>,
}

impl Takeover {
    /// How many tables keep rows and LSN, if the source agrees.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.tables.iter().filter(|table| table.refill.is_none()).count()
    }

    /// A sentence for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let refilled: Vec<String> = self
            .tables
            .iter()
            .filter_map(|table| table.refill.as_ref().map(|why| format!("{} ({why})", table.table)))
            .collect();
        let mut parts = vec![format!(
            "made by the vendor's package for {}: {} of {} tables keep rows and LSN where the source's columns are the same",
            self.tenant,
            self.kept(),
            self.tables.len()
        )];
        if !refilled.is_empty() {
            parts.push(format!("filled anew: {}", first(&refilled, 5)));
        }
        if !self.not_ours.is_empty() {
            parts.push(format!("not in the metadata table and not touched: {}", first(&self.not_ours, 5)));
        }
        if !self.adds.is_empty() {
            parts.push(format!("added: {}", self.adds.join(", ")));
        }
        parts.join("; ")
    }
}

fn first(all: &[String], most: usize) -> String {
    let shown = all.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > most { format!("{shown} and {} more", all.len() - most) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_says_what_stays_and_what_comes() {
        let table = |name: &str, refill: Option<&str>| TakeoverTable {
            table: name.into(),
            lsn: Some(7),
            rows: Some(1),
            refill: refill.map(str::to_owned),
        };
        let takeover = Takeover {
            place: "sql1/Mirror_Cust1".into(),
            tenant: "Cust1".into(),
            tables: vec![table("contact", None), table("person", Some("its LSN is -1"))],
            not_ours: vec!["MyReport".into()],
            adds: vec!["speil_meta".into()],
            trouble: None,
        };
        assert_eq!(
            takeover.summary(),
            "made by the vendor's package for Cust1: 1 of 2 tables keep rows and LSN where the source's columns are the same; \
             filled anew: person (its LSN is -1); not in the metadata table and not touched: MyReport; added: speil_meta"
        );
    }
}
