//! The statement that gives a missing permission, as far as the server's message tells.

/// Who is to get it: the message does not say.
const USER: &str = "[the user speil logs in as]";

/// The statement an administrator must run, for the numbers that mean a missing permission. The server's texts are read in
/// English, which our sessions speak; before the session is set up they may come in another language, and then there is none.
pub(super) fn statement(number: u32, message: &str) -> Option<String> {
    match number {
        229 | 230 => on_object(message),
        262 => in_database(message),
        300 => {
            // VIEW SERVER STATE permission was denied on object 'server', database 'master'.
            let (permission, _) = message.split_once(" permission was denied")?;
            is_permission(permission).then(|| format!("GRANT {permission} TO {USER}"))
        }
        916 => {
            // The server principal "x" is not able to access the database "y" under the current security context.
            let (login, database) = (quoted(message, '"', 0)?, quoted(message, '"', 1)?);
            Some(format!(
                "USE {}; CREATE USER {} FOR LOGIN {}",
                bracketed(database),
                bracketed(login),
                bracketed(login)
            ))
        }
        _ => None,
    }
}

/// The SELECT permission was denied on the object 'contact', database 'Mirror_Cust1', schema 'dbo'.
fn on_object(message: &str) -> Option<String> {
    let (before, after) = message.split_once(" permission was denied on the ")?;
    let permission = before.rsplit_once("The ").map_or(before, |(_, permission)| permission);
    if !is_permission(permission) {
        return None;
    }
    let object = quoted(after, '\'', 0)?;
    let database = between(after, "database '")?;
    let schema = between(after, "schema '")?;
    Some(format!(
        "USE {}; GRANT {permission} ON {}.{} TO {USER}",
        bracketed(database),
        bracketed(schema),
        bracketed(object)
    ))
}

/// CREATE TABLE permission denied in database 'Mirror_Cust1'.
fn in_database(message: &str) -> Option<String> {
    let (permission, after) = message.split_once(" permission denied in database ")?;
    if !is_permission(permission) {
        return None;
    }
    let database = quoted(after, '\'', 0)?;
    if permission == "CREATE DATABASE" {
        return Some(format!("USE [master]; GRANT CREATE ANY DATABASE TO {}", USER.replace("user", "login")));
    }
    Some(format!("USE {}; GRANT {permission} TO {USER}", bracketed(database)))
}

/// It becomes part of a statement that people may copy: nothing but words.
fn is_permission(text: &str) -> bool {
    !text.is_empty() && text.len() < 64 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b' ')
}

fn quoted(text: &str, quote: char, which: usize) -> Option<&str> {
    text.split(quote).nth(which * 2 + 1).filter(|name| !name.is_empty() && name.len() < 300)
}

fn between<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once('\'').map(|(name, _)| name).filter(|name| !name.is_empty())
}

fn bracketed(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}
