/** A `courierpop3dsizelist`: unique-ids that can be sent, and a line that cannot be read takes nothing with it. */
import assert from "node:assert/strict";
import { parseCourierList } from "../../../pop3d/former-server/courier-list.js";
import type { Target } from "../target.js";

export const courierList: Target = {
  name: "courier-list",
  tokens: [
    "/3 5 1795317347\n",
    "/2 5 0\n",
    "1.host,S=17:2,S 24 1:1795317347:0\n",
    "2.host 3 0:0\n",
    " ",
    ":",
    "\xff",
    "'+\"",
  ],
  check: (octets) => {
    const text = octets.toString("latin1");
    const ids = parseCourierList(text, ":");
    if (text.includes("\n")) assert.deepEqual(parseCourierList(`${text}\nno line of a list`, ":"), ids);
    for (const [base, id] of ids ?? []) {
      assert.ok(!base.includes(":") && !base.includes("\n"));
      assert.match(id, /^[!-~]*$/);
    }
  },
};
