//! Tokens, right and wrong, and the signed answer (protocol.md section 4). A bad token is a refusal, never a success and
//! never a fault.

use std::sync::OnceLock;

use super::evidence::{Evidence, Got, Outcome, Want};
use super::probe::{AUTHENTICATE, Probe, envelope, header, sign};
use super::story::{Story, table};
use super::{Check, check};
use crate::auth::testing::{TokenAlgorithm, TokenBuilder, TokenIssuer, check_answer, generate_key, random_nonce};
use crate::protocol::names::Operation;
use crate::task::client::now;
use crate::task::spelling::{self, Spelling};

/// A check that sends one wrong token with Authenticate and wants a refusal.
macro_rules! refused {
    ($name:literal, $about:literal, $change:expr) => {
        check!($name, "section 4", $about, |probe| refused(probe, $about, $change))
    };
}

pub(super) const ALL: &[Check] = &[
    check!("trust/good", "section 4", "a good token is taken", good),
    check!(
        "trust/answer-signed",
        "section 4",
        "the answer is NONCE.TIMESTAMP.SIGNATURE by the application's key",
        answer_signed
    ),
    check!("trust/clock-skew", "section 4", "a token that ran out a minute ago is taken: clocks differ", clock_skew),
    check!("trust/wrong-signer", "section 4", "a token of another signer is refused", wrong_signer),
    check!(
        "trust/wrong-signer-with-key",
        "section 4",
        "a key that the token brings along is not trusted",
        wrong_signer_with_key
    ),
    refused!("trust/issuer", "a token of another issuer", |token, _| token.iss("Somebody AS")),
    refused!("trust/no-issuer", "a token without an issuer", |token, _| token.iss(serde_json::Value::Null)),
    refused!("trust/audience", "a token for another application", |token, _| {
        token.aud("spn:ffffffffffffffffffffffffffffffff")
    }),
    refused!("trust/no-audience", "a token without an audience", |token, _| token.aud(serde_json::Value::Null)),
    refused!("trust/expired", "a token that ran out an hour ago", |token, now| token.nbf(now - 3_960).exp(now - 3_600)),
    refused!("trust/not-yet-valid", "a token valid from an hour ahead", |token, now| {
        token.nbf(now + 3_600).exp(now + 3_960)
    }),
    refused!("trust/no-expiry", "a token that never runs out", |token, _| token.exp(serde_json::Value::Null)),
    refused!("trust/none", "an unsigned token", |token, _| token.algorithm(TokenAlgorithm::None)),
    refused!("trust/hs256", "a token signed by HMAC with the public key", |token, _| {
        token.algorithm(TokenAlgorithm::Hs256WithPublicKey)
    }),
    refused!("trust/rs512", "a token signed by RS512", |token, _| token.algorithm(TokenAlgorithm::Rs512)),
    refused!("trust/ps256", "a token signed by PS256", |token, _| token.algorithm(TokenAlgorithm::Ps256)),
    refused!("trust/no-tenant", "a token that names no tenant", |token, _| {
        token.ctx(serde_json::Value::Null).sub(serde_json::Value::Null)
    }),
    refused!("trust/nonce-short", "a token whose nonce has 31 digits", |token, _| token
        .nonce("0123456789abcdef0123456789abcde")),
    refused!("trust/nonce-text", "a token whose nonce is no hex: no signing oracle", |token, _| {
        token.nonce("pay 100 to somebody.202601010000")
    }),
    refused!("trust/no-nonce", "a token without a nonce", |token, _| token.nonce(serde_json::Value::Null)),
    check!("trust/tampered", "section 4", "a token whose claims were changed after signing is refused", tampered),
    check!("trust/garbage", "section 4", "text that is no token is refused", garbage),
    check!("trust/empty", "section 4", "an empty token is not taken", empty),
    check!(
        "trust/tenants-apart",
        "section 1",
        "what one tenant's token does is not seen through another's",
        tenants_apart
    ),
    check!("trust/on-table-schema", "section 4", "the token is checked on TableSchema", on_table_schema),
    check!("trust/on-row-data", "section 4", "the token is checked on RowData", on_row_data),
    check!("trust/on-wipe", "section 4", "the token is checked on Wipe", on_wipe),
    check!("trust/on-completed", "section 4", "the token is checked on ReplicationCompleted", on_completed),
];

async fn with_token(probe: &Probe, want: Want, sent: &str, token: &str) -> Outcome {
    probe.expect_body(want, sent, envelope(&header(token), AUTHENTICATE)).await
}

async fn refused(
    probe: &Probe,
    sent: &str,
    change: impl for<'t> FnOnce(TokenBuilder<'t>, i64) -> TokenBuilder<'t>,
) -> Outcome {
    let token = sign(change(probe.token(), now()))?;
    with_token(probe, Want::Refused, sent, &token).await
}

async fn good(probe: &Probe) -> Outcome {
    with_token(probe, Want::Success, "Authenticate with a good token", &probe.good()?).await
}

async fn answer_signed(probe: &Probe) -> Outcome {
    let nonce = random_nonce();
    let token = sign(probe.token().nonce(nonce.clone()))?;
    let request = probe.request(Operation::Authenticate, envelope(&header(&token), AUTHENTICATE));
    let sent = format!("Authenticate with nonce {nonce}");
    let expected = "a SignedApplicationToken with that nonce, the time, and the application's signature";
    match probe.send(Operation::Authenticate, &request).await {
        Got::Success(answer) => {
            let signed = answer.text("SignedApplicationToken");
            match check_answer(signed, &nonce, &probe.identity().application_key, now()) {
                Ok(()) => {
                    Ok(Evidence::new(sent, expected, format!("{}…", signed.chars().take(48).collect::<String>())))
                }
                Err(problem) => Err(Evidence::new(sent, expected, problem)),
            }
        }
        other => Err(Evidence::new(sent, expected, other.describe())),
    }
}

async fn clock_skew(probe: &Probe) -> Outcome {
    let now = now();
    let token = sign(probe.token().nbf(now - 420).exp(now - 60))?;
    with_token(probe, Want::Success, "Authenticate with a token that ran out a minute ago", &token).await
}

/// Somebody else's key: one for all checks, since making one takes its time.
fn stranger() -> Result<&'static TokenIssuer, Evidence> {
    static STRANGER: OnceLock<TokenIssuer> = OnceLock::new();
    if let Some(known) = STRANGER.get() {
        return Ok(known);
    }
    let key = generate_key(1_024).map_err(|error| Evidence::new("nothing", "a key to sign with", error.to_string()))?;
    Ok(STRANGER.get_or_init(|| TokenIssuer::new(key)))
}

fn strangers_token(probe: &Probe) -> Result<String, Evidence> {
    let stranger = stranger()?;
    sign(stranger.token(&probe.identity().application_id, &probe.identity().tenant, now()))
}

async fn wrong_signer(probe: &Probe) -> Outcome {
    with_token(probe, Want::Refused, "a good token, signed by a stranger", &strangers_token(probe)?).await
}

async fn wrong_signer_with_key(probe: &Probe) -> Outcome {
    let stranger = stranger()?;
    let pem = stranger.public_key_pem().map_err(|error| Evidence::new("nothing", "a key", error.to_string()))?;
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let token = stranger
        .token(&probe.identity().application_id, &probe.identity().tenant, now())
        .header("x5c", serde_json::json!([body]))
        .header("jku", "https://example.com/keys")
        .header("jwk", serde_json::json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }));
    with_token(probe, Want::Refused, "a stranger's token with the stranger's key in its header", &sign(token)?).await
}

async fn tampered(probe: &Probe) -> Outcome {
    let token = probe.good()?;
    let other = sign(probe.token().ctx("SomebodyElse").sub("SomebodyElse"))?;
    let part = |token: &str, at: usize| token.split('.').nth(at).unwrap_or_default().to_owned();
    let mixed = format!("{}.{}.{}", part(&token, 0), part(&other, 1), part(&token, 2));
    with_token(probe, Want::Refused, "one token's claims with another's signature", &mixed).await
}

async fn garbage(probe: &Probe) -> Outcome {
    with_token(probe, Want::Refused, "Authenticate with the token \"a.b.c\"", "a.b.c").await
}

async fn empty(probe: &Probe) -> Outcome {
    with_token(probe, Want::NotDone, "Authenticate with an empty token", "").await
}

/// Two tenants with a table of the same name: one fills it, the other has not begun; one wipes it, the other keeps it.
async fn tenants_apart(probe: &Probe) -> Outcome {
    let (mut first, mut second) = (Story::new(probe), Story::new(&probe.neighbour()));
    first.fill(17).await?;
    second.expect_lsn(-1).await?;
    second.fill_known(23).await?;
    first.expect_lsn(17).await?;
    let name = first.table.table_name.clone();
    let got = first.wipe(&name).await;
    if !got.is(Want::Success) {
        return Err(first.evidence(Want::Success.describe(), got.describe()));
    }
    second.expect_lsn(23).await
}

async fn call_of_a_stranger(
    probe: &Probe,
    operation: Operation,
    write: &(dyn Fn(&str) -> Vec<u8> + Send + Sync),
) -> Outcome {
    let token = strangers_token(probe)?;
    let request = probe.request(operation, write(&token));
    Want::Refused.outcome(format!("{operation} with a stranger's token"), &probe.send(operation, &request).await)
}

async fn on_table_schema(probe: &Probe) -> Outcome {
    let tables = [table("t", &[("id", "int", false)])];
    call_of_a_stranger(probe, Operation::TableSchema, &|token| {
        spelling::table_schema(Spelling::DotNet, token, "", &tables)
    })
    .await
}

async fn on_row_data(probe: &Probe) -> Outcome {
    call_of_a_stranger(probe, Operation::RowData, &|token| spelling::row_data(Spelling::DotNet, token, "", &[])).await
}

/// Of a table that is there: one that is not is refused whoever asks.
async fn on_wipe(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    let name = story.table.table_name.clone();
    call_of_a_stranger(probe, Operation::Wipe, &|token| spelling::wipe(Spelling::DotNet, token, "", &name)).await?;
    story.expect_lsn(17).await
}

async fn on_completed(probe: &Probe) -> Outcome {
    call_of_a_stranger(probe, Operation::ReplicationCompleted, &|token| {
        spelling::replication_completed(Spelling::DotNet, token, "", &[])
    })
    .await
}
