//! Texts that never show, and where they come from: the value itself, a file, or an environment variable.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::Secret;
use super::error::Problem;
use super::tree::{Node, Value};

/// No key, password or connection string is longer.
const MAX_SECRET_BYTES: u64 = 1024 * 1024;

/// What a plain text is, where a secret is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain {
    /// The secret itself.
    TheSecret,
    /// A file's path, unless it is plainly the key itself (RSA XML or PEM).
    APath,
}

/// Reads a secret: `"text"`, `{ env = "NAME" }` or `{ file = "path" }`.
pub(super) fn read(
    key: &str,
    node: &Node,
    plain: Plain,
    base: &Path,
    variables: &BTreeMap<String, String>,
) -> Result<Secret, Problem> {
    let bad =
        |message: &str| Problem::BadValue { place: node.place.clone(), key: key.to_owned(), message: message.into() };
    let forms = match plain {
        Plain::TheSecret => "should be a text, { env = \"NAME\" } or { file = \"path\" }",
        Plain::APath => "should be a file's path, { env = \"NAME\" } or { file = \"path\" }",
    };
    let from_file = |path: &str| {
        let path = base.join(path);
        let text = file(key, node, &path)?;
        Ok((text, Some(format!("the file {}", path.display()))))
    };
    let (secret, origin) = match &node.value {
        Value::Text(text) if text.trim().is_empty() => return Err(bad("is empty")),
        Value::Text(text) if plain == Plain::TheSecret || is_key(text) => (Zeroizing::new(text.clone()), None),
        Value::Text(path) => from_file(path)?,
        Value::Table(table) => {
            let mut entries = table.iter();
            match (entries.next(), entries.next()) {
                (Some((form, Node { value: Value::Text(name), .. })), None) if form == "env" => {
                    let text = variable(key, node, name, variables)?;
                    (text, Some(format!("the environment variable {name}")))
                }
                (Some((form, Node { value: Value::Text(path), .. })), None) if form == "file" => from_file(path)?,
                _ => return Err(bad(forms)),
            }
        }
        Value::Integer(_) | Value::Boolean(_) | Value::Other(_) | Value::List(_) => return Err(bad(forms)),
    };
    if secret.trim().is_empty() {
        return Err(bad("names something empty"));
    }
    let secret = Secret::new(secret.trim().to_owned());
    Ok(match origin {
        Some(origin) => secret.with_origin(origin),
        None => secret,
    })
}

fn is_key(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('<') || text.starts_with("-----BEGIN ")
}

fn variable(
    key: &str,
    node: &Node,
    name: &str,
    variables: &BTreeMap<String, String>,
) -> Result<Zeroizing<String>, Problem> {
    variables.get(name).map(|value| Zeroizing::new(value.clone())).ok_or_else(|| Problem::SecretVariable {
        place: node.place.clone(),
        key: key.to_owned(),
        variable: name.to_owned(),
    })
}

fn file(key: &str, node: &Node, file: &Path) -> Result<Zeroizing<String>, Problem> {
    let refuse = |error: String| Problem::SecretFile {
        place: node.place.clone(),
        key: key.to_owned(),
        file: file.to_owned(),
        error,
    };
    let unreadable = |error: std::io::Error| refuse(error.to_string());
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    let mut bytes = Zeroizing::new(Vec::new());
    opened.take(MAX_SECRET_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_SECRET_BYTES {
        return Err(refuse(format!("it has more than {MAX_SECRET_BYTES} bytes, which no key or password has")));
    }
    decode(&bytes).ok_or_else(|| {
        refuse("it is not text (a key in binary form is turned into text with `openssl pkey -inform DER`)".into())
    })
}

/// Text in UTF-8, or in UTF-16 with a byte order mark, which is what Windows writes by redirection.
pub(crate) fn decode(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let wide = |bytes: &[u8], from: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units = Zeroizing::new(pairs.iter().map(|pair| from(*pair)).collect::<Vec<_>>());
        if rest.is_empty() { String::from_utf16(&units).ok() } else { None }
    };
    let text = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    };
    text.map(Zeroizing::new)
}
