//! Tokens that must not be believed, through HTTP: every attack is refused with its own safe words, opens no mirror,
//! changes none, and is shown to the administrator with the line that would mend it, where there is one.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};
use speil::auth::signers::Thumbprint;
use speil::auth::testing::{TokenAlgorithm, TokenIssuer, generate_key};
use speil::config::Environment;
use speil_tests::kit::client::{call, get};
use speil_tests::kit::host::{APPLICATION, Host, TENANT, issuer, now, token};
use speil_tests::kit::soap::{batch, envelope, row_data, tables, wipe};

const OPERATIONS: [&str; 5] = ["Authenticate", "TableSchema", "RowData", "Wipe", "ReplicationCompleted"];
/// Thumbprint of the vendor's staging certificate, published.
const STAGE: &str = "484903A7732B928C7980A39D38E947EA119F1089";

/// A wrong token and what must come of it.
struct Attack {
    name: &'static str,
    /// Made for a tenant.
    token: fn(&str) -> String,
    /// The whole ErrorMessage.
    answer: &'static str,
    /// How the advice to the administrator begins.
    fix: Option<&'static str>,
    /// Whether the token's tenant is believed for display: its signature is good.
    genuine: bool,
}

fn stranger() -> TokenIssuer {
    TokenIssuer::new(generate_key(1024).expect("a key"))
}

/// A good token in the making.
fn good(tenant: &str) -> speil::auth::testing::TokenBuilder<'static> {
    issuer().token(APPLICATION, tenant, now())
}

fn signed(token: speil::auth::testing::TokenBuilder<'_>) -> String {
    token.sign().expect("signed")
}

fn part(token: &str, at: usize) -> &str {
    token.split('.').nth(at).expect("three parts")
}

const SIGNER: &str = "The signed token is signed with a certificate that is not trusted here.";
const ALGORITHM: &str = "The signed token's algorithm is not accepted; RS256 is required.";
const MALFORMED: &str = "The signed token is malformed.";
const AUDIENCE: &str = "The signed token is meant for another application.";
const ISSUER: &str = "The signed token is not issued by SuperOffice AS.";
const TIMES: &str = "The signed token does not say when it is valid.";
const NO_TENANT: &str = "The signed token names no valid context identifier.";
const NONCE: &str = "The signed token has no valid nonce.";
const EXPIRED: &str = "The signed token has expired.";
const EARLY: &str = "The signed token is not valid yet.";

const ATTACKS: &[Attack] = &[
    Attack {
        name: "another signer",
        token: |tenant| signed(stranger().token(APPLICATION, tenant, now())),
        answer: SIGNER,
        fix: Some("certificates = [\"signer.crt\"]"),
        genuine: false,
    },
    Attack {
        name: "another environment's certificate named, and not its signature",
        token: |tenant| signed(stranger().token(APPLICATION, tenant, now()).kid(STAGE)),
        answer: SIGNER,
        fix: None,
        genuine: false,
    },
    Attack {
        name: "a key brought along in the header",
        token: |tenant| {
            let stranger = stranger();
            let key = stranger.public_key();
            let number = |number: &rsa::BigUint| URL_SAFE_NO_PAD.encode(number.to_bytes_be());
            let jwk = json!({ "kty": "RSA", "alg": "RS256", "n": number(key.n()), "e": number(key.e()) });
            let pem = stranger.public_key_pem().expect("a text");
            let x5c: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
            let token = stranger.token(APPLICATION, tenant, now());
            signed(token.header("jwk", jwk).header("x5c", json!([x5c])).header("jku", "https://example.com/keys"))
        },
        answer: SIGNER,
        fix: Some("certificates = [\"signer.crt\"]"),
        genuine: false,
    },
    Attack {
        name: "kid and x5t of two certificates",
        token: |tenant| signed(good(tenant).kid(STAGE).x5t("YLYVg9uyt-7Eb9AewAVuYkUdYfM")),
        answer: SIGNER,
        fix: None,
        genuine: false,
    },
    Attack {
        name: "claims of another token",
        token: |tenant| {
            let (mine, other) = (signed(good("Cust00001")), signed(good(tenant)));
            format!("{}.{}.{}", part(&mine, 0), part(&other, 1), part(&mine, 2))
        },
        answer: SIGNER,
        fix: Some("certificates = [\"signer.crt\"]"),
        genuine: false,
    },
    Attack {
        name: "no signature",
        token: |tenant| signed(good(tenant).algorithm(TokenAlgorithm::None)),
        answer: ALGORITHM,
        fix: None,
        genuine: false,
    },
    Attack {
        name: "a good signature under alg none",
        token: |tenant| signed(good(tenant).header("alg", "none")),
        answer: ALGORITHM,
        fix: None,
        genuine: false,
    },
    Attack {
        name: "an RS256 header over no signature",
        token: |tenant| signed(good(tenant).algorithm(TokenAlgorithm::None).header("alg", "RS256")),
        answer: SIGNER,
        fix: Some("certificates = [\"signer.crt\"]"),
        genuine: false,
    },
    Attack {
        name: "HMAC with the public key as secret",
        token: |tenant| signed(good(tenant).algorithm(TokenAlgorithm::Hs256WithPublicKey)),
        answer: ALGORITHM,
        fix: None,
        genuine: false,
    },
    Attack {
        name: "HMAC that calls itself RS256",
        token: |tenant| signed(good(tenant).algorithm(TokenAlgorithm::Hs256WithPublicKey).header("alg", "RS256")),
        answer: SIGNER,
        fix: Some("certificates = [\"signer.crt\"]"),
        genuine: false,
    },
    Attack {
        name: "RS512",
        token: |tenant| signed(good(tenant).algorithm(TokenAlgorithm::Rs512)),
        answer: ALGORITHM,
        fix: None,
        genuine: false,
    },
    Attack {
        name: "PS256",
        token: |tenant| signed(good(tenant).algorithm(TokenAlgorithm::Ps256)),
        answer: ALGORITHM,
        fix: None,
        genuine: false,
    },
    Attack {
        name: "critical extensions",
        token: |tenant| signed(good(tenant).header("crit", json!(["b64"]))),
        answer: MALFORMED,
        fix: None,
        genuine: false,
    },
    Attack {
        name: "more than a token may be",
        token: |tenant| signed(good(tenant).claim("padding", "x".repeat(20_000))),
        answer: MALFORMED,
        fix: None,
        genuine: false,
    },
    Attack { name: "no token at all", token: |_| "a.b.c".into(), answer: MALFORMED, fix: None, genuine: false },
    Attack { name: "an empty token", token: |_| String::new(), answer: MALFORMED, fix: None, genuine: false },
    Attack {
        name: "another application",
        token: |tenant| signed(good(tenant).aud("spn:ffffffffffffffffffffffffffffffff")),
        answer: AUDIENCE,
        fix: Some("id = \"ffffffffffffffffffffffffffffffff\""),
        genuine: true,
    },
    Attack {
        name: "no audience",
        token: |tenant| signed(good(tenant).aud(Value::Null)),
        answer: AUDIENCE,
        fix: Some("check_audience = false"),
        genuine: true,
    },
    Attack {
        name: "another issuer",
        token: |tenant| signed(good(tenant).iss("Somebody AS")),
        answer: ISSUER,
        fix: None,
        genuine: true,
    },
    Attack {
        name: "expired twenty minutes ago",
        token: |tenant| signed(good(tenant).nbf(now() - 1_560).exp(now() - 1_200)),
        answer: EXPIRED,
        fix: Some("clock_skew = \"2"),
        genuine: true,
    },
    Attack {
        name: "expired yesterday: sent again",
        token: |tenant| signed(good(tenant).nbf(now() - 86_760).exp(now() - 86_400)),
        answer: EXPIRED,
        fix: None,
        genuine: true,
    },
    Attack {
        name: "valid in twenty minutes",
        token: |tenant| signed(good(tenant).nbf(now() + 1_200).exp(now() + 1_560)),
        answer: EARLY,
        fix: Some("clock_skew = \"2"),
        genuine: true,
    },
    Attack {
        name: "no exp",
        token: |tenant| signed(good(tenant).exp(Value::Null)),
        answer: TIMES,
        fix: None,
        genuine: true,
    },
    Attack {
        name: "no nbf",
        token: |tenant| signed(good(tenant).nbf(Value::Null)),
        answer: TIMES,
        fix: None,
        genuine: true,
    },
    Attack {
        name: "valid for years",
        token: |tenant| signed(good(tenant).exp(now() + 100_000_000)),
        answer: TIMES,
        fix: None,
        genuine: true,
    },
    Attack {
        name: "two tenants",
        token: |tenant| signed(good("Cust00001").ctx(tenant)),
        answer: NO_TENANT,
        fix: None,
        genuine: false,
    },
    Attack {
        name: "no tenant",
        token: |_| signed(good("x").ctx(Value::Null).sub(Value::Null)),
        answer: NO_TENANT,
        fix: None,
        genuine: false,
    },
    Attack {
        name: "a nonce that is a message to sign",
        token: |tenant| signed(good(tenant).nonce("pay 100 to somebody.202601010000")),
        answer: NONCE,
        fix: None,
        genuine: true,
    },
    Attack {
        name: "a nonce one digit short",
        token: |tenant| signed(good(tenant).nonce("0123456789abcdef0123456789abcde")),
        answer: NONCE,
        fix: None,
        genuine: true,
    },
    Attack {
        name: "no nonce",
        token: |tenant| signed(good(tenant).nonce(Value::Null)),
        answer: NONCE,
        fix: None,
        genuine: true,
    },
];

/// What an attacker would send: a schema without the victim's table, other rows, a wipe, an end of cycle.
fn inner(operation: &str) -> String {
    match operation {
        "TableSchema" => tables(&["planted"]),
        "RowData" => row_data(&[batch("contact", 1..20, 99)]),
        "Wipe" => wipe("contact"),
        _ => "<ClientState/>".into(),
    }
}

/// A host with one tenant who has three rows.
async fn host_with_a_victim() -> Host {
    let host = Host::start().await;
    fill(&host, TENANT).await;
    host
}

async fn fill(host: &Host, tenant: &str) {
    for (operation, inner) in [
        ("TableSchema", tables(&["contact"])),
        ("Wipe", wipe("contact")),
        ("RowData", row_data(&[batch("contact", 1..4, 7)])),
    ] {
        call(host.address, operation, &envelope(&token(tenant), operation, &inner)).await.succeeded();
    }
}

/// Everything in a mirror that is the tenant's: tables, rows, LSNs. Events, where refusals are written down, and the
/// counter of their numbers are not.
fn contents(file: &Path) -> BTreeMap<String, Vec<String>> {
    let db = rusqlite::Connection::open(file).expect("a SQLite file");
    let query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'speil~_%' ESCAPE '~' \
                 AND name <> 'sqlite_sequence'";
    let mut names = db.prepare(query).expect("SQL");
    let names: Vec<String> =
        names.query_map([], |row| row.get(0)).expect("read").collect::<Result<_, _>>().expect("read");
    names
        .into_iter()
        .map(|name| {
            let mut all = db.prepare(&format!("SELECT * FROM \"{name}\"")).expect("SQL");
            let columns = all.column_count();
            let rows = all.query_map([], |row| {
                (0..columns)
                    .map(|at| Ok(format!("{:?}", row.get_ref(at)?)))
                    .collect::<Result<Vec<_>, rusqlite::Error>>()
            });
            let mut rows: Vec<String> = rows.expect("read").map(|row| row.expect("read").join(" ")).collect();
            rows.sort();
            (name, rows)
        })
        .collect()
}

/// Every file of a mirror's folder, byte by byte.
fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| !entry.file_name().to_string_lossy().ends_with("-shm"))
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).expect("readable")))
        .collect()
}

async fn mirrors(host: &Host) -> usize {
    host.app.store.list().await.expect("readable").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_is_refused_in_its_own_words_and_touches_nothing() {
    let host = host_with_a_victim().await;
    let file = host.folder.path().join("mirrors").join(format!("{TENANT}.db"));
    let before = contents(&file);
    assert_eq!(before["contact"].len(), 3);
    for attack in ATTACKS {
        for tenant in [TENANT, "Cust99999"] {
            let token = (attack.token)(tenant);
            for operation in OPERATIONS {
                let answer = call(host.address, operation, &envelope(&token, operation, &inner(operation))).await;
                assert_eq!(answer.refused(), attack.answer, "{}", attack.name);
                assert!(answer.body.contains(&format!("{operation}Response")), "{}", attack.name);
                assert!(!answer.body.contains(APPLICATION), "{}: {}", attack.name, answer.body);
                assert!(!answer.body.contains(tenant) && !answer.body.contains("signer"), "{}", attack.name);
                for part in token.split('.').filter(|part| part.len() > 8) {
                    assert!(!answer.body.contains(part), "{}: the answer repeats the token", attack.name);
                }
                if operation == "Authenticate" {
                    assert_eq!(answer.text("SignedApplicationToken"), "", "{}: nothing is signed", attack.name);
                }
            }
        }
        assert_eq!(contents(&file), before, "{}", attack.name);
        assert_eq!(mirrors(&host).await, 1, "{} made a mirror", attack.name);
    }
    // Each is shown with what would mend it.
    let status = get(host.address, "/status", "").await;
    let status: Value = serde_json::from_str(&status.body).expect("JSON");
    let shown = status["refused"].as_array().expect("a list");
    for attack in ATTACKS {
        for tenant in [TENANT, "Cust99999"] {
            let found = shown.iter().any(|kind| {
                let fix = kind["fix"].as_str();
                kind["reason"] == attack.answer
                    && kind["tenant"].as_str() == attack.genuine.then_some(tenant)
                    && match attack.fix {
                        None => fix.is_none(),
                        Some(begins) => fix.is_some_and(|fix| fix.starts_with(begins)),
                    }
                    && kind["count"].as_u64() >= Some(5)
            });
            assert!(found, "{} by {tenant} is not in {status:#}", attack.name);
        }
    }
    assert_eq!(status["tenants"][0]["state"], "refused", "{status:#}");
    let advice = status["tenants"][0]["advice"].to_string();
    assert!(!status["tenants"][0]["refusals"].as_array().expect("a list").is_empty(), "{advice}");
    assert!(!status.to_string().contains("eyJ"), "no token is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_another_environment_opens_nothing() {
    // The application is the vendor's staging one; no file of ours is trusted.
    let host = Host::start_with(|config| {
        config.applications[0].environment = Environment::Stage;
        config.applications[0].certificates.clear();
    })
    .await;
    let stage = Thumbprint::from_hex(STAGE).expect("a thumbprint");
    let named = issuer().clone().with_thumbprint(stage);
    let forged = named.issue(APPLICATION, TENANT, now()).expect("signed");
    let answer = call(host.address, "Authenticate", &envelope(&forged, "Authenticate", "")).await;
    assert_eq!(answer.refused(), "The signed token's signature is not valid.");
    let production = Thumbprint::from_hex("60B61583DBB2B7EEC46FD01EC0056E62451D61F3").expect("a thumbprint");
    let named = issuer().clone().with_thumbprint(production);
    for token in [named.issue(APPLICATION, TENANT, now()).expect("signed"), token(TENANT)] {
        let answer = call(host.address, "TableSchema", &envelope(&token, "TableSchema", &tables(&["contact"]))).await;
        assert_eq!(answer.refused(), SIGNER);
    }
    assert_eq!(mirrors(&host).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tenants_token_never_reaches_anothers_mirror() {
    let host = host_with_a_victim().await;
    let folder = host.folder.path().join("mirrors");
    host.app.store.close().await;
    let before = bytes(&folder);
    // The same table, under other names for whoever asks: what a file system might take for the same file included.
    let others = [
        "Cust10196",
        "cust10195",
        "CUST10195",
        "Cust10195.",
        "Cust10195 ",
        " Cust10195",
        "Cust10195::$DATA",
        "Cust10195.db",
        "../mirrors/Cust10195",
        "./Cust10195",
        "Cust10195/",
        "Cust10195\\",
        "Cust10195%00",
        "Cust10195\u{0}",
        "Ｃust10195",
        "file:Cust10195.db?mode=rw",
        "Cust10195-wal",
        ":memory:",
        "",
    ];
    let mut served = 0;
    for other in others {
        let mut refused = false;
        for operation in OPERATIONS {
            let answer = call(host.address, operation, &envelope(&token(other), operation, &inner(operation))).await;
            answer.is_soap();
            assert_eq!(answer.status, 200, "{other:?}: {answer:?}");
            refused |= answer.body.contains(NO_TENANT);
        }
        served += usize::from(!refused);
        host.app.store.close().await;
        let after = bytes(&folder);
        for (name, content) in &before {
            assert_eq!(after.get(name), Some(content), "{other:?} changed {name}");
        }
    }
    assert!(served > 0, "a legal name is served");
    assert_eq!(host.rows(TENANT, "contact").await, 3);
    // The neighbour has what is its own and nothing else.
    let neighbour = contents(&folder.join("Cust10196.db"));
    assert!(neighbour.contains_key("planted") && !neighbour.contains_key("contact"), "{neighbour:?}");
}

#[tokio::test]
async fn a_token_that_is_not_there_is_a_fault_and_so_are_two() {
    let host = Host::start().await;
    let good = envelope(&token(TENANT), "TableSchema", &tables(&["contact"]));
    let begin = good.find("<h:SignedToken").expect("there");
    let end = good.find("</s:Header>").expect("there");
    let entry = &good[begin..end];
    let nil = "<h:SignedToken s:mustUnderstand=\"1\" xmlns:h=\"http://www.superoffice.com/online/mirroring/0.1\" \
               xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" i:nil=\"true\"/>";
    let huge = entry.replacen('>', &format!(">{}", "A".repeat(100_000)), 1);
    for (name, message, word) in [
        ("no header", good.replace(&format!("<s:Header>{entry}</s:Header>"), ""), "SignedToken"),
        ("no token", good.replace(entry, ""), "SignedToken"),
        ("a nil token", good.replace(entry, nil), "SignedToken"),
        ("two tokens", good.replace(entry, &entry.repeat(2)), "SignedToken"),
        ("a token in another namespace", good.replace("mirroring/0.1\">eyJ", "mirroring/0.2\">eyJ"), "SignedToken"),
        ("a token without end", good.replace(entry, &huge), "header"),
    ] {
        let (code, text) = call(host.address, "TableSchema", &message).await.fault();
        let expected = if name == "a token in another namespace" { "s:MustUnderstand" } else { "s:Client" };
        assert_eq!(code, expected, "{name}: {text}");
        assert!(text.contains(word), "{name}: {text}");
        assert!(!text.contains("eyJ"), "{name}: {text}");
    }
    assert_eq!(mirrors(&host).await, 0);
}
