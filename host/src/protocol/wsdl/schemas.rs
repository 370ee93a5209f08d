//! The contract's three schemas: the tables of protocol.md section 3, in XSD.

use std::fmt::Write as _;

use super::super::encode::escape::push_attribute;
use super::super::names::{NS_ARRAYS, NS_DATA, NS_MIRRORING};

/// All of them, in the order of `xsd0`, `xsd1`, `xsd2`.
pub(super) const SCHEMAS: [Schema; 3] = [
    Schema {
        namespace: NS_MIRRORING,
        imports: &[NS_DATA],
        types: &[
            Type::message("AuthenticateRequest", &[("ClientState", TEXT)]),
            Type::message(
                "AuthenticateResponse",
                &[
                    ("IsSuccessful", BOOLEAN),
                    ("ErrorMessage", TEXT),
                    ("SignedApplicationToken", TEXT),
                    ("SupportedInterfaces", TEXT),
                    ("SuperOfficeMirroringBuild", TEXT),
                    ("ClientState", TEXT),
                    ("AdditionalInformationJson", TEXT),
                ],
            ),
            Type::message("TableSchemaRequest", &[("ClientState", TEXT), ("Tables", "d:ArrayOfTableSchemaInfo")]),
            Type::message(
                "TableSchemaResponse",
                &[("IsSuccessful", BOOLEAN), ("ErrorMessage", TEXT), ("MirrorLSN", "d:ArrayOfTableLSN")],
            ),
            Type::message("RowDataRequest", &[("ClientState", TEXT), ("DataBatches", "d:ArrayOfRowDataBatch")]),
            Type::message("RowDataResponse", OUTCOME),
            Type::message("WipeRequest", &[("ClientState", TEXT), ("TableName", TEXT)]),
            Type::message("WipeResponse", OUTCOME),
            Type::message(
                "ReplicationCompletedRequest",
                &[("ClientState", TEXT), ("ChangedTables", "d:ArrayOfReplicationSummary")],
            ),
            Type::message("ReplicationCompletedResponse", OUTCOME),
        ],
    },
    Schema {
        namespace: NS_DATA,
        imports: &[NS_ARRAYS],
        types: &[
            Type::list("ArrayOfTableSchemaInfo", &[("TableSchemaInfo", "d:TableSchemaInfo")]),
            Type::data("TableSchemaInfo", &[("Columns", "d:ArrayOfColumnInfo"), ("TableName", TEXT)]),
            Type::list("ArrayOfColumnInfo", &[("ColumnInfo", "d:ColumnInfo")]),
            Type::data(
                "ColumnInfo",
                &[("DefaultValue", TEXT), ("IsNullable", BOOLEAN), ("Name", TEXT), ("Type", TEXT)],
            ),
            Type::list("ArrayOfTableLSN", &[("TableLSN", "d:TableLSN")]),
            Type::data("TableLSN", &[("LSN", LONG), ("TableName", TEXT)]),
            Type::list("ArrayOfRowDataBatch", &[("RowDataBatch", "d:RowDataBatch")]),
            Type::data(
                "RowDataBatch",
                &[("Data", "d:ArrayOfRowData"), ("LSN", LONG), ("TableInfo", "d:TableSchemaInfo")],
            ),
            Type::list("ArrayOfRowData", &[("RowData", "d:RowData")]),
            Type::data("RowData", &[("ColumnValues", "a:ArrayOfstring"), ("Operation", TEXT)]),
            Type::list("ArrayOfReplicationSummary", &[("ReplicationSummary", "d:ReplicationSummary")]),
            Type::data(
                "ReplicationSummary",
                &[("Deletes", INT), ("Inserts", INT), ("TableName", TEXT), ("Updates", INT)],
            ),
        ],
    },
    Schema { namespace: NS_ARRAYS, imports: &[], types: &[Type::list("ArrayOfstring", &[("string", TEXT)])] },
];

const TEXT: &str = "xs:string";
const BOOLEAN: &str = "xs:boolean";
const LONG: &str = "xs:long";
const INT: &str = "xs:int";
const OUTCOME: &[(&str, &str)] = &[("IsSuccessful", BOOLEAN), ("ErrorMessage", TEXT)];

pub(super) struct Schema {
    pub(super) namespace: &'static str,
    imports: &'static [&'static str],
    types: &'static [Type],
}

/// A sequence of elements, each a name and a type.
struct Type {
    name: &'static str,
    kind: Kind,
    elements: &'static [(&'static str, &'static str)],
}

enum Kind {
    /// The wrapper of a message: an element whose type has no name.
    Message,
    /// A named type, and an element of that type.
    Data,
    /// As [`Kind::Data`], and its one element may stand any number of times.
    List,
}

impl Type {
    const fn message(name: &'static str, elements: &'static [(&'static str, &'static str)]) -> Self {
        Self { name, kind: Kind::Message, elements }
    }

    const fn data(name: &'static str, elements: &'static [(&'static str, &'static str)]) -> Self {
        Self { name, kind: Kind::Data, elements }
    }

    const fn list(name: &'static str, elements: &'static [(&'static str, &'static str)]) -> Self {
        Self { name, kind: Kind::List, elements }
    }
}

impl Schema {
    /// The schema as XML. `location` says where an imported namespace's schema is, `None` if it stands beside.
    pub(super) fn to_xml(&self, location: impl Fn(&str) -> Option<String>) -> String {
        let mut xml = format!(
            "<xs:schema elementFormDefault=\"qualified\" targetNamespace=\"{}\" \
             xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns:tns=\"{}\" xmlns:d=\"{NS_DATA}\" xmlns:a=\"{NS_ARRAYS}\">",
            self.namespace, self.namespace
        );
        for import in self.imports {
            xml.push_str("<xs:import");
            if let Some(location) = location(import) {
                xml.push_str(" schemaLocation=\"");
                push_attribute(&mut xml, &location);
                xml.push('"');
            }
            write!(xml, " namespace=\"{import}\"/>").expect("a String takes all");
        }
        if self.namespace == NS_MIRRORING {
            xml.push_str("<xs:element name=\"SignedToken\" nillable=\"true\" type=\"xs:string\"/>");
        }
        for one in self.types {
            one.push(&mut xml);
        }
        xml.push_str("</xs:schema>");
        xml
    }
}

impl Type {
    fn push(&self, xml: &mut String) {
        let name = self.name;
        match self.kind {
            Kind::Message => {
                write!(xml, "<xs:element name=\"{name}\"><xs:complexType>").expect("a String takes all");
                self.push_sequence(xml);
                xml.push_str("</xs:complexType></xs:element>");
            }
            Kind::Data | Kind::List => {
                write!(xml, "<xs:complexType name=\"{name}\">").expect("a String takes all");
                self.push_sequence(xml);
                write!(xml, "</xs:complexType><xs:element name=\"{name}\" nillable=\"true\" type=\"tns:{name}\"/>")
                    .expect("a String takes all");
            }
        }
    }

    fn push_sequence(&self, xml: &mut String) {
        xml.push_str("<xs:sequence>");
        for (name, kind) in self.elements {
            xml.push_str("<xs:element minOccurs=\"0\"");
            if matches!(self.kind, Kind::List) {
                xml.push_str(" maxOccurs=\"unbounded\"");
            }
            write!(xml, " name=\"{name}\"").expect("a String takes all");
            if !matches!(*kind, BOOLEAN | LONG | INT) {
                xml.push_str(" nillable=\"true\"");
            }
            write!(xml, " type=\"{kind}\"/>").expect("a String takes all");
        }
        xml.push_str("</xs:sequence>");
    }
}
