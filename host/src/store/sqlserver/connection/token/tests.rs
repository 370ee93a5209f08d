use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use tokio::sync::Notify;

use super::source::{Source, Surroundings};
use super::*;
use crate::store::sqlserver::connection::connection_string::Password;

/// What a fake endpoint was asked, and what it is to say.
#[derive(Clone, Default)]
struct Fake {
    asked: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<Vec<(u16, String)>>>,
    never: Arc<Notify>,
}

impl Fake {
    fn saying(answers: &[(u16, &str)]) -> Self {
        let fake = Self::default();
        *fake.answers.lock().expect("sound") =
            answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        fake
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("sound").clone()
    }

    /// Notes a question, in one line, and takes the next answer.
    fn look(&self, head: &axum::http::request::Parts, body: &str) -> (u16, String) {
        let mut line = format!("{} {}", head.method, head.uri);
        for name in ["metadata", "x-identity-header"] {
            if let Some(value) = head.headers.get(name) {
                line.extend([" ", name, "=", value.to_str().unwrap_or("?")]);
            }
        }
        self.asked.lock().expect("sound").push(format!("{line} {body}").trim_end().to_owned());
        let mut answers = self.answers.lock().expect("sound");
        if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() }
    }

    /// Serves on loopback; the address as `http://127.0.0.1:port`. The last answer is said again and again; status 0 never comes.
    async fn serve(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let app = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}")
    }
}

async fn answer(State(fake): State<Fake>, request: Request) -> (StatusCode, String) {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let (status, answer) = fake.look(&head, &String::from_utf8_lossy(&body));
    if status == 0 {
        fake.never.notified().await;
    }
    (StatusCode::from_u16(status).expect("a status"), answer)
}

fn around(metadata: &str, variables: &[(&str, &str)]) -> Surroundings {
    let variables: HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Surroundings {
        variable: Arc::new(move |name| variables.get(name).cloned()),
        metadata: metadata.to_owned(),
        patience: Duration::from_secs(20),
        probe: Duration::from_secs(20),
        pause: Duration::from_millis(1),
    }
}

fn tokens(login: &Login, around: Surroundings) -> Tokens {
    Tokens::new(Source::within(login, "x.database.windows.net", around).expect("this login needs tokens"))
}

fn principal() -> Login {
    Login::ServicePrincipal {
        client: "the client".into(),
        tenant: Some("ten-ant".into()),
        secret: Password::new("ge&heim".into()),
    }
}

const GOOD: &str = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"eyJ.token"}"#;

#[tokio::test]
async fn a_service_principal_asks_its_tenant_once_and_keeps_the_token() {
    let fake = Fake::saying(&[(200, GOOD)]);
    let authority = fake.serve().await;
    let tokens = tokens(&principal(), around("", &[("AZURE_AUTHORITY_HOST", &format!("{authority}/"))]));
    let (one, two) = tokio::join!(tokens.token(), tokens.token());
    assert_eq!((one.expect("a token").as_str(), two.expect("the same").as_str()), ("eyJ.token", "eyJ.token"));
    assert_eq!(
        fake.asked(),
        [
            "POST /ten-ant/oauth2/v2.0/token grant_type=client_credentials&client_id=the%20client&client_secret=ge%26heim&\
          scope=https%3A%2F%2Fdatabase.windows.net%2F.default"
        ]
    );
    tokens.forget().await;
    tokens.token().await.expect("a new one");
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn a_token_about_to_end_is_renewed_and_used_up_if_that_fails() {
    let short = GOOD.replace("3599", "\"200\"");
    let fake =
        Fake::saying(&[(200, &short), (400, r#"{"error":"invalid_client"}"#), (200, &GOOD.replace("eyJ", "new"))]);
    let authority = fake.serve().await;
    let tokens = tokens(&principal(), around("", &[("AZURE_AUTHORITY_HOST", &authority)]));
    assert_eq!(tokens.token().await.expect("first").as_str(), "eyJ.token");
    assert_eq!(tokens.token().await.expect("cannot be renewed, still good").as_str(), "eyJ.token");
    assert_eq!(tokens.token().await.expect("renewed").as_str(), "new.token");
    assert_eq!(tokens.token().await.expect("kept").as_str(), "new.token");
    assert_eq!(fake.asked().len(), 3);
}

#[tokio::test]
async fn answers_that_pass_are_asked_for_again_and_others_are_not() {
    let fake = Fake::saying(&[(503, ""), (429, "{}"), (200, GOOD)]);
    let authority = fake.serve().await;
    let variables = [("AZURE_AUTHORITY_HOST", authority.as_str())];
    tokens(&principal(), around("", &variables)).token().await.expect("the third time");
    let words =
        r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret.\r\nTrace ID: 1"}"#;
    for (answer, kind, expected, times) in [
        (
            (401, words),
            StoreErrorKind::Environment,
            "HTTP status 401, invalid_client: AADSTS7000215: Invalid client secret.",
            1,
        ),
        ((500, "oops"), StoreErrorKind::Transient, "HTTP status 500", 4),
        ((200, "<html>"), StoreErrorKind::Transient, "holds none", 1),
        ((200, r#"{"access_token":""}"#), StoreErrorKind::Transient, "empty token", 1),
    ] {
        let fake = Fake::saying(&[answer]);
        let authority = fake.serve().await;
        let variables = [("AZURE_AUTHORITY_HOST", authority.as_str())];
        let error = tokens(&principal(), around("", &variables)).token().await.expect_err(expected);
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(expected) && !error.message.contains("Trace"), "{error}");
        assert!(!format!("{error:?}").contains("heim"));
        assert_eq!(fake.asked().len(), times);
    }
}

#[tokio::test]
async fn slow_and_absent_endpoints_are_given_up() {
    let fake = Fake::saying(&[(0, "")]);
    let authority = fake.serve().await;
    let mut slow = around("", &[("AZURE_AUTHORITY_HOST", &authority)]);
    slow.patience = Duration::from_millis(50);
    let error = tokens(&principal(), slow).token().await.expect_err("it never answers");
    assert_eq!(error.kind, StoreErrorKind::Transient);
    assert!(error.message.contains("does not answer within 0.05 seconds"), "{error}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let gone = around("", &[("AZURE_AUTHORITY_HOST", &format!("http://{nobody}"))]);
    let error = tokens(&principal(), gone).token().await.expect_err("nobody is there");
    assert_eq!(error.kind, StoreErrorKind::Transient);
    assert!(error.message.contains(&format!("{nobody}/ten-ant/oauth2/v2.0/token cannot be reached")), "{error}");
}

#[tokio::test]
async fn a_managed_identity_asks_the_machine_or_the_app_service() {
    let fake = Fake::saying(&[(404, ""), (200, r#"{"access_token":"msi","expires_in":"86400","expires_on":"1"}"#)]);
    let metadata = fake.serve().await;
    let login = Login::ManagedIdentity { client: Some("c".into()) };
    assert_eq!(tokens(&login, around(&metadata, &[])).token().await.expect("a token").as_str(), "msi");
    let asked = "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fdatabase.windows.net%2F&\
                 client_id=c metadata=true";
    assert_eq!(fake.asked(), [asked, asked]);

    let far = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("later").as_secs() + 7200;
    let fake = Fake::saying(&[(200, &format!(r#"{{"access_token":"app","expires_on":"{far}"}}"#))]);
    let endpoint = format!("{}/msi/token", fake.serve().await);
    let app = around("http://127.0.0.1:1", &[("IDENTITY_ENDPOINT", &endpoint), ("IDENTITY_HEADER", "h")]);
    let app = tokens(&Login::ManagedIdentity { client: None }, app);
    app.token().await.expect("a token");
    assert_eq!(app.token().await.expect("kept").as_str(), "app");
    assert_eq!(
        fake.asked(),
        ["GET /msi/token?resource=https%3A%2F%2Fdatabase.windows.net%2F&api-version=2019-08-01 x-identity-header=h"]
    );
    let arc = tokens(
        &Login::ManagedIdentity { client: None },
        around("", &[("IDENTITY_ENDPOINT", "http://localhost:40342")]),
    );
    assert!(arc.token().await.expect_err("not supported").message.contains("Azure Arc"));
}

#[tokio::test]
async fn a_workload_identity_shows_its_file() {
    let fake = Fake::saying(&[(200, GOOD)]);
    let authority = fake.serve().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    std::fs::write(&file, "ey.assertion\n").expect("written");
    let variables = [
        ("AZURE_AUTHORITY_HOST", authority.as_str()),
        ("AZURE_TENANT_ID", "t"),
        ("AZURE_CLIENT_ID", "c"),
        ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().expect("a path")),
    ];
    let login = Login::WorkloadIdentity { client: None };
    tokens(&login, around("", &variables)).token().await.expect("a token");
    // The same is found by looking around.
    tokens(&Login::Surroundings { client: None }, around("", &variables)).token().await.expect("a token");
    let asked = fake.asked();
    assert!(asked[0].starts_with("POST /t/oauth2/v2.0/token grant_type=client_credentials&client_id=c&"), "{asked:?}");
    assert!(asked[0].contains("&client_assertion=ey.assertion&"), "{asked:?}");
    assert_eq!(asked[0], asked[1]);
    let error = tokens(&login, around("", &variables[..2])).token().await.expect_err("not all is set");
    assert!(error.message.contains("AZURE_FEDERATED_TOKEN_FILE"), "{error}");
}

#[tokio::test]
async fn the_surroundings_are_asked_in_order() {
    let fake = Fake::saying(&[(200, GOOD)]);
    let place = fake.serve().await;
    let login = Login::Surroundings { client: None };
    let environment = [
        ("AZURE_AUTHORITY_HOST", place.as_str()),
        ("AZURE_TENANT_ID", "t"),
        ("AZURE_CLIENT_ID", "c"),
        ("AZURE_CLIENT_SECRET", "s"),
        ("AZURE_FEDERATED_TOKEN_FILE", "/there/is/none"),
    ];
    tokens(&login, around(&place, &environment)).token().await.expect("by secret");
    tokens(&login, around(&place, &[])).token().await.expect("by the machine");
    let asked = fake.asked();
    assert!(asked[0].contains("client_secret=s") && asked[1].starts_with("GET /metadata/"), "{asked:?}");
    let nothing = Fake::saying(&[(400, r#"{"error":"invalid_request","error_description":"Identity not found"}"#)]);
    let error = tokens(&login, around(&nothing.serve().await, &[])).token().await.expect_err("none at all");
    assert_eq!(error.kind, StoreErrorKind::Environment);
    assert!(error.message.contains("finds no identity") && error.message.contains("Identity not found"), "{error}");
}

#[tokio::test]
async fn a_tenant_that_is_none_is_not_asked() {
    let odd = Login::ServicePrincipal {
        client: "c".into(),
        tenant: Some("a/../b".into()),
        secret: Password::new("s".into()),
    };
    assert!(
        tokens(&odd, around("", &[])).token().await.expect_err("no tenant").message.contains("id or a domain name")
    );
    let none = Login::ServicePrincipal { client: "c".into(), tenant: None, secret: Password::new("s".into()) };
    assert!(tokens(&none, around("", &[])).token().await.expect_err("no tenant").message.contains("AZURE_TENANT_ID"));
}
