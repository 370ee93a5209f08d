"""Messages byte by byte, as .NET and as Mono write them (protocol.md section 2): for the characters that lxml refuses,
and to see that two spellings of one document are one document. Written here from the description of the two, and not by
the encoder that the server's own tests use."""

import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree

MIRRORING = "http://www.superoffice.com/online/mirroring/0.1"
DATA = "http://schemas.datacontract.org/2004/07/SuperOffice.Online.Mirroring.Contract.V1"
ARRAYS = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XSI = "http://www.w3.org/2001/XMLSchema-instance"


def escaped(text):
    """As .NET's writer: markup as entities, CR and what XML forbids as references, all else raw."""
    out = []
    for character in text:
        code = ord(character)
        if character in "&<>":
            out.append({"&": "&amp;", "<": "&lt;", ">": "&gt;"}[character])
        elif (code < 0x20 and character not in "\t\n") or code in (0xFFFE, 0xFFFF):
            out.append(f"&#x{code:X};")
        else:
            out.append(character)
    return "".join(out)


class DotNet:
    """Prefixes `s: h: a: b: i:`, declared where first needed; no XML declaration."""

    start = ""
    data, arrays = "a", "b"

    def header(self, token):
        return f'<h:SignedToken s:mustUnderstand="1" xmlns:h="{MIRRORING}">{token}</h:SignedToken>'

    def list(self, name, items):
        return f'<{name} xmlns:a="{DATA}" xmlns:i="{XSI}">{items}</{name}>'

    def empty(self, name):
        return f"<{name}/>"

    def nil(self, name):
        return f'<{name} i:nil="true"/>'


class Mono(DotNet):
    """Default namespaces, prefixes that count depth, a declaration, a space before `/>`."""

    start = '<?xml version="1.0" encoding="utf-8"?>'
    data, arrays = "d4p1", "d8p1"

    def header(self, token):
        return f'<SignedToken s:mustUnderstand="1" xmlns="{MIRRORING}">{token}</SignedToken>'

    def list(self, name, items):
        return f'<{name} xmlns:d4p1="{DATA}" xmlns:i="{XSI}">{items}</{name}>'

    def empty(self, name):
        return f"<{name} />"

    def nil(self, name):
        return f'<{name} i:nil="true" />'


def element(spelling, name, text):
    if text is None:
        return spelling.nil(name)
    return f"<{name}>{escaped(text)}</{name}>" if text else spelling.empty(name)


def table_info(spelling, table, columns):
    p = spelling.data
    text = "".join(
        f"<{p}:ColumnInfo>{element(spelling, p + ':DefaultValue', default)}"
        f"<{p}:IsNullable>{str(nullable).lower()}</{p}:IsNullable>"
        f"<{p}:Name>{escaped(name)}</{p}:Name><{p}:Type>{kind}</{p}:Type></{p}:ColumnInfo>"
        for name, kind, nullable, default in columns
    )
    return f"<{p}:Columns>{text}</{p}:Columns><{p}:TableName>{escaped(table)}</{p}:TableName>"


def table_schema(spelling, tables):
    p = spelling.data
    items = "".join(
        f"<{p}:TableSchemaInfo>{table_info(spelling, table, columns)}</{p}:TableSchemaInfo>" for table, columns in tables
    )
    return spelling.empty("ClientState") + spelling.list("Tables", items)


def row_data(spelling, table, columns, rows, lsn):
    p, b = spelling.data, spelling.arrays
    data = "".join(
        f'<{p}:RowData><{p}:ColumnValues xmlns:{b}="{ARRAYS}">'
        + "".join(element(spelling, f"{b}:string", cell) for cell in cells)
        + f"</{p}:ColumnValues><{p}:Operation>{operation}</{p}:Operation></{p}:RowData>"
        for operation, cells in rows
    )
    batch = (
        f"<{p}:RowDataBatch><{p}:Data>{data}</{p}:Data><{p}:LSN>{lsn}</{p}:LSN>"
        f"<{p}:TableInfo>{table_info(spelling, table, columns)}</{p}:TableInfo></{p}:RowDataBatch>"
    )
    return spelling.empty("ClientState") + spelling.list("DataBatches", batch)


def call(url, spelling, token, operation, inner):
    """Sends one operation. Answers IsSuccessful, ErrorMessage and the LSN of every table named."""
    body = (
        f'{spelling.start}<s:Envelope xmlns:s="{SOAP}"><s:Header>{spelling.header(token)}</s:Header><s:Body>'
        f'<{operation}Request xmlns="{MIRRORING}">{inner}</{operation}Request></s:Body></s:Envelope>'
    ).encode("utf-8")
    headers = {
        "Content-Type": "text/xml; charset=utf-8",
        "SOAPAction": f'"{MIRRORING}/IMirroringClientService/{operation}"',
    }
    request = urllib.request.Request(url, body, headers)
    # No proxy between a test and the server it has started.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as response:
            answer = ElementTree.fromstring(response.read())
    except urllib.error.HTTPError as fault:
        raise SystemExit(f"{operation} was answered by HTTP {fault.code}: {fault.read().decode()}") from fault
    found = answer.find(f".//{{{MIRRORING}}}{operation}Response")
    text = lambda parent, name: parent.findtext(f"{{{MIRRORING}}}{name}")  # noqa: E731
    lsns = {
        item.findtext(f"{{{DATA}}}TableName"): int(item.findtext(f"{{{DATA}}}LSN"))
        for item in answer.iter(f"{{{DATA}}}TableLSN")
    }
    return text(found, "IsSuccessful") == "true", text(found, "ErrorMessage"), lsns
