//! Which application a token is for, when there is one and when there are several.

use super::*;

#[test]
fn the_audience_has_no_case_and_may_be_one_of_several() {
    for audience in [json!(format!("SPN:{}", ID.to_uppercase())), json!(["spn:x", format!("spn:{ID}")])] {
        one().verify(PATH, &good().aud(audience).sign().expect("minted"), NOW).expect("accepted");
    }
}

#[test]
fn a_token_for_another_application_says_which_and_what_is_served() {
    let fix = format!(
        "id = \"{OTHER}\"   # if that is this application's id; check_audience = false accepts tokens for any application"
    );
    assert_eq!(
        refused(SOD.token(OTHER, "Cust10195", NOW)),
        (
            RefusalReason::Audience,
            format!("A token was refused: it is meant for \"spn:{OTHER}\", and {PATH} of this host serves spn:{ID}."),
            Some(fix),
            tenant()
        )
    );
    assert_eq!(
        refused(good().aud(json!(null))),
        (
            RefusalReason::Audience,
            format!("A token was refused: it names no audience, and {PATH} of this host serves spn:{ID}."),
            Some("check_audience = false   # only if the vendor really issues tokens without one".into()),
            tenant()
        )
    );
    for not_this in [json!(ID), json!(format!("spn:{ID}0")), json!(format!("xspn:{ID}")), json!(7), json!({"spn": ID})]
    {
        assert_eq!(refused(good().aud(not_this)).0, RefusalReason::Audience);
    }
}

#[test]
fn without_the_audience_check_any_application_is_accepted() {
    let host = host(&[ApplicationConfig { check_audience: false, ..config(ID) }]);
    let token = SOD.issue(OTHER, "Cust1", NOW).expect("minted");
    assert_eq!(host.verify(PATH, &token, NOW).expect("accepted").application().id(), ID);
}

#[test]
fn applications_on_one_path_are_told_apart_by_audience() {
    let host = host(&[config(ID), config(OTHER)]);
    for id in [ID, OTHER] {
        let token = SOD.issue(id, "Cust1", NOW).expect("minted");
        assert_eq!(host.verify(PATH, &token, NOW).expect("accepted").application().id(), id);
    }
    let refusal = refusal(&host, SOD.issue(&"a".repeat(32), "Cust1", NOW));
    assert_eq!(
        refusal.log,
        format!(
            "A token was refused: it is meant for \"spn:{}\", and {PATH} of this host serves spn:{ID}, spn:{OTHER}.",
            "a".repeat(32)
        )
    );
    assert_eq!(
        refusal.fix,
        Some(format!("[[application]] with id = \"{}\"   # if that application is yours too", "a".repeat(32)))
    );
}

#[test]
fn the_refusal_shown_is_that_of_the_application_the_token_names_or_came_closest_to() {
    let stage = ApplicationConfig { environment: Environment::Stage, ..config(OTHER) };
    let host = host(&[config(ID), stage]);
    // Expired, for the second: the first refuses its signature, which is not worth showing.
    let expired = STAGE.token(OTHER, "Cust1", NOW).nbf(NOW - 4_000).exp(NOW - 3_700).sign();
    assert_eq!(refusal(&host, expired).reason, RefusalReason::Expired);
    // For the first, but from stage: the second knows the signer, yet the first's environment is what is wrong.
    let astray = refusal(&host, STAGE.issue(ID, "Cust1", NOW));
    assert_eq!(astray.reason, RefusalReason::UnknownSigner);
    assert_eq!(astray.fix.as_deref().map(|fix| fix.starts_with("environment = \"stage\"")), Some(true));
    // For neither: the one that knows the signer.
    assert_eq!(refusal(&host, STAGE.issue(&"a".repeat(32), "Cust1", NOW)).reason, RefusalReason::Audience);
}

#[test]
fn an_application_called_on_anothers_path_is_told_its_own() {
    let elsewhere = ApplicationConfig { path: "/other.svc".into(), ..config(OTHER) };
    let host = host(&[config(ID), elsewhere]);
    let refusal = refusal(&host, SOD.issue(OTHER, "Cust1", NOW));
    assert_eq!(
        refusal.log,
        format!(
            "A token was refused: it is meant for \"spn:{OTHER}\", and {PATH} of this host serves spn:{ID}. That application is served on /other.svc: the vendor has the wrong address for it."
        )
    );
    let nowhere = host.verify("/none\n", &SOD.issue(ID, "Cust1", NOW).expect("minted"), NOW).expect_err("refused");
    assert_eq!(nowhere.log, "A token was refused: no application of this host answers on \"/none\\n\".");
}

#[test]
fn applications_that_a_token_could_not_tell_apart_are_refused() {
    let error =
        |configs: &[ApplicationConfig]| Applications::load_with(configs, vendor()).expect_err("refused").to_string();
    let unchecked = ApplicationConfig { check_audience: false, ..config(OTHER) };
    assert_eq!(
        error(&[config(ID), unchecked.clone()]),
        format!(
            "Applications {ID} and {OTHER} share the path {PATH}, where only the audience tells them apart, and {OTHER} has check_audience = false: remove that line, or give one of them a path of its own."
        )
    );
    assert_eq!(
        error(&[config(ID), config(ID)]),
        format!(
            "Application {ID} is there twice on the path {PATH} with the same trusted signer: remove one, or give it another path."
        )
    );
    host(&[config(ID), ApplicationConfig { path: "/other.svc".into(), ..unchecked }]);
    host(&[config(ID), ApplicationConfig { environment: Environment::Stage, ..config(ID) }]);
}
