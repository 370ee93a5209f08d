// Tells a web address which rows changed, as JSON, as soon as they are durable in the mirror.

import { get } from "wasi:config/store@0.2.0-rc.1";
import { write } from "speil:mirror/log@0.1.0";
import { handle } from "wasi:http/outgoing-handler@0.2.12";
import { Fields, OutgoingBody, OutgoingRequest } from "wasi:http/types@0.2.12";

const utf8 = new TextEncoder();

/** The hook: its name is that of the interface, in JavaScript's spelling. */
export const rowsCommitted = {
  rowsCommitted(context, commit) {
    if (!wanted(commit.table)) return;
    const status = post(setting("url"), {
      tenant: context.tenant,
      table: commit.table,
      lsn: Number(commit.lsn),
      inserted: Number(commit.inserted),
      updated: Number(commit.updated),
      deleted: Number(commit.deleted),
      // "upserted" or "deleted", and the key as one text for each key column.
      changes: commit.changes.map(({ kind, key }) => ({ kind, key })),
      truncated: commit.truncated,
    });
    // What is thrown is the hook's error: its text is for the operator.
    if (status < 200 || status > 299) throw `the receiver answered ${status}`;
    write("debug", `told ${commit.changes.length} changes of ${commit.table}`);
  },
};

/** `tables` names those to tell of; without it all are told. */
function wanted(table) {
  const tables = get("tables");
  if (!tables) return true;
  return tables.split(",").some((one) => one.trim().toLowerCase() === table.toLowerCase());
}

function setting(key) {
  const value = get(key);
  if (!value) throw `[config] ${key} is missing`;
  return value;
}

/** Sends JSON and answers the status. */
function post(url, value) {
  const parts = /^(https?):\/\/([^/?#]+)([^#]*)$/i.exec(url);
  if (!parts) throw "[config] url must begin with http:// or https:// and name a host";
  const [, scheme, authority, path] = parts;

  const headers = new Fields();
  headers.append("content-type", utf8.encode("application/json"));
  const token = get("token");
  if (token) headers.append("authorization", utf8.encode(`Bearer ${token}`));

  const request = new OutgoingRequest(headers);
  request.setMethod({ tag: "post" });
  request.setScheme({ tag: scheme.toUpperCase() });
  request.setAuthority(authority);
  request.setPathWithQuery(path.startsWith("/") ? path : `/${path}`);

  const bytes = utf8.encode(JSON.stringify(value));
  const body = request.body();
  const future = handle(request, undefined);
  const stream = body.write();
  // A stream takes at most 4 KiB at once when it is waited for.
  for (let at = 0; at < bytes.length; at += 4096) {
    stream.blockingWriteAndFlush(bytes.subarray(at, at + 4096));
  }
  stream[Symbol.dispose]();
  OutgoingBody.finish(body, undefined);

  future.subscribe().block();
  // What the request came to, inside of whether it was asked for before.
  const { tag, val } = future.get().val;
  if (tag === "err") throw `${authority} cannot be reached: ${val.tag}`;
  return val.status();
}

// Only texts can be passed on, so that the operator reads them. A mistake in the code is an Error; what the host refuses comes as one, too,
// and says why in its payload.
for (const [name, hook] of Object.entries(rowsCommitted)) {
  rowsCommitted[name] = (...given) => {
    try {
      return hook(...given);
    } catch (error) {
      throw words(error);
    }
  };
}

function words(error) {
  if (typeof error === "string") return error;
  const { tag, val } = error?.payload ?? {};
  if (tag) return typeof val === "string" ? `${tag}: ${val}` : tag;
  return error instanceof Error ? `${error} (${error.stack.split("\n")[0]})` : String(error);
}
