//! One start tag: its name, its namespace declarations and the few attributes that mean something (`i:nil`,
//! `s:mustUnderstand`, `s:actor`). Strict about XML's grammar: names, quotes, white space, nothing twice.

use std::rc::Rc;

use super::super::fault::{Fault, quoted};
use super::element::{Element, Namespace};
use super::limits::Limits;
use super::namespaces::Scope;
use super::{text, values};

/// What a start tag says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) struct Tag {
    pub(in crate::protocol) element: Element,
    /// `i:nil` is true.
    pub(in crate::protocol) nil: bool,
    /// `s:mustUnderstand` is true.
    pub(in crate::protocol) must_understand: bool,
    /// `s:actor` names somebody else than whoever reads this.
    pub(in crate::protocol) for_another: bool,
}

/// The actor that means "whoever is next", which we always are.
const ACTOR_NEXT: &str = "http://schemas.xmlsoap.org/soap/actor/next";
const XMLNS_URI: &str = "http://www.w3.org/2000/xmlns/";
const XML_URI: &str = "http://www.w3.org/XML/1998/namespace";

/// Reads a start tag: `name` and what stands after it, without angle brackets. Gives what it means and the scope
/// inside it.
pub(super) fn read_tag(name: &str, rest: &str, outer: &Rc<Scope>, limits: &Limits) -> Result<(Tag, Rc<Scope>), Fault> {
    let (prefix, local) = split_name(name, limits)?;
    let attributes = split_attributes(name, rest, limits)?;
    let mut declared: Vec<(Box<str>, Namespace)> = Vec::new();
    for attribute in &attributes {
        let Some(prefix) = declared_prefix(attribute) else { continue };
        let uri = text::attribute_value(attribute.value)?;
        if prefix == "xmlns" || uri == XMLNS_URI || (prefix == "xml") != (uri == XML_URI) {
            return Err(Fault::client("A namespace declaration binds one of the names XML keeps for itself."));
        }
        if uri.is_empty() && !prefix.is_empty() {
            return Err(Fault::client(format!("The namespace prefix {} is bound to nothing.", quoted(prefix))));
        }
        declared.push((prefix.into(), Namespace::of(&uri)));
        if declared.len() > limits.namespaces {
            let limit = limits.namespaces as u64;
            return Err(Fault::limit("The number of namespace declarations on an element", limit, "declarations"));
        }
    }
    let scope = outer.with(declared, limits.namespaces_in_scope)?;
    if prefix == "xmlns" {
        return Err(Fault::client("An element has the prefix xmlns, which XML keeps for itself."));
    }
    let mut tag = Tag {
        element: Element::of(scope.resolve(prefix)?, local),
        nil: false,
        must_understand: false,
        for_another: false,
    };
    let mut seen = [false; 3];
    for attribute in &attributes {
        if declared_prefix(attribute).is_some() {
            continue;
        }
        // The default namespace does not reach attributes.
        let namespace = match attribute.prefix {
            "" => Namespace::None,
            prefix => scope.resolve(prefix)?,
        };
        let mut once = |slot: usize| {
            if std::mem::replace(&mut seen[slot], true) { Err(twice(name, attribute.local)) } else { Ok(()) }
        };
        match (namespace, attribute.local) {
            (Namespace::Xsi, "nil") => {
                once(0)?;
                tag.nil = values::boolean(&text::attribute_value(attribute.value)?, "nil")?;
            }
            (Namespace::Soap, "mustUnderstand") => {
                once(1)?;
                tag.must_understand = values::boolean(&text::attribute_value(attribute.value)?, "mustUnderstand")?;
            }
            (Namespace::Soap, "actor") => {
                once(2)?;
                let actor = text::attribute_value(attribute.value)?;
                tag.for_another = !actor.trim().is_empty() && actor.trim() != ACTOR_NEXT;
            }
            _ => text::check_attribute_value(attribute.value)?,
        }
    }
    Ok((tag, scope))
}

struct Attribute<'a> {
    prefix: &'a str,
    local: &'a str,
    /// As it stands between the quotes.
    value: &'a str,
}

/// The prefix an attribute declares; empty for the default namespace.
fn declared_prefix<'a>(attribute: &Attribute<'a>) -> Option<&'a str> {
    match (attribute.prefix, attribute.local) {
        ("", "xmlns") => Some(""),
        ("xmlns", local) => Some(local),
        _ => None,
    }
}

fn twice(element: &str, attribute: &str) -> Fault {
    Fault::client(format!("The element {} has the attribute {} twice.", quoted(element), quoted(attribute)))
}

fn split_attributes<'a>(element: &str, rest: &'a str, limits: &Limits) -> Result<Vec<Attribute<'a>>, Fault> {
    let malformed = |why: &str| Fault::client(format!("The tag of the element {} is not XML: {why}.", quoted(element)));
    let mut attributes: Vec<Attribute<'a>> = Vec::new();
    let mut left = rest;
    loop {
        let trimmed = left.trim_start_matches(text::is_blank);
        if trimmed.is_empty() {
            return Ok(attributes);
        }
        if trimmed.len() == left.len() {
            return Err(malformed("white space is missing before an attribute"));
        }
        let (name, after) = trimmed.split_once('=').ok_or_else(|| malformed("an attribute has no value"))?;
        let name = name.trim_end_matches(text::is_blank);
        let after = after.trim_start_matches(text::is_blank);
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
        let quote = quote.ok_or_else(|| malformed("an attribute's value has no quotes"))?;
        let (value, next) =
            after[1..].split_once(quote).ok_or_else(|| malformed("an attribute's value does not end"))?;
        if value.contains('<') {
            return Err(malformed("an attribute's value holds a \"<\""));
        }
        let (prefix, local) = split_name(name, limits)?;
        if attributes.iter().any(|known| known.prefix == prefix && known.local == local) {
            return Err(twice(element, name));
        }
        if attributes.len() == limits.attributes {
            return Err(Fault::limit("The number of attributes of an element", limits.attributes as u64, "attributes"));
        }
        attributes.push(Attribute { prefix, local, value });
        left = next;
    }
}

/// A qualified name's prefix (empty if none) and local part.
fn split_name<'a>(name: &'a str, limits: &Limits) -> Result<(&'a str, &'a str), Fault> {
    if name.len() > limits.name_bytes {
        return Err(Fault::limit("The name of an element or attribute", limits.name_bytes as u64, "bytes"));
    }
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    if (!prefix.is_empty() || !name.starts_with(':')) && (prefix.is_empty() || is_name(prefix)) && is_name(local) {
        Ok((prefix, local))
    } else {
        Err(Fault::client(format!("{} is no XML name.", quoted(name))))
    }
}

/// `NCName` of "Namespaces in XML 1.0".
fn is_name(text: &str) -> bool {
    const fn starts(c: char) -> bool {
        matches!(c, 'A'..='Z' | 'a'..='z' | '_'
            | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
            | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
            | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
    }
    const fn continues(c: char) -> bool {
        starts(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
    }
    let mut chars = text.chars();
    chars.next().is_some_and(starts) && chars.all(continues)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Result<Tag, String> {
        let end = text.find(text::is_blank).unwrap_or(text.len());
        read_tag(&text[..end], &text[end..], &Scope::outermost(), &Limits::default())
            .map(|(tag, _)| tag)
            .map_err(|fault| fault.message)
    }

    const XSI: &str = "xmlns:i='http://www.w3.org/2001/XMLSchema-instance'";

    #[test]
    fn nil_is_found_whatever_prefix_it_has_and_wherever_that_is_declared() {
        assert!(tag(&format!("a i:nil='true' {XSI}")).unwrap().nil);
        assert!(tag(&format!("a {XSI} i:nil=\" 1 \"")).unwrap().nil);
        assert!(!tag(&format!("a {XSI} i:nil='0'")).unwrap().nil);
        assert!(!tag("a nil='true'").unwrap().nil);
        assert_eq!(tag(&format!("a {XSI} i:nil='maybe'")), Err("nil is \"maybe\", which is no boolean.".into()));
    }

    #[test]
    fn a_default_namespace_does_not_reach_attributes() {
        assert!(!tag("a xmlns='http://www.w3.org/2001/XMLSchema-instance' nil='true'").unwrap().nil);
    }

    #[test]
    fn an_actor_is_another_unless_it_is_next_or_empty() {
        let soap = "xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'";
        assert!(tag(&format!("a {soap} s:actor='urn:somebody'")).unwrap().for_another);
        assert!(!tag(&format!("a {soap} s:actor=''")).unwrap().for_another);
        assert!(!tag(&format!("a {soap} s:actor='{ACTOR_NEXT}'")).unwrap().for_another);
        assert!(tag(&format!("a {soap} s:mustUnderstand='1'")).unwrap().must_understand);
    }

    #[test]
    fn what_is_no_tag_is_a_fault_that_says_why() {
        for (text, message) in [
            ("a b", "The tag of the element \"a\" is not XML: an attribute has no value."),
            ("a b=c", "The tag of the element \"a\" is not XML: an attribute's value has no quotes."),
            ("a b='c\"", "The tag of the element \"a\" is not XML: an attribute's value does not end."),
            ("a b='1'c='2'", "The tag of the element \"a\" is not XML: white space is missing before an attribute."),
            ("a b='<'", "The tag of the element \"a\" is not XML: an attribute's value holds a \"<\"."),
            ("a b='1' b='2'", "The element \"a\" has the attribute \"b\" twice."),
            ("1a", "\"1a\" is no XML name."),
            (":a", "\":a\" is no XML name."),
            ("a:", "\"a:\" is no XML name."),
            ("a:b:c", "\"a:b:c\" is no XML name."),
            ("p:a", "The namespace prefix \"p\" is not declared."),
            ("a p:b='1'", "The namespace prefix \"p\" is not declared."),
            ("a xmlns:p=''", "The namespace prefix \"p\" is bound to nothing."),
            ("a xmlns:xmlns='urn:x'", "A namespace declaration binds one of the names XML keeps for itself."),
            ("a b='&nbsp;'", "The entity &nbsp; is not one of XML's five."),
        ] {
            assert_eq!(tag(text), Err(message.into()), "{text}");
        }
    }

    #[test]
    fn numbers_of_attributes_and_declarations_and_lengths_of_names_are_bounded() {
        let limits = Limits::default();
        let many = |count: usize, prefix: &str| {
            (0..count).fold("a".to_owned(), |text, n| format!("{text} {prefix}a{n}='urn:x'"))
        };
        assert!(tag(&many(limits.attributes, "")).is_ok());
        assert_eq!(
            tag(&many(limits.attributes + 1, "")),
            Err("The number of attributes of an element exceeds the limit of 128 attributes.".into())
        );
        assert!(tag(&many(limits.namespaces, "xmlns:")).is_ok());
        assert_eq!(
            tag(&many(limits.namespaces + 1, "xmlns:")),
            Err("The number of namespace declarations on an element exceeds the limit of 64 declarations.".into())
        );
        assert!(tag(&"a".repeat(limits.name_bytes)).is_ok());
        assert_eq!(
            tag(&"a".repeat(limits.name_bytes + 1)),
            Err("The name of an element or attribute exceeds the limit of 256 bytes.".into())
        );
    }
}
