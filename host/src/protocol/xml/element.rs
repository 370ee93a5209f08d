//! Every element of the contract, by namespace and local name. Prefixes are the sender's choice, so readers match
//! on [`Element`] and never on text.

use super::super::names::{NS_ARRAYS, NS_DATA, NS_MIRRORING, NS_SOAP, NS_XSI, Operation};

/// A namespace as far as the contract knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum Namespace {
    /// No namespace at all.
    None,
    Soap,
    Mirroring,
    Data,
    Arrays,
    Xsi,
    /// Any other.
    Other,
}

impl Namespace {
    pub(super) fn of(uri: &str) -> Self {
        match uri {
            "" => Self::None,
            NS_SOAP => Self::Soap,
            NS_MIRRORING => Self::Mirroring,
            NS_DATA => Self::Data,
            NS_ARRAYS => Self::Arrays,
            NS_XSI => Self::Xsi,
            _ => Self::Other,
        }
    }
}

/// An element of the contract, or [`Element::Unknown`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum Element {
    // SOAP
    Envelope,
    Header,
    Body,
    Fault,
    // SOAP 1.1 puts a fault's parts into no namespace
    FaultCode,
    FaultString,
    /// An `Envelope` of another namespace: another version of SOAP.
    ForeignEnvelope,
    // messages
    SignedToken,
    Request(Operation),
    Response(Operation),
    ClientState,
    Tables,
    DataBatches,
    /// `TableName` of `WipeRequest`.
    WipedTable,
    ChangedTables,
    IsSuccessful,
    ErrorMessage,
    SignedApplicationToken,
    SupportedInterfaces,
    MirroringBuild,
    AdditionalInformationJson,
    MirrorLsn,
    // data
    TableSchemaInfo,
    Columns,
    TableName,
    ColumnInfo,
    DefaultValue,
    IsNullable,
    Name,
    Type,
    TableLsn,
    Lsn,
    RowDataBatch,
    Data,
    TableInfo,
    RowData,
    ColumnValues,
    RowOperation,
    ReplicationSummary,
    Deletes,
    Inserts,
    Updates,
    /// `string` of `ArrayOfstring`: a cell.
    Cell,
    Unknown,
}

impl Element {
    pub(super) fn of(namespace: Namespace, local: &str) -> Self {
        match namespace {
            Namespace::Soap => match local {
                "Envelope" => Self::Envelope,
                "Header" => Self::Header,
                "Body" => Self::Body,
                "Fault" => Self::Fault,
                _ => Self::Unknown,
            },
            Namespace::Mirroring => Self::of_message(local),
            Namespace::Data => Self::of_data(local),
            Namespace::Arrays if local == "string" => Self::Cell,
            Namespace::None => match local {
                "faultcode" => Self::FaultCode,
                "faultstring" => Self::FaultString,
                "Envelope" => Self::ForeignEnvelope,
                _ => Self::Unknown,
            },
            Namespace::Other if local == "Envelope" => Self::ForeignEnvelope,
            Namespace::Arrays | Namespace::Xsi | Namespace::Other => Self::Unknown,
        }
    }

    fn of_message(local: &str) -> Self {
        match local {
            "SignedToken" => Self::SignedToken,
            "ClientState" => Self::ClientState,
            "Tables" => Self::Tables,
            "DataBatches" => Self::DataBatches,
            "TableName" => Self::WipedTable,
            "ChangedTables" => Self::ChangedTables,
            "IsSuccessful" => Self::IsSuccessful,
            "ErrorMessage" => Self::ErrorMessage,
            "SignedApplicationToken" => Self::SignedApplicationToken,
            "SupportedInterfaces" => Self::SupportedInterfaces,
            "SuperOfficeMirroringBuild" => Self::MirroringBuild,
            "AdditionalInformationJson" => Self::AdditionalInformationJson,
            "MirrorLSN" => Self::MirrorLsn,
            _ => Operation::from_request_element(local).map_or_else(
                || {
                    let answered = Operation::ALL.into_iter().find(|operation| operation.response_element() == local);
                    answered.map_or(Self::Unknown, Self::Response)
                },
                Self::Request,
            ),
        }
    }

    fn of_data(local: &str) -> Self {
        match local {
            "TableSchemaInfo" => Self::TableSchemaInfo,
            "Columns" => Self::Columns,
            "TableName" => Self::TableName,
            "ColumnInfo" => Self::ColumnInfo,
            "DefaultValue" => Self::DefaultValue,
            "IsNullable" => Self::IsNullable,
            "Name" => Self::Name,
            "Type" => Self::Type,
            "TableLSN" => Self::TableLsn,
            "LSN" => Self::Lsn,
            "RowDataBatch" => Self::RowDataBatch,
            "Data" => Self::Data,
            "TableInfo" => Self::TableInfo,
            "RowData" => Self::RowData,
            "ColumnValues" => Self::ColumnValues,
            "Operation" => Self::RowOperation,
            "ReplicationSummary" => Self::ReplicationSummary,
            "Deletes" => Self::Deletes,
            "Inserts" => Self::Inserts,
            "Updates" => Self::Updates,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_its_namespace_and_its_local_name() {
        assert_eq!(Element::of(Namespace::Mirroring, "TableName"), Element::WipedTable);
        assert_eq!(Element::of(Namespace::Data, "TableName"), Element::TableName);
        assert_eq!(Element::of(Namespace::Other, "TableName"), Element::Unknown);
        assert_eq!(Element::of(Namespace::Mirroring, "RowDataRequest"), Element::Request(Operation::RowData));
        assert_eq!(Element::of(Namespace::Mirroring, "WipeResponse"), Element::Response(Operation::Wipe));
        assert_eq!(Element::of(Namespace::Mirroring, "wiperesponse"), Element::Unknown);
        assert_eq!(
            Element::of(Namespace::of("http://www.w3.org/2003/05/soap-envelope"), "Envelope"),
            Element::ForeignEnvelope
        );
    }
}
