//! Files as the vendor's sample has them, and as people have changed them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::*;
use crate::config::{Config, Environment, StoreConfig};

const ID: &str = "0123456789abcdef0123456789abcdef";

/// The shape of the vendor's public sample, comments and all.
const SAMPLE: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<configuration>
  <appSettings>
    <add key="aspnet:UseTaskFriendlySynchronizationContext" value="true" />
    <!-- Obtain an AppId -->
    <add key="SoAppId" value="0123456789ABCDEF0123456789abcdef" />
    <add key="Environment" value="Development" />
    <add key="SoFederationGateway" value="https://sod.superoffice.com/login/" />
    <!--<add key="SoFederationGateway" value="https://online.superoffice.com/login/" />-->
    <add key="PrivateKeyFile" value="App_Data\privatekey.txt" />
    <add key="SuperIdCertificate" value="16b7fb8c3f9ab06885a800c64e64c97c4ab5e98c" />
    <add key="MirrorDatabaseName" value="Mirroring_[@contextId]" />
    <add key="ConnectionBase" value="Server=sql1;User ID=mirror;Password=&quot;a&amp;b;c&quot;" />
    <add key="EnableLogging" value="False" />
    <add key="OurOwn" value="hidden" />
  </appSettings>
  <system.web><compilation debug="true" targetFramework="4.8" /></system.web>
</configuration>
"#;

struct Site(tempfile::TempDir);

impl Site {
    fn new(web_config: impl AsRef<[u8]>) -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        fs::create_dir(site.0.path().join("App_Data")).unwrap();
        fs::write(site.0.path().join("App_Data/privatekey.txt"), "<RSAKeyValue/>").unwrap();
        fs::write(site.0.path().join("Web.config"), web_config).unwrap();
        site
    }

    fn with(self, name: &str, text: &str) -> Self {
        fs::write(self.0.path().join(name), text).unwrap();
        self
    }

    fn import(&self, options: ImportOptions) -> Result<Imported, String> {
        import(&self.0.path().join("Web.config"), self.0.path(), options)
            .map_err(|why| why.replace(&format!("{}{}", self.0.path().display(), std::path::MAIN_SEPARATOR), ""))
    }

    fn refused(&self) -> String {
        self.import(ImportOptions::default()).err().expect("refused")
    }

    fn load(&self, imported: &Imported, variables: &[(&str, &str)]) -> Config {
        let file = self.0.path().join("speil.toml");
        fs::write(&file, imported.toml.as_bytes()).unwrap();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::load_with(&file, &variables).unwrap_or_else(|error| panic!("{error}\n{}", *imported.toml))
    }

    fn loaded(&self) -> Config {
        self.load(&self.import(ImportOptions::default()).unwrap(), &[])
    }
}

fn connection(config: &Config) -> (String, String) {
    let StoreConfig::SqlServer(server) = &config.mirror.store else { panic!("SQL Server") };
    (server.connection.expose().to_owned(), server.database.clone())
}

#[test]
fn the_vendors_sample_becomes_a_configuration_that_loads() {
    let site = Site::new(SAMPLE).with("DatabaseMirroringService.svc", "");
    let imported = site.import(ImportOptions::default()).unwrap();
    let config = site.load(&imported, &[]);
    let [application] = &config.applications[..] else { panic!("one") };
    assert_eq!((application.id.as_str(), application.environment), (ID, Environment::Sod));
    assert_eq!(application.path, "/DatabaseMirroringService.svc");
    assert_eq!(application.private_key.expose(), "<RSAKeyValue/>");
    assert!(imported.toml.contains("private_key = \"App_Data/privatekey.txt\"\n"), "{}", *imported.toml);
    let expected = ("Server=sql1;User ID=mirror;Password=\"a&b;c\"".to_owned(), "Mirroring_[@contextId]".to_owned());
    assert_eq!(connection(&config), expected);
    let of = |name: &str| imported.settings.iter().find(|one| one.setting == name).expect(name).clone();
    assert_eq!(of("SoAppId").key.as_deref(), Some("application.id"));
    assert_eq!(of("SoFederationGateway").key, None);
    assert_eq!(of("SuperIdCertificate").note, "not needed: the signer of sod is built in");
    assert!(imported.toml.contains("# OurOwn: not known"), "{}", *imported.toml);
    assert!(!imported.toml.contains("hidden"), "a value that is not known may be a secret");
}

#[test]
fn no_secret_is_in_the_file_if_asked_nor_ever_in_what_is_said() {
    let site = Site::new(SAMPLE);
    let imported = site.import(ImportOptions { secrets_in_env: true }).unwrap();
    assert!(!imported.toml.contains("a&b"), "{}", *imported.toml);
    let config = site.load(&imported, &[(CONNECTION_VARIABLE, "Server=sql2;User ID=x;Password=y")]);
    assert!(connection(&config).0.starts_with("Server=sql2"));
    for said in imported.next.iter().chain(imported.settings.iter().map(|one| &one.note)) {
        assert!(!said.contains("a&b") && !said.contains("hidden"), "{said}");
    }
}

#[test]
fn keys_have_no_case_and_the_last_of_a_name_wins() {
    let text = SAMPLE.replace(
        "</appSettings>",
        "<add key=\"ENVIRONMENT\" value=\"Production\"/><ADD KEY=\"mirrordatabasename\" VALUE=\"M_[@contextId]\"/></appSettings>",
    );
    let config = Site::new(text).loaded();
    assert_eq!(config.applications[0].environment, Environment::Production);
    assert_eq!(connection(&config).1, "M_[@contextId]");
}

#[test]
fn clear_and_remove_take_away() {
    let text = SAMPLE.replace("</appSettings>", "<remove key=\"soappid\"/></appSettings>");
    assert!(Site::new(text).refused().contains("has no SoAppId"));
    let text = SAMPLE.replace("<appSettings>", "<appSettings><add key=\"SoAppId\" value=\"x\"/><clear/>");
    Site::new(text).loaded();
}

#[test]
fn sections_may_be_in_files_of_their_own() {
    let inner = SAMPLE.split_once("<appSettings>").unwrap().1.split_once("</appSettings>").unwrap().0;
    let section = format!("<appSettings>{inner}</appSettings>");
    let whole = "<configuration><appSettings configSource=\"settings.config\"/></configuration>";
    Site::new(whole).with("settings.config", &section).loaded();
    let missing = Site::new(whole).refused();
    assert!(missing.starts_with("Web.config, line 1: configSource: settings.config cannot be read: "), "{missing}");
    let laid_over = SAMPLE.replace("<appSettings>", "<appSettings file=\"secret.config\">");
    Site::new(&laid_over).loaded();
    let site = Site::new(&laid_over).with(
        "secret.config",
        "<appSettings><add key=\"ConnectionBase\" value=\"Server=other;User ID=a;Password=b\"/></appSettings>",
    );
    assert!(connection(&site.loaded()).0.starts_with("Server=other"));
}

#[test]
fn the_connection_may_be_among_the_connection_strings() {
    let text = SAMPLE.replace("ConnectionBase", "NotHere").replace(
        "<system.web>",
        "<connectionStrings><add name=\"LocalSqlServer\" connectionString=\"x\"/>\
         <add name=\"Mirror\" connectionString=\"Server=sql3;User ID=a;Password=b\"/></connectionStrings><system.web>",
    );
    assert!(connection(&Site::new(text).loaded()).0.starts_with("Server=sql3"));
}

#[test]
fn to_trust_any_certificate_is_advised_only_where_it_is_not_said() {
    const ADVICE: &str = "add TrustServerCertificate=true";
    let imported = Site::new(SAMPLE).import(ImportOptions::default()).unwrap();
    assert!(imported.toml.contains(ADVICE) && imported.next.iter().any(|next| next.contains(ADVICE)));
    let said = SAMPLE.replace("Server=sql1;", "Server=sql1;Trust Server Certificate=True;");
    let imported = Site::new(said).import(ImportOptions::default()).unwrap();
    assert!(!imported.toml.contains(ADVICE) && !imported.next.iter().any(|next| next.contains(ADVICE)));
}

#[test]
fn files_as_windows_writes_them_are_read() {
    let wide: Vec<u8> = [0xFF, 0xFE].into_iter().chain(SAMPLE.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    Site::new(wide).loaded();
    Site::new([b"\xEF\xBB\xBF", SAMPLE.as_bytes()].concat()).loaded();
}

#[test]
fn an_older_file_without_an_environment_is_understood_by_its_gateway() {
    let text = SAMPLE
        .replace("<add key=\"Environment\" value=\"Development\" />", "")
        .replace("https://sod.superoffice.com/login/", "https://qaonline.superoffice.com/login/");
    assert_eq!(Site::new(text).loaded().applications[0].environment, Environment::Stage);
}

#[test]
fn what_is_broken_is_told_with_its_line() {
    let refused = |text: &str| Site::new(text).refused();
    assert!(
        refused("<configuration>\n<appSettings>\n<add key=\"a\"\n").starts_with("Web.config, line "),
        "{}",
        refused("<a")
    );
    assert!(refused("<configuration>\n <appSettings>\n </configuration>").contains("line 3: this is not XML"));
    assert_eq!(refused("<other/>"), "Web.config, line 1: the file should hold <configuration>, and holds <other>");
    assert_eq!(refused(""), "Web.config, line 1: the file holds no XML");
    let sanitized = SAMPLE.replace("0123456789ABCDEF0123456789abcdef", "SANITIZED");
    assert_eq!(
        refused(&sanitized),
        "Web.config, line 6: SoAppId should be the application's id as SuperOffice gave it, 32 hex digits, and is \"SANITIZED\""
    );
    assert!(refused(&SAMPLE.replace("Development", "Moon")).starts_with("Web.config, line 7: Environment should be"));
    let encrypted = "<configuration>\n<appSettings configProtectionProvider=\"RsaProtectedConfigurationProvider\"><EncryptedData/></appSettings></configuration>";
    assert!(refused(encrypted).contains("line 2: appSettings is encrypted"));
    assert!(refused("<!DOCTYPE x><configuration/>").contains("a document type has no place"));
}

#[test]
fn a_database_for_all_tenants_is_not_carried_over_quietly() {
    let site = Site::new(SAMPLE.replace("Mirroring_[@contextId]", "AllMirrors"));
    let imported = site.import(ImportOptions::default()).unwrap();
    assert_eq!(connection(&site.load(&imported, &[])).1, "AllMirrors_[contextId]");
    assert!(imported.next.iter().any(|next| next.contains("all tenants shared one database")));
}

#[test]
fn the_file_may_be_written_to_another_folder() {
    let site = Site::new(SAMPLE);
    let folder = site.0.path().join("out/here");
    fs::create_dir_all(&folder).unwrap();
    let imported = import(&site.0.path().join("Web.config"), &folder, ImportOptions::default()).unwrap();
    assert!(imported.toml.contains("private_key = \"../../App_Data/privatekey.txt\""), "{}", *imported.toml);
    let file = folder.join("speil.toml");
    fs::write(&file, imported.toml.as_bytes()).unwrap();
    Config::load_with(&file, &BTreeMap::new()).unwrap();
}

#[test]
fn no_file_makes_it_panic() {
    use proptest::prelude::*;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.config");
    proptest!(|(cut in 0..SAMPLE.trim_end().len(), noise in "[<>/&;\"a-z= \n]{0,40}")| {
        let mut text = SAMPLE.to_owned();
        text.insert_str(SAMPLE.floor_char_boundary(cut), &noise);
        fs::write(&file, &text).unwrap();
        let _ = import(&file, Path::new("."), ImportOptions::default());
        fs::write(&file, &text[..SAMPLE.floor_char_boundary(cut)]).unwrap();
        prop_assert!(import(&file, Path::new("."), ImportOptions::default()).is_err());
    });
}
