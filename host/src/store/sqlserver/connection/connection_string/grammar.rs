//! How a connection string is taken apart: `keyword=value;keyword='value';keyword="va""lue"`.
//!
//! The rules are ADO.NET's: white space around keywords and values means nothing; `==` in a keyword is an equals sign; a value
//! that begins with a quote ends with it, and a doubled quote inside stands for one; any other value ends at the next semicolon.

use std::iter::Peekable;
use std::str::Chars;

/// One `keyword=value`, the keyword as it was written.
pub(super) struct Pair {
    pub keyword: String,
    pub value: String,
}

/// Takes a connection string apart. Messages never show a value, nor what might be the rest of one.
pub(super) fn pairs(text: &str) -> Result<Vec<Pair>, String> {
    if text.contains('\0') {
        return Err("the connection string holds a NUL character".into());
    }
    let mut pairs: Vec<Pair> = Vec::new();
    let mut rest = text.chars().peekable();
    loop {
        while rest.next_if(|c| *c == ';' || c.is_whitespace()).is_some() {}
        if rest.peek().is_none() {
            return Ok(pairs);
        }
        let Some(keyword) = keyword(&mut rest) else {
            return Err(format!(
                "the connection string holds something{} that is not keyword=value; a value that holds a semicolon, or that \
                 begins with a quote or an equals sign, must stand in quotes: Password='a;b' or Password=\"a;b\"",
                after(&pairs)
            ));
        };
        if keyword.is_empty() {
            return Err(format!("the connection string holds an equals sign without a keyword{}", after(&pairs)));
        }
        let value = value(&mut rest).map_err(|what| format!("the value of {} {what}", shown(&keyword, &pairs)))?;
        pairs.push(Pair { keyword, value });
    }
}

/// Where in the string something is, said by the keyword before it.
fn after(pairs: &[Pair]) -> String {
    pairs.last().map(|pair| format!(" after {}", shown(&pair.keyword, &pairs[..pairs.len() - 1]))).unwrap_or_default()
}

/// A keyword for a message. What follows a secret may be the rest of it, if a semicolon in it was not quoted: up to the next keyword
/// that we know, none that we do not know is shown.
pub(super) fn shown(keyword: &str, before: &[Pair]) -> String {
    let is_known = |keyword: &str| super::keywords::find(keyword).is_some();
    let last_known = before.iter().rfind(|pair| is_known(&pair.keyword));
    let suspicious = last_known.is_some_and(|pair| super::keywords::is_secret(&pair.keyword));
    if suspicious && !is_known(keyword) {
        "(not shown: it may be part of the password)".into()
    } else {
        format!("`{}`", keyword.chars().take(64).collect::<String>().escape_debug())
    }
}

/// Everything up to the equals sign; `None` if none comes.
fn keyword(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut keyword = String::new();
    loop {
        match rest.next()? {
            '=' if rest.next_if_eq(&'=').is_some() => keyword.push('='),
            '=' => {
                keyword.truncate(keyword.trim_end().len());
                return Some(keyword);
            }
            // Without a value: `Password=a;b;Server=c` has a `b` that belongs to nothing.
            ';' => return None,
            other => keyword.push(other),
        }
    }
}

fn value(rest: &mut Peekable<Chars<'_>>) -> Result<String, &'static str> {
    while rest.next_if(|c| c.is_whitespace()).is_some() {}
    let mut value = String::new();
    let Some(quote) = rest.next_if(|c| matches!(c, '\'' | '"')) else {
        while let Some(c) = rest.next_if(|c| *c != ';') {
            value.push(c);
        }
        value.truncate(value.trim_end().len());
        return Ok(value);
    };
    loop {
        match rest.next() {
            None => return Err("begins with a quote that is never closed"),
            Some(c) if c != quote => value.push(c),
            Some(_) if rest.next_if_eq(&quote).is_some() => value.push(quote),
            Some(_) => break,
        }
    }
    while rest.next_if(|c| c.is_whitespace()).is_some() {}
    match rest.peek() {
        None | Some(';') => Ok(value),
        Some(_) => Err("goes on after its closing quote; double a quote that belongs to the value"),
    }
}
