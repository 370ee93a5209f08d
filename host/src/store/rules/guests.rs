//! Bounds of a plug-in's statements, and the texts that tell of them: the same on every engine ([`crate::store::guest`]).

use crate::store::guest::{Bounds, GuestError, GuestValue, GuestValuesLimits as Most};
use crate::store::{StoreError, StoreErrorKind};

/// What can be said before anybody is asked.
pub(in crate::store) fn check(sql: &str, parameters: &[Vec<GuestValue>]) -> Result<(), GuestError> {
    if sql.len() > Bounds::SQL {
        return Err(GuestError::Limit(format!(
            "the statement has {} bytes, and at most {} are taken",
            sql.len(),
            size(Bounds::SQL)
        )));
    }
    if sql.contains('\0') {
        return Err(GuestError::Invalid("the statement holds a NUL character".into()));
    }
    if parameters.len() > Bounds::BATCH {
        return Err(GuestError::Limit(format!(
            "{} lists of parameters were given, and at most {} are taken at once",
            parameters.len(),
            Bounds::BATCH
        )));
    }
    Ok(())
}

pub(in crate::store) fn may_only_read() -> GuestError {
    GuestError::Denied("it may only read: add `database = \"write\"` under [grants] in its sidecar".into())
}

pub(in crate::store) fn too_many_rows() -> GuestError {
    GuestError::Limit(format!(
        "there are more than {} rows, which is the most one answer holds; ask for `max-rows` at a time, or let the database count \
         and sum",
        Bounds::MOST_ROWS
    ))
}

pub(in crate::store) fn too_large_an_answer() -> GuestError {
    GuestError::Limit(format!(
        "the answer is larger than {}, which is the most one answer holds; ask for fewer rows or columns",
        size(Bounds::BYTES)
    ))
}

pub(in crate::store) fn too_many_objects(now: usize) -> GuestError {
    GuestError::Limit(format!(
        "it would have {now} tables, indexes and views in this mirror, and at most {} are allowed",
        Bounds::OBJECTS
    ))
}

pub(in crate::store) fn too_slow() -> GuestError {
    GuestError::Limit("the statement took longer than the hook may; `time` under [limits] says how long".into())
}

/// Whether a plug-in that holds so many keys and bytes holds too much.
pub(in crate::store) fn holds_little(keys: i64, bytes: i64) -> Result<(), GuestError> {
    let more = |number: i64, most: usize| usize::try_from(number).is_ok_and(|number| number > most);
    if more(keys, Most::KEYS) {
        Err(GuestError::Limit(format!("it may keep at most {} keys for each tenant", Most::KEYS)))
    } else if more(bytes, Most::BYTES) {
        Err(GuestError::Limit(format!("it may keep at most {} for each tenant", size(Most::BYTES))))
    } else {
        Ok(())
    }
}

/// The number that `increment` leaves, from what is there.
pub(in crate::store) fn sum(there: Option<&[u8]>, by: u64) -> Result<u64, GuestError> {
    let now = match there {
        None => Some(0),
        Some(bytes) => std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<u64>().ok()),
    };
    let now =
        now.ok_or_else(|| GuestError::Invalid("the value of this key is no number that `increment` wrote".into()))?;
    now.checked_add(by).ok_or_else(|| GuestError::Invalid("the sum is too large".into()))
}

/// The mirror cannot be had: for the plug-in's ears without the place.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(in crate::store) fn store_failed(error: StoreError) -> GuestError {
    tracing::warn!(%error, "a plug-in's statement could not begin");
    if error.kind == StoreErrorKind::Transient {
        GuestError::Busy("the mirror is busy; try again later".into())
    } else {
        GuestError::Failed("the mirror's database cannot be used; the host's log says why".into())
    }
}

/// Bytes for people.
pub(in crate::store) fn size(bytes: usize) -> String {
    if bytes >= 1 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{} KiB", bytes >> 10) }
}
