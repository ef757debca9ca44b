/**
 * What the command line asks of a running smtpd, and what it answers: files in the queue's control/ folder. Pure.
 *
 * | in control/     | means                                                                                          |
 * |-----------------|------------------------------------------------------------------------------------------------|
 * | `<id>.request`  | asked; whoever unlinks it decides: the daemon takes it up, or the one who asked withdraws it       |
 * | none            | taken up, or withdrawn                                                                         |
 * | `<id>.result`   | done, or refused; the one who asked reads it and removes it                                    |
 *
 * Both are written in tmp/ and renamed. Reading is strict: a request that is not exactly as it should be does nothing.
 */
import { z } from "zod";
import { QUEUE_ACTIONS, type QueueAction } from "./administer.js";
import {
  parseDomainCriterion,
  parseRecipientCriterion,
  parseSenderCriterion,
  type Selection,
} from "./selection.js";

export interface ControlRequest {
  readonly action: QueueAction;
  readonly selection: Selection;
  /** Milliseconds since 1970; it must not be taken up later, since then nobody waits for it any more. */
  readonly until: number;
}

export type ControlResult = ControlCounts | { readonly kind: "refused"; readonly reason: string };

export interface ControlCounts {
  readonly kind: "done";
  /** Messages that were meant. */
  readonly selected: number;
  /** Messages that are another now, or gone, and how many of their recipients. */
  readonly changed: number;
  readonly recipients: number;
  /** Messages that were meant and not touched, since they are being delivered right now. */
  readonly busy: number;
}

/** Octets of a request or a result: 10,000 values of some length. */
export const CONTROL_OCTETS_MAX = 1024 * 1024;
/** Values of one kind in a request. */
export const CRITERIA_MAX = 10_000;

/** What requests are called by; also the form of a queue id. */
const ID = "[0-9A-HJKMNP-TV-Z]{14}";
const REQUEST_NAME = new RegExp(`^(${ID})\\.request$`);

export function requestName(id: string): string {
  return `${id}.request`;
}

export function resultName(id: string): string {
  return `${id}.result`;
}

/** The id of a request, by the name of its file; undefined for any other file. */
export function requestIdOf(filename: string): string | undefined {
  return REQUEST_NAME.exec(filename)?.[1];
}

const criteria = (canonical: (text: string) => string | undefined) =>
  z.array(z.string().refine((text) => canonical(text) === text)).max(CRITERIA_MAX);

const queueId = new RegExp(`^${ID}$`);

const requestSchema = z.strictObject({
  action: z.enum(QUEUE_ACTIONS),
  selection: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("all") }),
    z
      .strictObject({
        kind: z.literal("matching"),
        queueIds: criteria((text) => (queueId.test(text) ? text : undefined)),
        recipients: criteria(parseRecipientCriterion),
        domains: criteria(parseDomainCriterion),
        senders: criteria(parseSenderCriterion),
      })
      // Else it would mean every message, which has to be said.
      .refine((selection) =>
        Object.values(selection).some((values) => Array.isArray(values) && values.length > 0),
      ),
  ]),
  until: z.int().nonnegative(),
});

const count = z.int().nonnegative();
const resultSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("done"),
    selected: count,
    changed: count,
    recipients: count,
    busy: count,
  }),
  z.strictObject({ kind: z.literal("refused"), reason: z.string().max(1000) }),
]);

/** Undefined for anything but what formatRequest wrote. */
export function parseRequest(octets: Buffer): ControlRequest | undefined {
  return requestSchema.safeParse(parseJson(octets)).data;
}

export function formatRequest(request: ControlRequest): string {
  return `${JSON.stringify(request)}\n`;
}

/** Undefined for anything but what formatResult wrote. */
export function parseResult(octets: Buffer): ControlResult | undefined {
  return resultSchema.safeParse(parseJson(octets)).data;
}

export function formatResult(result: ControlResult): string {
  return `${JSON.stringify(result)}\n`;
}

function parseJson(octets: Buffer): unknown {
  if (octets.length > CONTROL_OCTETS_MAX) return undefined;
  try {
    return JSON.parse(octets.toString());
  } catch {
    return undefined;
  }
}
