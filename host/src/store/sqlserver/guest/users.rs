//! The database users that plug-ins' statements run as, and all they are granted.
//!
//! | principal | what it is | what it may |
//! |---|---|---|
//! | `speil_guest` | a role that every such user is in | `SELECT` on each mirrored table, one grant a table; the tables of ours are denied |
//! | `speil_plugin_sales` | a user without login, who owns the schema of the same name | what an owner may do in that schema; make tables and views, there being no other schema it may alter |
//! | `speil_reader_plugin_sales` | a user without login, of plug-ins that may only read | `SELECT` on that schema |
//!
//! The schema has an owner of its own, so no ownership chain leads from a view in it to a table that the user may not read. There is no
//! `REFERENCES` on mirrored tables, so neither a foreign key nor a schema-bound view can stand in the way of the host. Grants belong to a
//! table and go with it: they are looked at when a plug-in's connection is opened, and again when the server says that one is missing.

use std::collections::BTreeSet;

use rsa::sha2::{Digest, Sha256};

use super::told::Trouble;
use crate::protocol::table_name::fold;
use crate::store::StoreErrorKind;
use crate::store::guest::{GuestError, GuestPowers};
use crate::store::sqlserver::connection::conn::Conn;
use crate::store::sqlserver::mirror::session::{Names, Session};
use crate::store::sqlserver::mirror::statement::{Cells, Statement};
use crate::store::sqlserver::mirror::{metadata, sets, side_tables};
use crate::store::sqlserver::schema::ident::{qualified, quote, text_literal};

/// What every user of a plug-in's is in.
pub(super) const ROLE: &str = "speil_guest";

/// Names are cut there, with a digest of the rest: the server's own limit is 128.
const LONG: usize = 100;

/// A plug-in's users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Users {
    /// The owner of the plug-in's schema, and the schema's name.
    pub owner: String,
    pub reader: String,
    /// Which of them statements run as.
    write: bool,
}

impl Users {
    pub fn of(powers: &GuestPowers) -> Self {
        let word = powers.prefix.trim_end_matches('_');
        let word = if word.len() > LONG {
            let digest = Sha256::digest(word.as_bytes());
            format!("{}_{:02x}{:02x}{:02x}{:02x}", &word[..LONG - 9], digest[0], digest[1], digest[2], digest[3])
        } else {
            word.to_owned()
        };
        Self { owner: format!("speil_{word}"), reader: format!("speil_reader_{word}"), write: powers.write }
    }

    /// Whom the connection becomes.
    pub fn user(&self) -> &str {
        if self.write { &self.owner } else { &self.reader }
    }
}

/// What is there.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing looked for")]
struct Found {
    babelfish: bool,
    role: bool,
    owner: bool,
    reader: bool,
    schema: bool,
    owner_in: bool,
    reader_in: bool,
    /// Names of tables that are mirrored, of those there are.
    mirrored: BTreeSet<String>,
    /// Tables of ours that there are.
    ours: BTreeSet<String>,
    granted: BTreeSet<String>,
    denied: BTreeSet<String>,
}

fn look(names: &Names, users: &Users) -> Statement {
    let mut statement = Statement::new();
    let (role, owner, reader) =
        (statement.text(ROLE), statement.text(users.owner.as_str()), statement.text(users.reader.as_str()));
    statement.then(format!(
        "SELECT CAST(SERVERPROPERTY(N'Babelfish') AS int), DATABASE_PRINCIPAL_ID({role}), DATABASE_PRINCIPAL_ID({owner}), \
         DATABASE_PRINCIPAL_ID({reader}), SCHEMA_ID({owner}), IS_ROLEMEMBER({role}, {owner}), IS_ROLEMEMBER({role}, {reader})"
    ));
    metadata::select_all(&mut statement, names, false);
    sets::select_tables(&mut statement, names);
    let schema = statement.text(names.schema.as_str());
    statement.then(format!(
        "SELECT o.name, p.state FROM sys.database_permissions p JOIN sys.objects o ON o.object_id = p.major_id WHERE p.class = 1 \
         AND p.minor_id = 0 AND p.type = 'SL' AND p.grantee_principal_id = DATABASE_PRINCIPAL_ID({role}) \
         AND o.schema_id = SCHEMA_ID({schema})"
    ));
    statement
}

/// Reads what [`look`] answered; `None` if there are not as many answers.
fn found(answers: &[Vec<Cells>], metadata_table: &str) -> Option<Found> {
    let [principals, rows, there, grants] = answers else { return None };
    let principals = principals.first()?;
    let number = |column| principals.integer(column);
    let mut found = Found {
        babelfish: number(0) == Some(1),
        role: number(1).is_some(),
        owner: number(2).is_some(),
        reader: number(3).is_some(),
        schema: number(4).is_some(),
        owner_in: number(5) == Some(1),
        reader_in: number(6) == Some(1),
        ..Found::default()
    };
    let mirrored: BTreeSet<String> = metadata::all(rows)
        .into_iter()
        .filter(|(_, row)| row.hash.is_some() && !row.skipped)
        .map(|(table, _)| table.folded().to_owned())
        .collect();
    for name in there.iter().filter_map(|row| row.text(1)) {
        let folded = fold(name);
        if folded == fold(metadata_table) || side_tables::side_table_names().any(|own| own == folded) {
            found.ours.insert(name.to_owned());
        } else if mirrored.contains(&folded) && !folded.starts_with("speil_") {
            found.mirrored.insert(name.to_owned());
        }
    }
    for row in grants {
        let Some(name) = row.text(0) else { continue };
        let granted = row.text(1).is_some_and(|state| matches!(state.trim(), "G" | "W"));
        (if granted { &mut found.granted } else { &mut found.denied }).insert(name.to_owned());
    }
    Some(found)
}

/// The statements, each a batch of its own, that bring about what is missing and take back what is too much.
fn changes(found: &Found, schema: &str, users: &Users) -> Vec<String> {
    let (role, owner, reader) = (quote(ROLE), quote(&users.owner), quote(&users.reader));
    let mut batches = Vec::new();
    if !found.role {
        batches.push(format!("CREATE ROLE {role}"));
    }
    for (name, there) in [(&owner, found.owner), (&reader, found.reader)] {
        if !there {
            batches.push(format!("CREATE USER {name} WITHOUT LOGIN WITH DEFAULT_SCHEMA = {owner}"));
        }
    }
    for (name, is_in) in [(&owner, found.owner_in), (&reader, found.reader_in)] {
        if !is_in {
            batches.push(format!("ALTER ROLE {role} ADD MEMBER {name}"));
        }
    }
    if !found.schema {
        let create = format!("CREATE SCHEMA {owner} AUTHORIZATION {owner}");
        batches.push(format!("EXEC({})", text_literal(&create)));
    }
    if !(found.schema && found.owner && found.reader) {
        batches.push(format!("GRANT CREATE TABLE, CREATE VIEW TO {owner}"));
        batches.push(format!("GRANT SELECT ON SCHEMA::{owner} TO {reader}"));
    }
    let tables: Vec<String> = [
        // A denial is not undone by a grant: who denied a table by hand is obeyed.
        (
            found
                .mirrored
                .iter()
                .filter(|name| !found.granted.contains(*name) && !found.denied.contains(*name))
                .collect::<Vec<_>>(),
            "GRANT SELECT",
            "TO",
        ),
        (found.granted.difference(&found.mirrored).collect(), "REVOKE SELECT", "FROM"),
        (found.ours.difference(&found.denied).collect(), "DENY SELECT, INSERT, UPDATE, DELETE, REFERENCES", "TO"),
    ]
    .into_iter()
    .flat_map(|(names, what, how)| {
        names.into_iter().map(|name| format!("{what} ON {} {how} {role};", qualified(schema, name))).collect::<Vec<_>>()
    })
    .collect();
    batches.extend(tables.chunks(100).map(|some| some.join("\n")));
    batches
}

/// Makes the users, and grants what holds now. Whether anything was changed.
pub(super) async fn prepare(session: &Session, users: &Users) -> Result<bool, Trouble> {
    let names = session.names();
    let mut lease = session.reader().await?;
    let there = read(&mut lease, session, &names, users).await?;
    lease.finish();
    if there.babelfish {
        return Err(GuestError::Unavailable(
            "the mirror is in Babelfish, which has no database users without a login and no EXECUTE AS USER: there `database` cannot \
             be offered to plug-ins"
                .into(),
        )
        .into());
    }
    if changes(&there, &names.schema, users).is_empty() {
        return Ok(false);
    }
    // One host after the other: the second finds it done.
    let mut tx = session.begin_alone("speil:guests").await?;
    let there = read(&mut tx, session, &names, users).await?;
    for batch in changes(&there, &names.schema, users) {
        if let Err(error) = tx.run(&batch).await {
            if error.kind == StoreErrorKind::Transient {
                return Err(error.into());
            }
            tracing::warn!(%error, statement = batch, "the user that a plug-in's statements run as cannot be made or granted");
            return Err(GuestError::Unavailable(
                "the database user that its statements run as cannot be made: the host's log says which statement an administrator must \
                 run, or which permission the host's login lacks"
                    .into(),
            )
            .into());
        }
    }
    tx.commit().await?;
    Ok(true)
}

async fn read(conn: &mut Conn, session: &Session, names: &Names, users: &Users) -> Result<Found, Trouble> {
    match look(names, users).results(conn).await {
        Ok(answers) => found(&answers, &session.metadata)
            .ok_or_else(|| GuestError::Failed("the server answered less than it was asked".into()).into()),
        // Dropped by hand: nothing is mirrored until the next call makes it again.
        Err(error) if error.kind == StoreErrorKind::UnknownTable => Err(GuestError::Unavailable(
            "the mirror's metadata table is not there; the next call of the source makes it again".into(),
        )
        .into()),
        Err(error) => Err(error.into()),
    }
}

/// Becomes the user, for good, and bounds what may be waited for and answered.
pub(super) fn become_user(users: &Users) -> String {
    format!(
        "EXECUTE AS USER = {} WITH NO REVERT;\nSET DEADLOCK_PRIORITY LOW;\nSET TEXTSIZE 16777216;",
        text_literal(users.user())
    )
}

/// What the user must not have, whoever gave it: `public` may have been granted anything. Securable, its class, permission.
fn too_much(names: &Names) -> Vec<(String, &'static str, &'static str)> {
    let mut list = Vec::new();
    for permission in ["CONTROL", "ALTER", "SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE"] {
        list.push(("DB_NAME()".to_owned(), "DATABASE", permission));
        list.push((text_literal(&quote(&names.schema)), "SCHEMA", permission));
    }
    for table in [&names.metadata, &names.meta, &names.values, &names.quarantine] {
        list.push((text_literal(table), "OBJECT", "SELECT"));
    }
    list
}

/// Who one is now, and how much of what is [`too_much`].
fn who_am_i(names: &Names) -> String {
    let asked: Vec<String> = too_much(names)
        .into_iter()
        .map(|(securable, class, permission)| format!("HAS_PERMS_BY_NAME({securable}, N'{class}', N'{permission}')"))
        .collect();
    format!("SELECT USER_NAME(), {}", asked.join(", "))
}

/// Becomes the user and looks whether it worked.
pub(super) async fn enter(conn: &mut Conn, names: &Names, users: &Users) -> Result<(), Trouble> {
    conn.run(&become_user(users)).await?;
    let rows = Statement::of(who_am_i(names)).rows(conn).await?;
    let row = rows.first();
    if row.and_then(|row| row.text(0)) != Some(users.user()) {
        return Err(GuestError::Failed("the connection did not become the plug-in's user".into()).into());
    }
    let more: Vec<String> = too_much(names)
        .into_iter()
        .enumerate()
        .filter(|(place, _)| row.and_then(|row| row.integer(place + 1)) == Some(1))
        .map(|(_, (securable, class, permission))| format!("{permission} on {} {securable}", class.to_lowercase()))
        .collect();
    if more.is_empty() {
        return Ok(());
    }
    tracing::warn!(
        user = users.user(),
        permissions = more.join(", "),
        "a plug-in's user has permissions it must not have"
    );
    Err(GuestError::Unavailable(
        "its database user has more permissions than a plug-in may have, probably by a grant to public; the host's log names them, and \
         an administrator revokes them"
            .into(),
    )
    .into())
}

/// The statements of this file, for the golden files.
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    let names = Names::sample();
    let users = Users::of(&GuestPowers::of("Sales-Summary", true, std::iter::empty()));
    let all = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
    let new = Found { mirrored: all(&["contact", "it's ]"]), ours: all(&["speil_meta"]), ..Found::default() };
    let old = Found {
        role: true,
        owner: true,
        reader: true,
        schema: true,
        owner_in: true,
        reader_in: true,
        mirrored: all(&["contact", "secret"]),
        granted: all(&["contact", "gone"]),
        denied: all(&["secret"]),
        ..Found::default()
    };
    let made = changes(&new, "dbo", &users);
    let [role, owner, reader, owner_in, reader_in, schema, own, read, tables] = &made[..] else {
        panic!("there are other statements: {made:#?}")
    };
    let [revoked] = &changes(&old, "dbo", &users)[..] else { panic!("one table too many is granted") };
    vec![
        ("look", look(&names, &users).sql().to_owned()),
        ("role", role.clone()),
        ("owner", owner.clone()),
        ("reader", reader.clone()),
        ("owner_in_role", owner_in.clone()),
        ("reader_in_role", reader_in.clone()),
        ("schema", schema.clone()),
        ("grants_to_owner", own.clone()),
        ("grants_to_reader", read.clone()),
        ("grants_on_tables", tables.clone()),
        ("grant_taken_back", revoked.clone()),
        ("become_user", become_user(&users)),
        ("who_am_i", who_am_i(&names)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(plugin: &str, write: bool) -> Users {
        Users::of(&GuestPowers::of(plugin, write, std::iter::empty()))
    }

    #[test]
    fn users_are_told_apart_by_plug_in_and_power() {
        assert_eq!((users("a", true).user(), users("a", false).user()), ("speil_plugin_a", "speil_reader_plugin_a"));
        let names: BTreeSet<String> = ["a", "a-reader", "reader-plugin-a", "reader"]
            .iter()
            .flat_map(|plugin| [users(plugin, true).owner, users(plugin, true).reader])
            .collect();
        assert_eq!(names.len(), 8, "{names:?}");
        let long = |last: char| users(&format!("{}{last}", "x".repeat(200)), true);
        assert!(long('1').reader.len() <= 128 && long('1') != long('2'));
    }

    #[test]
    fn what_holds_already_is_not_done_again() {
        let list: BTreeSet<String> = ["contact".to_owned()].into();
        let found = Found {
            role: true,
            owner: true,
            reader: true,
            schema: true,
            owner_in: true,
            reader_in: true,
            mirrored: list.clone(),
            granted: list,
            ..Found::default()
        };
        assert!(changes(&found, "dbo", &users("a", true)).is_empty());
    }

    #[test]
    fn only_tables_that_are_mirrored_now_are_granted() {
        let of = |texts: &[Option<&str>]| Cells::of_texts(texts);
        let hash = "07".repeat(32);
        let row = |name: &str, hash: Option<&str>, kind: Option<&str>| {
            of(&[Some(name), Some("5"), hash, kind, Some("0"), Some("1"), None, None])
        };
        let answers = vec![
            vec![of(&[None; 7])],
            vec![
                row("Sale", Some(&hash), None),
                row("left", Some(&hash), Some("skipped")),
                row("theirs", None, None),
                row("gone", Some(&hash), None),
                row("speil_meta", Some(&hash), None),
                row("Cust1_mirroring", Some(&hash), None),
            ],
            ["sale", "left", "theirs", "secret", "speil_meta", "cust1_mirroring"]
                .map(|name| of(&[Some("1"), Some(name)]))
                .into(),
            vec![of(&[Some("secret"), Some("G ")]), of(&[Some("speil_meta"), Some("D ")])],
        ];
        let found = found(&answers, "Cust1_mirroring").expect("all answers");
        let changes = changes(&found, "dbo", &users("a", true));
        let on_tables = changes.last().expect("grants");
        assert_eq!(
            on_tables,
            "GRANT SELECT ON [dbo].[sale] TO [speil_guest];\n\
             REVOKE SELECT ON [dbo].[secret] FROM [speil_guest];\n\
             DENY SELECT, INSERT, UPDATE, DELETE, REFERENCES ON [dbo].[cust1_mirroring] TO [speil_guest];"
        );
    }
}
