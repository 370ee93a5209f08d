//! Names as a CRM's database has them.

use std::collections::HashSet;

use crate::protocol::sql_type::SqlType;

/// Tables every such tenant has.
const TABLES: &[&str] = &[
    "contact",
    "person",
    "appointment",
    "sale",
    "project",
    "document",
    "associate",
    "email",
    "phone",
    "address",
    "URL",
    "ticket",
    "ej_message",
    "selection",
    "selectionmember",
    "task",
    "text",
    "udcontactSmall",
    "udcontactLarge",
    "udpersonSmall",
    "udpersonLarge",
    "udprojectSmall",
    "udsaleSmall",
    "udappntSmall",
    "relations",
    "reldef",
    "projectmember",
    "sale_hist",
    "stakeholder",
    "country",
    "category",
    "business",
    "currency",
    "department",
    "usergroup",
    "usergroupassignment",
    "role",
    "functionright",
    "dataright",
    "userpreference",
    "prefdesc",
    "license",
    "module",
    "satellite",
    "traveltransactionlog",
    "sequence",
    "temporarykey",
    "countervalue",
    "invitation",
    "recurrencerule",
    "appointmentlink",
    "attachment",
    "archiveprovider",
    "config",
    "credentials",
    "crm_gdpr_consent",
    "consentperson",
    "erpconnection",
    "erpfield",
    "extapp",
    "externalevent",
    "favourite",
    "form",
    "formsubmission",
    "freetextindex",
    "freetextwords",
    "heading",
    "hierarchy",
    "historylist",
    "imported",
    "kb_category",
    "kb_entry",
    "legalbase",
    "listtext",
    "locale",
    "login",
    "mailing",
    "s_shipment",
    "s_shipment_addr",
    "s_link",
    "s_link_customer",
    "notify",
    "outbox",
    "pricelist",
    "product",
    "productfamily",
    "quote",
    "quotealternative",
    "quoteline",
    "quoteversion",
    "registry",
    "reports",
    "resourceaccess",
    "salestage",
    "saletype",
    "scheduledtask",
    "service_auth",
    "statusdef",
    "statusvalue",
    "ticket_category",
    "ticket_status",
    "tzlocation",
    "userdefinedfield",
    "visiblefor",
    "webhook",
    "windowpossize",
    "workflow",
];

/// What further tables are made of.
const STEMS: &[&str] = &[
    "contact", "person", "sale", "project", "appnt", "document", "ticket", "quote", "product", "user", "mail", "list",
];
const TAILS: &[&str] = &[
    "link", "log", "type", "group", "status", "hist", "access", "field", "rule", "item", "member", "heading", "extra",
    "setting", "stat", "cache", "role", "map", "state", "template", "source", "queue", "def", "value", "filter",
];

/// So many table names, unique without regard to case.
#[must_use]
pub fn table_names(count: usize) -> Vec<String> {
    let mut seen = HashSet::new();
    let known = TABLES.iter().map(|name| (*name).to_owned());
    let made = TAILS.iter().flat_map(|tail| STEMS.iter().map(move |stem| format!("{stem}_{tail}")));
    let numbered = (1..).map(|number| format!("y_extra{number}"));
    known.chain(made).chain(numbered).filter(|name| seen.insert(name.to_lowercase())).take(count).collect()
}

const NUMBERS: &[&str] = &[
    "registered_associate_id",
    "updated_associate_id",
    "updatedCount",
    "contact_id",
    "person_id",
    "project_id",
    "sale_id",
    "country_id",
    "category_id",
    "business_id",
    "rank",
    "parent_id",
    "owner_id",
    "group_idx",
    "status_idx",
    "source",
    "type_idx",
    "userdef_id",
    "text_id",
    "flags",
    "priority_idx",
    "reason_idx",
    "sortorder",
];
const SMALL: &[&str] =
    &["deleted", "isBuiltIn", "isDefault", "encodedType", "visible", "active", "xstop", "level", "kind"];
const DATES: &[&str] =
    &["registered", "updated", "done", "do_by", "endDate", "lastlogin", "activeDate", "nextdue", "expires"];
const FLOATS: &[&str] = &["amount", "earning", "probability", "discount", "vat", "quantity", "rate"];
const TEXTS: &[&str] = &[
    "name",
    "title",
    "department",
    "description",
    "text",
    "orgnr",
    "number1",
    "number2",
    "soundEx",
    "email_address",
    "filename",
    "subject",
    "søkenavn",
    "tooltip",
    "kananame",
    "address1",
    "zipcode",
    "city",
    "externalRef",
];
const BLOBS: &[&str] = &["content", "thumbnail", "payload"];
/// What the first texts of the table `person` are called: the examples for authors of plug-ins speak of them.
const TEXTS_OF_PERSON: &[&str] = &["name", "email"];

/// Names for columns of these types, unique in the table without regard to case, also against its key.
#[must_use]
pub fn column_names(table: &str, types: &[SqlType]) -> Vec<String> {
    let mut seen = HashSet::from([format!("{}_id", table.to_lowercase())]);
    let mut of_person = if table.eq_ignore_ascii_case("person") { TEXTS_OF_PERSON } else { &[] }.iter();
    types
        .iter()
        .enumerate()
        .map(|(at, sql_type)| {
            let pool = match sql_type {
                SqlType::Int => NUMBERS,
                SqlType::SmallInt => SMALL,
                SqlType::DateTime => DATES,
                SqlType::Float => FLOATS,
                SqlType::VarBinary(_) => BLOBS,
                _ => of_person.next().map_or(TEXTS, std::slice::from_ref),
            };
            let stem = pool[at % pool.len()];
            let name = std::iter::once(stem.to_owned())
                .chain((2..=u32::MAX).map(|number| format!("{stem}{number:02}")))
                .find(|name| !seen.contains(&name.to_lowercase()))
                .unwrap_or_default();
            seen.insert(name.to_lowercase());
            name
        })
        .collect()
}
