/**
 * The last field of an accounts file's entry, Dovecot's extra fields: `userdb_quota_rule=*:storage=1G nopassword`, parted by
 * spaces. Pure. What a field means is known where it is used, and whoever wants one reports what is wrong with it; most
 * are Dovecot's alone.
 */

/** The extra fields by name. A name without "=" has an empty value; of a name that comes twice the last one counts. */
export function readExtraFields(extra: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const field of extra.split(/\s+/)) {
    if (field === "") continue;
    const [, name = "", value = ""] = /^([^=]*)=?(.*)$/s.exec(field) ?? [];
    fields.set(name, value);
  }
  return fields;
}
