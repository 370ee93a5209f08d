//! Powers, granted: what a plug-in gets with a line in its sidecar, what it is told without, and what a hostile one comes to.

mod grants;
mod plugins;
