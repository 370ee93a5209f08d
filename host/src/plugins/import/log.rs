//! `speil:mirror/log`, and what standard output becomes: lines in the host's log with tenant and plug-in beside them,
//! bounded in length, number and volume, and without a character that could forge another line.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::last_words::LastWords;
use crate::plugins::bindings::speil::mirror::log::{Host, Level};
use crate::plugins::hooks::CallInfo;
use crate::plugins::instance::State;
use crate::plugins::limits::{Limits, size};
use crate::plugins::outside::Outside;
use crate::plugins::sidecar::Settings;

/// Where one plug-in's lines of one incoming call go. Outlives its instances, so that a trap does not reset the count.
pub struct Log {
    plugin: String,
    tenant: String,
    request_id: String,
    lines_limit: usize,
    bytes_limit: usize,
    lines: AtomicUsize,
    bytes: AtomicUsize,
    /// Whose secrets are struck out.
    settings: Arc<Settings>,
    outside: Arc<dyn Outside>,
    /// Unfinished lines of standard output and standard error.
    partial: Mutex<[Vec<u8>; 2]>,
    /// Kept beside the lines, which the call may have used up its share of.
    last_words: Mutex<LastWords>,
}

impl Log {
    /// An empty one.
    pub fn new(plugin: &str, call: &CallInfo, limits: &Limits, given: (Arc<Settings>, Arc<dyn Outside>)) -> Self {
        let (settings, outside) = given;
        Self {
            plugin: plugin.into(),
            tenant: call.tenant.as_str().into(),
            request_id: call.request_id.clone(),
            lines_limit: limits.log_lines,
            bytes_limit: limits.log_bytes,
            lines: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            settings,
            outside,
            partial: Mutex::default(),
            last_words: Mutex::default(),
        }
    }

    /// What was written on standard error since then, in a few words, without secrets.
    pub fn last_words(&self) -> Option<String> {
        self.flush();
        self.last_words.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }

    /// Another function begins: what was written before was not about it.
    pub fn forget_words(&self) {
        self.last_words.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    }

    /// Lines and bytes written so far, or asked for.
    pub fn used(&self) -> (usize, usize) {
        (self.lines.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    /// Writes a line, unless the call has used up its share.
    pub fn line(&self, level: Level, text: &str) {
        let text = clean(&self.settings.secrets.strike(cut(text)));
        let lines = self.lines.fetch_add(1, Ordering::Relaxed);
        let bytes = self.bytes.fetch_add(text.len(), Ordering::Relaxed);
        let over = if lines >= self.lines_limit {
            let is_first = lines == self.lines_limit && bytes <= self.bytes_limit;
            Some((is_first, "log_lines", self.lines_limit.to_string(), format!("this would be line {}", lines + 1)))
        } else if bytes + text.len() > self.bytes_limit {
            let come_to = format!("with this one they come to {}", size(bytes + text.len()));
            Some((bytes <= self.bytes_limit, "log_bytes", size(self.bytes_limit), come_to))
        } else {
            None
        };
        match over {
            None => self.emit(level, &text),
            Some((first, key, limit, measured)) => {
                if first {
                    let plugin = &self.plugin;
                    self.emit(
                        Level::Warn,
                        &format!(
                            "no further lines of this call are written: {measured}, more than `{key}` = {limit}; raise it \
                             under [limits] in {plugin}.toml if they are needed"
                        ),
                    );
                }
                // Whatever comes: nothing more, and told once.
                self.lines.fetch_max(self.lines_limit + 1, Ordering::Relaxed);
                self.bytes.fetch_max(self.bytes_limit + 1, Ordering::Relaxed);
            }
        }
    }

    /// Takes bytes of standard output or standard error; whole lines are written.
    pub fn output(&self, is_error: bool, bytes: &[u8]) {
        let mut partial = self.partial.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let partial = &mut partial[usize::from(is_error)];
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            // No more is kept of a line than will be shown.
            let room = (Limits::LOG_LINE + 1).saturating_sub(partial.len());
            partial.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.end_line(is_error, partial);
            }
        }
    }

    /// Writes what is left of lines without an end.
    pub fn flush(&self) {
        let mut partial = self.partial.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (index, partial) in partial.iter_mut().enumerate() {
            if !partial.is_empty() {
                self.end_line(index == 1, partial);
            }
        }
    }

    fn end_line(&self, is_error: bool, partial: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(partial);
        let text = text.trim_end_matches(['\n', '\r']);
        if !text.is_empty() {
            if is_error {
                let struck = self.settings.secrets.strike(text);
                self.last_words.lock().unwrap_or_else(std::sync::PoisonError::into_inner).hear(&struck);
            }
            self.line(if is_error { Level::Warn } else { Level::Info }, text);
        }
        partial.clear();
    }

    fn emit(&self, level: Level, text: &str) {
        let Self { plugin, tenant, request_id, .. } = self;
        self.outside.line(word(level), text);
        match level {
            Level::Debug => tracing::debug!(target: "speil::plugin", plugin, tenant, request_id, "{text}"),
            Level::Info => tracing::info!(target: "speil::plugin", plugin, tenant, request_id, "{text}"),
            Level::Warn => tracing::warn!(target: "speil::plugin", plugin, tenant, request_id, "{text}"),
            Level::Error => tracing::error!(target: "speil::plugin", plugin, tenant, request_id, "{text}"),
        }
    }
}

const fn word(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}

/// Enough of a text for a line, so that a huge one is not looked through for secrets.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(2 * Limits::LOG_LINE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// At most [`Limits::LOG_LINE`] bytes, without control characters.
fn clean(text: &str) -> String {
    let mut end = text.len().min(Limits::LOG_LINE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut clean = super::super::events::printable(&text[..end]);
    if end < text.len() {
        clean.push('…');
    }
    clean
}

impl Host for State {
    async fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.log().line(level, &message);
        Ok(())
    }
}
