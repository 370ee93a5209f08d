//! `NAME.toml` beside a plug-in: read or refused in words; what is read does not depend on comments, and no key is passed
//! over.

use speil::plugins::Sidecar;

/// Tries one file.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // At the very beginning it means nothing, and anywhere else it does.
    let text = text.trim_start_matches('\u{feff}');
    let sidecar = match Sidecar::parse(text) {
        Ok(sidecar) => sidecar,
        // An operator's own file is quoted back to him at its full length, line breaks and all.
        Err(error) => return assert!(!error.is_empty(), "a message says something"),
    };
    assert_eq!(Sidecar::parse(&format!("# a comment\n{text}")), Ok(sidecar.clone()), "a comment changes nothing");
    let misspelt = format!("no_such_key = 1\n{text}");
    let error = Sidecar::parse(&misspelt).expect_err("a key that is not known is an error");
    assert!(error.contains("no_such_key"), "{error}");
    // Refused for being empty, or for standing there twice.
    Sidecar::parse(&format!("tenants = []\n{text}")).expect_err("a plug-in for nobody");
    assert!((1..=100_000).contains(&sidecar.quarantine_cap), "{}", sidecar.quarantine_cap);
    assert!(sidecar.config.keys().all(|key| !sidecar.secrets.contains_key(key)), "one name, one value");
}
