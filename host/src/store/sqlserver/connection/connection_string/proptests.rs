//! What holds for every connection string.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::tests::password as password_in;
use super::*;

/// A connection string that is read as this target.
fn render(target: &Target) -> String {
    let mut text = String::new();
    let mut say = |name: &str, value: &str| {
        let quoted = value.replace('\'', "''");
        let _ = write!(text, "{name}='{quoted}';");
    };
    say("Data Source", &target.server.to_string());
    if let Some(partner) = &target.failover_partner {
        say("Failover Partner", &partner.to_string());
    }
    if let Some(database) = &target.database {
        say("Initial Catalog", database);
    }
    match &target.login {
        Login::Sql { user, password } => {
            say("User ID", user);
            say("Password", password.expose());
        }
        Login::Integrated => say("Integrated Security", "SSPI"),
        Login::ServicePrincipal { client, tenant, secret } => {
            say("Authentication", "Active Directory Service Principal");
            let at = tenant.as_ref().map(|tenant| format!("@{tenant}")).unwrap_or_default();
            say("User ID", &format!("{client}{at}"));
            say("Password", secret.expose());
        }
        Login::ManagedIdentity { client } | Login::WorkloadIdentity { client } | Login::Surroundings { client } => {
            say("User ID", client.as_deref().unwrap_or_default());
            say(
                "Authentication",
                match &target.login {
                    Login::ManagedIdentity { .. } => "Active Directory Managed Identity",
                    Login::WorkloadIdentity { .. } => "Active Directory Workload Identity",
                    _ => "Active Directory Default",
                },
            );
        }
    }
    say("Encrypt", &target.encrypt.to_string());
    say("Trust Server Certificate", &target.trust_server_certificate.to_string());
    say("Connect Timeout", &target.connect_timeout.map_or(0, |limit| limit.as_secs()).to_string());
    if let Some(silence) = target.command_timeout {
        say("Command Timeout", &silence.map_or(0, |limit| limit.as_secs()).to_string());
    }
    say("Packet Size", &target.packet_size.to_string());
    say("Application Name", &target.application_name);
    say("Multi Subnet Failover", &target.multi_subnet_failover.to_string());
    if let Some(size) = target.max_pool_size {
        say("Max Pool Size", &size.to_string());
    }
    text
}

prop_compose! {
    fn targets()(
        host in "[a-z][a-z0-9.-]{0,20}",
        at in prop_oneof![
            (1..=u16::MAX).prop_map(At::Port),
            "[A-Z][A-Z0-9_$]{0,10}".prop_map(At::Instance).prop_filter("the default", |at| *at != At::Instance("MSSQLSERVER".into())),
        ],
        database in proptest::option::of("[^\0]{1,12}"),
        user in "[^\0\\\\@]{1,12}",
        password in "[^\0]{1,16}",
        kind in 0..6,
        encrypt in prop_oneof![Just(Encrypt::Optional), Just(Encrypt::Mandatory)],
        flags in any::<(bool, bool)>(),
        seconds in proptest::option::of(1..100_000_u64),
        silence in proptest::option::of(proptest::option::of(1..100_000_u64)),
        packet in 512..=16_383_u32,
        pool in proptest::option::of(1..=32_767_usize),
    ) -> Target {
        let login = match kind {
            0 => Login::Integrated,
            1 => Login::ServicePrincipal { client: user, tenant: database.clone(), secret: Password::new(password) },
            2 => Login::ManagedIdentity { client: Some(user) },
            3 => Login::WorkloadIdentity { client: None },
            4 => Login::Surroundings { client: Some(user) },
            _ => Login::Sql { user, password: Password::new(password) },
        };
        Target {
            server: Server { host, at },
            failover_partner: None,
            database,
            login,
            encrypt,
            trust_server_certificate: flags.0,
            host_name_in_certificate: None,
            server_certificate: None,
            connect_timeout: seconds.map(Duration::from_secs),
            command_timeout: silence.map(|silence| silence.map(Duration::from_secs)),
            packet_size: packet,
            application_name: "speil".into(),
            workstation_id: None,
            multi_subnet_failover: flags.1,
            address_preference: AddressPreference::AsResolved,
            max_pool_size: pool,
            max_age: None,
            notes: Notes::default(),
        }
    }
}

proptest! {
    #[test]
    fn what_is_rendered_is_read_as_the_same(target in targets()) {
        prop_assert_eq!(Target::parse(&render(&target)).map_err(TestCaseError::fail)?, target);
    }

    #[test]
    fn no_text_is_too_odd(text in "\\PC*") {
        let _ = Target::parse(&text);
    }

    #[test]
    fn no_string_is_too_odd(
        pairs in proptest::collection::vec((0..keywords::all().count(), "[ -~\u{a0}\0]{0,12}"), 0..6),
    ) {
        let mut text = String::new();
        for (which, value) in &pairs {
            let name = keywords::all().nth(*which).map_or("", |(_, name)| name);
            let _ = write!(text, "{name}={value};");
        }
        if let Ok(target) = Target::parse(&text) {
            let _ = (target.notes(), target.normalised());
        }
    }

    /// Whatever a password is, once quoted it is read as itself and no message shows it.
    #[test]
    fn a_password_stays_hidden(password in "[a-zA-Z;='\" ]{8,20}", broken in "[A-Z][a-z]{5,8}") {
        let quoted = password.replace('"', "\"\"");
        let text = format!("Server=x;User ID=u;Password=\"{quoted}\"");
        prop_assert_eq!(password_in(&text), password.clone());
        if let Err(error) = Target::parse(&format!("{text};{broken}=x")) {
            prop_assert!(!error.contains(&password));
        }
    }
}
