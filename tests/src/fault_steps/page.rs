//! A page of outcomes: what was found is held against it, or written there.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::calls::{CALLS, Call};

/// What stands before the outcomes.
const BEGIN: &str = "<!-- outcomes: written by the tests -->\n";

/// A page among the documents.
pub struct Page(PathBuf);

/// Calls may be walked over at once, each of which writes its part.
static WRITING: Mutex<()> = Mutex::new(());

impl Page {
    /// The page of this name.
    pub fn new(name: &str) -> Self {
        Self(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")).join(name))
    }

    /// The call's outcomes are what the page shows; with `UPDATE_DOCS` in the environment the page shows them from now on.
    ///
    /// # Panics
    /// When they are not.
    pub fn shows(&self, call: Call, table: &str) {
        let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        let page = std::fs::read_to_string(&self.0).expect("the page is there");
        let (head, shown) = page.split_once(BEGIN).expect("the page says where its tables begin");
        let found = format!("{}\n\n{table}", call.about());
        let heading = |call: Call| format!("\n## {}\n\n", call.title());
        let part = |call: Call| {
            let (_, part) = shown.split_once(&heading(call))?;
            Some(part.split_once("\n## ").map_or(part, |(part, _)| part).to_owned())
        };
        if std::env::var_os("UPDATE_DOCS").is_none() {
            let shown = part(call);
            assert!(
                shown.is_some(),
                "nobody has seen the outcomes of {} yet; UPDATE_DOCS=1 writes them to {}",
                call.title(),
                self.0.display()
            );
            assert_eq!(
                shown.as_deref(),
                Some(found.as_str()),
                "the outcomes of {} differ from {}: if they should, UPDATE_DOCS=1 writes them there",
                call.title(),
                self.0.display()
            );
            return;
        }
        let mut parts = String::new();
        for one in CALLS {
            let part = if one == call { Some(found.clone()) } else { part(one) };
            if let Some(part) = part {
                parts.push_str(&heading(one));
                parts.push_str(&part);
            }
        }
        std::fs::write(&self.0, format!("{head}{BEGIN}{parts}")).expect("writable");
    }
}
