//! Databases of one case of the store's suite, and a hand inside them.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use speil::protocol::context_id::ContextId;
use speil::protocol::datetime;
use speil::protocol::sql_type::SqlType;
use speil::store::Store;
use speil::task::hand::Hand;

use super::{Case, Feature, Place};
use crate::store_conformance::StoreFactory;

/// See [`StoreFactory`].
pub struct SqlServerFactory {
    place: Place,
}

impl SqlServerFactory {
    pub fn new(place: Place) -> Self {
        Self { place }
    }

    fn hand(&self, tenant: &ContextId) -> Hand {
        Hand::SqlServer(self.place.hand(tenant.as_str()))
    }
}

/// The store that a configuration with these lines under `[mirror]` asks for.
///
/// # Panics
/// The lines are wrong, or no store can be made from them.
pub fn store_of(lines: &str) -> Arc<dyn Store> {
    let text = format!(
        "[[application]]\nid = \"{}\"\nenvironment = \"sod\"\nprivate_key = {{ env = \"KEY\" }}\n[mirror]\n{lines}",
        crate::kit::host::APPLICATION
    );
    let variables = BTreeMap::from([("KEY".to_owned(), crate::kit::host::private_key().to_owned())]);
    let config = speil::config::Config::from_text(&text, std::path::Path::new("/"), &variables)
        .unwrap_or_else(|problems| panic!("{problems:?} in\n{text}"));
    speil::app::open_store(&config.mirror).unwrap_or_else(|error| panic!("no store: {error}"))
}

#[async_trait]
impl StoreFactory for SqlServerFactory {
    fn store(&self) -> Arc<dyn Store> {
        store_of(&self.place.lines())
    }

    fn takes_nul(&self) -> bool {
        self.place.has(Feature::NulInText)
    }

    fn holds_only_what_types_allow(&self) -> bool {
        true
    }

    fn held(&self, ticks: i64, sql_type: SqlType) -> i64 {
        /// What a `datetime` shows, by the last digit of the thousandths: it keeps those that end in 0, 3 or 7.
        const SHOWN: [i64; 10] = [0, 0, 0, 3, 3, 3, 3, 7, 7, 7];
        const THOUSANDTH: i64 = datetime::TICKS_PER_SECOND / 1_000;
        let kept = match sql_type {
            SqlType::DateTime => {
                let thousandths = ticks / THOUSANDTH;
                let last = usize::try_from(thousandths % 10).expect("a digit");
                (thousandths / 10 * 10 + SHOWN[last]) * THOUSANDTH
            }
            _ => datetime::cut(ticks, sql_type),
        };
        if self.place.has(Feature::SeventhDigit) { kept } else { datetime::cut(kept, SqlType::DateTime2(6)) }
    }

    async fn by_hand(&self, tenant: &ContextId, statements: &str) {
        self.hand(tenant).run(statements).await.unwrap_or_else(|error| panic!("{error}"));
    }

    async fn query(&self, tenant: &ContextId, query: &str) -> Vec<Vec<Option<String>>> {
        self.hand(tenant).rows(query).await.unwrap_or_else(|error| panic!("{error}"))
    }

    async fn reader(&self, tenant: &ContextId, query: &str) -> Box<dyn Send> {
        let mut connected = self.place.hand(tenant.as_str()).connect().await.unwrap_or_else(|error| panic!("{error}"));
        connected.run("BEGIN TRANSACTION").await.unwrap_or_else(|error| panic!("{error}"));
        connected.rows(query).await.unwrap_or_else(|error| panic!("{error}"));
        Box::new(connected)
    }
}

/// What cases of the suite need beyond what every server of the kind has.
pub const NEEDS: &[(&str, &[Feature])] = &[
    ("alter::a_column_becomes_nullable_and_not_nullable_again", &[Feature::AlterNullability]),
    ("alter::the_key_changes", &[Feature::AlterCollation, Feature::AlterNullability]),
    ("alter::a_key_that_the_rows_do_not_have_is_refused", &[Feature::AlterCollation, Feature::AlterNullability]),
    ("alter::views_of_somebody_else_do_not_stand_in_the_way", &[Feature::DropBehindView]),
    ("alter::names_change_their_case", &[Feature::NamesKeepTheirCase]),
    (
        "concurrency::a_reader_with_an_open_transaction_never_blocks_a_writer",
        &[Feature::ReadersGoOn, Feature::ChangeBehindReader],
    ),
    ("concurrency::a_long_read_does_not_hold_up_a_writer", &[Feature::ReadersGoOn, Feature::ChangeBehindReader]),
    ("indexes::an_index_that_differs_is_made_anew", &[Feature::NamesKeepTheirCase]),
    ("names::names_may_hold_anything", &[Feature::UnicodeNames]),
    ("names::a_letter_that_folds_into_ascii_is_that_letter", &[Feature::UnicodeNames]),
    ("names::the_longest_names_work", &[Feature::LongNames]),
    (
        "opening::tenants_with_strange_names_have_mirrors_of_their_own",
        &[Feature::AnyDatabaseName, Feature::LongDatabaseNames],
    ),
];

/// What cases of the suite leave out a part without.
pub const WANTS: &[(&str, &[Feature])] = &[
    ("types::texts_are_themselves", &[Feature::NulInText]),
    ("types::dates_and_times_at_both_ends", &[Feature::SeventhDigit]),
    ("types::times_with_an_offset", &[Feature::SeventhDigit]),
];

/// The suite's cases.
pub fn cases() -> Vec<Case> {
    let cases: Vec<Case> = crate::for_every_store_case!(store_case_trials, SqlServerFactory::new);
    for (case, _) in NEEDS.iter().chain(WANTS) {
        assert!(cases.iter().any(|known| known.name == *case), "there is no case {case}");
    }
    let of = |list: &'static [(&str, &'static [Feature])], case: &str| {
        list.iter().find(|(name, _)| *name == case).map_or(&[] as &[Feature], |(_, features)| features)
    };
    let with = |case: Case| {
        let (needs, wants) = (of(NEEDS, &case.name), of(WANTS, &case.name));
        case.needing(needs).wanting(wants)
    };
    cases.into_iter().map(with).collect()
}
