//! Table descriptions from the wire, read once: a Task describes the same 413 tables in every cycle and one of them in
//! every batch. Also which source a stored hash stands for, as far as this process has seen it.
//!
//! Both memories are bounded and keep what was used last ([`crate::generations`]).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::schema_hash;
use crate::generations::Generations;
use crate::plugins::hooks::TransformPlan;
use crate::protocol::messages::TableSchemaInfo;
use crate::protocol::table_def::{TableDef, TableDefError};
use crate::protocol::table_name;
use crate::store::SchemaHash;

/// A description that was understood.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) def: Arc<TableDef>,
    pub(super) digest: [u8; 32],
    /// The hash of a table of this definition that no transform touches: nearly every table of every cycle.
    untouched: SchemaHash,
}

impl Described {
    /// The hash of a table made by this plan, which is for this definition.
    pub(super) fn hash(&self, plan: &TransformPlan) -> SchemaHash {
        let as_it_is = plan.target.as_ref().is_some_and(|target| Arc::ptr_eq(target, &self.def));
        if plan.digest.is_none() && as_it_is { self.untouched } else { schema_hash::of_plan(plan, self.digest) }
    }
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Defs {
    /// `[mirror.keys]`.
    keys: BTreeMap<String, Vec<String>>,
    described: Mutex<Generations<Arc<TableSchemaInfo>, Arc<Described>>>,
    sources: Mutex<Generations<SchemaHash, Arc<TableDef>>>,
}

impl Defs {
    /// Columns in a generation: thirty real tenants' worth.
    const MAX_COLUMNS: usize = 160_000;

    pub(super) fn new(keys: BTreeMap<String, Vec<String>>) -> Self {
        Self {
            keys: keys.into_iter().map(|(table, columns)| (table_name::fold(&table), columns)).collect(),
            described: Mutex::new(Generations::new(Self::MAX_COLUMNS)),
            sources: Mutex::new(Generations::new(Self::MAX_COLUMNS)),
        }
    }

    /// What the wire's description means, with the key that the configuration names.
    pub(super) fn describe(&self, info: &Arc<TableSchemaInfo>) -> Result<Arc<Described>, TableDefError> {
        if let Some(known) = self.described.lock().unwrap_or_else(PoisonError::into_inner).get(info) {
            return Ok(known);
        }
        let key = self.keys.get(&table_name::fold(&info.table_name));
        let def = Arc::new(TableDef::from_wire(info, key.map(Vec::as_slice))?);
        let plan = TransformPlan::untouched(def.clone());
        let digest = def.digest();
        let described = Arc::new(Described { untouched: schema_hash::of_plan(&plan, digest), digest, def });
        let weight = info.columns.len() + 1;
        let mut memory = self.described.lock().unwrap_or_else(PoisonError::into_inner);
        memory.put(info.clone(), described.clone(), weight);
        Ok(described)
    }

    /// Notes which source definition a hash was made from.
    pub(super) fn note_source(&self, hash: SchemaHash, source: &Arc<TableDef>) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.get(&hash).is_none() {
            sources.put(hash, source.clone(), source.columns.len() + 1);
        }
    }

    /// The source definition a hash was made from, if this process has seen it.
    pub(super) fn source(&self, hash: SchemaHash) -> Option<Arc<TableDef>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).get(&hash)
    }
}
