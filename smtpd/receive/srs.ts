/**
 * The Sender Rewriting Scheme: reverse-paths of forwarded mail that are ours, so that the next host's SPF check is about us, and
 * that lead bounces back to the sender. Pure.
 *
 *   alice@them.example                       SRS0=HHHHHHHH=TT=them.example=alice@us.example
 *   SRS0=…@us.example at another forwarder   SRS1=HHHHHHHH=us.example==…@forwarder.example
 *
 * `HHHHHHHH` is a keyed hash over the rest, `TT` the day in base 32, modulo 1024. A local-part may come back in another case, so
 * both are compared in lower case. Only what we have signed leads anywhere, and no longer than a bounce may take: nobody can use
 * it to send through us to whom they like. (SRS1 has no date; the first forwarder, to whom it leads, knows its own.)
 *
 * There may be several secrets: the first signs, each of them verifies, so that a new one can take over in good time.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { type Mailbox, parseDomain, parseLocalPart } from "../../shared/address.js";

const DIGITS = "abcdefghijklmnopqrstuvwxyz234567";
const HASH_DIGITS = 8;
const DAY_MS = 86_400_000;
const DAYS_MODULUS = 1024;
/** Longer than anybody tries to deliver a message, and a bounce after that. */
const AGE_DAYS_MAX = 21;

export class Srs {
  readonly #secrets: readonly string[];
  readonly #domain: string;
  readonly #ourDomains: ReadonlySet<string>;

  /**
   * @param secrets the first signs
   * @param domain of the addresses made
   * @param ourDomains whose senders need no other reverse-path, since we are their host
   */
  constructor(secrets: readonly string[], domain: string, ourDomains: ReadonlySet<string>) {
    this.#secrets = secrets;
    this.#domain = domain;
    this.#ourDomains = ourDomains;
  }

  /** The reverse-path of mail that is sent on; undefined where it can stay what it is. */
  forward(reversePath: Mailbox | undefined, now: number): Mailbox | undefined {
    if (reversePath === undefined || this.#ourDomains.has(reversePath.domain)) return undefined;
    const { localPart, domain } = reversePath;
    const srs0 = /^SRS0([=+-].*)$/is.exec(localPart)?.[1];
    const srs1 = /^SRS1[=+-][^=]*=([^=]+)=(.*)$/is.exec(localPart);
    const rest =
      srs0 !== undefined
        ? { tag: "SRS1", text: `${domain}=${srs0}` }
        : srs1 !== null
          ? { tag: "SRS1", text: `${srs1[1]}=${srs1[2]}` }
          : { tag: "SRS0", text: `${formatDay(dayOf(now))}=${domain}=${localPart}` };
    const made = `${rest.tag}=${hashOf(this.#secrets[0] ?? "", rest.tag, rest.text)}=${rest.text}`;
    const checked = canBeLocalPart(made) ? made : undefined;
    return checked === undefined ? undefined : { localPart: checked, domain: this.#domain };
  }

  /** Whether a local-part is of this scheme, rightly or not. */
  static isMeant({ localPart }: Mailbox): boolean {
    return /^SRS[01][=+-]/i.test(localPart);
  }

  /** To whom a bounce for this mailbox goes; undefined when we have not signed it, or too long ago. */
  reverse({ localPart }: Mailbox, now: number): Mailbox | undefined {
    const [, tag = "", hash = "", text = ""] = /^(SRS[01])[=+-]([^=]+)=(.*)$/is.exec(localPart) ?? [];
    if (!this.#isSigned(tag, hash, text)) return undefined;
    return tag.endsWith("0") ? reverse0(text, now) : reverse1(text);
  }

  #isSigned(tag: string, hash: string, text: string): boolean {
    const found = Buffer.from(hash.toLowerCase());
    return this.#secrets.some((secret) => {
      const right = Buffer.from(hashOf(secret, tag, text));
      return right.length === found.length && timingSafeEqual(right, found);
    });
  }
}

function hashOf(secret: string, tag: string, text: string): string {
  const octets = createHmac("sha256", secret).update(`${tag}=${text}`.toLowerCase()).digest();
  return [...octets.subarray(0, HASH_DIGITS)].map((octet) => DIGITS[octet % DIGITS.length]).join("");
}

function reverse0(text: string, now: number): Mailbox | undefined {
  const [, day = "", domain = "", localPart = ""] = /^([a-z2-7]{2})=([^=]+)=(.*)$/is.exec(text) ?? [];
  const age = (dayOf(now) - parseDay(day) + DAYS_MODULUS) % DAYS_MODULUS;
  return age <= AGE_DAYS_MAX ? mailboxOf(localPart, domain) : undefined;
}

function reverse1(text: string): Mailbox | undefined {
  const [, domain = "", rest = ""] = /^([^=]+)=([=+-].*)$/is.exec(text) ?? [];
  return mailboxOf(`SRS0${rest}`, domain);
}

function mailboxOf(localPart: string, domain: string): Mailbox | undefined {
  const parsed = parseDomain(domain);
  return parsed === undefined || localPart === "" ? undefined : { localPart, domain: parsed };
}

function canBeLocalPart(text: string): boolean {
  return parseLocalPart(text) === text || parseLocalPart(`"${text.replace(/["\\]/g, "\\$&")}"`) === text;
}

function dayOf(now: number): number {
  return Math.floor(now / DAY_MS) % DAYS_MODULUS;
}

function formatDay(day: number): string {
  return `${DIGITS[Math.floor(day / 32)]}${DIGITS[day % 32]}`;
}

function parseDay(text: string): number {
  return [...text.toLowerCase()].reduce((value, digit) => value * 32 + DIGITS.indexOf(digit), 0);
}
