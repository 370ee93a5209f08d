//! Which database a tenant's mirror is in. Pure: names only, no server is asked.
//!
//! The rule, from tenants to databases:
//! 1. The template decides: `Mirror_[contextId]` makes `Mirror_Cust10195`. An application's `folder` stands where the
//!    template says `[folder]`, else in front: `archive_Mirror_Cust10195`.
//! 2. What a database name cannot hold everywhere (Azure SQL, and files on Windows, refuse `< > * % & : \ / ? " |`; brackets end
//!    names in hand-written scripts, and some servers take no login to them; names may not end with a dot or a space) is written `~XX`, byte by byte; so is `~` itself, so that two tenants never give one name.
//! 3. A name longer than 123 UTF-16 units, the most that CREATE DATABASE takes, is cut and ends with `~` and a digest.
//! 4. Names that differ by case only, or in another way that the server's collation does not see, give one database: the first
//!    tenant owns it, the other is refused. Whose database it is stands in it and is checked when it is opened.

use std::fmt::Write;

use rsa::sha2::{Digest, Sha256};

use crate::protocol::context_id::ContextId;
use crate::protocol::table_name::fold;

/// `CREATE DATABASE` adds `_log` and more to a name, so it takes five units less than an identifier.
const LONGEST: usize = 123;
const PREFIX_OF_LONG: usize = 80;
const DIGEST_DIGITS: usize = 32;

/// The databases that are the server's own, whatever a template or a plug-in says.
const SYSTEM: [&str; 7] = ["master", "tempdb", "model", "msdb", "mssqlsystemresource", "distribution", "rdsadmin"];

/// How a tenant is written in a template. All mean the same; the second is the vendor's.
const TENANT: [&str; 3] = ["[contextId]", "[@contextId]", "<contextId>"];
const FOLDER: &str = "[folder]";

/// Whether a database is the server's own.
pub(in crate::store::sqlserver) fn is_system(database: &str) -> bool {
    SYSTEM.iter().any(|name| database.trim_end().eq_ignore_ascii_case(name))
}

/// A piece of a database name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Tenant,
    Folder,
}

/// A database name for every tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    /// As it was written.
    text: String,
}

impl Template {
    /// Reads a template. The error is the end of a sentence that begins with what the template is.
    ///
    /// # Errors
    /// Without the tenant in it, all tenants would meet in one database; what no database name may hold.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let tenant = TENANT.iter().find_map(|spelling| strip(rest, spelling));
            if let Some(after) = tenant {
                parts.push(Part::Tenant);
                rest = after;
            } else if let Some(after) = strip(rest, FOLDER) {
                parts.push(Part::Folder);
                rest = after;
            } else {
                match parts.last_mut() {
                    Some(Part::Text(text)) => text.push(first),
                    _ => parts.push(Part::Text(first.to_string())),
                }
                rest = &rest[first.len_utf8()..];
            }
        }
        if !parts.contains(&Part::Tenant) {
            return Err(format!(
                "should hold [contextId], so that every tenant has a database of its own, and is {text:?}"
            ));
        }
        if text.trim() != text || text.chars().any(char::is_control) {
            return Err(format!(
                "should not begin or end with white space, nor hold a control character, and is {text:?}"
            ));
        }
        if units(text) > LONGEST {
            return Err(format!("is longer than {LONGEST} characters, which no database name may be"));
        }
        Ok(Self { parts, text: text.to_owned() })
    }

    /// The template of one application's folder; without one, that of applications that have none.
    #[must_use]
    pub fn in_folder(&self, folder: Option<&str>) -> Self {
        let mut parts = Vec::with_capacity(self.parts.len() + 1);
        let placed = self.parts.contains(&Part::Folder);
        if let (Some(folder), false) = (folder, placed) {
            parts.push(Part::Text(format!("{folder}_")));
        }
        parts.extend(self.parts.iter().map(|part| match part {
            Part::Folder => Part::Text(folder.unwrap_or_default().to_owned()),
            Part::Text(_) | Part::Tenant => part.clone(),
        }));
        Self { parts, text: self.text.clone() }
    }

    /// The database of a tenant.
    #[must_use]
    pub fn database(&self, tenant: &ContextId) -> String {
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Tenant => encode(tenant.as_str(), &mut name),
                Part::Folder => {}
            }
        }
        finished(name)
    }

    /// Whether a database may be one of this template's; what is in it decides whether it is.
    #[must_use]
    pub fn matches(&self, database: &str) -> bool {
        let database = fold(database);
        let mut texts = vec![String::new()];
        for part in &self.parts {
            match part {
                Part::Text(text) => texts.last_mut().expect("begins with one").push_str(&fold(text)),
                Part::Tenant | Part::Folder => texts.push(String::new()),
            }
        }
        if is_system(&database) {
            return false;
        }
        let pattern = texts.join("*");
        wild(&pattern, &database) || is_cut(&database) && cut_of(&pattern, &database)
    }

    /// The same wherever an application's folder may have put the database.
    #[must_use]
    pub fn matches_in_any_folder(&self, database: &str) -> bool {
        if self.matches(database) {
            return true;
        }
        // A folder's name is letters, digits, - and _ only; with `[folder]` in the template any text is taken for it above.
        database.match_indices('_').any(|(at, _)| {
            let folder = &database[..at];
            !folder.is_empty()
                && folder.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
                && self.matches(&database[at + 1..])
        })
    }
}

impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// What follows a spelling at the beginning, whatever its case.
fn strip<'a>(text: &'a str, spelling: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(spelling.len())?;
    start.eq_ignore_ascii_case(spelling).then_some(rest)
}

/// UTF-16 units, as SQL Server counts.
fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Writes a tenant so that any server takes it (rule 2).
fn encode(tenant: &str, name: &mut String) {
    for c in tenant.chars() {
        if c.is_control()
            || matches!(c, '<' | '>' | '*' | '%' | '&' | ':' | '\\' | '/' | '?' | '"' | '|' | '[' | ']' | '~')
        {
            escape(c, name);
        } else {
            name.push(c);
        }
    }
}

fn escape(c: char, name: &mut String) {
    let mut bytes = [0; 4];
    for byte in c.encode_utf8(&mut bytes).bytes() {
        write!(name, "~{byte:02X}").expect("writing to a string cannot fail");
    }
}

/// The name's end, the server's own names, and its length (rules 2 and 3).
fn finished(mut name: String) -> String {
    if is_system(&name)
        && let Some(first) = name.chars().next()
    {
        let rest = name.split_off(first.len_utf8());
        name.clear();
        escape(first, &mut name);
        name.push_str(&rest);
    }
    if let Some(last @ ('.' | ' ')) = name.chars().last() {
        name.truncate(name.len() - 1);
        escape(last, &mut name);
    }
    if units(&name) <= LONGEST {
        return name;
    }
    let digest = Sha256::digest(name.as_bytes());
    let mut left = PREFIX_OF_LONG;
    let mut cut: String = name
        .chars()
        .take_while(|c| {
            let fits = c.len_utf16() <= left;
            left = left.saturating_sub(c.len_utf16());
            fits
        })
        .collect();
    cut.push('~');
    for byte in &digest[..DIGEST_DIGITS / 2] {
        write!(cut, "{byte:02x}").expect("writing to a string cannot fail");
    }
    cut
}

/// Whether a name ends as rule 3 makes it.
fn is_cut(database: &str) -> bool {
    database
        .rsplit_once('~')
        .is_some_and(|(_, end)| end.len() == DIGEST_DIGITS && end.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether a cut name can have come from a pattern: what stands before its first `*` is at the beginning.
fn cut_of(pattern: &str, database: &str) -> bool {
    pattern.split('*').next().is_some_and(|start| database.starts_with(start))
}

/// Whether a text fits a pattern in which `*` stands for anything. Both are folded by the caller.
pub(in crate::store::sqlserver) fn wild(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tenant(name: &str) -> ContextId {
        ContextId::new(name).unwrap()
    }

    fn database(template: &str, folder: Option<&str>, name: &str) -> String {
        Template::parse(template).unwrap().in_folder(folder).database(&tenant(name))
    }

    #[test]
    fn the_template_and_the_folder_make_the_name() {
        for spelling in ["Mirror_[contextId]", "Mirror_[@contextId]", "Mirror_<contextId>", "Mirror_[CONTEXTID]"] {
            assert_eq!(database(spelling, None, "Cust10195"), "Mirror_Cust10195");
        }
        assert_eq!(database("Mirror_[contextId]", Some("archive"), "Cust1"), "archive_Mirror_Cust1");
        assert_eq!(database("M_[folder]_[contextId]", Some("archive"), "Cust1"), "M_archive_Cust1");
        assert_eq!(database("M_[folder]_[contextId]", None, "Cust1"), "M__Cust1");
    }

    #[test]
    fn a_template_without_the_tenant_is_refused() {
        assert_eq!(
            Template::parse("Mirror").unwrap_err(),
            "should hold [contextId], so that every tenant has a database of its own, and is \"Mirror\""
        );
        assert!(Template::parse(" [contextId]").is_err());
        assert!(Template::parse(&format!("{}[contextId]", "x".repeat(120))).is_err());
    }

    #[test]
    fn what_some_server_would_refuse_is_escaped() {
        let plain = |name: &str| database("[contextId]", None, name);
        assert_eq!(plain("a/b"), "a~2Fb");
        assert_eq!(plain("a."), "a~2E");
        assert_eq!(plain("a.b c"), "a.b c");
        assert_eq!(plain("~"), "~7E");
        assert_eq!(plain("日本"), "日本");
        assert_eq!(plain("Master"), "~4Daster");
        assert_eq!(plain("a]b'c"), "a~5Db'c");
    }

    #[test]
    fn the_longest_tenants_fit_and_stay_apart() {
        let (a, b) = ("Ø".repeat(128), format!("{}Å", "Ø".repeat(127)));
        let template = Template::parse("Mirror_[contextId]").unwrap();
        let (a, b) = (template.database(&tenant(&a)), template.database(&tenant(&b)));
        assert_ne!(a, b);
        assert!(units(&a) <= LONGEST && template.matches(&a) && template.matches(&b));
        let emoji = template.database(&tenant(&"🙂".repeat(128)));
        assert!(units(&emoji) <= LONGEST && template.matches(&emoji), "{emoji}");
    }

    #[test]
    fn a_list_knows_its_own() {
        let template = Template::parse("Mirror_[contextId]").unwrap();
        assert!(template.matches("mirror_Cust1") && !template.matches("archive_Mirror_Cust1"));
        assert!(template.matches_in_any_folder("archive_Mirror_Cust1"));
        assert!(template.matches_in_any_folder("a_b_Mirror_Cust1"));
        assert!(!template.matches_in_any_folder("Sales") && !template.matches_in_any_folder("my mirrors_Mirror_x"));
        let of_folder = template.in_folder(Some("archive"));
        assert!(of_folder.matches("ARCHIVE_mirror_Cust1") && !of_folder.matches("Mirror_Cust1"));
        let placed = Template::parse("M_[folder]_[contextId]").unwrap();
        assert!(placed.matches_in_any_folder("M_x_Cust1") && placed.matches_in_any_folder("M__Cust1"));
        assert!(!Template::parse("[contextId]").unwrap().matches_in_any_folder("master"));
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, fits) in [
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "a", false),
            ("a*b*c", "axbxc", true),
            ("a*b*c", "axcxb", false),
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("*", "", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(wild(pattern, text), fits, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn no_two_tenants_give_one_name(a in "[A-C~.:/ø -]{1,12}", b in "[A-C~.:/ø -]{1,12}") {
            let (Ok(a), Ok(b)) = (ContextId::new(a), ContextId::new(b)) else { return Ok(()) };
            let template = Template::parse("[contextId]").unwrap();
            prop_assert_eq!(a == b, template.database(&a) == template.database(&b));
        }

        #[test]
        fn every_name_fits_and_is_found_again(text in any::<String>(), template in "[A-Za-z_~]{0,40}", end in "[a-z.]{0,40}") {
            let Ok(tenant) = ContextId::new(text.chars().take(128).collect::<String>()) else { return Ok(()) };
            let template = Template::parse(&format!("{template}[contextId]{end}")).unwrap();
            let name = template.database(&tenant);
            prop_assert!(units(&name) <= LONGEST, "{}", name);
            prop_assert!(!name.ends_with(['.', ' ']) && !is_system(&name), "{}", name);
            prop_assert!(!name.chars().any(char::is_control), "{}", name);
        }
    }
}
