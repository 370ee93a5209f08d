//! The documents are true: what they show is read by the program's own parsers, and what they list is what there is.

#[path = "docs/commands.rs"]
mod commands;
#[path = "docs/hooks.rs"]
mod hooks;
#[path = "docs/links.rs"]
mod links;
#[path = "docs/markdown.rs"]
mod markdown;
#[path = "docs/plugin.rs"]
mod plugin;
#[path = "docs/samples.rs"]
mod samples;
#[path = "docs/status.rs"]
mod status;
#[path = "docs/texts.rs"]
mod texts;
