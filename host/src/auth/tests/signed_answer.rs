//! The answer we sign, against OpenSSL and the vendor's own check.

use super::*;

#[test]
fn the_answer_is_what_openssl_makes_of_the_same_key() {
    let nonce = "0123456789abcdef0123456789abcdef";
    let verified = one().verify(PATH, &good().nonce(nonce).sign().expect("minted"), NOW).expect("accepted");
    let answer = verified.sign_answer(NOW).expect("signed");
    // printf NONCE.202611210547 | openssl dgst -sha256 -sign pkcs1.pem | base64
    let known = "0123456789abcdef0123456789abcdef.202611210547.BkuYqWCC61dod6imHE2gtxabLSLXh8hs6GRotmjOXqP6MnxMtROrohHpKWb7FvZIYYe0uUiLX4aw4xbqGssjE1ORo43KBU9dve/MUeI0KgwV9v3QiUSaW8fqKetwC/Vgrr5pEFUUzWF56VoD651xfBy/+OrUEYwbW62w3Iz0KEA=";
    assert_eq!(answer, known);
    let key = verified.application().public_key();
    assert_eq!(check_answer(&answer, nonce, &key, NOW + 800), Ok(()));
    assert_eq!(
        check_answer(&answer, nonce, &key, NOW + 1_000),
        Err("the answer's time stamp is 202611210547 and it is 202611210604 now; 15 minutes are allowed".into())
    );
    assert_eq!(
        check_answer(&answer, nonce, &STRANGER.public_key(), NOW),
        Err("the answer's signature is not that of the application's key".into())
    );
    assert!(check_answer(&answer, "other", &key, NOW).is_err() && check_answer("", nonce, &key, NOW).is_err());
    assert!(verified.sign_answer(i64::MAX).is_err(), "no calendar reaches that far");
}
