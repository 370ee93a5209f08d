//! Authenticate: the token was checked at the door and the answer is signed there; here plug-ins may add to it. No
//! mirror is made, but one that is there gets the call recorded.

use super::Authenticated;
use super::call::{Call, CallError};

pub(super) async fn run(call: &mut Call<'_>) -> Result<Authenticated, CallError> {
    call.open_existing().await?;
    let members = call.hooks.authenticated().await?;
    let additional_information_json =
        if members.is_empty() { String::new() } else { serde_json::Value::Object(members).to_string() };
    Ok(Authenticated { client_state: call.caller.client_state.clone(), additional_information_json })
}
