//! Babelfish, a PostgreSQL that speaks the protocol, knows SQL Server's numbers for some of its errors; the others all carry one
//! number, and only their text tells them apart.

/// The number it gives to what it has no number for.
pub(super) const UNSPECIFIED: u32 = 33_557_097;

/// The number SQL Server would have given. PostgreSQL's texts are in English unless its `lc_messages` says otherwise; one that
/// is not understood stays without a number of its own.
pub(super) fn number(message: &str) -> Option<u32> {
    const TEXTS: &[(&[&str], u32)] = &[
        (&["duplicate key value violates unique constraint"], 2627),
        (&["could not create unique index"], 1505),
        (&["violates foreign key constraint"], 547),
        (&["violates check constraint"], 547),
        (&["violates not-null constraint"], 515),
        (&["value too long for type"], 8152),
        (&["out of range", "numeric field overflow"], 8115),
        (&["invalid input syntax", "invalid byte sequence", "unsupported Unicode"], 8114),
        // Two who change its catalogue at once: it chooses a victim, as with a deadlock.
        (&["deadlock detected", "tuple concurrently updated", "tuple concurrently deleted"], 1205),
        (&["lock timeout"], 1222),
        (&["could not serialize access"], 3960),
        (&["statement timeout"], 1222),
        (&["remaining connection slots", "too many clients", "too many connections"], 17_809),
        (&["terminating connection", "the database system is"], 596),
        (&["permission denied", "must be owner of", "must be member of"], 229),
        (&["could not extend file", "No space left on device"], 1105),
        (&["invalid page in block", "could not read block", "missing chunk number"], 824),
        (&["out of memory"], 701),
        (&["already exists"], 2714),
        (&["syntax error"], 102),
    ];
    let matches = |pieces: &&(&[&str], u32)| pieces.0.iter().any(|piece| message.contains(piece));
    if let Some((_, number)) = TEXTS.iter().find(matches) {
        return Some(*number);
    }
    if !message.contains("does not exist") {
        return None;
    }
    // `column "x" of relation "y" does not exist` names both.
    match message.split_whitespace().next() {
        Some("column") => Some(207),
        Some("relation" | "table") => Some(208),
        Some("database") => Some(911),
        Some("schema") => Some(2760),
        Some("procedure" | "function") => Some(2812),
        _ => None,
    }
}
