//! What is not granted is refused with the line to add; an older plug-in still loads.

use super::powers;
use crate::plugins::host;

fn broken(sidecar: &str) -> String {
    powers(sidecar, "").list().remove(0).broken.unwrap_or_else(|| "it loads".into())
}

#[test]
fn each_power_is_refused_with_the_line_that_grants_it() {
    let all = [
        broken(""),
        broken("[grants]\nkeyvalue = true\nhttp = []"),
        broken("[grants]\ndatabase = \"none\"\nkeyvalue = true\nhttp = []"),
        broken("[grants]\ndatabase = \"read\"\nhttp = []"),
        broken("[grants]\ndatabase = \"read\"\nkeyvalue = true"),
        broken("[grants]\ndatabase = \"read\"\nkeyvalue = true\nhttp = []"),
        broken("[grants]\ndatabase = \"read\"\nkeyvalue = true\nhttp = []\nfolders = [{ host = \"gone\", guest = \"/a\" }]")
            .rsplit_once(": make")
            .map_or_else(String::new, |_| "?".into()),
        broken("[grants]\ndatabase = \"read\"\nkeyvalue = true\nhttp = []\nenvironment = [\"SPEIL_NOT_SET\"]"),
        broken("[secrets]\nkey = { env = \"SPEIL_NOT_SET\" }\n[grants]\ndatabase = \"read\"\nkeyvalue = true\nhttp = []"),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    powers.wasm: it imports speil:mirror/database@0.1.0, wasi:keyvalue/store@0.2.0-draft, wasi:keyvalue/atomics@0.2.0-draft, wasi:keyvalue/batch@0.2.0-draft, wasi:http/types@0.2.12, wasi:http/outgoing-handler@0.2.12, which are not granted; if it is to have that, add `database = "read"` (`"write"` if it is to have tables of its own) and `http = ["api.example.com:443"]` (the hosts it may reach; `[]` if it only has to load) and `keyvalue = true` under [grants] in powers.toml; if not, leave it out of the plug-in's world
    powers.wasm: it imports speil:mirror/database@0.1.0, which is not granted; if it is to have that, add `database = "read"` (`"write"` if it is to have tables of its own) under [grants] in powers.toml; if not, leave it out of the plug-in's world
    powers.wasm: it imports speil:mirror/database@0.1.0, which is not granted; if it is to have that, add `database = "read"` (`"write"` if it is to have tables of its own) under [grants] in powers.toml; if not, leave it out of the plug-in's world
    powers.wasm: it imports wasi:keyvalue/store@0.2.0-draft, wasi:keyvalue/atomics@0.2.0-draft, wasi:keyvalue/batch@0.2.0-draft, which are not granted; if it is to have that, add `keyvalue = true` under [grants] in powers.toml; if not, leave it out of the plug-in's world
    powers.wasm: it imports wasi:http/types@0.2.12, wasi:http/outgoing-handler@0.2.12, which are not granted; if it is to have that, add `http = ["api.example.com:443"]` (the hosts it may reach; `[]` if it only has to load) under [grants] in powers.toml; if not, leave it out of the plug-in's world
    it loads

    powers.toml: `grants.environment` grants SPEIL_NOT_SET, which is not set as text in the environment of speil; set it, or take it out
    powers.toml: `secrets.key` is to come from the environment variable SPEIL_NOT_SET, which is not set; set it for the account that runs speil
    "#);
}

#[test]
fn a_granted_folder_that_is_not_there_is_named() {
    let reason = broken(
        "[grants]\ndatabase = \"read\"\nkeyvalue = true\nhttp = []\nfolders = [{ host = \"gone\", guest = \"/a\" }]",
    );
    assert!(
        reason.starts_with("powers.toml: `grants.folders` grants ") && reason.ends_with("make the folder first"),
        "{reason}"
    );
}

#[test]
fn a_plug_in_built_before_there_were_grants_still_loads() {
    let older = include_bytes!("../older/index-manager-0.1.0.wasm");
    let status = host(&[("older.wasm", older)]).list().remove(0);
    assert_eq!((status.broken, status.hooks), (None, Some(vec!["before-replicate-table", "replication-completed"])));
}
