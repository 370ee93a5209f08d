//! What can only be seen inside the mirror: its database looked into while the endpoint serves it (protocol.md
//! sections 6 to 8).

use super::evidence::{Evidence, Outcome, Want};
use super::probe::Probe;
use super::story::{Row, Story};
use super::{Check, check};
use crate::protocol::messages::RowOp::{Delete, Insert, Update};
use crate::task::hand::quoted;
use crate::task::mirror_place::MirrorPlace;
use crate::task::spelling::Spelling;
use crate::task::texts::AWKWARD;

pub(super) const ALL: &[Check] = &[
    check!("inside/texts", "section 2", "every awkward text is in the mirror exactly", texts, mirror),
    check!("inside/texts-mono", "section 2", "the same as Mono spells them", texts_mono, mirror),
    check!("inside/null-and-empty", "section 7", "NULL and the empty text stay two things", null_and_empty, mirror),
    check!("inside/replace", "section 7", "an insert of a key that is there replaces", replace, mirror),
    check!("inside/upsert", "section 7", "an update of a missing key inserts", upsert, mirror),
    check!("inside/last-wins", "section 7", "the last operation per key wins inside a batch", last_wins, mirror),
    check!("inside/repeat", "section 7", "a batch applied twice gives the same rows", repeat, mirror),
    check!("inside/refused-leaves-nothing", "section 7", "a refused batch leaves no row behind", refused, mirror),
    check!("inside/wipe-empties", "section 8", "a Wipe empties the table and leaves it", wipe_empties, mirror),
    check!(
        "inside/refill-without-wipe",
        "section 8",
        "a table answered -1 that gets rows without a Wipe is emptied, once",
        refill,
        mirror
    ),
    check!("inside/metadata", "section 6", "the metadata table holds tablename and LSN", metadata, mirror),
    check!("inside/hand-edit", "section 6", "LSN -1 set by hand fills the table anew", hand_edit, mirror),
    check!("inside/dropped", "section 5", "a table no longer listed is dropped", dropped, mirror),
];

fn place(probe: &Probe) -> Result<&MirrorPlace, Evidence> {
    probe.mirror().ok_or_else(|| Evidence::new("nothing", "the mirror", "none was given"))
}

/// The table's rows as one text, in key order.
async fn rows(probe: &Probe, story: &Story) -> Result<String, Evidence> {
    let sql = format!("SELECT id, name, number FROM {} ORDER BY id", quoted(&story.table.table_name));
    let found = place(probe)?.rows(&sql).await.map_err(|error| story.evidence("rows", error.to_string()))?;
    let or_null = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "NULL".into());
    let shown = |row: &Vec<Option<String>>| match &row[..] {
        [id, name, number] => {
            let name = name.as_deref().map_or("NULL".into(), crate::task::hand::literal);
            format!("{}={name}/{}", or_null(id), or_null(number))
        }
        _ => String::new(),
    };
    Ok(found.iter().map(shown).collect::<Vec<_>>().join(" "))
}

async fn expect(probe: &Probe, story: &Story, expected: &str) -> Outcome {
    let found = rows(probe, story).await?;
    let holds = found == expected;
    story.evidence(format!("rows {expected:?}"), format!("rows {found:?}")).when(holds)
}

async fn texts_as(probe: &Probe, spelling: Spelling) -> Outcome {
    let mut story = Story::new(probe).spelled(spelling);
    story.table.columns[1].sql_type = "nvarchar(max)".into();
    story.expect_lsn(-1).await?;
    let keys: Vec<String> = (0..AWKWARD.len()).map(|key| format!("[I:{key}]")).collect();
    let cells: Vec<[Option<&str>; 3]> =
        keys.iter().zip(AWKWARD).map(|(key, text)| [Some(key.as_str()), Some(*text), None]).collect();
    let sent: Vec<Row<'_>> = cells.iter().map(|cells| (Insert, cells.as_slice())).collect();
    story.rows(5, &sent).await?;
    for (key, text) in AWKWARD.iter().enumerate() {
        let sql = format!("SELECT name FROM {} WHERE id = {key}", quoted(&story.table.table_name));
        let found = place(probe)?.rows(&sql).await.map_err(|error| story.evidence("a text", error.to_string()))?;
        let found = found.into_iter().flatten().next().flatten();
        if found.as_deref() != Some(*text) {
            return Err(Evidence::new(format!("row {key}"), format!("the text {text:?}"), format!("{found:?}")));
        }
    }
    Ok(story.evidence(format!("{} texts exactly", AWKWARD.len()), "all of them"))
}

async fn texts(probe: &Probe) -> Outcome {
    texts_as(probe, Spelling::DotNet).await
}

async fn texts_mono(probe: &Probe) -> Outcome {
    texts_as(probe, Spelling::Mono).await
}

async fn null_and_empty(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.expect_lsn(-1).await?;
    story.rows(5, &[(Insert, &[Some("[I:1]"), None, None]), (Insert, &[Some("[I:2]"), Some(""), Some("")])]).await?;
    expect(probe, &story, "1=NULL/NULL 2=''/NULL").await
}

async fn replace(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(5).await?;
    story.rows(6, &[(Insert, &[Some("[I:1]"), Some("new"), None])]).await?;
    expect(probe, &story, "1='new'/NULL").await
}

async fn upsert(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(5).await?;
    story.rows(6, &[(Update, &[Some("[I:7]"), Some("seven"), None]), (Delete, &[Some("[I:8]"), None, None])]).await?;
    expect(probe, &story, "1='one'/11 7='seven'/NULL").await
}

async fn last_wins(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(5).await?;
    let sent: [Row<'_>; 6] = [
        (Insert, &[Some("[I:2]"), Some("a"), None]),
        (Delete, &[Some("[I:2]"), None, None]),
        (Delete, &[Some("[I:3]"), None, None]),
        (Insert, &[Some("[I:3]"), Some("b"), None]),
        (Update, &[Some("[I:1]"), Some("c"), None]),
        (Update, &[Some("[I:1]"), Some("d"), None]),
    ];
    story.rows(6, &sent).await?;
    expect(probe, &story, "1='d'/NULL 3='b'/NULL").await
}

async fn repeat(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(5).await?;
    for _ in 0..2 {
        story.rows(6, &[(Insert, &[Some("[I:2]"), Some("two"), None]), (Delete, &[Some("[I:1]"), None, None])]).await?;
    }
    expect(probe, &story, "2='two'/NULL").await
}

async fn refused(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(5).await?;
    let sent: [Row<'_>; 2] =
        [(Insert, &[Some("[I:2]"), Some("good"), None]), (Insert, &[Some("[I:3]"), Some("bad"), Some("[I:x]")])];
    story.expect_rows(Want::Refused, 6, &sent).await?;
    expect(probe, &story, "1='one'/11").await
}

async fn wipe_empties(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(5).await?;
    let name = story.table.table_name.clone();
    let got = story.wipe(&name).await;
    if !got.is(Want::Success) {
        return Err(story.evidence(Want::Success.describe(), got.describe()));
    }
    expect(probe, &story, "").await
}

async fn refill(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.expect_lsn(-1).await?;
    story.rows(0, &[(Insert, &[Some("[I:1]"), Some("left over"), None])]).await?;
    story.expect_lsn(-1).await?;
    story.rows(0, &[(Insert, &[Some("[I:2]"), None, None])]).await?;
    story.rows(5, &[(Insert, &[Some("[I:3]"), None, None])]).await?;
    expect(probe, &story, "2=NULL/NULL 3=NULL/NULL").await
}

async fn metadata(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(5).await?;
    let found = place(probe)?.lsn(&story.table.table_name).await;
    let found = found.map_err(|error| story.evidence("LSN 5", error.to_string()))?;
    story.evidence("LSN 5 in the metadata table", format!("{found:?}")).when(found == Some(5))
}

async fn hand_edit(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(5).await?;
    let edited = place(probe)?.set_refill(Some(&story.table.table_name)).await;
    edited.map_err(|error| story.evidence("a hand edit", error.to_string()))?;
    story.expect_lsn(-1).await?;
    story.rows(6, &[(Insert, &[Some("[I:9]"), None, None])]).await?;
    expect(probe, &story, "9=NULL/NULL").await
}

async fn dropped(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(5).await?;
    let other = super::story::table(&probe.table("other"), &[("id", "int", false)]);
    story.lsns(&[other]).await?;
    let found = place(probe)?.has_table(&story.table.table_name).await;
    let found = found.map_err(|error| story.evidence("no table", error.to_string()))?;
    story.evidence("no such table in the mirror", if found { "it is there" } else { "none" }).when(!found)
}
