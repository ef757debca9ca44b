/** Where a recipient goes: ours, routes, smarthost, its own domain. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseMailbox } from "../../../shared/address.js";
import { parseConfig } from "../../../shared/config/load.js";
import { smtpdSchema } from "../../../smtpd/config.js";
import { destinationKey, destinationOf, routingOf } from "../../../smtpd/send/destination.js";

const DOMAINS = 'domains = ["example.org"]\n';
const ROUTES = `
[[route]]
domain = "lists.test"
host = "lmtp:unix:/run/lists.sock"
[[route]]
domain = ".example.net"
host = "mail.example.net:587"
username = "u"
password_file = "/p"
[[route]]
domain = "direct.example.net"
tls = "must"
[[route]]
domain = ".sub.example.net"
host = "lmtp:[::1]:24"
[[route]]
domain = "[192.0.2.1]"
host = "192.0.2.2"
`;
const SMARTHOST = '[relay]\nsmarthost = "smart.test"\ntls = "never"\nport = 2525\n';
const ALL = '[[route]]\ndomain = "*"\nhost = "all.test:26"\n';
/** A route for a domain of ours is never asked for. */
const OURS = '[[route]]\ndomain = "example.org"\nhost = "elsewhere.test:25"\n';

const rows: readonly (readonly [config: string, recipient: string, key: string])[] = [
  ["", "u@example.org", "local"],
  ["", "u@a.test", "a.test may"],
  ["", "u@[192.0.2.1]", "[192.0.2.1] may"],
  ["", "u@[IPv6:2001:db8::1]", "[2001:db8::1] may"],
  ['[relay]\ntls = "must"\n', "u@a.test", "a.test must"],
  [OURS + ALL, "u@example.org", "local"],
  [SMARTHOST, "u@example.org", "local"],
  [SMARTHOST, "u@a.test", "smtp smart.test MX 2525 never"],
  [SMARTHOST, "u@[192.0.2.1]", "smtp smart.test MX 2525 never"],
  [ROUTES, "u@lists.test", "lmtp /run/lists.sock may"],
  [ROUTES, "u@sub.lists.test", "sub.lists.test may"],
  [ROUTES, "u@example.net", "smtp mail.example.net 587 must u /p"],
  [ROUTES, "u@a.b.example.net", "smtp mail.example.net 587 must u /p"],
  [ROUTES, "u@notexample.net", "notexample.net may"],
  [ROUTES, "u@direct.example.net", "direct.example.net must"],
  [ROUTES, "u@below.direct.example.net", "smtp mail.example.net 587 must u /p"],
  [ROUTES, "u@sub.example.net", "lmtp ::1 24 may"],
  [ROUTES, "u@x.sub.example.net", "lmtp ::1 24 may"],
  [ROUTES, "u@[192.0.2.1]", "smtp 192.0.2.2 25 may"],
  [ROUTES, "u@[192.0.2.3]", "[192.0.2.3] may"],
  [SMARTHOST + ROUTES, "u@direct.example.net", "direct.example.net must"],
  [SMARTHOST + ROUTES, "u@lists.test", "lmtp /run/lists.sock may"],
  [SMARTHOST + ROUTES, "u@other.test", "smtp smart.test MX 2525 never"],
  [SMARTHOST + ROUTES, "u@[192.0.2.1]", "smtp 192.0.2.2 2525 may"],
  [SMARTHOST + ROUTES + ALL, "u@other.test", "smtp all.test 26 may"],
  [SMARTHOST + ROUTES + ALL, "u@[192.0.2.3]", "smtp all.test 26 may"],
  [ROUTES + ALL, "u@example.net", "smtp mail.example.net 587 must u /p"],
];

describe("mail", () => {
  for (const [toml, recipient, key] of rows) {
    test(`for ${recipient} goes to ${key}${toml === "" ? "" : `, as ${toml.trim().split("\n").join(" ")} says`}`, () => {
      assert.equal(destinationKey(destinationFor(toml, recipient)), key);
    });
  }

  test("for an account stays here, whatever its domain", () => {
    assert.equal(destinationKey(destinationFor(ALL, "u@elsewhere.test", "alice@example.org")), "local");
  });
});

test("destinations that differ in what matters have different keys", () => {
  const host = (extra: string) => destinationKey(destinationFor(`[relay]\nsmarthost = ${extra}`, "u@a.test"));
  const keys = [
    host('"b.test:25"'),
    host('"b.test:26"'),
    host('"b.test"'),
    host('"b.test:25"\ntls = "must"'),
    host('"b.test:25"\nusername = "u"\npassword_file = "/p"'),
    host('"b.test:25"\nusername = "v"\npassword_file = "/p"'),
    host('"lmtp:b.test:26"'),
    destinationKey(destinationFor("", "u@a.test")),
    destinationKey(destinationFor("", "u@[192.0.2.1]")),
  ];
  assert.equal(new Set(keys).size, keys.length);
});

function destinationFor(toml: string, recipient: string, account?: string) {
  const config = parseConfig("smtpd.toml", DOMAINS + toml, smtpdSchema);
  const forwardPath = parseMailbox(recipient);
  assert.ok(forwardPath);
  return destinationOf({ account, forwardPath }, { domains: new Set(config.domains) }, routingOf(config));
}
