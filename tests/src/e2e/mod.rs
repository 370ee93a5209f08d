//! The program itself, end to end, over any engine. `tests/e2e.rs` runs all of it with mirrors in SQLite files,
//! `tests/sqlserver_e2e.rs` what is not about files over a SQL Server.

pub mod by_hand;
pub mod calls;
pub mod kills;
pub mod status;
pub mod stories;

pub use crate::kit::engine::{At, Engine};

/// The list of all cases: those that every engine must pass, then those about SQLite's files.
#[doc(hidden)]
#[macro_export]
macro_rules! for_every_e2e_case {
    ($then:ident) => {
        $crate::$then! {
            by_hand {
                a_mirror_of_another_package_is_taken_over_where_it_agrees
                a_table_of_the_administrators_is_not_mirrored_over
                a_mirror_taken_away_while_the_host_runs_is_made_anew
                names_that_change_by_case_alone_keep_their_rows
                a_resync_by_hand_in_the_middle_of_a_cycle_is_honoured
                resync_and_wipe_from_the_command_line_fill_anew
                a_name_with_a_space_at_an_end_takes_no_other_table_along
                an_own_table_in_the_place_of_one_that_was_reset_stays
                a_takeover_whose_rows_cannot_be_kept_is_filled_anew
                a_batch_that_comes_again_for_a_table_without_a_key_is_applied_once
            }
            calls {
                a_call_of_a_hundred_megabytes_is_taken_in_bounded_memory
                a_slow_sender_that_goes_on_is_heard_to_its_end
                a_sender_that_falls_silent_is_told_so_and_spoils_nothing
                a_stop_finishes_the_call_that_is_at_work
                a_caller_that_hangs_up_after_its_last_byte_has_been_heard
            }
            kills {
                a_kill_after_any_step_of_a_first_fill_costs_nothing
                a_kill_after_any_step_of_a_cycle_of_changes_costs_nothing
                kills_at_any_moment_of_a_row_data_lose_nothing_that_was_promised
                a_fill_that_is_killed_again_and_again_goes_on_where_it_can
            }
            status {
                a_host_that_nobody_has_called_says_where_to_look
                a_first_fill_half_done
                a_finished_cycle
                a_finished_cycle_whose_counts_differ
                a_table_that_fails_on_one_row
                a_refused_token
                a_tenant_silent_for_six_days
                a_tenant_whose_cycles_do_not_complete_is_late
            }
            stories {
                every_story_ends_with_the_mirror_equal_to_the_source
                a_tenant_as_large_as_a_real_one_is_filled_and_then_answered_at_once
                every_type_and_every_kind_of_key_is_mirrored_in_both_spellings
                tenants_whose_names_are_no_file_names_have_mirrors_apart
            }
            ; files:
            by_hand {
                a_file_put_back_from_an_older_copy_catches_up
            }
            status {
                a_file_that_cannot_be_read_is_named_beside_the_others
            }
        }
    };
}

/// Every case over SQLite, a test each.
#[macro_export]
macro_rules! e2e_tests {
    ($($theme:ident { $($case:ident)* })* ; files: $($file_theme:ident { $($file_case:ident)* })*) => {
        $crate::e2e_tests! { @tests $($theme { $($case)* })* }
        mod files {
            $crate::e2e_tests! { @tests $($file_theme { $($file_case)* })* }
        }
    };
    (@tests $($theme:ident { $($case:ident)* })*) => {
        $(mod $theme {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    let binary = env!("CARGO_BIN_EXE_speil-under-test");
                    let at = $crate::e2e::At { binary, engine: $crate::e2e::Engine::Sqlite };
                    $crate::e2e::$theme::$case(at).await;
                }
            )*
        })*
    };
}

/// What is not about files, as cases for a server.
#[macro_export]
macro_rules! e2e_trials {
    ($($theme:ident { $($case:ident)* })* ; files: $($file_theme:ident { $($file_case:ident)* })*) => {
        vec![$($(
            $crate::sqlserver::Case::new(concat!(stringify!($theme), "::", stringify!($case)), |place| async move {
                let binary = env!("CARGO_BIN_EXE_speil-under-test");
                let at = $crate::e2e::At { binary, engine: $crate::e2e::Engine::SqlServer(place) };
                $crate::e2e::$theme::$case(at).await;
            })
        ),*),*]
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! e2e_names {
    ($($theme:ident { $($case:ident)* })* ; files: $($file_theme:ident { $($file_case:ident)* })*) => {
        [$((stringify!($theme), &[$(stringify!($case)),*] as &[&str]),)* $((stringify!($file_theme), &[$(stringify!($file_case)),*] as &[&str])),*]
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_in_the_files_is_listed() {
        let files = [
            ("by_hand", include_str!("by_hand.rs")),
            ("calls", include_str!("calls.rs")),
            ("kills", include_str!("kills.rs")),
            ("status", include_str!("status.rs")),
            ("stories", include_str!("stories.rs")),
        ];
        let listed = crate::for_every_e2e_case!(e2e_names);
        for (theme, text) in files {
            let written = text.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split_once("(at: At)"));
            let listed: Vec<&str> =
                listed.iter().filter(|(of, _)| *of == theme).flat_map(|(_, cases)| cases.iter().copied()).collect();
            for (name, _) in written {
                assert!(listed.contains(&name), "{theme}::{name} is never run");
            }
            assert!(!listed.is_empty(), "{theme}");
        }
    }
}
