//! The service's description (protocol.md section 2), laid out as WCF does: `?wsdl` imports the schemas that
//! `?xsd=xsd0` and so on answer, `?singleWsdl` holds everything in one. .NET's, Java's and Python's tools build a
//! client from either.

mod schemas;

use std::fmt::Write as _;

use super::encode::escape::push_attribute;
use super::names::{NS_MIRRORING, Operation};
use schemas::SCHEMAS;

/// `?wsdl`: the description, with its schemas by reference. `url` is the service's own, as callers reach it.
#[must_use]
pub fn wsdl(url: &str) -> String {
    let mut types = format!("<xs:schema targetNamespace=\"{NS_MIRRORING}/Imports\">");
    for (number, schema) in SCHEMAS.iter().enumerate() {
        types.push_str("<xs:import schemaLocation=\"");
        push_attribute(&mut types, &schema_url(url, number));
        write!(types, "\" namespace=\"{}\"/>", schema.namespace).expect("a String takes all");
    }
    types.push_str("</xs:schema>");
    definitions(url, &types)
}

/// `?singleWsdl`: the description with its schemas inside.
#[must_use]
pub fn single_wsdl(url: &str) -> String {
    let types: String = SCHEMAS.iter().map(|schema| schema.to_xml(|_| None)).collect();
    definitions(url, &types)
}

/// `?xsd=xsd0` and so on: one schema, by the name after the equals sign; `None` when there is none of that name.
#[must_use]
pub fn xsd(url: &str, name: &str) -> Option<String> {
    let number = SCHEMAS.iter().enumerate().map(|(number, _)| number).find(|number| name == format!("xsd{number}"))?;
    let schema = SCHEMAS[number].to_xml(|namespace| {
        let number = SCHEMAS.iter().position(|schema| schema.namespace == namespace)?;
        Some(schema_url(url, number))
    });
    Some(format!("{DECLARATION}{schema}"))
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";
const SERVICE: &str = "MirroringClientService";
const PORT_TYPE: &str = "IMirroringClientService";
const BINDING: &str = "BasicHttpsBinding_IMirroringClientService";

fn schema_url(url: &str, number: usize) -> String {
    format!("{url}?xsd=xsd{number}")
}

/// The whole document around its types.
fn definitions(url: &str, types: &str) -> String {
    let mut xml = format!(
        "{DECLARATION}<wsdl:definitions name=\"{SERVICE}\" targetNamespace=\"{NS_MIRRORING}\" \
         xmlns:wsdl=\"http://schemas.xmlsoap.org/wsdl/\" xmlns:soap=\"http://schemas.xmlsoap.org/wsdl/soap/\" \
         xmlns:wsaw=\"http://www.w3.org/2006/05/addressing/wsdl\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:tns=\"{NS_MIRRORING}\"><wsdl:types>{types}</wsdl:types>"
    );
    for operation in Operation::ALL {
        push_messages(&mut xml, operation);
    }
    write!(xml, "<wsdl:portType name=\"{PORT_TYPE}\">").expect("a String takes all");
    for operation in Operation::ALL {
        push_operation(&mut xml, operation);
    }
    write!(
        xml,
        "</wsdl:portType><wsdl:binding name=\"{BINDING}\" type=\"tns:{PORT_TYPE}\">\
         <soap:binding transport=\"http://schemas.xmlsoap.org/soap/http\"/>"
    )
    .expect("a String takes all");
    for operation in Operation::ALL {
        push_bound_operation(&mut xml, operation);
    }
    write!(
        xml,
        "</wsdl:binding><wsdl:service name=\"{SERVICE}\"><wsdl:port name=\"{BINDING}\" binding=\"tns:{BINDING}\">\
         <soap:address location=\""
    )
    .expect("a String takes all");
    push_attribute(&mut xml, url);
    xml.push_str("\"/></wsdl:port></wsdl:service></wsdl:definitions>");
    xml
}

/// The request, its header and the answer.
fn push_messages(xml: &mut String, operation: Operation) {
    let (request, response) = (operation.request_element(), operation.response_element());
    write!(
        xml,
        "<wsdl:message name=\"{request}\"><wsdl:part name=\"parameters\" element=\"tns:{request}\"/></wsdl:message>\
         <wsdl:message name=\"{request}_Headers\"><wsdl:part name=\"SignedToken\" element=\"tns:SignedToken\"/>\
         </wsdl:message>\
         <wsdl:message name=\"{response}\"><wsdl:part name=\"parameters\" element=\"tns:{response}\"/></wsdl:message>"
    )
    .expect("a String takes all");
}

fn push_operation(xml: &mut String, operation: Operation) {
    let (request, response) = (operation.request_element(), operation.response_element());
    let action = operation.action();
    write!(
        xml,
        "<wsdl:operation name=\"{operation}\">\
         <wsdl:input name=\"{request}\" message=\"tns:{request}\" wsaw:Action=\"{action}\"/>\
         <wsdl:output name=\"{response}\" message=\"tns:{response}\" wsaw:Action=\"{action}Response\"/>\
         </wsdl:operation>"
    )
    .expect("a String takes all");
}

fn push_bound_operation(xml: &mut String, operation: Operation) {
    let (request, response) = (operation.request_element(), operation.response_element());
    write!(
        xml,
        "<wsdl:operation name=\"{operation}\"><soap:operation soapAction=\"{}\" style=\"document\"/>\
         <wsdl:input name=\"{request}\">\
         <soap:header message=\"tns:{request}_Headers\" part=\"SignedToken\" use=\"literal\"/>\
         <soap:body use=\"literal\"/></wsdl:input>\
         <wsdl:output name=\"{response}\"><soap:body use=\"literal\"/></wsdl:output></wsdl:operation>",
        operation.action()
    )
    .expect("a String takes all");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use quick_xml::Reader;
    use quick_xml::events::Event;

    use super::*;

    const URL: &str = "https://mirror.example/MirroringClientService.svc";

    /// Every attribute of this name on elements of this name.
    fn attributes(xml: &str, element: &str, attribute: &str) -> Vec<String> {
        let mut reader = Reader::from_str(xml);
        let mut found = Vec::new();
        loop {
            match reader.read_event().expect("the description is XML") {
                Event::Start(start) | Event::Empty(start) if start.name().0 == element => {
                    for one in start.attributes() {
                        let one = one.expect("attributes are XML");
                        if one.key.0 == attribute {
                            found.push(one.value.into_owned());
                        }
                    }
                }
                Event::Eof => return found,
                _ => {}
            }
        }
    }

    #[test]
    fn the_published_names_are_there() {
        for xml in [wsdl(URL), single_wsdl(URL)] {
            assert_eq!(attributes(&xml, "wsdl:service", "name"), ["MirroringClientService"]);
            assert_eq!(attributes(&xml, "wsdl:port", "name"), ["BasicHttpsBinding_IMirroringClientService"]);
            assert_eq!(attributes(&xml, "wsdl:portType", "name"), ["IMirroringClientService"]);
            assert_eq!(attributes(&xml, "soap:address", "location"), [URL]);
            let actions = Operation::ALL.map(Operation::action);
            assert_eq!(attributes(&xml, "soap:operation", "soapAction"), actions);
            assert_eq!(attributes(&xml, "soap:header", "part"), ["SignedToken"; 5]);
        }
    }

    #[test]
    fn every_imported_schema_is_answered_and_no_other() {
        let locations = attributes(&wsdl(URL), "xs:import", "schemaLocation");
        assert_eq!(locations, ["xsd0", "xsd1", "xsd2"].map(|name| format!("{URL}?xsd={name}")));
        let known: BTreeSet<_> = locations.iter().cloned().collect();
        for name in ["xsd0", "xsd1", "xsd2"] {
            let schema = xsd(URL, name).unwrap();
            for location in attributes(&schema, "xs:import", "schemaLocation") {
                assert!(known.contains(&location), "{location}");
            }
        }
        for name in ["xsd3", "xsd", "", "xsd00", "xsd+1", "XSD0"] {
            assert_eq!(xsd(URL, name), None, "{name}");
        }
    }

    #[test]
    fn the_single_description_needs_nothing_else() {
        assert_eq!(attributes(&single_wsdl(URL), "xs:import", "schemaLocation"), [""; 0]);
        assert_eq!(
            attributes(&single_wsdl(URL), "xs:schema", "targetNamespace"),
            SCHEMAS.map(|schema| schema.namespace)
        );
    }

    #[test]
    fn an_address_cannot_break_out_of_its_attribute() {
        let xml = single_wsdl("http://a/\"><x y=\"&<");
        assert_eq!(attributes(&xml, "soap:address", "location"), ["http://a/&quot;&gt;&lt;x y=&quot;&amp;&lt;"]);
        assert_eq!(attributes(&xml, "x", "y"), [""; 0]);
    }
}
