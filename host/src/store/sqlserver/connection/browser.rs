//! The SQL Browser service: which port a named instance listens on (MS-SQLR, UDP 1434).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;

/// Where the service listens.
pub(in crate::store::sqlserver) const PORT: u16 = 1434;

/// How long it is waited for, each time it is asked; datagrams get lost.
pub(in crate::store::sqlserver) const PATIENCE: Duration = Duration::from_secs(1);

const ATTEMPTS: u32 = 3;

/// "Which port has the instance of this name?"
const CLNT_UCAST_INST: u8 = 4;
const SVR_RESP: u8 = 5;

/// Asks the service at the first of these addresses that answers.
pub(in crate::store::sqlserver) async fn port(
    addresses: &[SocketAddr],
    host: &str,
    instance: &str,
    patience: Duration,
) -> io::Result<u16> {
    let mut question = vec![CLNT_UCAST_INST];
    question.extend_from_slice(instance.as_bytes());
    question.push(0);
    let mut last = None;
    for _ in 0..ATTEMPTS {
        for address in addresses {
            match tokio::time::timeout(patience, ask(*address, &question)).await {
                Ok(Ok(answer)) => {
                    return tcp_port(&answer, instance).ok_or_else(|| {
                        let message = format!(
                            "the SQL Browser service of {host} knows no TCP port of instance {instance}: check the instance's name, \
                             and that TCP/IP is enabled for it"
                        );
                        io::Error::new(io::ErrorKind::NotFound, message)
                    });
                }
                Ok(Err(error)) => last = Some(error),
                Err(_) => {}
            }
        }
    }
    let why = last.map(|error| format!(" ({error})")).unwrap_or_default();
    Err(io::Error::new(
        io::ErrorKind::TimedOut,
        format!(
            "the SQL Browser service of {host} (UDP {PORT}) does not say which port instance {instance} has{why}: start the service \
             and open the port in the firewall, or name the instance's TCP port instead: `Server={host},port`"
        ),
    ))
}

async fn ask(address: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    // Connected, so that answers from elsewhere are dropped.
    socket.connect(address).await?;
    socket.send(question).await?;
    let mut answer = vec![0; 4096];
    let length = socket.recv(&mut answer).await?;
    answer.truncate(length);
    Ok(answer)
}

/// Reads `ServerName;HOST;InstanceName;NAME;IsClustered;No;Version;16.0.1000.6;tcp;50123;;`. Anybody on the way may have written
/// it: nothing in it is relied on but the instance's name and a port.
fn tcp_port(answer: &[u8], instance: &str) -> Option<u16> {
    let (head, text) = answer.split_first_chunk::<3>()?;
    if head[0] != SVR_RESP {
        return None;
    }
    let text = String::from_utf8_lossy(text);
    let mut fields = text.split(';');
    let mut port = None;
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        if name.eq_ignore_ascii_case("InstanceName") && !value.eq_ignore_ascii_case(instance) {
            return None;
        }
        if name.eq_ignore_ascii_case("tcp") && port.is_none() {
            port = value.trim().parse().ok().filter(|port| *port > 0);
        }
    }
    port
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Vec<u8> {
        let mut answer = vec![SVR_RESP];
        answer.extend_from_slice(&u16::try_from(text.len()).expect("short").to_le_bytes());
        answer.extend_from_slice(text.as_bytes());
        answer
    }

    const GOOD: &str =
        "ServerName;BOX;InstanceName;SQLEXPRESS;IsClustered;No;Version;16.0.1000.6;np;\\\\BOX\\pipe\\x;tcp;50123;;";

    #[test]
    fn answers_are_read_and_nonsense_is_not() {
        assert_eq!(tcp_port(&answer(GOOD), "sqlexpress"), Some(50123));
        assert_eq!(tcp_port(&answer(GOOD), "OTHER"), None);
        assert_eq!(tcp_port(&answer("ServerName;BOX;InstanceName;A;np;x;;"), "A"), None);
        assert_eq!(tcp_port(&answer("InstanceName;A;tcp;99999;;"), "A"), None);
        for short in [&[][..], &[5], &[5, 0], &[4, 0, 0], b"\x05\x00\x00;;;\xff\xfe;tcp"] {
            assert_eq!(tcp_port(short, "A"), None);
        }
    }

    #[tokio::test]
    async fn the_service_is_asked_again_when_a_datagram_is_lost() {
        let service = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
        let address = service.local_addr().expect("bound");
        let serving = tokio::spawn(async move {
            let mut question = [0; 64];
            // The first question is lost.
            service.recv_from(&mut question).await.expect("a question");
            let (length, from) = service.recv_from(&mut question).await.expect("the question again");
            service.send_to(&answer(GOOD), from).await.expect("sent");
            question[..length].to_vec()
        });
        let found = port(&[address], "box", "SQLEXPRESS", Duration::from_millis(200)).await.expect("found");
        assert_eq!(found, 50123);
        assert_eq!(serving.await.expect("served"), b"\x04SQLEXPRESS\0");
    }

    #[tokio::test]
    async fn silence_and_ignorance_have_their_sentences() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.expect("loopback");
        let address = silent.local_addr().expect("bound");
        let error = port(&[address], "box", "A", Duration::from_millis(10)).await.expect_err("nobody answers");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().contains("`Server=box,port`"), "{error}");
    }
}
