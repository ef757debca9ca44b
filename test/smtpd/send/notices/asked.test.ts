import assert from "node:assert/strict";
import { test } from "node:test";
import type { NotifyEvent } from "../../../../smtpd/protocol/dsn-request.js";
import type { Action } from "../../../../smtpd/queue/envelope.js";
import { owes } from "../../../../smtpd/send/notices/asked.js";

const ACTIONS: readonly Action[] = ["failed", "delayed", "delivered", "relayed", "expanded"];

const rows: readonly (readonly [string, readonly NotifyEvent[] | undefined, readonly Action[]])[] = [
  ["nothing said", undefined, ["failed", "delayed"]],
  ["NEVER", [], []],
  ["FAILURE", ["FAILURE"], ["failed"]],
  ["DELAY", ["DELAY"], ["delayed"]],
  ["SUCCESS", ["SUCCESS"], ["delivered", "relayed", "expanded"]],
  ["FAILURE,DELAY", ["FAILURE", "DELAY"], ["failed", "delayed"]],
  ["SUCCESS,FAILURE", ["SUCCESS", "FAILURE"], ["failed", "delivered", "relayed", "expanded"]],
  ["SUCCESS,DELAY", ["SUCCESS", "DELAY"], ["delayed", "delivered", "relayed", "expanded"]],
  ["SUCCESS,FAILURE,DELAY", ["SUCCESS", "FAILURE", "DELAY"], ACTIONS],
];

for (const [name, notify, owed] of rows)
  test(`NOTIFY: ${name} asks for ${owed.join(", ") || "nothing"}`, () => {
    assert.deepEqual(
      ACTIONS.filter((action) => owes(notify, action)),
      owed,
    );
  });
