//! Wipe, ReplicationCompleted, and the fixed order of every answer's elements (protocol.md sections 3 and 8).

use super::evidence::{Evidence, Got, Outcome, Want};
use super::probe::Probe;
use super::story::Story;
use super::{Check, check};
use crate::protocol::messages::{ReplicationSummary, RowOp};
use crate::protocol::names::Operation;
use crate::task::answer::{self, Body};
use crate::task::spelling::{self, Batch, Rows, Spelling};

pub(super) const ALL: &[Check] = &[
    check!("wipe/answers-refill", "section 8", "after a Wipe the table answers -1", wiped),
    check!("wipe/twice", "section 8", "a Wipe may be repeated", twice),
    check!("wipe/filled-again", "section 8", "a wiped table is filled again, from a lower LSN too", filled_again),
    check!("wipe/unknown-table", "section 8", "a Wipe of a table that TableSchema never made is refused", unknown),
    check!("wipe/one-table", "section 8", "a Wipe empties one table only", one_table),
    check!("completed/counts", "section 3", "ReplicationCompleted with counts is taken", counts),
    check!("completed/nothing", "section 3", "ReplicationCompleted of no table is taken", nothing),
    check!(
        "answers/authenticate",
        "section 3",
        "AuthenticateResponse holds its seven elements in order",
        order_authenticate
    ),
    check!(
        "answers/authenticate-values",
        "section 3",
        "SupportedInterfaces is 1, a build is named, and AdditionalInformationJson is empty or a JSON object",
        values_authenticate
    ),
    check!(
        "answers/table-schema",
        "section 3",
        "TableSchemaResponse holds its three elements in order",
        order_table_schema
    ),
    check!("answers/row-data", "section 3", "RowDataResponse holds its two elements in order", order_row_data),
    check!("answers/wipe", "section 3", "WipeResponse holds its two elements in order", order_wipe),
    check!(
        "answers/completed",
        "section 3",
        "ReplicationCompletedResponse holds its two elements in order",
        order_completed
    ),
];

async fn wipe(story: &mut Story) -> Result<(), Evidence> {
    let name = story.table.table_name.clone();
    let got = story.wipe(&name).await;
    if got.is(Want::Success) { Ok(()) } else { Err(story.evidence(Want::Success.describe(), got.describe())) }
}

async fn wiped(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    wipe(&mut story).await?;
    story.expect_lsn(-1).await
}

async fn twice(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    wipe(&mut story).await?;
    wipe(&mut story).await?;
    story.expect_lsn(-1).await
}

async fn filled_again(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    wipe(&mut story).await?;
    story.rows(5, &[(RowOp::Insert, &[Some("[I:1]"), None, None])]).await?;
    story.expect_lsn(5).await
}

async fn unknown(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    let got = story.wipe(&probe.table("never_listed")).await;
    story.evidence(Want::Refused.describe(), got.describe()).when(got.is(Want::Refused))
}

async fn one_table(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    let other = super::story::table(&probe.table("other"), &[("id", "int", false)]);
    let tables = [story.table.clone(), other.clone()];
    story.lsns(&tables).await?;
    story.rows(5, &[(RowOp::Insert, &[Some("[I:1]"), None, None])]).await?;
    let filled = Batch { table: other.clone(), rows: Rows::default(), lsn: 6 };
    let got = story.send(&[filled]).await;
    if !got.is(Want::Success) {
        return Err(story.evidence(Want::Success.describe(), got.describe()));
    }
    let got = story.wipe(&other.table_name).await;
    if !got.is(Want::Success) {
        return Err(story.evidence(Want::Success.describe(), got.describe()));
    }
    let lsns = story.lsns(&tables).await?;
    story.evidence("LSN 5 and -1", format!("{lsns:?}")).when(lsns == [Some(5), Some(-1)])
}

async fn counts(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    let table_name = story.table.table_name.clone();
    let got = story.completed(&[ReplicationSummary { deletes: 0, inserts: 1, table_name, updates: 0 }]).await;
    story.evidence(Want::Success.describe(), got.describe()).when(got.is(Want::Success))
}

async fn nothing(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    let got = story.completed(&[]).await;
    story.evidence(Want::Success.describe(), got.describe()).when(got.is(Want::Success))?;
    story.expect_lsn(17).await
}

/// One call, whose answer's elements are looked at; whether it succeeds is not the question.
async fn order(probe: &Probe, operation: Operation, write: &(dyn Fn(&str) -> Vec<u8> + Send + Sync)) -> Outcome {
    let token = probe.good()?;
    let request = probe.request(operation, write(&token));
    let sent = operation.to_string();
    let expected = answer::expected(operation).join(", ");
    let response =
        probe.exchange(&request).await.map_err(|error| Evidence::new(&sent, &expected, error.to_string()))?;
    match answer::read(operation, &response.body) {
        Ok(Body::Answer(answer)) if answer.problems.is_empty() => {
            Ok(Evidence::new(sent, expected.clone(), format!("{expected} (IsSuccessful {})", answer.successful)))
        }
        Ok(Body::Answer(answer)) => Err(Evidence::new(sent, expected, answer.problems.join("; "))),
        Ok(Body::Fault(fault)) => {
            Err(Evidence::new(sent, expected, format!("fault {}: {}", fault.code, fault.message)))
        }
        Err(what) => Err(Evidence::new(sent, expected, what)),
    }
}

async fn order_authenticate(probe: &Probe) -> Outcome {
    order(probe, Operation::Authenticate, &|token| spelling::authenticate(Spelling::DotNet, token, "")).await
}

async fn values_authenticate(probe: &Probe) -> Outcome {
    let request = probe.authenticate()?;
    let expected = "SupportedInterfaces 1, a SuperOfficeMirroringBuild, AdditionalInformationJson empty or an object";
    match probe.send(Operation::Authenticate, &request).await {
        Got::Success(answer) => {
            let [supported, build, json] =
                ["SupportedInterfaces", "SuperOfficeMirroringBuild", "AdditionalInformationJson"]
                    .map(|name| answer.text(name));
            let is_object = serde_json::from_str::<serde_json::Value>(json).is_ok_and(|value| value.is_object());
            Evidence::new("Authenticate", expected, format!("{supported:?}, {build:?}, {json:?}"))
                .when(supported == "1" && !build.is_empty() && (json.is_empty() || is_object))
        }
        other => Err(Evidence::new("Authenticate", expected, other.describe())),
    }
}

async fn order_table_schema(probe: &Probe) -> Outcome {
    let story = Story::new(probe);
    order(probe, Operation::TableSchema, &|token| {
        spelling::table_schema(Spelling::DotNet, token, "", std::slice::from_ref(&story.table))
    })
    .await
}

async fn order_row_data(probe: &Probe) -> Outcome {
    order(probe, Operation::RowData, &|token| spelling::row_data(Spelling::DotNet, token, "", &[])).await
}

async fn order_wipe(probe: &Probe) -> Outcome {
    order(probe, Operation::Wipe, &|token| spelling::wipe(Spelling::DotNet, token, "", &probe.table("nothing"))).await
}

async fn order_completed(probe: &Probe) -> Outcome {
    order(probe, Operation::ReplicationCompleted, &|token| {
        spelling::replication_completed(Spelling::DotNet, token, "", &[])
    })
    .await
}
