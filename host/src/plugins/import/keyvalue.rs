//! wip
pub struct Bucket;
