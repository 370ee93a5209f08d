//! What the log says of a call, and what it never says.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::kit::{I, Kit, batch, person};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
    }
}

#[tokio::test]
async fn a_call_is_one_line_and_a_failure_one_more_and_neither_shows_a_row_or_a_connection() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _here = tracing::subscriber::set_default(subscriber);
    let kit = Kit::new();
    kit.hooks.set(|behaviour| behaviour.connection = Some("Password=hush".into()));
    kit.filled().await;
    // Other tests' threads may have met these lines first, with nobody listening.
    tracing::callsite::rebuild_interest_cache();
    log.take();

    kit.rows(batch(person(), 20, &[(I, &["3", "Cyrus"]), (I, &["4", "Dido"])])).await.unwrap();
    let told = log.take();
    assert_eq!(told.lines().count(), 1, "{told}");
    for part in
        ["INFO", "tenant=Cust1", "operation=RowData", "person", "rows=2", "duration_ms=", "request_id=r1", "done"]
    {
        assert!(told.contains(part), "{part} in {told}");
    }

    kit.rows(batch(person(), 21, &[(I, &["3", "Cyrus"]), (I, &["secretive", "Dido"])])).await.unwrap_err();
    let failed = log.take();
    assert_eq!(failed.lines().count(), 2, "{failed}");
    for part in ["WARN", "row 2", "person_id", "failed"] {
        assert!(failed.contains(part), "{part} in {failed}");
    }
    for secret in ["Cyrus", "Dido", "secretive", "hush"] {
        assert!(!told.contains(secret) && !failed.contains(secret), "{secret} in {told}{failed}");
    }
}
