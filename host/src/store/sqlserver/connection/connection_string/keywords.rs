//! Every keyword of System.Data.SqlClient and Microsoft.Data.SqlClient, with all its spellings, and what becomes of it here.

/// What a keyword means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Server,
    FailoverPartner,
    Database,
    User,
    Password,
    Integrated,
    Authentication,
    Encrypt,
    TrustServerCertificate,
    HostNameInCertificate,
    ServerCertificate,
    ConnectTimeout,
    CommandTimeout,
    PacketSize,
    ApplicationName,
    WorkstationId,
    MultiSubnetFailover,
    AddressPreference,
    ApplicationIntent,
    MaxPoolSize,
    MaxAge,
    Pooling,
    NetworkLibrary,
    ColumnEncryption,
    /// Means nothing to this program, whatever its value.
    Harmless,
    /// Has no effect here; the text says why, if the value is not empty.
    Noted(&'static str),
    /// Cannot be done when it is switched on (a truth value); the text says what to do.
    RefusedIfTrue(&'static str),
    /// Cannot be done; the text says what to do.
    Refused(&'static str),
}

const ATTACH: &str = "attaches a database file, which only SQL Server Express on the same Windows machine does; attach the file \
                      to the server once, and name the database with `Initial Catalog`";
const ENTITY_FRAMEWORK: &str = "belongs to an Entity Framework connection string; use the text inside its \
                                `provider connection string=\"…\"`";
const OTHER_DRIVER: &str = "belongs to an ODBC or OLE DB connection string; leave it out, and check the other keywords, which are \
                            ADO.NET's here";

/// Meaning, the name shown to people, and all other spellings. Compared without case, spaces and underscores.
const KEYWORDS: &[(Key, &str, &[&str])] = &[
    (Key::Server, "Data Source", &["Server", "Address", "Addr", "Network Address"]),
    (Key::FailoverPartner, "Failover Partner", &[]),
    (Key::Database, "Initial Catalog", &["Database"]),
    (Key::User, "User ID", &["UID", "User", "User Name"]),
    (Key::Password, "Password", &["PWD"]),
    (Key::Integrated, "Integrated Security", &["Trusted_Connection"]),
    (Key::Authentication, "Authentication", &[]),
    (Key::Encrypt, "Encrypt", &[]),
    (Key::TrustServerCertificate, "Trust Server Certificate", &[]),
    (Key::HostNameInCertificate, "Host Name In Certificate", &[]),
    (Key::ServerCertificate, "Server Certificate", &[]),
    (Key::ConnectTimeout, "Connect Timeout", &["Connection Timeout", "Timeout"]),
    (Key::CommandTimeout, "Command Timeout", &[]),
    (Key::PacketSize, "Packet Size", &[]),
    (Key::ApplicationName, "Application Name", &["App"]),
    (Key::WorkstationId, "Workstation ID", &["WSID"]),
    (Key::MultiSubnetFailover, "Multi Subnet Failover", &[]),
    (Key::AddressPreference, "IP Address Preference", &[]),
    (Key::ApplicationIntent, "Application Intent", &[]),
    (Key::MaxPoolSize, "Max Pool Size", &[]),
    (Key::MaxAge, "Load Balance Timeout", &["Connection Lifetime"]),
    (Key::Pooling, "Pooling", &[]),
    (Key::NetworkLibrary, "Network Library", &["Net", "Network"]),
    (Key::ColumnEncryption, "Column Encryption Setting", &[]),
    (Key::Harmless, "Persist Security Info", &[]),
    (Key::Harmless, "Multiple Active Result Sets", &[]),
    (Key::Harmless, "Asynchronous Processing", &["Async"]),
    (Key::Harmless, "Enlist", &[]),
    (Key::Harmless, "Transaction Binding", &[]),
    (Key::Harmless, "Type System Version", &[]),
    (Key::Harmless, "Connection Reset", &[]),
    (Key::Harmless, "Min Pool Size", &[]),
    (Key::Harmless, "Pool Blocking Period", &[]),
    (Key::Harmless, "Transparent Network IP Resolution", &[]),
    (Key::Noted("speil tries again by its own rules"), "Connect Retry Count", &[]),
    (Key::Noted("speil tries again by its own rules"), "Connect Retry Interval", &[]),
    (
        Key::Noted("speil's connections speak us_english, so that dates and messages mean the same on every server"),
        "Current Language",
        &["Language"],
    ),
    (Key::Noted("mirroring does not go through replication agents"), "Replication", &[]),
    (Key::Noted("the service principal name is made from the server's name and port"), "Server SPN", &[]),
    (Key::Noted("the service principal name is made from the server's name and port"), "Failover Partner SPN", &[]),
    (Key::Noted("there are no encrypted columns in a mirror"), "Attestation Protocol", &[]),
    (Key::Noted("there are no encrypted columns in a mirror"), "Enclave Attestation Url", &[]),
    (
        Key::RefusedIfTrue("runs inside SQL Server's own process, which speil does not; leave it out"),
        "Context Connection",
        &[],
    ),
    (
        Key::RefusedIfTrue(
            "starts a private SQL Server Express, which only works on Windows for a signed-in user; name a server that runs as a \
             service",
        ),
        "User Instance",
        &[],
    ),
    (Key::Refused(ATTACH), "AttachDBFilename", &["Extended Properties", "Initial File Name"]),
    (Key::Refused(OTHER_DRIVER), "Driver", &[]),
    (Key::Refused(OTHER_DRIVER), "Provider", &[]),
    (Key::Refused(OTHER_DRIVER), "DSN", &[]),
    (Key::Refused(ENTITY_FRAMEWORK), "Provider Connection String", &[]),
    (Key::Refused(ENTITY_FRAMEWORK), "Metadata", &[]),
];

/// A keyword as it is compared.
fn folded(keyword: &str) -> String {
    keyword.chars().filter(|c| !c.is_whitespace() && *c != '_').flat_map(char::to_lowercase).collect()
}

/// What a keyword means, and the name to call it by.
pub(super) fn find(keyword: &str) -> Option<(Key, &'static str)> {
    let wanted = folded(keyword);
    KEYWORDS
        .iter()
        .find(|(_, name, others)| folded(name) == wanted || others.iter().any(|other| folded(other) == wanted))
        .map(|(key, name, _)| (*key, *name))
}

/// Whether a keyword's value is a secret.
pub(super) fn is_secret(keyword: &str) -> bool {
    matches!(find(keyword), Some((Key::Password, _)))
}

/// The known keyword nearest to one that is not known, if any is near.
pub(super) fn nearest(keyword: &str) -> Option<&'static str> {
    let wanted = folded(keyword);
    KEYWORDS
        .iter()
        .flat_map(|(_, name, others)| std::iter::once(name).chain(others.iter()))
        .map(|name| (strsim::damerau_levenshtein(&wanted, &folded(name)), *name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, name)| *distance <= 3.min(folded(name).len() / 2))
        .map(|(_, name)| name)
}

/// All spellings, for tests.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = (Key, &'static str)> {
    KEYWORDS.iter().flat_map(|(key, name, others)| {
        std::iter::once(*name).chain(others.iter().copied()).map(move |spelling| (*key, spelling))
    })
}
