/**
 * The aliases file, aliases(5): which addresses stand for which others. Pure; the file is read by directory.ts.
 *
 *   postmaster: alice                      in each of our domains
 *   sales@example.org: alice, bob          in this one
 *   @example.net: carol@example.org        catch-all: whatever has no mailbox of its own
 *
 * A target without a domain is one of the default domain. A line that begins with white space continues the one
 * before. There are no pipes, files or includes: mail must not start programs. A target that is the alias itself
 * (`alice: alice, bob`) means the account of that name; any other way back to the start is a loop, and an error.
 */
import { type Mailbox, mailboxKey, parseLocalPart, parseMailbox } from "../../shared/address.js";

/** Targets by key: `alice@example.org`, `@example.org`, or `alice` alone for all domains. */
export type Aliases = ReadonlyMap<string, readonly Mailbox[]>;

/** What a line has wrong. */
export interface AliasError {
  readonly line: number;
  readonly reason: string;
}

export const NO_ALIASES: Aliases = new Map();

/** More than this is work for a mailing list manager. */
const TARGETS_MAX = 1000;

/** Reads the text of an aliases file. All that is wrong is told at once; then none of it should be used. */
export function parseAliases(
  text: string,
  defaultDomain: string,
): { aliases: Aliases; errors: readonly AliasError[] } {
  const aliases = new Map<string, readonly Mailbox[]>();
  const lineOf = new Map<string, number>();
  const errors: AliasError[] = [];
  for (const { line, content } of logicalLines(text)) {
    const entry = parseEntry(content, defaultDomain);
    errors.push(...entry.errors.map((reason) => ({ line, reason })));
    if (entry.key === undefined) continue;
    const earlier = lineOf.get(entry.key);
    if (earlier !== undefined) {
      errors.push({ line, reason: `${quoted(entry.key)} is already on line ${earlier}` });
      continue;
    }
    lineOf.set(entry.key, line);
    aliases.set(entry.key, entry.targets);
  }
  for (const loop of findLoops(aliases)) {
    errors.push({
      line: lineOf.get(loop[0] ?? "") ?? 0,
      reason: `the alias leads back to itself: ${loop.join(" → ")}`,
    });
  }
  return { aliases, errors: errors.sort((a, b) => a.line - b.line) };
}

/** The targets for exactly this mailbox: no detail removed, no catch-all. */
export function targetsOf(aliases: Aliases, mailbox: Mailbox): readonly Mailbox[] | undefined {
  return aliases.get(mailboxKey(mailbox)) ?? aliases.get(mailbox.localPart.toLowerCase());
}

/** The targets of a domain's catch-all. */
export function catchAllOf(aliases: Aliases, domain: string): readonly Mailbox[] | undefined {
  return aliases.get(`@${domain}`);
}

function* logicalLines(text: string): Generator<{ line: number; content: string }> {
  let current: { line: number; content: string } | undefined;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const content = raw.trim();
    if (content === "" || content.startsWith("#")) continue;
    if (/^\s/.test(raw) && current !== undefined) {
      current.content += ` ${content}`;
      continue;
    }
    if (current !== undefined) yield current;
    current = { line: index + 1, content };
  }
  if (current !== undefined) yield current;
}

interface Entry {
  readonly key: string | undefined;
  readonly targets: readonly Mailbox[];
  readonly errors: readonly string[];
}

function parseEntry(content: string, defaultDomain: string): Entry {
  // The key ends at the first colon that is not inside quotes.
  const beforeColon = /^(?:[^":]|"(?:[^"\\]|\\.)*")*(?=:)/.exec(content)?.[0];
  const key = beforeColon === undefined ? undefined : parseKey(beforeColon.trim());
  if (beforeColon === undefined || key === undefined) {
    const allowed = 'allowed is "name: target, target", the name being a local-part, an address or @domain';
    return { key: undefined, targets: [], errors: [`found ${quoted(content)}; ${allowed}`] };
  }
  const targets: Mailbox[] = [];
  const errors: string[] = [];
  for (const text of splitTargets(content.slice(beforeColon.length + 1))) {
    const target = parseTarget(text, defaultDomain);
    if (typeof target === "string") errors.push(target);
    else targets.push(target);
  }
  if (targets.length + errors.length === 0) errors.push(`${quoted(key)} has no target`);
  if (targets.length > TARGETS_MAX) errors.push(`${quoted(key)} has more than ${TARGETS_MAX} targets`);
  return { key, targets, errors };
}

function parseKey(text: string): string | undefined {
  if (text.startsWith("@")) {
    const probe = parseMailbox(`x${text}`);
    return probe && `@${probe.domain}`;
  }
  const mailbox = parseMailbox(text);
  return mailbox ? mailboxKey(mailbox) : parseLocalPart(text)?.toLowerCase();
}

/** Splits at commas that are not inside quotes. */
function splitTargets(text: string): string[] {
  const targets = text.match(/(?:[^",]|"(?:[^"\\]|\\.)*"?)+/g) ?? [];
  return targets.map((target) => target.trim()).filter((target) => target !== "");
}

/** A target's mailbox, or the reason why it is none. */
function parseTarget(text: string, defaultDomain: string): Mailbox | string {
  if (/^"?[|/]|^:include:/i.test(text)) {
    return `found the target ${quoted(text)}; pipes, files and includes are not supported, only addresses are allowed`;
  }
  const mailbox = parseMailbox(text);
  if (mailbox !== undefined) return mailbox;
  const localPart = parseLocalPart(text);
  if (localPart !== undefined) return { localPart, domain: defaultDomain };
  return `found the target ${quoted(text)}; allowed is an address or a local-part`;
}

/** Every way that leads from an alias over others back to it, once each: depth-first, each alias entered once. */
function findLoops(aliases: Aliases): string[][] {
  const loops: string[][] = [];
  const finished = new Set<string>();
  const path = new Set<string>();
  const visit = (key: string): void => {
    if (finished.has(key)) return;
    path.add(key);
    for (const next of keysAfter(aliases, key)) {
      if (path.has(next)) {
        const way = [...path];
        loops.push([...way.slice(way.indexOf(next)), next]);
      } else visit(next);
    }
    path.delete(key);
    finished.add(key);
  };
  for (const key of aliases.keys()) visit(key);
  return loops;
}

/** The aliases that an alias's targets are in turn. A key for all domains and one for a single domain differ. */
function keysAfter(aliases: Aliases, key: string): string[] {
  const keys = (aliases.get(key) ?? []).flatMap((target) => {
    const exact = mailboxKey(target);
    if (aliases.has(exact)) return [exact];
    const everywhere = target.localPart.toLowerCase();
    return aliases.has(everywhere) ? [everywhere] : [];
  });
  return keys.filter((next) => next !== key);
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
