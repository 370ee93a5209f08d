//! Forms of XML that mean the same message (protocol.md section 2): every one must be taken.

use std::fmt::Write as _;

use super::evidence::{Evidence, Outcome, Want};
use super::probe::{AUTHENTICATE, Probe, envelope, header};
use super::story::Story;
use super::{Check, check};
use crate::protocol::messages::RowOp;
use crate::protocol::names::{NS_ARRAYS, NS_DATA, NS_MIRRORING, NS_SOAP, NS_XSI, Operation};
use crate::task::spelling::{self, Spelling};

pub(super) const ALL: &[Check] = &[
    check!("forms/dotnet", "section 2", "the message as .NET spells it", dotnet),
    check!("forms/mono", "section 2", "the message as Mono spells it", mono),
    check!("forms/zeep", "section 2", "a fresh prefix on every element, WS-Addressing headers", zeep),
    check!("forms/odd-prefixes", "section 2", "prefixes are the sender's choice", odd_prefixes),
    check!("forms/declaration", "section 2", "an XML declaration is taken", declaration),
    check!(
        "forms/declaration-other-encoding",
        "section 2",
        "UTF-8 is read whatever the declaration says",
        other_declaration
    ),
    check!("forms/bom", "section 2", "a byte order mark is taken", bom),
    check!("forms/utf16-le", "section 2", "UTF-16 with a byte order mark is taken, little end first", utf16_le),
    check!("forms/utf16-be", "section 2", "UTF-16 with a byte order mark is taken, big end first", utf16_be),
    check!("forms/cdata", "section 2", "text in CDATA is text", cdata),
    check!("forms/comments", "section 2", "comments split text and mean nothing", comments),
    check!("forms/references", "section 2", "character references are characters", references),
    check!(
        "forms/control-characters",
        "section 2",
        "control characters that .NET sends as references are taken",
        control_characters
    ),
    check!("forms/white-space", "section 2", "white space between elements means nothing", white_space),
    check!("forms/absent-element", "section 3", "every element may be absent", absent_element),
    check!("forms/nil-element", "section 2", "a nil element is taken", nil_element),
    check!("forms/unknown-element", "section 2", "an unknown element in a message is passed over", unknown_element),
    check!("forms/any-order", "section 2", "a batch's elements are read by name in any order", any_order),
    check!("forms/cell-split", "section 2", "a cell's text may be split by CDATA, references and comments", cell_split),
    check!("forms/spelling-rows", "section 2", "rows are taken in both spellings", spelling_rows),
];

async fn dotnet(probe: &Probe) -> Outcome {
    let body = spelling::authenticate(Spelling::DotNet, &probe.good()?, "state");
    probe.expect_body(Want::Success, "Authenticate as .NET spells it", body).await
}

async fn mono(probe: &Probe) -> Outcome {
    let body = spelling::authenticate(Spelling::Mono, &probe.good()?, "state");
    probe.expect_body(Want::Success, "Authenticate as Mono spells it", body).await
}

async fn zeep(probe: &Probe) -> Outcome {
    let token = probe.good()?;
    let wsa = "http://www.w3.org/2005/08/addressing";
    let body = format!(
        "<?xml version='1.0' encoding='utf-8'?>\n<soap-env:Envelope xmlns:soap-env=\"{NS_SOAP}\"><soap-env:Header \
         xmlns:wsa=\"{wsa}\"><wsa:Action>{action}</wsa:Action><wsa:MessageID>urn:uuid:1</wsa:MessageID><wsa:To>x</wsa:To>\
         <ns0:SignedToken xmlns:ns0=\"{NS_MIRRORING}\" soap-env:mustUnderstand=\"1\">{token}</ns0:SignedToken></soap-env:Header>\
         <soap-env:Body><ns1:AuthenticateRequest xmlns:ns1=\"{NS_MIRRORING}\"><ns2:ClientState xmlns:ns2=\"{NS_MIRRORING}\">s\
         </ns2:ClientState></ns1:AuthenticateRequest></soap-env:Body></soap-env:Envelope>",
        action = Operation::Authenticate.action()
    );
    probe.expect_body(Want::Success, "Authenticate as zeep spells it", body).await
}

async fn odd_prefixes(probe: &Probe) -> Outcome {
    let token = probe.good()?;
    let body = format!(
        "<Envelope xmlns=\"{NS_SOAP}\" xmlns:xsi.x=\"{NS_MIRRORING}\"><Header><_:SignedToken xmlns:_=\"{NS_MIRRORING}\" \
         xmlns:q='{NS_SOAP}' q:mustUnderstand='1'>{token}</_:SignedToken></Header><Body><xsi.x:AuthenticateRequest>\
         <æ:ClientState xmlns:æ=\"{NS_MIRRORING}\"/></xsi.x:AuthenticateRequest></Body></Envelope>"
    );
    probe.expect_body(Want::Success, "Authenticate with prefixes nobody uses", body).await
}

async fn prefixed(probe: &Probe, prefix: &str, sent: &str) -> Outcome {
    let body = format!("{prefix}{}", envelope(&header(&probe.good()?), AUTHENTICATE));
    probe.expect_body(Want::Success, sent, body).await
}

async fn declaration(probe: &Probe) -> Outcome {
    prefixed(
        probe,
        "<?xml version=\"1.0\" encoding=\"utf-8\" standalone='yes'?>\r\n",
        "Authenticate with an XML declaration",
    )
    .await
}

async fn other_declaration(probe: &Probe) -> Outcome {
    prefixed(probe, "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>", "Authenticate in UTF-8, declared as iso-8859-1")
        .await
}

async fn bom(probe: &Probe) -> Outcome {
    prefixed(probe, "\u{feff}", "Authenticate with a byte order mark").await
}

async fn utf16(probe: &Probe, sent: &str, bytes: fn(u16) -> [u8; 2]) -> Outcome {
    let text = format!("\u{feff}{}", envelope(&header(&probe.good()?), AUTHENTICATE));
    let body: Vec<u8> = text.encode_utf16().flat_map(bytes).collect();
    probe.expect_body(Want::Success, sent, body).await
}

async fn utf16_le(probe: &Probe) -> Outcome {
    utf16(probe, "Authenticate in UTF-16, little end first", u16::to_le_bytes).await
}

async fn utf16_be(probe: &Probe) -> Outcome {
    utf16(probe, "Authenticate in UTF-16, big end first", u16::to_be_bytes).await
}

async fn cdata(probe: &Probe) -> Outcome {
    let token = format!("<![CDATA[{}]]>", probe.good()?);
    let body = envelope(&header(&token), AUTHENTICATE);
    probe.expect_body(Want::Success, "Authenticate with its token in CDATA", body).await
}

async fn comments(probe: &Probe) -> Outcome {
    let token = probe.good()?;
    let (left, right) = token.split_at(token.len() / 2);
    let body = envelope(
        &header(&format!("<!-- a -->{left}<!-- b - c -->{right}")),
        &format!("<!-- d -->{AUTHENTICATE}<!-- e -->"),
    );
    probe.expect_body(Want::Success, "Authenticate with comments in its token and around its request", body).await
}

async fn references(probe: &Probe) -> Outcome {
    let mut token = String::new();
    for c in probe.good()?.chars() {
        let _ = write!(token, "&#{};", u32::from(c));
    }
    let body = envelope(&header(&token), AUTHENTICATE);
    probe.expect_body(Want::Success, "Authenticate with its token all in character references", body).await
}

async fn with_state(probe: &Probe, sent: &str, inner: &str) -> Outcome {
    let request =
        format!("<AuthenticateRequest xmlns=\"{NS_MIRRORING}\" xmlns:i=\"{NS_XSI}\">{inner}</AuthenticateRequest>");
    let body = envelope(&header(&probe.good()?), &request);
    probe.expect_body(Want::Success, sent, body).await
}

async fn control_characters(probe: &Probe) -> Outcome {
    let inner = "<ClientState>a&#x1;&#xB;&#x0;&#xFFFE;&#xD;b</ClientState>";
    with_state(probe, "Authenticate with &#x1;&#xB;&#x0;&#xFFFE;&#xD; in ClientState", inner).await
}

async fn white_space(probe: &Probe) -> Outcome {
    with_state(probe, "Authenticate with white space between elements", "\r\n\t  <ClientState\n/>\n\n ").await
}

async fn absent_element(probe: &Probe) -> Outcome {
    with_state(probe, "Authenticate without ClientState", "").await
}

async fn nil_element(probe: &Probe) -> Outcome {
    with_state(probe, "Authenticate with a nil ClientState", "<ClientState i:nil=\"true\"/>").await
}

async fn unknown_element(probe: &Probe) -> Outcome {
    let inner = "<Before xmlns=\"urn:x\"><Deep>1</Deep></Before><ClientState/><Later>2</Later>";
    with_state(probe, "Authenticate with two unknown elements", inner).await
}

/// A RowData request for the story's table, written by hand.
async fn by_hand(probe: &Probe, sent: &str, batch: impl FnOnce(&str) -> String) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(5).await?;
    let columns = "<a:Columns><a:ColumnInfo><a:DefaultValue/><a:IsNullable>false</a:IsNullable><a:Name>id</a:Name>\
                   <a:Type>int</a:Type></a:ColumnInfo><a:ColumnInfo><a:DefaultValue/><a:IsNullable>true</a:IsNullable>\
                   <a:Name>name</a:Name><a:Type>nvarchar(100)</a:Type></a:ColumnInfo><a:ColumnInfo><a:DefaultValue/>\
                   <a:IsNullable>true</a:IsNullable><a:Name>number</a:Name><a:Type>int</a:Type></a:ColumnInfo></a:Columns>";
    let table = format!("<a:TableInfo>{columns}<a:TableName>{}</a:TableName></a:TableInfo>", story.table.table_name);
    let request = format!(
        "<RowDataRequest xmlns=\"{NS_MIRRORING}\" xmlns:a=\"{NS_DATA}\" xmlns:b=\"{NS_ARRAYS}\"><DataBatches><a:RowDataBatch>{}\
         </a:RowDataBatch></DataBatches></RowDataRequest>",
        batch(&table)
    );
    let call = probe.request(Operation::RowData, envelope(&header(&probe.good()?), &request));
    Want::Success.outcome(sent, &probe.send(Operation::RowData, &call).await)?;
    story.expect_lsn(9).await.map_err(|evidence| Evidence { sent: format!("{}; {sent}", evidence.sent), ..evidence })
}

async fn any_order(probe: &Probe) -> Outcome {
    by_hand(probe, "RowData whose batch has LSN, TableInfo and Data in another order", |table| {
        format!(
            "<a:LSN>9</a:LSN>{table}<a:Data><a:RowData><a:Operation>I</a:Operation><a:ColumnValues><b:string>[I:2]</b:string>\
             <b:string>x</b:string><b:string>[I:3]</b:string></a:ColumnValues></a:RowData></a:Data>"
        )
    })
    .await
}

async fn cell_split(probe: &Probe) -> Outcome {
    by_hand(probe, "RowData whose cells are split by CDATA, references and comments", |table| {
        format!(
            "<a:Data><a:RowData><a:ColumnValues><b:string>[<!-- -->I<![CDATA[:]]>2&#93;</b:string><b:string>&#x78;</b:string>\
             <b:string><![CDATA[[I:]]>&#51;]</b:string></a:ColumnValues><a:Operation>I</a:Operation></a:RowData></a:Data>\
             <a:LSN>9</a:LSN>{table}"
        )
    })
    .await
}

async fn spelling_rows(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(5).await?;
    let mut story = story.spelled(Spelling::Mono);
    story.rows(8, &[(RowOp::Update, &[Some("[I:1]"), None, Some("[I:12]")])]).await?;
    story.expect_lsn(8).await
}
