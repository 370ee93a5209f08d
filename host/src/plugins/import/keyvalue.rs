//! `wasi:keyvalue`: small values that outlive the call, of one plug-in in one tenant's mirror. There is one bucket; its name is
//! empty or `default`. `wasmtime-wasi-keyvalue`'s own store lives in memory and is not used, only its words.

use wasmtime::component::Resource;

use crate::plugins::bindings::wasi::keyvalue::{atomics, batch, store};
use crate::plugins::instance::State;
use crate::store::guest::{GuestError, GuestValues, GuestValuesLimits as Most};

use store::{Error, KeyResponse};

/// The one bucket. It holds nothing: what it stands for is the call's mirror.
pub struct Bucket;

type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl State {
    fn values(&mut self) -> Result<&dyn GuestValues, Error> {
        let refuse = |text: &str| Err(Error::Other(text.into()));
        if self.transforming() {
            return refuse(
                "wasi:keyvalue cannot be used in transform, while the call itself writes to the mirror; use rows-committed or \
                 replication-completed",
            );
        }
        match self.open_values() {
            Some(values) => Ok(values),
            None => refuse(
                "the tenant's mirror is not open in this hook; use before-replicate-table, rows-committed or \
                 replication-completed",
            ),
        }
    }

    async fn put(&mut self, changes: Vec<(String, Option<Vec<u8>>)>) -> Result<(), Error> {
        if changes.len() > Most::BATCH {
            return Err(Error::Other(format!("at most {} keys are changed at once", Most::BATCH)));
        }
        for (key, value) in &changes {
            checked(key)?;
            if let Some(value) = value
                && value.len() > Most::VALUE
            {
                return Err(Error::Other(format!("a value has at most {} bytes, not {}", Most::VALUE, value.len())));
            }
        }
        self.values()?.put(changes).await.map_err(told)
    }

    async fn values_of(&mut self, keys: Vec<String>) -> Result<Vec<Option<Vec<u8>>>, Error> {
        if keys.len() > Most::BATCH {
            return Err(Error::Other(format!("at most {} keys are asked for at once", Most::BATCH)));
        }
        keys.iter().try_for_each(|key| checked(key))?;
        self.values()?.get(keys).await.map_err(told)
    }
}

fn checked(key: &str) -> Result<(), Error> {
    if key.is_empty() || key.chars().count() > Most::KEY || key.chars().any(char::is_control) {
        return Err(Error::Other(format!("a key has 1 to {} characters and no control characters", Most::KEY)));
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn told(error: GuestError) -> Error {
    Error::Other(error.to_string())
}

impl store::Host for State {
    async fn open(&mut self, identifier: String) -> Answer<Resource<Bucket>> {
        if !matches!(identifier.as_str(), "" | "default") {
            return Ok(Err(Error::NoSuchStore));
        }
        Ok(Ok(self.wasi_parts().table.push(Bucket)?))
    }
}

impl store::HostBucket for State {
    async fn get(&mut self, _bucket: Resource<Bucket>, key: String) -> Answer<Option<Vec<u8>>> {
        Ok(self.values_of(vec![key]).await.map(|mut values| values.pop().flatten()))
    }

    async fn set(&mut self, _bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Answer<()> {
        Ok(self.put(vec![(key, Some(value))]).await)
    }

    async fn delete(&mut self, _bucket: Resource<Bucket>, key: String) -> Answer<()> {
        Ok(self.put(vec![(key, None)]).await)
    }

    async fn exists(&mut self, _bucket: Resource<Bucket>, key: String) -> Answer<bool> {
        Ok(self.values_of(vec![key]).await.map(|values| values.iter().any(Option::is_some)))
    }

    async fn list_keys(&mut self, _bucket: Resource<Bucket>, cursor: Option<u64>) -> Answer<KeyResponse> {
        let skip = cursor.unwrap_or(0);
        let keys = match self.values() {
            Ok(values) => values.keys(skip, Most::BATCH).await.map_err(told),
            Err(error) => Err(error),
        };
        Ok(keys.map(|keys| KeyResponse {
            cursor: (keys.len() == Most::BATCH).then(|| skip.saturating_add(Most::BATCH as u64)),
            keys,
        }))
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.wasi_parts().table.delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for State {
    async fn increment(&mut self, _bucket: Resource<Bucket>, key: String, delta: u64) -> Answer<u64> {
        if let Err(error) = checked(&key) {
            return Ok(Err(error));
        }
        Ok(match self.values() {
            Ok(values) => values.increment(key, delta).await.map_err(told),
            Err(error) => Err(error),
        })
    }
}

impl batch::Host for State {
    async fn get_many(
        &mut self,
        _bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Answer<Vec<Option<(String, Vec<u8>)>>> {
        let values = self.values_of(keys.clone()).await;
        Ok(values.map(|values| keys.into_iter().zip(values).map(|(key, value)| Some((key, value?))).collect()))
    }

    async fn set_many(&mut self, _bucket: Resource<Bucket>, values: Vec<(String, Vec<u8>)>) -> Answer<()> {
        Ok(self.put(values.into_iter().map(|(key, value)| (key, Some(value))).collect()).await)
    }

    async fn delete_many(&mut self, _bucket: Resource<Bucket>, keys: Vec<String>) -> Answer<()> {
        Ok(self.put(keys.into_iter().map(|key| (key, None)).collect()).await)
    }
}
