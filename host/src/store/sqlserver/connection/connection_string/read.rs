//! From keywords and values to a [`Target`].

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use super::grammar::{self, Pair};
use super::keywords::{self, Key};
use super::login::Login;
use super::secret::Password;
use super::server::Server;
use super::{
    APPLICATION_NAME, AddressPreference, DEFAULT_CONNECT_TIMEOUT, DEFAULT_PACKET_SIZE, Encrypt, Notes, Target,
};

/// What was said last about each keyword; an empty value unsays it.
struct Said<'a>(HashMap<Key, (&'static str, &'a str)>);

impl<'a> Said<'a> {
    fn text(&self, key: Key) -> Option<&'a str> {
        self.0.get(&key).map(|(_, value)| *value).filter(|value| !value.is_empty())
    }

    fn owned(&self, key: Key) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    fn flag(&self, key: Key) -> Result<bool, String> {
        let Some(value) = self.text(key) else { return Ok(false) };
        truth(value).ok_or_else(|| self.should(key, "true or false"))
    }

    fn number(&self, key: Key, most: u32) -> Result<Option<u32>, String> {
        let Some(value) = self.text(key) else { return Ok(None) };
        match value.parse::<u32>() {
            Ok(number) if number <= most => Ok(Some(number)),
            _ => Err(self.should(key, &format!("a whole number from 0 to {most}"))),
        }
    }

    fn should(&self, key: Key, what: &str) -> String {
        let (name, value) = self.0.get(&key).copied().unwrap_or_default();
        let value: String = value.chars().take(64).collect();
        format!("`{name}` should be {what}, and is {value:?}")
    }
}

/// What ADO.NET takes for a truth value; the third spelling belongs to `Integrated Security`.
fn truth(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "sspi" => Some(true),
        "false" | "no" => Some(false),
        _ => None,
    }
}

pub(super) fn target(pairs: &[Pair]) -> Result<Target, String> {
    let mut notes = Vec::new();
    let said = said(pairs, &mut notes)?;
    let encrypt = encrypt(&said)?;
    let server = match said.text(Key::Server) {
        Some(text) => Server::parse(text)?,
        None => {
            return Err("the connection string names no server: it needs `Server=host` or `Data Source=host`".into());
        }
    };
    let failover_partner = said.text(Key::FailoverPartner).map(Server::parse).transpose()?;
    let password = Password::new(said.owned(Key::Password).unwrap_or_default());
    let login = Login::new(
        said.text(Key::Authentication).unwrap_or_default(),
        said.flag(Key::Integrated)?,
        said.text(Key::User).unwrap_or_default(),
        password,
        &mut notes,
    )?;
    if encrypt == Encrypt::Optional && login.needs_token() {
        notes.push("`Encrypt=false` is not followed: a token never travels unencrypted".into());
    }
    refuse_what_cannot_be(&said)?;
    let trust_server_certificate = said.flag(Key::TrustServerCertificate)?;
    if trust_server_certificate && encrypt == Encrypt::Strict {
        notes.push(
            "`TrustServerCertificate` has no effect with `Encrypt=strict`, which always checks the certificate".into(),
        );
    }
    if trust_server_certificate && said.text(Key::ServerCertificate).is_some() {
        return Err(
            "`TrustServerCertificate=true` and `Server Certificate` contradict each other; leave one out".into()
        );
    }
    if !said.0.contains_key(&Key::Encrypt) {
        notes.push("`Encrypt` is not given: the connection is encrypted and the server's certificate checked".into());
    }
    if said.0.contains_key(&Key::Pooling) && !said.flag(Key::Pooling)? {
        notes
            .push("`Pooling=false` is not followed: connections are kept and used again, for one database each".into());
    }
    Ok(Target {
        server,
        failover_partner,
        database: said.owned(Key::Database),
        login,
        encrypt,
        trust_server_certificate: trust_server_certificate && encrypt != Encrypt::Strict,
        host_name_in_certificate: said.owned(Key::HostNameInCertificate),
        server_certificate: said.text(Key::ServerCertificate).map(PathBuf::from),
        connect_timeout: match said.number(Key::ConnectTimeout, i32::MAX.unsigned_abs())? {
            None => Some(DEFAULT_CONNECT_TIMEOUT),
            Some(seconds) => limit(seconds),
        },
        command_timeout: said.number(Key::CommandTimeout, i32::MAX.unsigned_abs())?.map(limit),
        packet_size: packet_size(&said, encrypt, &mut notes)?,
        application_name: said.owned(Key::ApplicationName).unwrap_or_else(|| APPLICATION_NAME.into()),
        workstation_id: said.owned(Key::WorkstationId),
        multi_subnet_failover: said.flag(Key::MultiSubnetFailover)?,
        address_preference: address_preference(&said)?,
        max_pool_size: match said.number(Key::MaxPoolSize, 32_767)? {
            Some(0) => return Err("`Max Pool Size` must be at least 1".into()),
            size => size.map(|size| size as usize),
        },
        max_age: said.number(Key::MaxAge, i32::MAX.unsigned_abs())?.and_then(limit),
        notes: Notes(notes),
    })
}

/// In these settings 0 seconds means no limit.
fn limit(seconds: u32) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)))
}

fn said<'a>(pairs: &'a [Pair], notes: &mut Vec<String>) -> Result<Said<'a>, String> {
    let mut said = Said(HashMap::new());
    for (place, pair) in pairs.iter().enumerate() {
        let Some((key, name)) = keywords::find(&pair.keyword) else {
            let shown = grammar::shown(&pair.keyword, &pairs[..place]);
            return Err(match keywords::nearest(&pair.keyword) {
                Some(near) => format!("the connection string's keyword {shown} is not known; did you mean `{near}`?"),
                None => format!(
                    "the connection string's keyword {shown} is not known. Keywords are those of ADO.NET (Server, Database, User ID, \
                     Password, Encrypt, …); a value that holds a semicolon must stand in quotes"
                ),
            });
        };
        match key {
            Key::Refused(why) if !pair.value.is_empty() => return Err(format!("`{name}` {why}")),
            Key::RefusedIfTrue(why) => match truth(&pair.value) {
                Some(true) => return Err(format!("`{name}` {why}")),
                Some(false) => {}
                None if pair.value.is_empty() => {}
                None => return Err(format!("`{name}` should be true or false")),
            },
            Key::Noted(why) => {
                if !pair.value.is_empty() {
                    notes.push(format!("`{name}` has no effect: {why}"));
                }
            }
            Key::Harmless | Key::Refused(_) => {}
            key => drop(said.0.insert(key, (name, &pair.value))),
        }
    }
    // An empty value is as good as none.
    said.0.retain(|_, (_, value)| !value.is_empty());
    Ok(said)
}

/// Values of keywords that are otherwise known, which ask for something that is not there.
fn refuse_what_cannot_be(said: &Said<'_>) -> Result<(), String> {
    let folded = |key| said.text(key).map(str::to_ascii_lowercase);
    match folded(Key::ApplicationIntent).as_deref() {
        None | Some("readwrite") => {}
        Some("readonly") => {
            return Err("`Application Intent=ReadOnly` leads to a copy that cannot be written; a mirror is written: leave it out".into());
        }
        Some(_) => return Err(said.should(Key::ApplicationIntent, "ReadWrite")),
    }
    match folded(Key::NetworkLibrary).as_deref() {
        None | Some("dbmssocn") => {}
        Some("dbnmpntw" | "dbmslpcn" | "dbmsrpcn" | "dbmsvinn" | "dbmsadsn" | "dbmsspxn" | "dbmsgnet") => {
            return Err(
                "`Network Library` asks for something other than TCP; leave it out, and enable TCP/IP for the server"
                    .into(),
            );
        }
        Some(_) => return Err(said.should(Key::NetworkLibrary, "dbmssocn (TCP)")),
    }
    match folded(Key::ColumnEncryption).as_deref() {
        None | Some("disabled") => Ok(()),
        Some("enabled") => {
            Err("`Column Encryption Setting=Enabled` (Always Encrypted) is not supported; leave it out: there are no \
                                encrypted columns in a mirror"
                .into())
        }
        Some(_) => Err(said.should(Key::ColumnEncryption, "Disabled")),
    }
}

fn encrypt(said: &Said<'_>) -> Result<Encrypt, String> {
    match said.text(Key::Encrypt).map(str::to_ascii_lowercase).as_deref() {
        None | Some("true" | "yes" | "mandatory") => Ok(Encrypt::Mandatory),
        Some("false" | "no" | "optional") => Ok(Encrypt::Optional),
        Some("strict") => Ok(Encrypt::Strict),
        Some(_) => Err(said.should(Key::Encrypt, "true (mandatory), false (optional) or strict")),
    }
}

fn packet_size(said: &Said<'_>, encrypt: Encrypt, notes: &mut Vec<String>) -> Result<u32, String> {
    let Some(size) = said.number(Key::PacketSize, 32_768)? else { return Ok(DEFAULT_PACKET_SIZE) };
    if size < 512 {
        return Err(said.should(Key::PacketSize, "a whole number from 512 to 32768"));
    }
    let most = if encrypt == Encrypt::Optional { 32_767 } else { DEFAULT_PACKET_SIZE };
    if size > most {
        notes.push(format!("`Packet Size` is taken as {most}, the most an encrypted connection can carry"));
    }
    Ok(size.min(most))
}

fn address_preference(said: &Said<'_>) -> Result<AddressPreference, String> {
    match said.text(Key::AddressPreference).map(str::to_ascii_lowercase).as_deref() {
        None | Some("useplatformdefault") => Ok(AddressPreference::AsResolved),
        Some("ipv4first") => Ok(AddressPreference::V4First),
        Some("ipv6first") => Ok(AddressPreference::V6First),
        Some(_) => Err(said.should(Key::AddressPreference, "IPv4First, IPv6First or UsePlatformDefault")),
    }
}
