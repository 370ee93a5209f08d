//! Plans, kept: they depend on the tenant, the table and the configuration only.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Mutex;

use crate::plugins::digest::Digest;
use crate::plugins::hooks::TransformPlan;
use crate::plugins::transform::plan::Steps;
use crate::protocol::context_id::ContextId;

/// Plans kept at most; the oldest go first.
const MOST: usize = 20_000;

/// A tenant and the digest of a source table's definition. The configuration is fixed: a reload begins a new cache.
pub type Key = (ContextId, Digest);

/// The plans of one generation of plug-ins.
#[derive(Default)]
pub struct PlanCache(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    plans: HashMap<Key, TransformPlan>,
    order: VecDeque<Key>,
}

impl PlanCache {
    /// The plan kept for this table.
    pub fn get(&self, key: &Key) -> Option<TransformPlan> {
        self.kept().plans.get(key).cloned()
    }

    /// Keeps a plan.
    pub fn put(&self, key: Key, plan: &TransformPlan) {
        let mut kept = self.kept();
        if kept.plans.insert(key.clone(), plan.clone()).is_none() {
            kept.order.push_back(key);
        }
        while kept.order.len() > MOST {
            if let Some(oldest) = kept.order.pop_front() {
                kept.plans.remove(&oldest);
            }
        }
    }

    /// The tables that plans of these plug-ins have been made for: those a plug-in works on, and those that are skipped,
    /// by whichever.
    pub fn tables(&self, plugins: &[usize]) -> BTreeSet<String> {
        let kept = self.kept();
        let touched = kept.plans.values().filter(|plan| touches(plan, plugins));
        touched.map(|plan| plan.source.name.as_str().to_owned()).collect()
    }

    /// The tenants that such tables belong to.
    pub fn tenants(&self, plugins: &[usize]) -> BTreeSet<ContextId> {
        let kept = self.kept();
        let touched = kept.plans.iter().filter(|(_, plan)| touches(plan, plugins));
        touched.map(|((tenant, _), _)| tenant.clone()).collect()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        // Nothing in here can panic half-way.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Whether one of these plug-ins works on the table, or any skips it.
fn touches(plan: &TransformPlan, plugins: &[usize]) -> bool {
    plan.target.is_none()
        || plan
            .steps
            .downcast_ref::<Steps>()
            .is_some_and(|Steps(steps)| steps.iter().any(|step| plugins.contains(&step.plugin)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::protocol::table_def::TableDef;
    use crate::protocol::table_name::TableName;

    #[test]
    fn plans_are_kept_for_each_tenant_and_the_oldest_go_first() {
        let cache = PlanCache::default();
        let def = TableDef { name: TableName::new("t").unwrap(), columns: vec![], key: vec![] };
        let plan = TransformPlan::untouched(Arc::new(def));
        let key = |tenant: &str, number: usize| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&number.to_be_bytes());
            (ContextId::new(tenant).unwrap(), digest)
        };
        cache.put(key("a", 0), &plan);
        assert!(cache.get(&key("a", 0)).is_some());
        assert!(cache.get(&key("b", 0)).is_none());
        for number in 1..=MOST {
            cache.put(key("a", number), &plan);
        }
        assert!(cache.get(&key("a", 0)).is_none());
        assert!(cache.get(&key("a", 1)).is_some());
        assert_eq!(cache.kept().plans.len(), MOST);
    }
}
