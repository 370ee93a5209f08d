//! A `web.config` as .NET's own configuration system reads it, as far as `appSettings` and `connectionStrings` go: keys in any
//! case, the last of a name wins, `clear` and `remove`, a section in a file of its own (`configSource`), settings laid over it
//! from another (`file`).

use std::path::{Path, PathBuf};

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use zeroize::Zeroizing;

use super::Setting;
use crate::config::decode_text;

/// No web.config is larger; a whole file is kept in memory.
const LARGEST: u64 = 4 << 20;

/// What was found in a `web.config` and the files it names.
#[derive(Default)]
pub(super) struct Found {
    pub settings: Vec<Setting>,
    pub connections: Vec<Setting>,
    /// Addresses of services that have no file: `serviceActivations`.
    pub addresses: Vec<String>,
}

/// Where a text is, for messages: `web.config, line 7`.
pub(super) fn at(file: &Path, line: usize) -> String {
    format!("{}, line {line}", file.display())
}

/// Reads a `web.config`.
///
/// # Errors
/// A sentence with file and line.
pub(super) fn web_config(file: &Path) -> Result<Found, String> {
    let mut found = Found::default();
    let mut overlay = None;
    document(file, None, &mut found, &mut overlay)?;
    if let Some(name) = overlay {
        let other = beside(file, &name);
        // .NET passes over a file that is not there.
        if other.exists() {
            document(&other, Some(Section::Settings), &mut found, &mut None)?;
        }
    }
    Ok(found)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Settings,
    Connections,
}

impl Section {
    const fn word(self) -> &'static str {
        match self {
            Self::Settings => "appSettings",
            Self::Connections => "connectionStrings",
        }
    }

    /// The attribute that names an entry.
    const fn name(self) -> &'static str {
        match self {
            Self::Settings => "key",
            Self::Connections => "name",
        }
    }

    const fn value(self) -> &'static str {
        match self {
            Self::Settings => "value",
            Self::Connections => "connectionString",
        }
    }
}

fn beside(file: &Path, name: &str) -> PathBuf {
    let name = if cfg!(windows) { name.to_owned() } else { name.replace('\\', "/") };
    file.parent().unwrap_or_else(|| Path::new("")).join(name)
}

fn text_of(file: &Path) -> Result<Zeroizing<String>, String> {
    let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}", file.display());
    let size = std::fs::metadata(file).map_err(unreadable)?.len();
    if size > LARGEST {
        return Err(format!("{} has more than {LARGEST} bytes, which no web.config has", file.display()));
    }
    let bytes = Zeroizing::new(std::fs::read(file).map_err(unreadable)?);
    decode_text(&bytes).ok_or_else(|| format!("{} is not text in UTF-8 or UTF-16", file.display()))
}

/// One file: a whole configuration, or (`only`) a section that stands alone.
fn document(file: &Path, only: Option<Section>, found: &mut Found, overlay: &mut Option<String>) -> Result<(), String> {
    let text = text_of(file)?;
    let line = |position: u64| {
        let before = usize::try_from(position).unwrap_or(usize::MAX).min(text.len());
        text.as_bytes()[..before].split(|byte| *byte == b'\n').count()
    };
    let mut reader = Reader::from_str(&text);
    reader.config_mut().expand_empty_elements = true;
    // Names of the elements that are open, in lower case: .NET's own are matched by case, but nobody means another.
    let mut open: Vec<String> = Vec::new();
    let mut seen_root = false;
    loop {
        let begin = reader.buffer_position();
        let event = reader
            .read_event()
            .map_err(|error| format!("{}: this is not XML: {error}", at(file, line(reader.error_position()))))?;
        match event {
            Event::Start(start) => {
                let here = at(file, line(begin));
                let name = start.local_name().as_ref().to_ascii_lowercase();
                if open.is_empty() {
                    let wanted = only.map_or("configuration", Section::word);
                    if seen_root || !name.eq_ignore_ascii_case(wanted) {
                        return Err(format!("{here}: the file should hold <{wanted}>, and holds <{name}>"));
                    }
                    seen_root = true;
                }
                open.push(name);
                let depth: Vec<&str> = open.iter().map(String::as_str).collect();
                let inner = if only.is_some() { &depth[..] } else { depth.get(1..).unwrap_or_default() };
                element(file, &here, inner, &start, found, overlay)?;
            }
            Event::End(_) => {
                open.pop();
            }
            Event::DocType(_) => {
                return Err(format!("{}: a document type has no place in a web.config", at(file, line(begin))));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if let Some(unclosed) = open.last() {
        return Err(format!("{}: this is not XML: <{unclosed}> is never closed", at(file, line(text.len() as u64))));
    }
    if seen_root { Ok(()) } else { Err(format!("{}: the file holds no XML", at(file, 1))) }
}

fn element(
    file: &Path,
    here: &str,
    inner: &[&str],
    start: &BytesStart<'_>,
    found: &mut Found,
    overlay: &mut Option<String>,
) -> Result<(), String> {
    let section = match inner.first() {
        Some(&"appsettings") => Section::Settings,
        Some(&"connectionstrings") => Section::Connections,
        Some(&"system.servicemodel") if inner.ends_with(&["serviceactivations", "add"]) => {
            found.addresses.extend(attribute(here, start, "relativeAddress")?);
            return Ok(());
        }
        _ => return Ok(()),
    };
    match inner {
        [_] => {
            let mut provider = attribute(here, start, "configProtectionProvider")?;
            if let Some(provider) = provider.take() {
                return Err(encrypted(here, section, &provider));
            }
            if let Some(source) = attribute(here, start, "configSource")? {
                let other = beside(file, &source);
                return document(&other, Some(section), found, &mut None)
                    .map_err(|why| format!("{here}: configSource: {why}"));
            }
            if section == Section::Settings {
                *overlay = attribute(here, start, "file")?.or(overlay.take());
            }
            Ok(())
        }
        [_, "encrypteddata"] => Err(encrypted(here, section, "a protected configuration provider")),
        [_, "clear"] => {
            found.of(section).clear();
            Ok(())
        }
        [_, "remove"] => {
            if let Some(name) = attribute(here, start, section.name())? {
                found.of(section).retain(|setting| !setting.name.eq_ignore_ascii_case(&name));
            }
            Ok(())
        }
        [_, "add"] => {
            let name = attribute(here, start, section.name())?
                .ok_or_else(|| format!("{here}: <add> in {} has no `{}`", section.word(), section.name()))?;
            let value = attribute(here, start, section.value())?.unwrap_or_default();
            let settings = found.of(section);
            settings.retain(|setting| !setting.name.eq_ignore_ascii_case(&name));
            settings.push(Setting { name, value: Zeroizing::new(value), at: here.to_owned() });
            Ok(())
        }
        _ => Ok(()),
    }
}

fn encrypted(here: &str, section: Section, provider: &str) -> String {
    format!(
        "{here}: {word} is encrypted ({provider}); decrypt it first, on the machine that encrypted it: aspnet_regiis -pdf \"{word}\" \
         FOLDER",
        word = section.word()
    )
}

/// An attribute's value, its name in any case.
fn attribute(here: &str, start: &BytesStart<'_>, wanted: &str) -> Result<Option<String>, String> {
    let mut value = None;
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| format!("{here}: this is not XML: {error}"))?;
        if attribute.key.local_name().as_ref().eq_ignore_ascii_case(wanted) {
            let text = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| format!("{here}: the value of `{wanted}` cannot be read: {error}"))?;
            value = Some(text.into_owned());
        }
    }
    Ok(value)
}

impl Found {
    fn of(&mut self, section: Section) -> &mut Vec<Setting> {
        match section {
            Section::Settings => &mut self.settings,
            Section::Connections => &mut self.connections,
        }
    }
}
