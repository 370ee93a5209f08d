use super::*;

fn said(number: u32, message: &str) -> (StoreErrorKind, String) {
    by_number(&Said { number, state: 1, class: 16, message })
}

fn kind(number: u32) -> StoreErrorKind {
    said(number, "words").0
}

#[test]
fn no_number_stands_twice_and_each_has_a_sentence() {
    let mut seen = std::collections::BTreeSet::new();
    for known in numbers::TABLE {
        assert!(!known.numbers.is_empty() && !known.what.is_empty());
        assert!(!known.what.ends_with('.') && !known.advice.ends_with('.'), "{}", known.what);
        for number in known.numbers {
            assert!(seen.insert(number), "{number} stands twice");
        }
    }
}

#[test]
fn numbers_say_who_can_act() {
    use StoreErrorKind::{Corrupt, Environment, Internal, Row, Schema, Transient, UnknownTable};
    let table: &[(StoreErrorKind, &[u32])] = &[
        (
            Transient,
            &[
                1205, 1222, 3960, 233, 10053, 10054, 10060, 11001, 40197, 40501, 40613, 40143, 40540, 49918, 49919,
                49920, 4221, 615, 10928, 10929, 976, 978, 983, 17187, 922, 596,
            ],
        ),
        (Environment, &[18456, 4060, 229, 230, 262, 1105, 9002, 3906, 40544, 40615, 911, 916, 942, 60000]),
        (Row, &[2627, 2601, 515, 547, 8152, 2628, 8115, 241, 245, 511, 9420]),
        (Corrupt, &[823, 824, 825, 605, 926]),
        (UnknownTable, &[208]),
        (Schema, &[207, 2714, 4922, 5074, 2760, 1505]),
        (Internal, &[102, 156, 8003, 3930]),
    ];
    for (expected, numbers) in table {
        for number in *numbers {
            assert_eq!(kind(*number), *expected, "{number}");
        }
    }
}

#[test]
fn what_is_not_known_is_judged_by_its_severity() {
    let by = |class| by_number(&Said { number: 49_999, state: 7, class, message: "x" }).0;
    assert_eq!(by(16), StoreErrorKind::Environment);
    assert_eq!(by(14), StoreErrorKind::Environment);
    assert_eq!(by(15), StoreErrorKind::Internal);
    assert_eq!(by(17), StoreErrorKind::Environment);
    assert_eq!(by(20), StoreErrorKind::Transient);
    assert_eq!(by(24), StoreErrorKind::Transient);
}

#[test]
fn the_sentence_has_number_state_words_and_advice() {
    let (_, message) = said(18456, "Login failed for user 'speil'.");
    assert!(
        message.starts_with(
            "the login fails (SQL Server error 18456, state 1: Login failed for user 'speil'); check `User ID`"
        ),
        "{message}"
    );
    let (_, long) = said(2628, &format!("a\r\n\tb\u{7} {}", "x".repeat(5000)));
    assert!(long.contains(": a b xxx") && long.chars().count() < MOST_WORDS + 200, "{long}");
}

#[test]
fn a_missing_permission_comes_with_the_statement_that_gives_it() {
    for (number, message, statement) in [
        (
            229,
            "The INSERT permission was denied on the object 'con]tact', database 'Mirror_Cust1', schema 'dbo'.",
            "USE [Mirror_Cust1]; GRANT INSERT ON [dbo].[con]]tact] TO [the user speil logs in as]",
        ),
        (
            262,
            "CREATE TABLE permission denied in database 'Mirror_Cust1'.",
            "USE [Mirror_Cust1]; GRANT CREATE TABLE TO [the user speil logs in as]",
        ),
        (
            262,
            "CREATE DATABASE permission denied in database 'master'.",
            "USE [master]; GRANT CREATE ANY DATABASE TO [the login speil logs in as]",
        ),
        (
            300,
            "VIEW SERVER STATE permission was denied on object 'server', database 'master'.",
            "GRANT VIEW SERVER STATE TO [the user speil logs in as]",
        ),
        (
            916,
            "The server principal \"s\" is not able to access the database \"m\" under the current security context.",
            "USE [m]; CREATE USER [s] FOR LOGIN [s]",
        ),
    ] {
        let (kind, text) = said(number, message);
        assert_eq!(kind, StoreErrorKind::Environment);
        assert!(text.ends_with(&format!("; an administrator must run: {statement}")), "{text}");
    }
    // Another language, or somebody's idea of a message: general advice, and nothing of it in a statement.
    for odd in [
        "Die Berechtigung fehlt.",
        "The X; DROP permission was denied on the object 'a', database 'b', schema 'c'.",
        "",
    ] {
        assert!(!said(229, odd).1.contains("must run:"), "{odd}");
    }
}

#[test]
fn babelfish_is_understood_by_its_words() {
    for (words, number) in [
        ("relation \"nope\" does not exist", 208),
        ("column \"nope\" of relation \"t\" does not exist", 207),
        ("invalid input syntax for type integer: \"x\"", 8114),
        ("date/time field value out of range: \"2020-13-45\"", 8115),
        ("permission denied for table t", 229),
        ("syntax error near 'FROM' at line 1", 102),
        ("schema \"sys\" already exists", 2714),
        ("deadlock detected", 1205),
    ] {
        assert_eq!(foreign::number(words), Some(number), "{words}");
        assert_eq!(said(foreign::UNSPECIFIED, words).0, kind(number), "{words}");
    }
    assert_eq!(foreign::number("something else"), None);
    let (kind, told) = said(foreign::UNSPECIFIED, "something else");
    assert_eq!(kind, StoreErrorKind::Environment);
    assert!(told.contains("something else") && !told.contains("trigger"), "{told}");
}

#[test]
fn the_drivers_own_errors_have_sentences() {
    use StoreErrorKind::{Environment, Internal, Transient};
    let io = |kind, message: &str| sql_error(DriverError::Io { kind, message: message.into() });
    for (error, kind, words) in [
        (io(IoKind::UnexpectedEof, "unexpected end"), Transient, "broke (unexpected end)"),
        (io(IoKind::TimedOut, "the server said nothing for 30 seconds"), Transient, "`Command Timeout`"),
        (io(IoKind::ConnectionRefused, "x does not answer at port 1"), Transient, "check that the server runs"),
        (io(IoKind::NotFound, "no usable CA certificates found"), Environment, "ca-certificates"),
        (sql_error(DriverError::Protocol("Never got DONE token.".into())), Transient, "out of step"),
        (
            sql_error(DriverError::Protocol("Server does not allow the requested encryption level.".into())),
            Environment,
            "`Encrypt=false`",
        ),
        (
            sql_error(DriverError::Tls("rejected: UnknownIssuer. To connect anyway you can: (1) `Config::…`".into())),
            Environment,
            "(rejected: UnknownIssuer);",
        ),
        (sql_error(DriverError::Utf16), Internal, "report"),
    ] {
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(words), "{error}");
        assert!(!error.message.contains("Config::"), "{error}");
    }
    assert!(is_lost(&io(IoKind::UnexpectedEof, "x")));
    assert!(!is_lost(&sql_error(DriverError::Utf16)));
}
