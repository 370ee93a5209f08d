//! Plug-ins that mean harm, at least sixty of them. For each: the host stays up, another tenant's calls at the same time notice
//! nothing, and what is said says what happened (`hostile_plugins/snapshots/`, exact).
//!
//! | family | tries |
//! |---|---|
//! | [`cases::guest`] | what a program of the usual kind can try: `tests/guests/hostile`, a file a family |
//! | [`cases::powers`] | what it is granted, bent: SQL, HTTP, values, folders, secrets of others |
//! | [`cases::start`] | to do harm before it is ever called: at the start, by its size, by what it imports |
//! | [`cases::abi`] | answers that point nowhere, to no text, to too much of it |
//! | [`cases::files`] | files that are no components, were damaged, or are exchanged |
//! | [`cases::odd`] | what is no ordinary file, has no ordinary name or size, or is made to choke the compiler |
//! | [`cases::code`] | the folder of compiled code |

mod plugins;

#[path = "hostile_plugins/mod.rs"]
mod cases;

/// A suite that shrinks should be seen to.
#[test]
fn there_are_at_least_sixty_cases() {
    let counts = [
        cases::guest::COUNT,
        cases::powers::COUNT,
        cases::start::COUNT,
        cases::abi::COUNT,
        cases::files::COUNT,
        cases::odd::COUNT,
        #[cfg(unix)]
        cases::code::COUNT,
    ];
    let count: usize = counts.iter().sum();
    assert!(count >= 60, "{count}: {counts:?}");
}
