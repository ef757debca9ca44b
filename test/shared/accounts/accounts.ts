/** Accounts for tests, in memory. */
import type { Account, Accounts } from "../../../shared/accounts/account.js";
import { maildirAt } from "../../../shared/maildir/maildir.js";

/** Accounts of example.org: password fields by local-part. */
export function accountsOf(passwords: Readonly<Record<string, string>>): Accounts {
  const accounts = new Map(
    Object.entries(passwords).map(([name, password]): [string, Account] => {
      const address = `${name}@example.org`;
      const home = `/srv/mail/example.org/${name}`;
      return [address, { address, password, home, maildir: maildirAt(`${home}/Maildir`), extra: new Map() }];
    }),
  );
  return { size: accounts.size, find: (address) => accounts.get(address), all: () => accounts.values() };
}
