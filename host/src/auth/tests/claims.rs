//! What a token says: issuer, times, tenant, nonce.

use super::*;

#[test]
fn only_the_vendor_issues_tokens() {
    let tail = "and only \"SuperOffice AS\" issues tokens for mirroring.";
    for (issuer, text) in [
        (json!("SuperOffice As"), "its issuer is \"SuperOffice As\", "),
        (json!(null), "it names no issuer, "),
        (json!(["SuperOffice AS"]), "its issuer is not a text, "),
    ] {
        assert_eq!(refused(good().iss(issuer)), (RefusalReason::Issuer, who(&format!("{text}{tail}")), None, tenant()));
    }
}

#[test]
fn an_expired_token_says_how_long_ago_by_whose_clock() {
    let (reason, log, fix, shown) = refused(good().nbf(NOW - 1_080).exp(NOW - 720));
    assert_eq!(reason, RefusalReason::Expired);
    assert_eq!(
        log,
        who(
            "it expired 12 minutes ago by this host's clock (2026-11-21 05:47:26 UTC; valid until 2026-11-21 05:35:26 UTC), and a clock skew of 5 minutes is allowed. This host's clock is probably fast, or the token is an old one sent again."
        )
    );
    assert_eq!(fix.as_deref(), Some("clock_skew = \"13m\"   # better: let this host's clock be set by NTP"));
    assert_eq!(shown, tenant());
    assert_eq!(refused(good().nbf(NOW - 90_000).exp(NOW - 86_400)).2, None, "no clock is a day wrong");
}

#[test]
fn a_token_from_the_future_says_how_far() {
    let (reason, log, fix, shown) = refused(good().nbf(NOW + 720).exp(NOW + 1_080));
    assert_eq!(reason, RefusalReason::NotYetValid);
    assert_eq!(
        log,
        who(
            "it is valid in 12 minutes by this host's clock (2026-11-21 05:47:26 UTC; valid from 2026-11-21 05:59:26 UTC), and a clock skew of 5 minutes is allowed. This host's clock is probably slow."
        )
    );
    assert_eq!(fix.as_deref(), Some("clock_skew = \"13m\"   # better: let this host's clock be set by NTP"));
    assert_eq!(shown, tenant());
}

#[test]
fn the_clock_skew_counts_to_the_second_on_both_sides() {
    let host = one();
    let token = good().nbf(NOW).exp(NOW + 360).sign().expect("minted");
    for (now, accepted) in [(NOW - 301, false), (NOW - 300, true), (NOW + 659, true), (NOW + 660, false)] {
        assert_eq!(host.verify(PATH, &token, now).is_ok(), accepted, "{}", now - NOW);
    }
    // The fix that was proposed is enough, exactly.
    let wider = |minutes: u64| {
        let config = ApplicationConfig { clock_skew: Duration::from_mins(minutes), ..config(ID) };
        Applications::load_with(&[config], vendor()).expect("good")
    };
    let late = good().nbf(NOW - 1_080).exp(NOW - 720).sign().expect("minted");
    assert!(wider(13).verify(PATH, &late, NOW).is_ok() && wider(12).verify(PATH, &late, NOW).is_err());
    for now in [i64::MIN, i64::MAX] {
        host.verify(PATH, &token, now).expect_err("refused, not overflown");
    }
}

#[test]
fn both_times_are_required_and_must_make_sense() {
    let cases = [
        (good().exp(json!(null)), "its exp is missing."),
        (good().nbf(json!(null)), "its nbf is missing."),
        (good().exp("2026"), "its exp is not a number."),
        (good().exp(1e300), "its exp is not a time."),
        (
            good().nbf(NOW + 400),
            "it expires (2026-11-21 05:52:26 UTC) before it begins to be valid (2026-11-21 05:54:06 UTC).",
        ),
        (
            good().exp(NOW + 31_536_000),
            "it is valid for 365 days, and the vendor's are for minutes (more than 24 hours is not believed).",
        ),
    ];
    for (token, text) in cases {
        assert_eq!(refused(token), (RefusalReason::MissingTimes, who(text), None, tenant()));
    }
    let host = one();
    let fraction = good().exp(json!(1_795_240_346.75)).claim("iat", NOW + 99_999).sign().expect("minted");
    host.verify(PATH, &fraction, NOW).expect("a fraction of a second is allowed, iat does not count");
}

#[test]
fn the_tenant_is_ctx_else_sub_and_never_two() {
    let tenant = |token: testing::TokenBuilder<'_>| {
        one().verify(PATH, &token.sign().expect("minted"), NOW).expect("accepted").tenant().as_str().to_owned()
    };
    assert_eq!(tenant(good().ctx(json!(null)).sub("Cust2")), "Cust2");
    assert_eq!(tenant(good().ctx("Cust3").sub(json!(null))), "Cust3");
    let cases = [
        (good().sub("Cust2"), "it names two tenants, \"Cust10195\" (ctx) and \"Cust2\" (sub)."),
        (
            good().ctx(json!(null)).sub(json!(null)),
            "it names no tenant (neither http://schemes.superoffice.net/identity/ctx nor sub).",
        ),
        (good().ctx(7), "its claim http://schemes.superoffice.net/identity/ctx is not a text."),
        (good().ctx("").sub(""), "the context identifier is empty, here \"\"."),
    ];
    for (token, text) in cases {
        assert_eq!(refused(token), (RefusalReason::Tenant, who(text), None, None));
    }
}

#[test]
fn only_32_hex_digits_are_signed() {
    let tail = "only 32 hex digits are signed, so that nobody can have other texts signed here.";
    let cases = [
        (json!(null), "it has no nonce"),
        (json!(7), "its nonce is not a text"),
        (json!("0123"), "its nonce \"0123\" is not 32 hex digits"),
        (
            json!("0123456789abcdef0123456789abcdeg"),
            "its nonce \"0123456789abcdef0123456789abcdeg\" is not 32 hex digits",
        ),
        (
            json!("0123456789abcdef.202611210547.AA"),
            "its nonce \"0123456789abcdef.202611210547.AA\" is not 32 hex digits",
        ),
    ];
    for (nonce, text) in cases {
        assert_eq!(
            refused(good().nonce(nonce)),
            (RefusalReason::Nonce, who(&format!("{text}; {tail}")), None, tenant())
        );
    }
}
