//! The hash that decides whether a table has changed: over what the mirror's table looks like, what the source's looks
//! like, and which transforms lie between (design.md invariant 6).

use rsa::sha2::{Digest, Sha256};

use crate::plugins::hooks::TransformPlan;
use crate::protocol::table_def::TableDef;
use crate::store::SchemaHash;

/// Goes first into every hash; another one refills every table of every mirror, so it changes only when what rows look
/// like in the mirror does.
const FORMAT: &[u8] = b"speil schema 1";

/// A hash no table has: what a table bears while it is taken over only to be made anew.
pub(super) const NEVER: SchemaHash = SchemaHash([0; 32]);

/// The hash of a table made by this plan.
pub(super) fn of_plan(plan: &TransformPlan, source_digest: [u8; 32]) -> SchemaHash {
    let target = plan
        .target
        .as_ref()
        .map(|target| if std::sync::Arc::ptr_eq(target, &plan.source) { source_digest } else { target.digest() });
    combine(target, source_digest, plan.digest)
}

/// The hash of a table that no transform touches.
pub(super) fn of_untouched(def: &TableDef) -> SchemaHash {
    let digest = def.digest();
    combine(Some(digest), digest, None)
}

fn combine(target: Option<[u8; 32]>, source: [u8; 32], transform: Option<[u8; 32]>) -> SchemaHash {
    let mut hasher = Sha256::new();
    hasher.update(FORMAT);
    for part in [target, Some(source), transform] {
        match part {
            Some(digest) => {
                hasher.update([1]);
                hasher.update(digest);
            }
            None => hasher.update([0]),
        }
    }
    SchemaHash(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts_and_an_absent_part_is_not_a_zero_one() {
        let (a, b) = ([1; 32], [2; 32]);
        let all = [
            combine(Some(a), a, None),
            combine(Some(a), b, None),
            combine(Some(b), a, None),
            combine(None, a, None),
            combine(Some([0; 32]), a, None),
            combine(Some(a), a, Some(a)),
            combine(Some(a), a, Some([0; 32])),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(all[index + 1..].iter().all(|other| one != other), "{index}");
            assert_ne!(*one, NEVER);
        }
    }
}
