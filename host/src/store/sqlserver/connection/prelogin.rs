//! Whether a server can encrypt at all, asked before a login that may go unencrypted.
//!
//! With `Encrypt=false` ADO.NET still encrypts the login if the server can. The driver cannot find that out by itself: told to
//! encrypt the login, it fails on a server that has no TLS; told that we cannot, it sends the password in the clear to a server
//! that could have hidden it. So a first, short-lived connection asks (MS-TDS 2.2.6.5), once per server.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const PRELOGIN: u8 = 0x12;
const END_OF_MESSAGE: u8 = 0x01;
const VERSION: u8 = 0;
const ENCRYPTION: u8 = 1;
const TERMINATOR: u8 = 0xFF;
const ENCRYPT_OFF: u8 = 0;
const ENCRYPT_NOT_SUP: u8 = 2;

/// Whether the server can encrypt the login.
pub(in crate::store::sqlserver) async fn can_encrypt<S>(mut stream: S) -> io::Result<bool>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    stream.write_all(&question()).await?;
    stream.flush().await?;
    let mut header = [0; 8];
    stream.read_exact(&mut header).await?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let mut payload = vec![0; length.saturating_sub(header.len())];
    stream.read_exact(&mut payload).await?;
    encryption(&payload).map(|level| level != ENCRYPT_NOT_SUP).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "what answers at this port does not speak SQL Server's protocol")
    })
}

fn question() -> Vec<u8> {
    let options: [(u8, &[u8]); 2] = [(VERSION, &[0; 6]), (ENCRYPTION, &[ENCRYPT_OFF])];
    let mut table = Vec::new();
    let mut data = Vec::new();
    let start = options.len() * 5 + 1;
    for (option, value) in options {
        table.push(option);
        // A handful of bytes: they always fit.
        table.extend_from_slice(&u16::try_from(start + data.len()).unwrap_or_default().to_be_bytes());
        table.extend_from_slice(&u16::try_from(value.len()).unwrap_or_default().to_be_bytes());
        data.extend_from_slice(value);
    }
    table.push(TERMINATOR);
    table.extend_from_slice(&data);
    let length = u16::try_from(table.len() + 8).unwrap_or_default().to_be_bytes();
    let mut packet = vec![PRELOGIN, END_OF_MESSAGE, length[0], length[1], 0, 0, 1, 0];
    packet.extend_from_slice(&table);
    packet
}

/// The server's encryption level, out of its table of options.
fn encryption(payload: &[u8]) -> Option<u8> {
    for option in payload.chunks(5) {
        match option {
            [ENCRYPTION, a, b, ..] => return payload.get(usize::from(u16::from_be_bytes([*a, *b]))).copied(),
            [TERMINATOR, ..] => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_answer_is_found_in_the_table() {
        for (level, can) in [(0, true), (1, true), (2, false), (3, true)] {
            let (near, mut far) = tokio::io::duplex(256);
            let server = tokio::spawn(async move {
                let mut asked = vec![0; question().len()];
                far.read_exact(&mut asked).await.expect("the question");
                assert_eq!(asked, question());
                let body = [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 16, 0, 0, 0, 0, 0, level];
                let mut answer = vec![4, 1, 0, 26, 0, 0, 1, 0];
                answer.extend_from_slice(&body);
                far.write_all(&answer).await.expect("room");
            });
            assert_eq!(can_encrypt(near).await.expect("an answer"), can);
            server.await.expect("served");
        }
    }

    #[test]
    fn nonsense_has_no_level() {
        for bad in [&[][..], &[1], &[1, 0], &[1, 0xFF, 0xFF, 0, 1, 0xFF], &[0xFF, 1, 0, 0, 0]] {
            assert_eq!(encryption(bad), None, "{bad:?}");
        }
    }
}
