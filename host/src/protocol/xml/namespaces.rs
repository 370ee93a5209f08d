//! Which namespace a prefix means where. Scopes are immutable and share their outer part, so that what a tag means
//! can be remembered: the same tag text in the same scope means the same again, and the tags of a million rows are
//! looked at once. The number of declarations is bounded per element and in all scopes together, so no look-up is
//! ever long.

use std::rc::Rc;

use super::super::fault::{Fault, quoted};
use super::attributes::Tag;
use super::element::Namespace;

/// A prefix (empty: the default namespace) and what it means.
pub(in crate::protocol) type Declared = (Box<str>, Namespace);

/// The declarations of one element, and those around it.
pub(in crate::protocol) struct Scope {
    outer: Option<Rc<Scope>>,
    declared: Vec<Declared>,
    /// Declarations in this scope and those around it.
    total: usize,
}

impl Scope {
    pub(super) fn outermost() -> Rc<Self> {
        Rc::new(Self { outer: None, declared: Vec::new(), total: 0 })
    }

    /// The scope of an element inside this one.
    pub(super) fn with(self: &Rc<Self>, declared: Vec<Declared>, max_in_scope: usize) -> Result<Rc<Self>, Fault> {
        if declared.is_empty() {
            return Ok(Rc::clone(self));
        }
        let total = self.total + declared.len();
        if total > max_in_scope {
            return Err(Fault::limit(
                "The number of namespace declarations in scope",
                max_in_scope as u64,
                "declarations",
            ));
        }
        Ok(Rc::new(Self { outer: Some(Rc::clone(self)), declared, total }))
    }

    /// All declarations in force, the innermost first: two scopes that have the same mean the same.
    pub(in crate::protocol) fn declarations(&self) -> Vec<Declared> {
        let mut declared = self.declared.clone();
        let mut scope = self;
        while let Some(outer) = &scope.outer {
            declared.extend(outer.declared.iter().cloned());
            scope = outer;
        }
        declared
    }

    /// What a prefix means.
    pub(super) fn resolve(&self, prefix: &str) -> Result<Namespace, Fault> {
        let mut scope = self;
        loop {
            if let Some((_, namespace)) = scope.declared.iter().find(|(name, _)| **name == *prefix) {
                return Ok(*namespace);
            }
            match &scope.outer {
                Some(outer) => scope = outer,
                None if prefix.is_empty() => return Ok(Namespace::None),
                None if prefix == "xml" => return Ok(Namespace::Other),
                None => {
                    return Err(Fault::client(format!("The namespace prefix {} is not declared.", quoted(prefix))));
                }
            }
        }
    }
}

/// What tags were found to mean, the last few.
#[derive(Default)]
pub(super) struct Memory {
    known: Vec<Known>,
    /// Which one is forgotten next.
    next: usize,
    /// Which one was asked for last: most tags are like the one before.
    last: usize,
}

struct Known {
    outer: Rc<Scope>,
    text: Box<str>,
    tag: Tag,
    inner: Rc<Scope>,
}

impl Memory {
    /// A row has five different tags; a sender with some more still fits.
    const SIZE: usize = 12;
    const MAX_TEXT: usize = 256;

    /// What this tag text means in this scope, and the scope inside it.
    #[inline]
    pub(super) fn recall(&mut self, outer: &Rc<Scope>, text: &str) -> Option<(Tag, &Rc<Scope>)> {
        let is_it = |known: &Known| Rc::ptr_eq(&known.outer, outer) && *known.text == *text;
        if !self.known.get(self.last).is_some_and(is_it) {
            self.last = self.known.iter().position(is_it)?;
        }
        let known = &self.known[self.last];
        Some((known.tag, &known.inner))
    }

    pub(super) fn remember(&mut self, outer: &Rc<Scope>, text: &str, tag: Tag, inner: &Rc<Scope>) {
        if text.len() > Self::MAX_TEXT {
            return;
        }
        let known = Known { outer: Rc::clone(outer), text: text.into(), tag, inner: Rc::clone(inner) };
        if self.known.len() < Self::SIZE {
            self.known.push(known);
        } else {
            self.known[self.next] = known;
            self.next = (self.next + 1) % Self::SIZE;
        }
    }
}
