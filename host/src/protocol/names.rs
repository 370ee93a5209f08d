//! Names of the wire contract: XML namespaces and the five operations (protocol.md section 2).

/// Messages and the `SignedToken` header.
pub const NS_MIRRORING: &str = "http://www.superoffice.com/online/mirroring/0.1";
/// Data contracts: `TableSchemaInfo`, `RowDataBatch` and their kin.
pub const NS_DATA: &str = "http://schemas.datacontract.org/2004/07/SuperOffice.Online.Mirroring.Contract.V1";
/// `ArrayOfstring`.
pub const NS_ARRAYS: &str = "http://schemas.microsoft.com/2003/10/Serialization/Arrays";
/// `nil`, `type`.
pub const NS_XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// SOAP 1.1 envelope.
pub const NS_SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// What stands before the operation's name in a SOAPAction.
pub const ACTION_PREFIX: &str = "http://www.superoffice.com/online/mirroring/0.1/IMirroringClientService/";

/// One of the contract's five operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    Authenticate,
    TableSchema,
    RowData,
    Wipe,
    ReplicationCompleted,
}

impl Operation {
    /// All five, in the order of a cycle.
    pub const ALL: [Self; 5] =
        [Self::Authenticate, Self::TableSchema, Self::RowData, Self::Wipe, Self::ReplicationCompleted];

    /// The name on the wire, without `Request` or `Response`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authenticate => "Authenticate",
            Self::TableSchema => "TableSchema",
            Self::RowData => "RowData",
            Self::Wipe => "Wipe",
            Self::ReplicationCompleted => "ReplicationCompleted",
        }
    }

    /// The local name of the body element of a request.
    #[must_use]
    pub const fn request_element(self) -> &'static str {
        match self {
            Self::Authenticate => "AuthenticateRequest",
            Self::TableSchema => "TableSchemaRequest",
            Self::RowData => "RowDataRequest",
            Self::Wipe => "WipeRequest",
            Self::ReplicationCompleted => "ReplicationCompletedRequest",
        }
    }

    /// The local name of the body element of an answer.
    #[must_use]
    pub const fn response_element(self) -> &'static str {
        match self {
            Self::Authenticate => "AuthenticateResponse",
            Self::TableSchema => "TableSchemaResponse",
            Self::RowData => "RowDataResponse",
            Self::Wipe => "WipeResponse",
            Self::ReplicationCompleted => "ReplicationCompletedResponse",
        }
    }

    /// The SOAPAction value of a request, without quotes.
    #[must_use]
    pub fn action(self) -> String {
        format!("{ACTION_PREFIX}{}", self.name())
    }

    /// The operation of a name such as `RowData`; `None` for any other text.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }

    /// The operation whose request has this body element.
    #[must_use]
    pub fn from_request_element(local: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.request_element() == local)
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
