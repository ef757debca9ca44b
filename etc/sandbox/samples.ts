/** The messages that lie in the Maildir from the start, delivered as smtpd delivers them. */
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { FsyncDurable } from "../../shared/durable.js";
import { commitAll, Delivery } from "../../shared/maildir/deliver.js";
import type { Maildir } from "../../shared/maildir/maildir.js";
import { uniqueNames } from "../../shared/maildir/name.js";
import { HOSTNAME } from "./layout.js";

/** Beside package.json in a checkout and in an installed package alike; this file lies in dist/etc/sandbox/. */
const MESSAGES = fileURLToPath(new URL("../../../etc/sandbox/messages/", import.meta.url));

/** Delivers the samples, all or none, in the order of their file names. */
export async function deliverSamples(maildir: Maildir): Promise<void> {
  const durable = new FsyncDurable();
  const nextName = uniqueNames(HOSTNAME, process.pid, Date.now);
  const deliveries: Delivery[] = [];
  for (const file of (await readdir(MESSAGES)).sort()) {
    const delivery = await Delivery.begin(maildir, nextName(), durable);
    await delivery.write(await readFile(`${MESSAGES}/${file}`));
    await delivery.stage();
    deliveries.push(delivery);
  }
  await commitAll(deliveries, durable);
}
