"""A client that zeep generates from the service's own description calls all five operations of a real `speil serve`;
what it sent is then looked for in the mirror's file.

    python call_all.py SPEIL FOLDER

SPEIL is the binary, FOLDER an empty folder to work in. Three parts, each with a tenant of its own:

1. zeep, from `?wsdl` and from `?singleWsdl`: all five operations, every text that lxml lets through;
2. by hand: the texts that lxml refuses, as .NET writes them;
3. by hand: one document in the two spellings of section 2, to two tables, which must hold the same rows.

Ends with a line that counts the checks; exits with 1 if anything differs. Needs `pip install zeep`.
"""

import os
import sqlite3
import sys

import zeep
from zeep.helpers import serialize_object

import by_hand
from by_hand import ARRAYS, DATA
from host import Checks, Host

OPERATIONS = ["Authenticate", "ReplicationCompleted", "RowData", "TableSchema", "Wipe"]
TABLE = "zeep_texts"
COLUMNS = [("id", "int", False, ""), ("body", "nvarchar(max)", True, "")]

# Every text that is hard to carry and that XML 1.0 can hold.
TEXTS = [
    "plain",
    "",
    None,
    "  leading",
    "trailing  ",
    " ",
    "\tonly tab and feed\n",
    "\n",
    "\r",
    "carriage\rreturn\r\n",
    "[I:5] not a number",
    "[I:5]",
    "[DT:05/18/2020 10:40:43.0000000]",
    "NULL",
    "emoji \U0001F600 \U0001F469\u200D\U0001F469\u200D\U0001F467",
    "\u00e6\u00f8\u00e5 \u6771\u4eac \u0634 e\u0301 \u2028 \u0085 \u00a0 \ufeff",
    "<b> & ]]> \"quoted\" 'single' <![CDATA[x]]> &amp; &#x0;",
    "'; DROP TABLE zeep_texts; --",
    "long " * 20_000,
]

# What XML 1.0 forbids and .NET sends as references all the same.
CONTROLS = [
    "\x00",
    "nul\x00inside",
    "\x01",
    "vertical\x0btab",
    "form\x0cfeed",
    "\x1b[31mred",
    "unit\x1fseparator",
    "\ufffe",
    "end\uffff",
    "all of them: " + "".join(map(chr, range(0x20))),
]


def rows_of(host, tenant, table):
    """A table's rows in the mirror."""
    with sqlite3.connect(f"{host.mirror(tenant).as_uri()}?mode=ro", uri=True) as db:
        return db.execute(f'SELECT * FROM "{table}" ORDER BY id').fetchall()


def lsn_of(host, tenant, table):
    with sqlite3.connect(f"{host.mirror(tenant).as_uri()}?mode=ro", uri=True) as db:
        return db.execute(f'SELECT LSN FROM "{tenant}_mirroring" WHERE tablename = ?', (table,)).fetchone()[0]


def same_texts(checks, name, rows, texts):
    checks.equal(f"{name}: number of rows", len(rows), len(texts))
    for number, text in enumerate(texts, start=1):
        found = dict(rows).get(number, "(no such row)")
        checks.equal(f"{name}: text {number}", found, text)


def generated(checks, host, tenant, wsdl):
    """Part 1: a client generated from this description."""
    client = zeep.Client(wsdl)
    service = client.wsdl.services["MirroringClientService"]
    port = service.ports["BasicHttpsBinding_IMirroringClientService"]
    checks.equal(f"{wsdl}: operations", sorted(port.binding._operations), OPERATIONS)
    checks.equal(f"{wsdl}: address", port.binding_options["address"].lower(), host.url.lower())
    data, arrays = client.type_factory(DATA), client.type_factory(ARRAYS)
    info = data.TableSchemaInfo(
        Columns=data.ArrayOfColumnInfo(
            [
                data.ColumnInfo(DefaultValue=default, IsNullable=nullable, Name=name, Type=kind)
                for name, kind, nullable, default in COLUMNS
            ]
        ),
        TableName=TABLE,
    )
    batch = lambda texts, lsn: data.ArrayOfRowDataBatch(  # noqa: E731
        [
            data.RowDataBatch(
                Data=data.ArrayOfRowData(
                    [
                        data.RowData(
                            ColumnValues=arrays.ArrayOfstring(
                                [f"[I:{number}]", zeep.xsd.Nil if text is None else text]
                            ),
                            Operation="I",
                        )
                        for number, text in enumerate(texts, start=1)
                    ]
                ),
                LSN=lsn,
                TableInfo=info,
            )
        ]
    )
    counts = data.ArrayOfReplicationSummary(
        [data.ReplicationSummary(Deletes=0, Inserts=len(TEXTS), TableName=TABLE, Updates=0)]
    )
    nonce = os.urandom(16).hex()

    def call(operation, token=None, **arguments):
        token = token or host.token(tenant)
        answer = client.service[operation](ClientState="", **arguments, _soapheaders={"SignedToken": token})
        answer = serialize_object(answer, dict)
        checks.equal(f"{wsdl}: {operation}", (answer["IsSuccessful"], answer["ErrorMessage"] or ""), (True, ""))
        return answer

    answer = call("Authenticate", token=host.token(tenant, nonce))
    checks.true(f"{wsdl}: the answer is signed", host.signed(answer["SignedApplicationToken"], nonce))
    checks.equal(f"{wsdl}: SupportedInterfaces", answer["SupportedInterfaces"], "1")
    lsns = lambda answer: [  # noqa: E731
        (table["TableName"], table["LSN"]) for table in answer["MirrorLSN"]["TableLSN"]
    ]
    tables = data.ArrayOfTableSchemaInfo([info])
    checks.equal(f"{wsdl}: a new table", lsns(call("TableSchema", Tables=tables)), [(TABLE, -1)])
    call("Wipe", TableName=TABLE)
    call("RowData", DataBatches=batch(TEXTS, 17))
    call("ReplicationCompleted", ChangedTables=counts)
    checks.equal(f"{wsdl}: its LSN", lsns(call("TableSchema", Tables=tables)), [(TABLE, 17)])
    same_texts(checks, wsdl, rows_of(host, tenant, TABLE), TEXTS)
    checks.equal(f"{wsdl}: the LSN in the mirror", lsn_of(host, tenant, TABLE), 17)

    # A token that is no good is a refusal that zeep can read, and a fault one that it can raise.
    refused = client.service.Wipe(ClientState="", TableName=TABLE, _soapheaders={"SignedToken": "a.b.c"})
    checks.equal(f"{wsdl}: a bad token", (refused.IsSuccessful, refused.ErrorMessage), (False, "The signed token is malformed."))
    try:
        client.service.Wipe(ClientState="", TableName=TABLE)
        checks.true(f"{wsdl}: no token is a fault", False)
    except zeep.exceptions.Fault as fault:
        checks.true(f"{wsdl}: no token is the client's fault, not {fault.code}", fault.code.endswith(":Client"))
    checks.equal(f"{wsdl}: after both", len(rows_of(host, tenant, TABLE)), len(TEXTS))

    # What lxml cannot write goes by hand in part 2; if that changes, it belongs here.
    for text in CONTROLS:
        try:
            client.create_message(client.service, "RowData", ClientState="", DataBatches=batch([text], 18))
            checks.true(f"{wsdl}: lxml refuses {text!r}", False)
        except ValueError:
            checks.true(f"{wsdl}: lxml refuses {text!r}", True)


def mirrored_by_hand(checks, host, tenant, spelling, table, columns, rows):
    def call(operation, inner):
        return by_hand.call(host.url, spelling, host.token(tenant), operation, inner)

    name = f"{type(spelling).__name__} by hand"
    good, message, _ = call("TableSchema", by_hand.table_schema(spelling, [(table, columns)]))
    checks.equal(f"{name}: TableSchema", (good, message or ""), (True, ""))
    good, message, _ = call("RowData", by_hand.row_data(spelling, table, columns, rows, 23))
    checks.equal(f"{name}: RowData", (good, message or ""), (True, ""))
    _, _, lsns = call("TableSchema", by_hand.table_schema(spelling, [(table, columns)]))
    checks.equal(f"{name}: LSN", lsns, {table: 23})
    return rows_of(host, tenant, table)


def controls(checks, host):
    """Part 2: the characters that XML 1.0 forbids, in both spellings, beside those it does not."""
    texts = CONTROLS + TEXTS
    rows = [("I", [f"[I:{number}]", text]) for number, text in enumerate(texts, start=1)]
    for spelling in (by_hand.DotNet(), by_hand.Mono()):
        name = f"{type(spelling).__name__} by hand"
        tenant = f"CustControls{type(spelling).__name__}"
        found = mirrored_by_hand(checks, host, tenant, spelling, TABLE, COLUMNS, rows)
        same_texts(checks, name, found, texts)


def spellings(checks, host):
    """Part 3: one document of every kind of value, spelled twice, gives the same rows."""
    columns = [
        ("id", "int", False, ""),
        ("name", "nvarchar(100)", False, "default (N'')"),
        ("rank", "smallint", False, "default ((-1))"),
        ("registered", "datetime", True, "default (N'1760-01-01 00:00:00')"),
        ("amount", "decimal(18,2)", True, ""),
        ("factor", "float", True, ""),
        ("photo", "varbinary(max)", True, ""),
        ("at", "time(7)", True, ""),
    ]
    rows = [
        ("I", ["[I:1]", "Ann", "[S:0]", "[DT:05/18/2020 10:40:43.1230000]", "[F:123.45]", "[F:0.5]", "[B:AAEC/w==]", "[T:14:52]"]),
        ("I", ["[I:2]", "", "[S:-1]", "[DT:01/01/1760 00:00:00.0000000]", None, None, None, None]),
        ("I", ["[I:3]", " a\r\nb\x0b ]]> <&> \U0001F600 ", "[S:7]", "", "", "", "", ""]),
        ("I", ["[I:4]", "gone", "[S:7]", None, "[F:1]", "[F:1E+15]", "[B:]", "[T:23:59:59.9999999]"]),
        ("U", ["[I:1]", "Ann-Marie", "[S:1]", None, "[F:-1]", "[F:-0.25]", "[B:AA==]", None]),
        ("D", ["[I:4]", None, None, None, None, None, None, None]),
    ]
    expected = [
        (1, "Ann-Marie", 1, None, -0.25),
        (2, "", -1, "1760-01-01 00:00:00", None),
        (3, " a\r\nb\x0b ]]> <&> \U0001F600 ", 7, None, None),
    ]
    found = {}
    for spelling in (by_hand.DotNet(), by_hand.Mono()):
        name = type(spelling).__name__
        table = f"spelled_{name}"
        found[name] = mirrored_by_hand(checks, host, f"CustSpelled{name}", spelling, table, columns, rows)
        seen = [(row[0], row[1], row[2], row[3], row[5]) for row in found[name]]
        checks.equal(f"{name}: rows", seen, expected)
    checks.equal("both spellings: rows", found["DotNet"], found["Mono"])
    checks.equal("both spellings: number of rows", len(found["DotNet"]), 3)


def main(arguments):
    if len(arguments) != 2:
        sys.exit(__doc__)
    # The server is on this machine: no proxy in between.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    checks = Checks()
    with Host(*arguments) as host:
        generated(checks, host, "CustWsdl", f"{host.url}?wsdl")
        generated(checks, host, "CustSingleWsdl", f"{host.url}?singleWsdl")
        controls(checks, host)
        spellings(checks, host)
    checks.equal("speil serve ended in order", host.exit_code, 0)
    return checks.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
