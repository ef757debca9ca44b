import assert from "node:assert/strict";
import { test } from "node:test";
import type { NotifyEvent } from "../../../smtpd/protocol/dsn-request.js";
import { forwardedRequest, owesExpanded } from "../../../smtpd/receive/forwarded-request.js";

type Notify = readonly NotifyEvent[] | undefined;
const ORCPT = "rfc822;staff@example.org";

const rows: readonly (readonly [targets: number, notify: Notify, passedOn: Notify, expanded: boolean])[] = [
  [1, undefined, undefined, false],
  [1, [], [], false],
  [1, ["SUCCESS"], ["SUCCESS"], false],
  [1, ["SUCCESS", "FAILURE", "DELAY"], ["SUCCESS", "FAILURE", "DELAY"], false],
  [2, undefined, undefined, false],
  [2, [], [], false],
  [2, ["FAILURE"], ["FAILURE"], false],
  [2, ["SUCCESS"], [], true],
  [3, ["SUCCESS", "FAILURE", "DELAY"], ["FAILURE", "DELAY"], true],
];

for (const [targets, notify, passedOn, expanded] of rows)
  test(`an alias of ${targets} with NOTIFY ${notify?.join(",") ?? "unsaid"}`, () => {
    for (const orcpt of [undefined, ORCPT]) {
      assert.deepEqual(forwardedRequest({ notify, orcpt }, targets), { notify: passedOn, orcpt });
      assert.equal(owesExpanded({ notify, orcpt }, targets), expanded);
    }
  });
