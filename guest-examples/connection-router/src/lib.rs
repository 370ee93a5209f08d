//! `connection-router`: says where each tenant's mirror lives.
//!
//! ```toml
//! [config]
//! "Cust10195" = "europe/Cust10195.db"      # this tenant
//! "Test*"     = "test/[contextId].db"      # tenants whose names begin so; the longest such entry wins
//! "*"         = "others/[contextId].db"    # everybody else
//! ```
//!
//! On SQLite the value is a path below the mirror directory, on SQL Server a connection string. A tenant that no entry
//! names is left to the next plug-in, or to `speil.toml`.

wit_bindgen::generate!({
    path: "../../wit",
    inline: r#"
        package example:connection-router;

        world connection-router {
            import wasi:config/store@0.2.0-rc.1;
            export speil:mirror/resolve-connection@0.1.0;
        }
    "#,
    generate_all,
});

use exports::speil::mirror::resolve_connection::{Context, Guest};
use wasi::config::store;

struct ConnectionRouter;
export!(ConnectionRouter);

impl Guest for ConnectionRouter {
    fn resolve(context: Context) -> Result<Option<String>, String> {
        let entries = store::get_all().map_err(|error| format!("cannot read [config]: {error:?}"))?;
        let connection = entries
            .iter()
            .filter_map(|(pattern, connection)| Some((closeness(pattern, &context.tenant)?, connection)))
            .max_by_key(|(closeness, _)| *closeness)
            .map(|(_, connection)| connection.replace("[contextId]", &context.tenant));
        Ok(connection)
    }
}

/// How closely a pattern names a tenant: the longer the closer, the whole name closest of all.
fn closeness(pattern: &str, tenant: &str) -> Option<usize> {
    match pattern.strip_suffix('*') {
        Some(prefix) => tenant.starts_with(prefix).then_some(prefix.len()),
        None => (pattern == tenant).then_some(usize::MAX),
    }
}
