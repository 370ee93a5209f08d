//! How the system's allocator is set before anything runs.

/// Blocks from this size on go back to the system when they are freed: a call's body and its columns are of that order.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: i32 = 128 * 1024;

/// Lets large blocks go back to the system as soon as they are freed. glibc does so at first, but once a large one was freed it
/// keeps all up to that size, in an arena for each thread, between smaller blocks that stay. With a thousand tenants, fifty of
/// them calling, the peak was 164 MB so and 130 MB with this; throughput was the same (docs/decisions/speed.md).
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "a call into the C library that takes two numbers")]
pub(crate) fn give_large_blocks_back() {
    // SAFETY: no thread has been started yet, and the call keeps nothing.
    let done = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
    debug_assert_eq!(done, 1, "glibc takes any threshold up to half the largest heap");
}

/// Other systems' allocators do as they do.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) const fn give_large_blocks_back() {}
