//! Where a tenant's file is. File names are safe whatever the context identifier holds, on Linux and on Windows.
//!
//! The rule, from names to files:
//! 1. A name of ASCII letters, digits, `_`, `-` and inner `.` is its own file name: `Cust10195` is `Cust10195.db`.
//! 2. Every other byte of the name's UTF-8 is written `%XX`; so is the first byte of a Windows device name (`CON`,
//!    `nul.txt`, `COM1`), of a name that begins with `-` or `.`, and the last of one that ends with `.`. As `%` itself is
//!    always written so, two names never give one file name.
//! 3. A name that would be longer than 150 bytes that way is cut at 60 and ends with `%-` and its SHA-256.
//! 4. Names that differ by case only would meet in one file on file systems without case: the first one there owns
//!    the file, the other is refused, on every system, so that a folder can be moved to another one.
//!
//! Whose file it is stands in the file as well, and is checked when it is opened ([`super::side_tables`]).

use std::fmt::Write;
use std::path::{Component, Path, PathBuf};

use rsa::sha2::{Digest, Sha256};

use super::errors::{Result, file_system};
use crate::protocol::context_id::ContextId;
use crate::store::{Connection, StoreError, StoreErrorKind};

const LONGEST: usize = 150;
const PREFIX_OF_LONG: usize = 60;

/// The file name of a tenant's mirror.
pub(super) fn file_name(tenant: &ContextId) -> String {
    let name = tenant.as_str();
    let last = name.len() - 1;
    let mut encoded = String::with_capacity(name.len() + 3);
    let mut cut = 0;
    for (i, byte) in name.bytes().enumerate() {
        let plain = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => i != 0 || !is_device(name),
            b'-' => i != 0,
            b'.' => i != 0 && i != last,
            _ => false,
        };
        if plain {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string cannot fail");
        }
        if encoded.len() <= PREFIX_OF_LONG {
            cut = encoded.len();
        }
    }
    if encoded.len() > LONGEST {
        encoded.truncate(cut);
        encoded.push_str("%-");
        for byte in Sha256::digest(name.as_bytes()) {
            write!(encoded, "{byte:02x}").expect("writing to a string cannot fail");
        }
    }
    encoded.push_str(".db");
    encoded
}

/// Whether Windows takes the name for a device, whatever follows its first dot.
fn is_device(name: &str) -> bool {
    let stem = name.split(['.', ':']).next().unwrap_or(name).trim_end_matches(' ').to_ascii_uppercase();
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$") {
        return true;
    }
    let numbered = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    numbered.is_some_and(|rest| {
        let mut chars = rest.chars();
        matches!((chars.next(), chars.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
    })
}

/// The tenant's file in the configuration's place.
pub(super) fn configured(directory: &Path, tenant: &ContextId) -> PathBuf {
    directory.join(file_name(tenant))
}

/// The file a plug-in's connection names: a relative path below the mirror directory, safe on every system. A path
/// that ends with `/` is a folder in which the tenant has its usual file name; a file without an extension gets `.db`.
pub(super) fn connected(directory: &Path, tenant: &ContextId, connection: &Connection) -> Result<PathBuf> {
    let text = connection.0.as_str();
    let refuse = |why: &str| {
        Err(StoreError::new(
            StoreErrorKind::Connection,
            format!(
                "the connection a plug-in gave for {tenant} is not allowed: {why}. For SQLite it must be a relative path \
                 below the mirror directory, such as north/Cust10195.db"
            ),
        ))
    };
    if text.trim().is_empty() {
        return refuse("it is empty");
    }
    if text.starts_with(['/', '\\']) {
        return refuse("it is an absolute path");
    }
    let (folders_only, text) = match text.strip_suffix(['/', '\\']) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut path = directory.to_path_buf();
    let mut depth = 0;
    let mut names: Vec<&str> = text.split(['/', '\\']).collect();
    let file = if folders_only { None } else { names.pop() };
    for name in names.iter().chain(&file) {
        if let Some(why) = unsafe_component(name) {
            return refuse(why);
        }
        depth += 1;
    }
    if depth > 8 {
        return refuse("it is more than 8 folders deep");
    }
    path.extend(names);
    match file {
        None => path.push(file_name(tenant)),
        Some(name) if Path::new(name).extension().is_some_and(|ext| ext.eq_ignore_ascii_case("db")) => path.push(name),
        Some(name) => path.push(format!("{name}.db")),
    }
    Ok(path)
}

/// Why a path component could mean something else on one of the systems.
fn unsafe_component(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it holds an empty folder name");
    }
    if name == "." || name == ".." {
        return Some("it holds . or ..");
    }
    if name.chars().any(|c| c.is_control() || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*')) {
        return Some("it holds a control character or one of < > : \" | ? *");
    }
    if name.ends_with(['.', ' ']) || name.starts_with([' ', '.']) {
        return Some("a name in it begins with a dot or a space, or ends with one");
    }
    if is_device(name) {
        return Some("a name in it is a Windows device");
    }
    if name.len() > 200 {
        return Some("a name in it is longer than 200 bytes");
    }
    None
}

/// Makes the folders of a mirror file and sees to it that none of them is a link out of the mirror directory.
pub(super) fn prepare_folders(directory: &Path, file: &Path) -> Result<()> {
    let folder = file.parent().unwrap_or(directory);
    std::fs::create_dir_all(directory).map_err(|e| file_system("cannot make the mirror directory", directory, e))?;
    stays_inside(directory, folder)?;
    std::fs::create_dir_all(folder).map_err(|e| file_system("cannot make the folder", folder, e))
}

/// Refuses a path whose existing part leaves the mirror directory through a symbolic link, or whose file is one.
pub(super) fn stays_inside(directory: &Path, path: &Path) -> Result<()> {
    let Ok(below) = path.strip_prefix(directory) else {
        return Err(StoreError::new(
            StoreErrorKind::Connection,
            format!("{} is not below the mirror directory", path.display()),
        ));
    };
    let mut at = directory.to_path_buf();
    for component in below.components() {
        let Component::Normal(name) = component else {
            return Err(StoreError::new(StoreErrorKind::Connection, format!("{} is not a plain path", path.display())));
        };
        at.push(name);
        match std::fs::symlink_metadata(&at) {
            Ok(found) if found.is_symlink() => {
                return Err(StoreError::new(
                    StoreErrorKind::Connection,
                    format!("{} is a symbolic link; mirrors are kept in plain folders and files only", at.display()),
                ));
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(file_system("cannot look at", &at, error)),
        }
    }
    Ok(())
}

/// Refuses to make `file` beside one whose name differs by case only (rule 4). Called before a file is made.
pub(super) fn no_case_twin(file: &Path, tenant: &ContextId) -> Result<()> {
    let (Some(folder), Some(name)) = (file.parent(), file.file_name().and_then(|name| name.to_str())) else {
        return Ok(());
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(file_system("cannot read the folder", folder, error)),
    };
    for entry in entries {
        let found = entry.map_err(|e| file_system("cannot read the folder", folder, e))?.file_name();
        if found.to_str().is_some_and(|found| found != name && found.eq_ignore_ascii_case(name)) {
            return Err(StoreError::new(
                StoreErrorKind::Connection,
                format!(
                    "the mirror of {tenant} would be {}, but {} is there already and belongs to a tenant whose name differs by \
                     case only; give one of them another place with a resolve-connection plug-in",
                    file.display(),
                    found.display()
                ),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(tenant: &str) -> String {
        file_name(&ContextId::new(tenant).unwrap())
    }

    #[test]
    fn ordinary_names_stay_readable() {
        assert_eq!(name("Cust10195"), "Cust10195.db");
        assert_eq!(name("a_b-c.d"), "a_b-c.d.db");
    }

    #[test]
    fn names_that_mean_something_to_a_file_system_are_escaped() {
        assert_eq!(name("../x"), "%2E.%2Fx.db");
        assert_eq!(name("x."), "x%2E.db");
        assert_eq!(name("NAME:stream"), "NAME%3Astream.db");
        assert_eq!(name("CON"), "%43ON.db");
        assert_eq!(name("nul.txt"), "%6Eul.txt.db");
        assert_eq!(name("Com1"), "%43om1.db");
        assert_eq!(name("COM10"), "COM10.db");
        assert_eq!(name("%43ON"), "%2543ON.db");
        assert_eq!(name("-rf"), "%2Drf.db");
        assert_eq!(name("ø"), "%C3%B8.db");
    }

    #[test]
    fn the_longest_names_fit_any_file_system_and_stay_apart() {
        let (a, b) = (name(&"ø".repeat(128)), name(&format!("{}å", "ø".repeat(127))));
        assert_ne!(a, b);
        assert!(a.len() < 160, "{a}");
    }

    proptest! {
        #[test]
        fn no_two_names_give_one_file(a in "[A-C%.:/ø -]{1,12}", b in "[A-C%.:/ø -]{1,12}") {
            let (Ok(a), Ok(b)) = (ContextId::new(a), ContextId::new(b)) else { return Ok(()) };
            prop_assert_eq!(a == b, file_name(&a) == file_name(&b));
        }

        #[test]
        fn every_file_name_is_plain(text in any::<String>()) {
            let Ok(tenant) = ContextId::new(text.chars().take(128).collect::<String>()) else { return Ok(()) };
            let name = file_name(&tenant);
            prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.%".contains(&b)), "{}", name);
            prop_assert!(!is_device(&name) && !name.starts_with('.') && name.len() <= 160, "{}", name);
        }
    }

    #[test]
    fn a_connection_stays_below_the_directory() {
        let tenant = ContextId::new("Cust1").unwrap();
        let directory = Path::new("mirrors");
        let at = |text: &str| connected(directory, &tenant, &Connection(text.into()));
        assert_eq!(at("north/x.db").unwrap(), directory.join("north").join("x.db"));
        assert_eq!(at("north/").unwrap(), directory.join("north").join("Cust1.db"));
        assert_eq!(at("north\\x").unwrap(), directory.join("north").join("x.db"));
        let bad = [
            "",
            " ",
            "/etc/x.db",
            "\\\\server\\x",
            "../x",
            "a/../../x",
            "a//x",
            "C:x.db",
            "c:\\x",
            "x.db:s",
            "NUL",
            "a/con.db",
            "x.",
            "x ",
            ".hidden",
            "a/\u{1}",
            "a/b?",
        ];
        for text in bad {
            let error = at(text).expect_err(text);
            assert_eq!(error.kind, StoreErrorKind::Connection, "{text}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_directory_is_refused() {
        let outside = tempfile::tempdir().unwrap();
        let inside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), inside.path().join("out")).unwrap();
        let error = prepare_folders(inside.path(), &inside.path().join("out").join("x.db")).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Connection);
        assert!(!outside.path().join("x.db").exists());
    }

    #[test]
    fn names_that_differ_by_case_only_do_not_share_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Cust1.db"), b"").unwrap();
        let other = ContextId::new("CUST1").unwrap();
        assert_eq!(
            no_case_twin(&configured(folder.path(), &other), &other).unwrap_err().kind,
            StoreErrorKind::Connection
        );
        let same = ContextId::new("Cust1").unwrap();
        no_case_twin(&configured(folder.path(), &same), &same).unwrap();
    }
}
