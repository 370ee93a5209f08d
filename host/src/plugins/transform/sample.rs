//! Which batches are made twice where the sidecar says `deterministic = "check"`: for each tenant's table the first one after
//! the plug-in was loaded, and then one in [`EVERY`]. So a table that is filled is looked at while it is filled, and a table that
//! gets one batch in ten minutes every few hours.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::protocol::context_id::ContextId;
use crate::protocol::table_name::TableName;

/// See above.
pub const EVERY: u32 = 50;

/// Tables counted at most; when there are more, counting begins anew.
const MOST: usize = 20_000;

/// How many batches of each table have come.
#[derive(Default)]
pub struct Sampler(Mutex<HashMap<(ContextId, String), u32>>);

impl Sampler {
    /// Counts a batch. Whether it is one to be made twice.
    pub fn takes(&self, tenant: &ContextId, table: &TableName) -> bool {
        // Nothing in here can panic half-way.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.clone(), table.folded().to_owned());
        if counts.len() >= MOST && !counts.contains_key(&key) {
            counts.clear();
        }
        let count = counts.entry(key).or_default();
        let takes = *count == 0;
        *count = (*count + 1) % EVERY;
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_batch_of_each_tenants_table_is_taken_and_then_one_in_fifty() {
        let sampler = Sampler::default();
        let (a, b) = (ContextId::new("a").unwrap(), ContextId::new("b").unwrap());
        let (one, two) = (TableName::new("one").unwrap(), TableName::new("two").unwrap());
        let taken: Vec<u32> = (0..120).filter(|_| sampler.takes(&a, &one)).collect();
        assert_eq!(taken, [0, 50, 100]);
        assert!(sampler.takes(&a, &two) && sampler.takes(&b, &one));
        assert!(!sampler.takes(&a, &TableName::new("TWO").unwrap()), "names have no case");
        for number in 0..MOST {
            sampler.takes(&b, &TableName::new(format!("t{number}").as_str()).unwrap());
        }
        assert!(sampler.0.lock().unwrap().len() <= MOST);
    }
}
