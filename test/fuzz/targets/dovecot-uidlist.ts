/** A `dovecot-uidlist`: UIDs that can be, names without a path, and a line that is being written is none yet. */
import assert from "node:assert/strict";
import { parseUidlist } from "../../../pop3d/former-server/dovecot-uidlist.js";
import type { Target } from "../target.js";

export const dovecotUidlist: Target = {
  name: "dovecot-uidlist",
  tokens: [
    "3 V1795317529 N15 G00\n",
    "1 1795317529 15\n",
    "11 :1.host\n",
    "12 P :2.host,S=3:2,S\n",
    " Pid",
    " G0a",
    " W1",
    "4294967295",
  ],
  check: (octets) => {
    const text = octets.toString("latin1");
    const list = parseUidlist(text, ":");
    if (text.endsWith("\n"))
      assert.deepEqual(parseUidlist(`${text}4294967294 :`, ":"), list, "a line being written");
    if (list === undefined) return;
    assert.ok(list.uidValidity > 0 && list.uidValidity < 2 ** 32);
    const uids = [...list.entries.values()].map(({ uid }) => uid);
    assert.equal(new Set(uids).size, uids.length);
    for (const [base, { uid, uidl, guid }] of list.entries) {
      assert.ok(Number.isInteger(uid) && uid > 0 && uid < 2 ** 32 - 1);
      assert.ok(!/[/:\n]/.test(base));
      for (const field of [uidl, guid]) assert.ok(field === undefined || !/[ \n]/.test(field));
    }
  },
};
