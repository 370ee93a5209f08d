"""A client that zeep generates from the service's own description, calling all five operations.

    python call_all.py URL-OF-THE-WSDL TOKEN

URL-OF-THE-WSDL is the service's `?wsdl` or `?singleWsdl`, or a file; TOKEN is what the SOAP header carries. Prints
one line of JSON per answer and exits with 1 if one was not successful. The texts of the rows are the ones that are
hard to carry; `--print` writes the RowData envelope instead of calling anything.

Needs `pip install zeep`.
"""

import json
import sys

import zeep
from lxml import etree
from zeep.helpers import serialize_object

MIRRORING = "http://www.superoffice.com/online/mirroring/0.1"
DATA = "http://schemas.datacontract.org/2004/07/SuperOffice.Online.Mirroring.Contract.V1"
ARRAYS = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"

TABLE = "zeep_texts"
COLUMNS = [("id", "int", False), ("body", "nvarchar(max)", True)]

# Every text that is hard to carry and that XML can hold raw. lxml refuses the control characters that XML 1.0
# forbids, so those are put in as references afterwards, as .NET writes them.
TEXTS = [
    "plain",
    "",
    None,
    " leading and trailing ",
    "\tonly tab and feed\n",
    "carriage\rreturn\r\n",
    "[I:5] not a number",
    "emoji \U0001F600 \u00e6\u00f8\u00e5",
    "<b> & ]]> \"quoted\"",
    "controls \ue000\ue001\ue002\ue003",
]
# Stand-ins from the private use area, and what they become.
CONTROLS = {"\ue000": "&#x1;", "\ue001": "&#xB;", "\ue002": "&#x0;", "\ue003": "&#xFFFE;"}


class Transport(zeep.Transport):
    """Puts the references in just before sending."""

    def post_xml(self, address, envelope, headers):
        body = etree.tostring(envelope, encoding="utf-8", xml_declaration=True).decode("utf-8")
        for stand_in, reference in CONTROLS.items():
            body = body.replace(stand_in, reference)
        return self.post(address, body.encode("utf-8"), headers)


def row_data(client):
    data = client.type_factory(DATA)
    arrays = client.type_factory(ARRAYS)
    info = data.TableSchemaInfo(
        Columns=data.ArrayOfColumnInfo(
            [data.ColumnInfo(DefaultValue="", IsNullable=nullable, Name=name, Type=kind) for name, kind, nullable in COLUMNS]
        ),
        TableName=TABLE,
    )
    rows = [
        data.RowData(
            ColumnValues=arrays.ArrayOfstring([f"[I:{number}]", zeep.xsd.Nil if text is None else text]),
            Operation="I",
        )
        for number, text in enumerate(TEXTS, start=1)
    ]
    batch = data.RowDataBatch(Data=data.ArrayOfRowData(rows), LSN=1, TableInfo=info)
    return info, data.ArrayOfRowDataBatch([batch])


def main(arguments):
    only_print = "--print" in arguments
    arguments = [argument for argument in arguments if argument != "--print"]
    if len(arguments) != 2:
        sys.exit(__doc__)
    wsdl, token = arguments
    client = zeep.Client(wsdl, transport=Transport())
    header = {"SignedToken": token}
    data = client.type_factory(DATA)
    info, batches = row_data(client)

    if only_print:
        print("operations:", ", ".join(sorted(name for name in dir(client.service) if name[0] != "_")))
        envelope = client.create_message(
            client.service, "RowData", ClientState="", DataBatches=batches, _soapheaders=header
        )
        print(etree.tostring(envelope, pretty_print=True, encoding="unicode"))
        return 0

    calls = [
        ("Authenticate", {"ClientState": ""}),
        ("TableSchema", {"ClientState": "", "Tables": data.ArrayOfTableSchemaInfo([info])}),
        ("Wipe", {"ClientState": "", "TableName": TABLE}),
        ("RowData", {"ClientState": "", "DataBatches": batches}),
        (
            "ReplicationCompleted",
            {
                "ClientState": "",
                "ChangedTables": data.ArrayOfReplicationSummary(
                    [data.ReplicationSummary(Deletes=0, Inserts=len(TEXTS), TableName=TABLE, Updates=0)]
                ),
            },
        ),
    ]
    failed = False
    for name, arguments in calls:
        answer = serialize_object(client.service[name](**arguments, _soapheaders=header), dict)
        print(json.dumps({"operation": name, "answer": answer}))
        failed = failed or not answer["IsSuccessful"]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
