//! A bounded memory that keeps what was used last, in two generations: when the young one is full it becomes the old one, and what
//! is asked for again moves back.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// See the head of this file.
#[derive(Debug)]
pub struct Generations<K, V> {
    young: HashMap<K, (V, usize)>,
    old: HashMap<K, (V, usize)>,
    weight: usize,
    max_weight: usize,
}

impl<K: Hash + Eq, V: Clone> Generations<K, V> {
    /// An empty memory. Each generation holds what weighs so much together.
    #[must_use]
    pub fn new(max_weight: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), weight: 0, max_weight }
    }

    /// What is remembered under this key.
    pub fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if let Some((value, _)) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, (value, weight)) = self.old.remove_entry(key)?;
        self.put(key, value.clone(), weight);
        Some(value)
    }

    /// Remembers a value of this weight.
    pub fn put(&mut self, key: K, value: V, weight: usize) {
        if let Some((_, replaced)) = self.young.remove(&key) {
            self.weight -= replaced;
        }
        if self.weight + weight > self.max_weight {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += weight;
        self.young.insert(key, (value, weight));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_what_is_not_goes() {
        let mut memory = Generations::new(4);
        for number in 0..100 {
            memory.put(number, number, 1);
            assert_eq!(memory.get(&0), Some(0), "asked for all the time");
            assert!(memory.young.len() + memory.old.len() <= 8);
        }
        assert_eq!(memory.get(&50), None);
    }

    #[test]
    fn what_takes_another_s_place_takes_no_more() {
        let mut memory = Generations::new(4);
        memory.put(0, 0, 1);
        for number in 0..100 {
            memory.put(1, number, 2);
        }
        assert_eq!(memory.weight, 3);
        assert!(memory.old.is_empty());
    }
}
