//! Looks at what a component imports and exports before any of its code runs, and says what to do where it does not
//! fit.

use wasmtime::Engine;
use wasmtime::component::Component;

use super::events::quoted;
use super::hook::Hook;
use super::import::unused::covers;
use super::import::{GRANTED, Grant, OFFERED};
use super::sidecar::Grants;

/// The package whose interfaces are hooks, and the version this host speaks.
pub const PACKAGE: &str = "speil:mirror";
/// See [`PACKAGE`].
pub const VERSION: &str = "0.1.0";

/// An interface's name, taken apart: `wasi:io/poll@0.2.6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Name<'a> {
    package: &'a str,
    interface: &'a str,
    version: &'a str,
}

impl<'a> Name<'a> {
    /// `None` for what is no interface of a package: a bare function.
    fn parse(text: &'a str) -> Option<Self> {
        let (path, version) = text.split_once('@').unwrap_or((text, ""));
        let (package, interface) = path.split_once('/')?;
        Some(Self { package, interface, version })
    }

    /// Whether a component that names `self` can be given `offered`, as semantic versions say.
    fn takes(&self, offered: &Self) -> bool {
        self.package == offered.package
            && self.interface == offered.interface
            && track(self.version) == track(offered.version)
    }
}

/// What must be equal in compatible versions: the first number that is not zero and those before it; all of a
/// pre-release.
fn track(version: &str) -> &str {
    if version.contains('-') {
        return version;
    }
    let mut end = 0;
    for part in version.split('.') {
        end += part.len() + 1;
        if part != "0" {
            break;
        }
    }
    &version[..(end.max(1) - 1).min(version.len())]
}

/// What a component exports of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exports {
    /// Hooks, whatever their version.
    pub hooks: Vec<Hook>,
    /// Hooks of a version this host does not speak, as they are named.
    pub other_version: Vec<String>,
}

/// Reads a component's exports.
#[must_use]
pub fn exports(component: &Component, engine: &Engine) -> Exports {
    exported(component.component_type().exports(engine).map(|(name, _)| name))
}

fn exported<'a>(names: impl Iterator<Item = &'a str>) -> Exports {
    let mut exports = Exports::default();
    for text in names {
        let Some(name) = Name::parse(text).filter(|name| name.package == PACKAGE) else { continue };
        let hook = Hook::from_name(name.interface);
        exports.hooks.extend(hook);
        if name.version != VERSION {
            exports.other_version.push(text.into());
        }
    }
    exports.hooks.sort_unstable();
    exports.hooks.dedup();
    exports
}

impl Exports {
    /// Whether this host can call what is exported.
    ///
    /// # Errors
    /// A sentence without the plug-in's name.
    pub fn check(&self, wanted: Option<&[Hook]>) -> Result<(), String> {
        if let Some(other) = self.other_version.first() {
            let other = quoted(other, 128);
            return Err(format!(
                "it is made for another version of {PACKAGE}: it exports {other}, and this host speaks {VERSION}; build it \
                 against the wit/ folder of this release"
            ));
        }
        if self.hooks.is_empty() {
            let all = Hook::ALL.map(Hook::name).join(", ");
            return Err(format!(
                "it exports none of the hooks ({all}) of {PACKAGE}@{VERSION}; was it built with a world that exports one?"
            ));
        }
        match wanted.and_then(|wanted| wanted.iter().find(|hook| !self.hooks.contains(hook))) {
            Some(missing) => Err(format!(
                "its sidecar's `hooks` names {missing}, which it does not export; it exports {}",
                self.hooks.iter().map(|hook| hook.name()).collect::<Vec<_>>().join(", ")
            )),
            None => Ok(()),
        }
    }
}

/// The grant that an import needs, of whatever version it is.
#[must_use]
pub(super) fn needs(import: &str) -> Option<Grant> {
    let name = Name::parse(import)?;
    let same = |other: Name<'_>| other.package == name.package && other.interface == name.interface;
    GRANTED.iter().find(|(_, text)| Name::parse(text).is_some_and(same)).map(|(grant, _)| *grant)
}

/// Whether the sidecar says that an import is never called, and nothing else gives it.
#[must_use]
pub(super) fn is_unused(import: &str, grants: &Grants) -> bool {
    let name = Name::parse(import);
    let takes = |text: &str| name.zip(Name::parse(text)).is_some_and(|(name, offer)| name.takes(&offer));
    let given = OFFERED.iter().any(|text| takes(text))
        || GRANTED.iter().any(|(grant, text)| grant.given(grants) && takes(text));
    covers(&grants.unused, import) && !given
}

/// Whether everything imported is offered, and granted where it must be.
///
/// # Errors
/// A sentence without the plug-in's name, naming what is missing and what there is, or the lines to add to the sidecar.
pub fn imports(component: &Component, engine: &Engine, grants: &Grants, sidecar: &str) -> Result<(), String> {
    imported(component.component_type().imports(engine).map(|(name, _)| name), grants, sidecar)
}

fn imported<'a>(names: impl Iterator<Item = &'a str>, grants: &Grants, sidecar: &str) -> Result<(), String> {
    let free = OFFERED.iter().filter_map(|text| Name::parse(text));
    let granted: Vec<(Grant, Name<'_>)> =
        GRANTED.iter().filter_map(|(grant, text)| Some((*grant, Name::parse(text)?))).collect();
    let offered: Vec<Name<'_>> = free.chain(granted.iter().map(|(_, name)| *name)).collect();
    let mut missing = Vec::new();
    let mut advice = None;
    let mut ungranted: Vec<&str> = Vec::new();
    let mut wanted: Vec<Grant> = Vec::new();
    for text in names {
        let name = Name::parse(text);
        if name.is_some_and(|name| offered.iter().any(|offer| name.takes(offer))) {
            let grant = granted.iter().find(|(_, offer)| name.is_some_and(|name| name.takes(offer)));
            if let Some((grant, _)) = grant.filter(|(grant, _)| !grant.given(grants) && !is_unused(text, grants)) {
                ungranted.push(text);
                wanted.push(*grant);
            }
            continue;
        }
        if is_unused(text, grants) {
            continue;
        }
        missing.push(text);
        advice = advice.or_else(|| Some(advise(name?, &offered, sidecar)));
    }
    if missing.is_empty() && ungranted.is_empty() {
        return Ok(());
    }
    if missing.is_empty() {
        return Err(ask(&ungranted, wanted, sidecar));
    }
    let advice = advice.unwrap_or_else(|| format!("this host offers {}", packages()));
    Err(format!("it imports {}, which this host does not offer; {advice}", some(&missing)))
}

/// The first of some names that a component made up, at a length that people read.
fn some(names: &[&str]) -> String {
    const MOST: usize = 12;
    let mut shown: Vec<String> = names.iter().take(MOST).map(|name| quoted(name, 128)).collect();
    if names.len() > MOST {
        shown.push(format!("and {} others", names.len() - MOST));
    }
    shown.join(", ")
}

/// What to add to the sidecar.
fn ask(imports: &[&str], mut wanted: Vec<Grant>, sidecar: &str) -> String {
    wanted.sort_unstable();
    wanted.dedup();
    let lines: Vec<String> = wanted
        .into_iter()
        .map(|grant| {
            let remark = grant.remark().map(|remark| format!(" {remark}")).unwrap_or_default();
            format!("`{}`{remark}", grant.line())
        })
        .collect();
    let many = if imports.len() == 1 { "is" } else { "are" };
    format!(
        "it imports {}, which {many} not granted; if it is to have that, add {} under [grants] in {sidecar}; if not, leave it \
         out of the plug-in's world",
        some(imports),
        lines.join(" and ")
    )
}

fn advise(name: Name<'_>, offered: &[Name<'_>], sidecar: &str) -> String {
    if let Some(other) = offered.iter().find(|other| other.package == name.package && other.interface == name.interface)
    {
        return format!(
            "it offers {}/{}@{}; build the plug-in against that",
            other.package, other.interface, other.version
        );
    }
    match name.package {
        "wasi:sockets" => format!(
            "plug-ins have no sockets; leave them out of the plug-in's world, and use wasi:http for HTTP; if only its \
             language's runtime imports them (Python does), add `unused = [\"wasi:sockets\"]` under [grants] in {sidecar}. \
             This host offers {}",
            packages()
        ),
        "wasi:http" => format!(
            "plug-ins make requests by wasi:http/outgoing-handler and answer none; leave the rest out of the plug-in's world. \
             This host offers {}",
            packages()
        ),
        _ => format!("this host offers {}", packages()),
    }
}

/// The offered packages.
fn packages() -> String {
    let shown = |text: &&str| Name::parse(text).map(|name| format!("{}@{}", name.package, name.version));
    let mut packages: Vec<String> = OFFERED.iter().filter_map(shown).collect();
    let granted: Vec<String> = GRANTED.iter().filter_map(|(_, text)| shown(text)).collect();
    packages.extend(
        granted.into_iter().filter(|package| !package.starts_with(PACKAGE)).map(|it| format!("{it} (granted)")),
    );
    packages.dedup();
    packages.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_one_track_fit() {
        assert_eq!(track("0.2.6"), "0.2");
        assert_eq!(track("0.0.3"), "0.0.3");
        assert_eq!(track("1.2.3"), "1");
        assert_eq!(track("0.2.0-rc.1"), "0.2.0-rc.1");
        assert_eq!(track(""), "");
        let free = ["wasi:io/poll@0.2.0", "wasi:io/poll@0.2.99"];
        assert_eq!(imported(free.into_iter(), &Grants::default(), "x.toml"), Ok(()));
    }

    #[test]
    fn what_is_not_offered_is_named_with_what_is() {
        let refusals: Vec<String> = [
            &["wasi:sockets/tcp@0.2.6", "wasi:http/outgoing-handler@0.2.6"][..],
            &["wasi:http/incoming-handler@0.2.6"],
            &["speil:mirror/log@0.2.0"],
            &["wasi:config/store@0.2.0-draft"],
            &["acme:secrets/vault@1.0.0"],
            &["bare-function"],
        ]
        .iter()
        .map(|names| imported(names.iter().copied(), &Grants::default(), "x.toml").unwrap_err())
        .collect();
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        it imports wasi:sockets/tcp@0.2.6, which this host does not offer; plug-ins have no sockets; leave them out of the plug-in's world, and use wasi:http for HTTP; if only its language's runtime imports them (Python does), add `unused = ["wasi:sockets"]` under [grants] in x.toml. This host offers speil:mirror@0.1.0, wasi:config@0.2.0-rc.1, wasi:cli@0.2.12, wasi:clocks@0.2.12, wasi:filesystem@0.2.12, wasi:io@0.2.12, wasi:random@0.2.12, wasi:http@0.2.12 (granted), wasi:keyvalue@0.2.0-draft (granted)
        it imports wasi:http/incoming-handler@0.2.6, which this host does not offer; plug-ins make requests by wasi:http/outgoing-handler and answer none; leave the rest out of the plug-in's world. This host offers speil:mirror@0.1.0, wasi:config@0.2.0-rc.1, wasi:cli@0.2.12, wasi:clocks@0.2.12, wasi:filesystem@0.2.12, wasi:io@0.2.12, wasi:random@0.2.12, wasi:http@0.2.12 (granted), wasi:keyvalue@0.2.0-draft (granted)
        it imports speil:mirror/log@0.2.0, which this host does not offer; it offers speil:mirror/log@0.1.0; build the plug-in against that
        it imports wasi:config/store@0.2.0-draft, which this host does not offer; it offers wasi:config/store@0.2.0-rc.1; build the plug-in against that
        it imports acme:secrets/vault@1.0.0, which this host does not offer; this host offers speil:mirror@0.1.0, wasi:config@0.2.0-rc.1, wasi:cli@0.2.12, wasi:clocks@0.2.12, wasi:filesystem@0.2.12, wasi:io@0.2.12, wasi:random@0.2.12, wasi:http@0.2.12 (granted), wasi:keyvalue@0.2.0-draft (granted)
        it imports bare-function, which this host does not offer; this host offers speil:mirror@0.1.0, wasi:config@0.2.0-rc.1, wasi:cli@0.2.12, wasi:clocks@0.2.12, wasi:filesystem@0.2.12, wasi:io@0.2.12, wasi:random@0.2.12, wasi:http@0.2.12 (granted), wasi:keyvalue@0.2.0-draft (granted)
        "#);
    }

    #[test]
    fn what_is_not_granted_is_refused_with_the_lines_to_add() {
        let refusals: Vec<String> = [
            &["speil:mirror/database@0.1.0"][..],
            &["wasi:http/types@0.2.0", "wasi:http/outgoing-handler@0.2.3", "wasi:keyvalue/store@0.2.0-draft"],
        ]
        .iter()
        .map(|names| imported(names.iter().copied(), &Grants::default(), "x.toml").unwrap_err())
        .collect();
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        it imports speil:mirror/database@0.1.0, which is not granted; if it is to have that, add `database = "read"` (`"write"` if it is to have tables of its own) under [grants] in x.toml; if not, leave it out of the plug-in's world
        it imports wasi:http/types@0.2.0, wasi:http/outgoing-handler@0.2.3, wasi:keyvalue/store@0.2.0-draft, which are not granted; if it is to have that, add `http = ["api.example.com:443"]` (the hosts it may reach; `[]` if it only has to load) and `keyvalue = true` under [grants] in x.toml; if not, leave it out of the plug-in's world
        "#);
        let all = Grants {
            database: crate::plugins::sidecar::DatabaseGrant::Read,
            http: Some(vec![]),
            keyvalue: true,
            ..Grants::default()
        };
        assert_eq!(imported(GRANTED.iter().map(|(_, text)| *text), &all, "x.toml"), Ok(()));
    }

    #[test]
    fn what_is_listed_as_unused_may_be_imported() {
        let grants = Grants { unused: vec!["wasi:sockets".into(), "wasi:http".into()], ..Grants::default() };
        let sockets = "wasi:sockets/tcp@0.2.6";
        let http = "wasi:http/outgoing-handler@0.2.0";
        assert_eq!(imported([sockets, http, "wasi:io/poll@0.2.0"].into_iter(), &grants, "x.toml"), Ok(()));
        assert!(is_unused(sockets, &grants) && is_unused(http, &grants));
        let granted = Grants { http: Some(vec![]), ..grants.clone() };
        assert!(!is_unused(http, &granted), "what is granted is the real one");
        assert!(!is_unused("wasi:io/poll@0.2.0", &grants));
        imported(["acme:sockets/tcp@0.2.6"].into_iter(), &grants, "x.toml").unwrap_err();
    }

    #[test]
    fn exports_are_checked_against_version_and_sidecar() {
        let exports = |names: &[&str]| exported(names.iter().copied());
        let wiped = exports(&["speil:mirror/wiped@0.1.0", "wasi:cli/run@0.2.6"]);
        assert_eq!(wiped.hooks, [Hook::Wiped]);
        assert_eq!(wiped.check(None), Ok(()));
        let refusals: Vec<String> = [
            wiped.check(Some(&[Hook::Wiped, Hook::Transform])),
            exports(&["speil:mirror/transform@0.2.0"]).check(None),
            exports(&["wasi:cli/run@0.2.6"]).check(None),
        ]
        .into_iter()
        .map(Result::unwrap_err)
        .collect();
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        its sidecar's `hooks` names transform, which it does not export; it exports wiped
        it is made for another version of speil:mirror: it exports speil:mirror/transform@0.2.0, and this host speaks 0.1.0; build it against the wit/ folder of this release
        it exports none of the hooks (resolve-connection, authenticated, before-replicate-table, transform, wiped, replication-completed, rows-committed, operation, log-event) of speil:mirror@0.1.0; was it built with a world that exports one?
        "#);
        assert_eq!(
            exports(&["speil:mirror/transform@0.2.0"]).hooks,
            [Hook::Transform],
            "what it would have done counts, even if it cannot be called"
        );
    }
}
