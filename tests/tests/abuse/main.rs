//! Bad input over the network, against the program as a process of its own: whatever callers do, its memory stays bounded,
//! others are served meanwhile, who holds it up is let go within the documented time, and it says what happened.

mod large;
mod many;
mod slow;
mod victim;
