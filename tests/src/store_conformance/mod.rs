//! One suite for every store: what `speil::store` promises, said in sentences that each engine must make true.
//!
//! An engine brings a [`StoreFactory`] and one line, `store_conformance!(path::to::factory)`, which runs every case as a
//! test of its own, each over a fresh place. Cases know nothing of the engine; what they do by hand is standard SQL with
//! quoted names.

#![cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "the kit is the cases' own vocabulary"))]

pub mod alter;
pub mod concurrency;
pub mod fills;
pub mod hand_edits;
pub mod history;
pub mod indexes;
pub mod kit;
pub mod names;
pub mod opening;
pub mod quarantine;
pub mod rows;
pub mod tables;
pub mod takeover;
pub mod tickets;
pub mod types;

use std::sync::Arc;

use async_trait::async_trait;
use speil::protocol::context_id::ContextId;
use speil::protocol::datetime;
use speil::protocol::sql_type::SqlType;
use speil::store::Store;

/// A place of an engine, fresh for every case, and a hand inside it.
#[async_trait]
pub trait StoreFactory: Send + Sync {
    /// A store over the place. Called again it is a second host, or the first one started anew.
    fn store(&self) -> Arc<dyn Store>;

    /// What an administrator does in a tenant's mirror with the engine's own tool, without the host: statements separated by
    /// semicolons. The mirror is made if it is not there. Panics when a statement fails.
    async fn by_hand(&self, tenant: &ContextId, statements: &str);

    /// Rows of a query by hand, every value as text, NULL as `None`.
    async fn query(&self, tenant: &ContextId, query: &str) -> Vec<Vec<Option<String>>>;

    /// Whether columns hold what their types can hold in SQL Server and nothing else: texts of fixed length are filled up, `xml` is
    /// XML, `varchar` has the letters of its code page, no value is longer than its column.
    fn holds_only_what_types_allow(&self) -> bool {
        false
    }

    /// Whether texts may hold the character 0: asked only where [`StoreFactory::holds_only_what_types_allow`].
    fn takes_nul(&self) -> bool {
        true
    }

    /// What a column of a type holds of a moment, in 100 ns: what the type keeps, unless the engine keeps less.
    fn held(&self, ticks: i64, sql_type: SqlType) -> i64 {
        datetime::cut(ticks, sql_type)
    }

    /// Another program's reading transaction: begun, with the query's first row read, open until the answer is dropped.
    async fn reader(&self, tenant: &ContextId, query: &str) -> Box<dyn Send>;
}

/// Runs every case against the factory that `$factory()` makes.
#[macro_export]
macro_rules! store_conformance {
    ($factory:path) => {
        $crate::for_every_store_case! { store_case_tests, $factory }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! store_case_tests {
    ($factory:path; $($theme:ident { $($case:ident)* })*) => {
        $(mod $theme {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    $crate::store_conformance::$theme::$case(&$factory()).await;
                }
            )*
        })*
    };
}

/// The cases as values, for engines whose tests are known only when they run.
#[doc(hidden)]
#[macro_export]
macro_rules! store_case_trials {
    ($factory:path; $($theme:ident { $($case:ident)* })*) => {
        vec![$($(
            $crate::sqlserver::Case::new(concat!(stringify!($theme), "::", stringify!($case)), |place| async move {
                $crate::store_conformance::$theme::$case(&$factory(place)).await;
            })
        ),*),*]
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! store_case_names {
    ($none:path; $($theme:ident { $($case:ident)* })*) => {
        [$((stringify!($theme), &[$(stringify!($case)),*] as &[&str])),*]
    };
}

/// The list of all cases. A unit test compares it with the files.
#[doc(hidden)]
#[macro_export]
macro_rules! for_every_store_case {
    ($then:ident, $factory:path) => {
        $crate::$then! { $factory;
            alter {
                a_column_is_added_at_the_end
                an_added_column_takes_its_default
                a_column_is_added_in_the_middle
                a_column_is_dropped
                columns_are_added_dropped_and_moved_at_once
                types_are_widened
                a_change_that_cannot_keep_the_values_is_refused_whole
                a_column_becomes_nullable_and_not_nullable_again
                a_not_null_column_without_a_default_is_refused_while_there_are_rows
                names_change_their_case
                the_key_changes
                a_key_that_the_rows_do_not_have_is_refused
                indexes_on_columns_that_stay_are_kept
                views_of_somebody_else_do_not_stand_in_the_way
                a_changed_default_holds_for_new_rows_only
            }
            concurrency {
                a_reader_with_an_open_transaction_never_blocks_a_writer
                a_long_read_does_not_hold_up_a_writer
                writers_to_many_tables_at_once_all_arrive
                tickets_taken_at_once_are_all_different
                a_call_dropped_at_any_moment_leaves_nothing_or_the_whole
                a_caller_who_stops_waiting_in_the_queue_blocks_nobody
                a_writer_dropped_during_a_stretch_leaves_nothing
                two_hosts_over_one_place_do_not_lose_rows
            }
            fills {
                rows_after_an_announced_refill_find_the_table_emptied_once
                a_dropped_writer_leaves_the_emptying_undone
                a_fill_that_broke_off_begins_anew
                the_lsn_stays_while_rows_are_missing
                a_fill_that_misses_rows_does_not_end_until_it_is_begun_anew
                rows_after_a_wipe_are_not_emptied_again
                a_wipe_within_an_announced_refill_counts_as_the_emptying
                an_lsn_set_to_refill_by_hand_in_the_middle_of_a_cycle_stays
                rows_of_a_fill_that_come_twice_are_there_once
                a_refill_by_hand_works_a_second_time
                resync_is_the_same_hand_edit
            }
            hand_edits {
                an_lsn_written_by_hand_is_the_lsn
                a_row_deleted_and_its_table_dropped_is_a_table_never_seen
                a_table_whose_row_alone_was_deleted_is_still_ours
                a_table_of_ones_own_after_a_hard_reset_is_not_ours
                a_table_of_ones_own_in_a_dropped_tables_place_is_not_ours
                a_dropped_metadata_table_means_everything_anew
                dropped_side_tables_are_made_again
                a_table_dropped_by_hand_asks_to_be_made_again
                several_rows_for_one_table_read_as_one_and_become_one
                rows_that_name_no_table_are_passed_over
                a_row_written_by_hand_has_no_hash_of_ours
                rows_changed_by_hand_do_not_disturb
            }
            history {
                a_cycle_is_counted_from_its_beginning_to_its_end
                cycles_come_newest_first_and_as_many_as_asked
                counts_that_differ_are_told_table_by_table
                a_new_cycle_counts_from_nothing
                a_table_knows_its_rows_and_when_they_changed
                a_tables_last_error_stays_until_rows_come_through
                a_completed_cycle_confirms_what_is_mirrored
                a_completed_cycle_does_not_confirm_what_failed_in_it
                events_come_newest_first_and_the_oldest_go
                events_of_refused_calls_touch_no_cycle
                the_newest_lsn_is_the_greatest_stored
                a_transaction_taken_back_counts_nothing
            }
            indexes {
                an_index_is_made_once_and_listed
                an_index_that_differs_is_made_anew
                an_index_is_dropped_by_its_name
                each_table_has_index_names_of_its_own
                an_index_made_by_hand_is_seen_and_respected
                indexes_outlast_a_wipe
                an_index_that_makes_no_sense_is_refused
                an_index_name_may_hold_anything
            }
            names {
                names_may_hold_anything
                names_have_no_case_in_any_alphabet
                a_foreign_table_is_recognised_in_any_case
                a_letter_that_folds_into_ascii_is_that_letter
                no_name_begins_or_ends_with_white_space
                the_longest_names_work
                a_table_of_111_columns_works
            }
            opening {
                opening_makes_the_mirror_and_opening_again_finds_it
                opening_what_exists_makes_nothing
                a_restart_finds_rows_and_lsn
                a_handle_works_on_after_the_store_closed_its_files
                the_list_shows_every_mirror
                two_tenants_share_nothing
                tenants_with_strange_names_have_mirrors_of_their_own
                tenants_whose_names_differ_by_case_only_never_meet
                the_check_leaves_nothing_behind
            }
            quarantine {
                rows_kept_aside_are_listed_counted_and_given_back
                a_row_kept_again_replaces_what_was_kept
                a_transaction_taken_back_keeps_nothing_aside
                what_empties_makes_or_drops_a_table_gives_its_rows_back
            }
            rows {
                inserts_updates_and_deletes_are_counted_exactly
                an_insert_of_what_is_there_replaces_it
                an_update_of_what_is_missing_inserts_it
                a_delete_of_what_is_missing_does_nothing
                a_batch_applied_twice_ends_the_same
                the_lsn_moves_only_forward
                a_writer_that_is_dropped_leaves_nothing
                nothing_is_seen_before_the_commit
                a_refused_row_takes_the_whole_transaction_with_it
                a_row_that_a_unique_index_refuses_is_named
                a_key_that_is_null_is_refused_not_made_up
                a_table_without_a_key_takes_inserts_alone
                keys_of_several_columns_and_of_text_work
                a_table_of_key_columns_only_works
                stretches_apply_in_order
                a_changed_hash_refuses_rows
                rows_are_read_in_key_order_chunk_by_chunk
                a_text_of_twenty_megabytes_comes_back
                an_empty_commit_moves_the_lsn
            }
            tables {
                a_created_table_is_empty_and_must_be_filled
                creating_again_leaves_nothing_of_the_old_table
                a_table_of_somebody_else_is_never_touched
                a_view_of_somebody_else_is_never_touched
                a_table_with_the_metadata_tables_name_is_refused
                a_dropped_table_is_gone_with_its_row
                a_skipped_table_has_a_row_and_no_table
                a_skipped_tables_lsn_moves_without_rows
                a_wipe_empties_and_says_how_many_rows_there_were
                a_table_is_described_as_it_is
                defaults_reach_rows_that_somebody_adds_by_hand
                not_null_is_kept
                unchanged_tables_are_all_listed
            }
            takeover {
                their_tables_are_listed_as_not_yet_ours
                they_are_not_touched_before_they_are_taken_over
                a_table_taken_over_keeps_lsn_and_rows
                their_own_columns_stay_as_they_are
                a_table_of_another_shape_can_be_made_anew_once_taken_over
                what_is_not_listed_cannot_be_taken_over
                a_table_that_cannot_be_rebuilt_can_be_claimed_and_made_anew
                names_that_they_padded_are_read_without_the_padding
            }
            tickets {
                tickets_only_grow_whoever_asks
                a_ticket_is_greater_than_every_one_stored
                an_overtaken_call_changes_nothing
                the_same_call_may_go_on
                a_drop_is_not_undone_by_an_older_call
                a_confirmed_table_is_closed_to_older_calls
                an_overtaken_confirmation_confirms_none
                a_writer_that_began_first_is_not_overtaken_until_it_ends
            }
            types {
                integers_and_bits
                floating_point_numbers
                decimals_of_any_length_are_never_rounded
                money_to_the_last_digit
                ordinary_amounts_are_numbers_to_everybody
                dates_and_times_at_both_ends
                times_with_an_offset
                texts_are_themselves
                bytes_are_themselves
                uniqueidentifiers
                keys_of_every_kind_find_their_rows
            }
        }
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_in_the_files_is_listed_and_the_other_way_round() {
        let files = [
            ("alter", include_str!("alter.rs")),
            ("concurrency", include_str!("concurrency.rs")),
            ("fills", include_str!("fills.rs")),
            ("hand_edits", include_str!("hand_edits.rs")),
            ("history", include_str!("history.rs")),
            ("indexes", include_str!("indexes.rs")),
            ("names", include_str!("names.rs")),
            ("opening", include_str!("opening.rs")),
            ("quarantine", include_str!("quarantine.rs")),
            ("rows", include_str!("rows.rs")),
            ("tables", include_str!("tables.rs")),
            ("takeover", include_str!("takeover.rs")),
            ("tickets", include_str!("tickets.rs")),
            ("types", include_str!("types.rs")),
        ];
        let listed = crate::for_every_store_case!(store_case_names, none::at::all);
        assert_eq!(listed.map(|(theme, _)| theme), files.map(|(theme, _)| theme));
        for ((theme, cases), (_, text)) in listed.iter().zip(files) {
            let written: Vec<&str> = text
                .lines()
                .filter_map(|line| line.strip_prefix("pub async fn ")?.split_once("(f: &impl StoreFactory)"))
                .map(|(name, _)| name)
                .collect();
            assert_eq!(*cases, written, "{theme}");
        }
    }
}
