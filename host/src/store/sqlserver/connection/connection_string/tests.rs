use super::keywords::{self, Key};
use super::*;

fn parse(text: &str) -> Target {
    Target::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    Target::parse(text).err().unwrap_or_else(|| panic!("{text} should be refused"))
}

const LOGIN: &str = "User ID=u;Password=p";

pub(super) fn password(text: &str) -> String {
    match parse(text).login {
        Login::Sql { password, .. } => password.expose().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_web_configs_string_is_read() {
    let target = parse(
        "Data Source=tcp:sql.example.com,1444; Initial Catalog = Mirror ;Persist Security Info=False;User ID=speil;\
         Password=\"a;b\"\"c\";MultipleActiveResultSets=True;Encrypt=True;TrustServerCertificate=False;Connection Timeout=40;\
         Max Pool Size=7;App=EntityFramework;Packet Size=4096;Command Timeout=0;Connection Lifetime=600;",
    );
    assert_eq!(target.server, Server { host: "sql.example.com".into(), at: At::Port(1444) });
    assert_eq!(target.database.as_deref(), Some("Mirror"));
    assert_eq!(target.login, Login::Sql { user: "speil".into(), password: Password::new("a;b\"c".into()) });
    assert_eq!(target.connect_timeout, Some(Duration::from_secs(40)));
    assert_eq!(target.command_timeout, Some(None));
    assert_eq!((target.max_pool_size, target.packet_size), (Some(7), 4096));
    assert_eq!(target.max_age, Some(Duration::from_mins(10)));
    assert_eq!(target.application_name, "EntityFramework");
    assert!(target.notes().is_empty(), "{:?}", target.notes());
}

#[test]
fn what_is_not_said_is_safe() {
    let target = parse(&format!("Server=x;{LOGIN}"));
    assert_eq!(target.encrypt, Encrypt::Mandatory);
    assert!(!target.trust_server_certificate);
    assert_eq!(target.packet_size, 16_383);
    assert_eq!(target.connect_timeout, Some(Duration::from_secs(15)));
    assert_eq!(target.command_timeout, None);
    assert!(target.notes().iter().any(|note| note.starts_with("`Encrypt` is not given")), "{:?}", target.notes());
}

#[test]
fn values_are_quoted_as_in_dotnet() {
    for (text, expected) in [
        ("Password=plain", "plain"),
        ("Password =  in the middle  ", "in the middle"),
        ("Password='a;b'", "a;b"),
        ("Password=\"a'b\"", "a'b"),
        ("Password='it''s'", "it's"),
        ("Password=\"a\"\"b\"", "a\"b"),
        ("Password=' kept '  ", " kept "),
        ("Password=a=b==", "a=b=="),
        ("Password=ends\"", "ends\""),
        ("Password=a'b", "a'b"),
        ("Password=one;PWD=two", "two"),
        ("PWD=one;password=", ""),
        ("Password=''", ""),
        ("Password={curly}", "{curly}"),
    ] {
        assert_eq!(password(&format!("Server=x;User ID=u;{text}")), expected, "{text}");
    }
    assert_eq!(password(";;Server=x;;User ID=u; ;Password=p;;"), "p");
}

#[test]
fn broken_strings_have_sentences_that_show_no_secret() {
    for (text, expected) in [
        ("Server=x;nonsense", "after `Server` that is not keyword=value"),
        ("Server=x;Password='open", "the value of `Password` begins with a quote that is never closed"),
        ("Server=x;Password='shut'tail", "the value of `Password` goes on after its closing quote"),
        ("=x", "an equals sign without a keyword"),
        ("Server=x\0", "NUL"),
        ("Sever=x", "did you mean `Server`?"),
        ("Databse=x", "did you mean `Database`?"),
        ("TrustServerCertificat=x", "did you mean `Trust Server Certificate`?"),
        ("Utterly Unheard=x", "`Utterly Unheard` is not known"),
        ("Server=x;Password=p;Encrypt=true;Utterly Unheard=x", "`Utterly Unheard` is not known"),
        ("Server=x;Password=p;Encrpyt=true", "did you mean `Encrypt`?"),
        ("User ID=u;Password=p", "names no server"),
        ("Server=x", "does not say who logs in"),
        ("Server=x;User ID=D\\u;Password=p", "names a Windows account"),
    ] {
        let error = refused(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
    for text in [
        "Server=x;Password=abc;geheim",
        "Server=x;Password=abc;geheim;User ID=u",
        "Server=x;Password=abc;geheim=u",
        "Server=x;Password=abc;more=u;geheim=u",
        "Server=x;PWD=geheim;Encrypt=maybe",
        "Server=x;Password=='geheim'",
        "Server=x;Password='geheim",
        "Server=x;Password='geheim'geheim",
        "Password=geheim;Servr=x",
    ] {
        let error = refused(text);
        assert!(!error.contains("geheim"), "{text}: {error}");
    }
}

#[test]
fn every_keyword_is_known_however_it_is_spelled() {
    for name in [
        "Server",
        "Data Source",
        "Address",
        "Addr",
        "Network Address",
        "Initial Catalog",
        "Database",
        "UID",
        "User",
        "User ID",
        "PWD",
        "Password",
        "Integrated Security",
        "Trusted_Connection",
        "Encrypt",
        "TrustServerCertificate",
        "Trust Server Certificate",
        "HostNameInCertificate",
        "Host Name In Certificate",
        "ServerCertificate",
        "Server Certificate",
        "Connect Timeout",
        "Connection Timeout",
        "Timeout",
        "Command Timeout",
        "Packet Size",
        "Application Name",
        "App",
        "Workstation ID",
        "WSID",
        "MultiSubnetFailover",
        "Multi Subnet Failover",
        "ApplicationIntent",
        "Application Intent",
        "Failover Partner",
        "Max Pool Size",
        "Min Pool Size",
        "Pooling",
        "Load Balance Timeout",
        "Connection Lifetime",
        "ConnectRetryCount",
        "Connect Retry Count",
        "ConnectRetryInterval",
        "Connect Retry Interval",
        "MultipleActiveResultSets",
        "Multiple Active Result Sets",
        "Persist Security Info",
        "PersistSecurityInfo",
        "Current Language",
        "Language",
        "Network Library",
        "Net",
        "Network",
        "Type System Version",
        "Enlist",
        "Transaction Binding",
        "Asynchronous Processing",
        "Async",
        "Replication",
        "User Instance",
        "Context Connection",
        "AttachDBFilename",
        "Extended Properties",
        "Initial File Name",
        "Authentication",
        "Column Encryption Setting",
        "Enclave Attestation Url",
        "Attestation Protocol",
        "PoolBlockingPeriod",
        "Pool Blocking Period",
        "TransparentNetworkIPResolution",
        "IPAddressPreference",
        "IP Address Preference",
        "ServerSPN",
        "Server SPN",
        "FailoverPartnerSPN",
        "Failover Partner SPN",
        "Connection Reset",
    ] {
        for spelled in [name.to_owned(), name.to_uppercase(), name.to_lowercase(), name.replace(' ', "")] {
            assert!(keywords::find(&spelled).is_some(), "{spelled}");
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    for (_, name) in keywords::all() {
        assert!(seen.insert(name.to_lowercase().replace([' ', '_'], "")), "{name} stands twice");
    }
}

#[test]
fn what_cannot_be_is_refused_with_advice_and_what_does_not_matter_is_noted() {
    for (text, expected) in [
        ("AttachDBFilename=|DataDirectory|x.mdf", "name the database with `Initial Catalog`"),
        ("Context Connection=true", "inside SQL Server's own process"),
        ("User Instance=yes", "private SQL Server Express"),
        ("ApplicationIntent=ReadOnly", "a mirror is written"),
        ("Network Library=dbnmpntw", "something other than TCP"),
        ("Column Encryption Setting=enabled", "Always Encrypted"),
        ("Driver={SQL Server}", "ODBC or OLE DB"),
        ("metadata=res://*/M.csdl", "provider connection string"),
        ("Encrypt=maybe", "`Encrypt` should be true (mandatory), false (optional) or strict, and is \"maybe\""),
        ("Connect Timeout=-1", "`Connect Timeout` should be a whole number"),
        ("Packet Size=100", "`Packet Size` should be"),
        ("Max Pool Size=0", "at least 1"),
        ("TrustServerCertificate=1", "should be true or false"),
        ("TrustServerCertificate=true;Server Certificate=x.pem", "contradict"),
        ("Integrated Security=true;Authentication=SqlPassword", "cannot both be given"),
        ("Authentication=Active Directory Interactive", "needs a person"),
        ("Authentication=ActiveDirectoryPassword", "a person's password"),
        ("Authentication=magic", "should be one of"),
    ] {
        let error = refused(&format!("Server=x;{LOGIN};{text}"));
        assert!(error.contains(expected), "{text}: {error}");
    }
    for (text, noted) in [
        ("Pooling=false", Some("`Pooling=false` is not followed")),
        ("Connect Retry Count=3", Some("tries again by its own rules")),
        ("Current Language=norsk", Some("us_english")),
        ("Context Connection=false", None),
        ("Network Library=dbmssocn;ApplicationIntent=ReadWrite;Enlist=false;Min Pool Size=5", None),
        ("AttachDBFilename=;User Instance=", None),
        ("Packet Size=32768", Some("taken as 16383")),
    ] {
        let target = parse(&format!("Server=x;{LOGIN};Encrypt=true;{text}"));
        match (target.notes(), noted) {
            ([], None) => {}
            ([note], Some(noted)) => assert!(note.contains(noted), "{text}: {note}"),
            (notes, _) => panic!("{text}: {notes:?}"),
        }
    }
}

#[test]
fn servers_in_all_their_forms() {
    let server = |text: &str| Server::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    for (text, host, port) in [
        ("x", "x", 1433),
        ("tcp:x", "x", 1433),
        ("TCP: x , 99", "x", 99),
        (".", "localhost", 1433),
        ("(local)", "localhost", 1433),
        ("(LOCAL),1500", "localhost", 1500),
        ("localhost", "localhost", 1433),
        ("10.1.2.3,1", "10.1.2.3", 1),
        ("::1", "::1", 1433),
        ("[::1],1500", "::1", 1500),
        ("tcp:[fe80::1%2]", "fe80::1%2", 1433),
        ("tcp:2001:db8::5,1444", "2001:db8::5", 1444),
        ("x\\inst,1500", "x", 1500),
        ("x\\MSSQLSERVER", "x", 1433),
    ] {
        assert_eq!(server(text), Server { host: host.into(), at: At::Port(port) }, "{text}");
    }
    assert_eq!(server(".\\SQLEXPRESS").to_string(), "localhost\\SQLEXPRESS");
    assert_eq!(server("X\\Sql").normalised(), server("x\\SQL").normalised());
    for (text, expected) in [
        ("np:x", "named pipes"),
        ("\\\\x\\pipe\\sql\\query", "named pipes"),
        ("lpc:x", "shared memory"),
        ("(localdb)\\MSSQLLocalDB", "tcp:localhost,1433"),
        ("admin:x", "administrator connection"),
        ("x:1433", "a port goes after a comma"),
        ("x,0", "1 to 65535"),
        ("x,99999", "1 to 65535"),
        ("x\\", "must be followed by an instance's name"),
        ("tcp:", "has no name"),
        ("http://x", "no IPv6 address"),
        ("x y", "not a host name"),
    ] {
        let error = Server::parse(text).expect_err(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn logins_of_entra_id() {
    let login = |text: &str| parse(&format!("Server=x.database.windows.net;{text}")).login;
    assert_eq!(
        login("Authentication=Active Directory Service Principal;User ID=c@t;Password=s"),
        Login::ServicePrincipal { client: "c".into(), tenant: Some("t".into()), secret: Password::new("s".into()) }
    );
    assert_eq!(login("Authentication=Active Directory MSI"), Login::ManagedIdentity { client: None });
    assert_eq!(
        login("Authentication=ActiveDirectoryManagedIdentity;UID=c"),
        Login::ManagedIdentity { client: Some("c".into()) }
    );
    assert_eq!(login("Authentication=active directory workload identity"), Login::WorkloadIdentity { client: None });
    assert_eq!(login("Authentication=Active Directory Default"), Login::Surroundings { client: None });
    assert!(matches!(login("Authentication=Sql Password;User=u;PWD=p"), Login::Sql { .. }));
    assert_eq!(login("Trusted_Connection=SSPI"), Login::Integrated);
    assert!(refused("Server=x;Authentication=Active Directory Service Principal;User ID=c").contains("client secret"));
    let open = parse("Server=x;Authentication=Active Directory Default;Encrypt=false");
    assert!(open.notes()[0].contains("a token never travels unencrypted"));
}

#[test]
fn secrets_never_show() {
    for text in [
        "Server=x;User ID=u;Password=geheim",
        "Server=x;Authentication=Active Directory Service Principal;User ID=c@t;Password=geheim",
        "Server=x;Authentication=Active Directory MSI;Password=geheim",
    ] {
        let target = parse(text);
        assert!(!format!("{target:?} {:?}", target.notes()).contains("geheim"));
    }
}

#[test]
fn equal_targets_share_a_pool_and_others_do_not() {
    let key = |text: &str| parse(text).normalised();
    let one = key("Server=tcp:SQL.example.com,1433;Database=a;User ID=u;Password=p");
    assert_eq!(one, key("pwd=p; uid=u; data source=sql.EXAMPLE.com; initial catalog=b; Encrypt=yes"));
    for other in [
        "Server=sql.example.com,1434;User ID=u;Password=p",
        "Server=sql.example.com;User ID=U;Password=p",
        "Server=sql.example.com;User ID=u;Password=q",
        "Server=sql.example.com;User ID=u;Password=p;Encrypt=false",
        "Server=sql.example.com;User ID=u;Password=p;TrustServerCertificate=true",
    ] {
        assert_ne!(one, key(other), "{other}");
    }
}

#[test]
fn keys_without_a_place_in_the_target_are_none() {
    // A key that is read but never used would be a keyword silently ignored.
    let used = keywords::all()
        .filter(|(key, _)| !matches!(key, Key::Harmless | Key::Noted(_) | Key::Refused(_) | Key::RefusedIfTrue(_)));
    assert_eq!(used.map(|(key, _)| key).collect::<std::collections::HashSet<_>>().len(), 24);
}
