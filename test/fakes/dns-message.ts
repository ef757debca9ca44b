/** DNS messages (RFC 1035 §4) as a scripted server needs them: a question in, an answer out; no compression of names. Pure. */

export type RecordType = "A" | "AAAA" | "CNAME" | "MX" | "TXT";

/** What a record says, as its type has it. */
export type RecordData =
  | { readonly type: "A" | "AAAA" | "CNAME" | "TXT"; readonly value: string }
  | { readonly type: "MX"; readonly preference: number; readonly exchange: string };

export interface ResourceRecord {
  readonly name: string;
  readonly data: RecordData;
}

export interface Question {
  readonly id: number;
  /** In lower case, without the last dot. */
  readonly name: string;
  /** Undefined for types that are not known here. */
  readonly type: RecordType | undefined;
  /** The largest answer that the client takes by UDP (RFC 6891 §6.2.3). */
  readonly udpSizeMax: number;
  /** As it was sent: an answer repeats it, in the same case. */
  readonly octets: Buffer;
}

/** RFC 1035 §4.1.1, RCODE */
export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;

const TYPES: Readonly<Record<RecordType, number>> = { A: 1, CNAME: 5, MX: 15, TXT: 16, AAAA: 28 };
const TYPE_OPT = 41;
const CLASS_IN = 1;
const HEADER_OCTETS = 12;
const UDP_OCTETS = 512;
const TTL_SECONDS = 300;

/** Reads a query with one question. Undefined for anything else. */
export function parseQuestion(message: Buffer): Question | undefined {
  if (message.length < HEADER_OCTETS || message.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = HEADER_OCTETS;
  for (let length = message[at]; length !== undefined && length > 0; length = message[at]) {
    labels.push(message.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  at += 1;
  if (message.length < at + 4) return undefined;
  const number = message.readUInt16BE(at);
  const after = at + 4;
  const hasOpt = message.length >= after + 5 && message.readUInt16BE(after + 1) === TYPE_OPT;
  return {
    id: message.readUInt16BE(0),
    name: labels.join(".").toLowerCase(),
    type: RECORD_TYPES.find((type) => TYPES[type] === number),
    udpSizeMax: hasOpt ? Math.max(UDP_OCTETS, message.readUInt16BE(after + 3)) : UDP_OCTETS,
    octets: message.subarray(HEADER_OCTETS, after),
  };
}

const RECORD_TYPES: readonly RecordType[] = ["A", "AAAA", "CNAME", "MX", "TXT"];

/** An answer to a question; `truncated` says that there would be more (RFC 1035 §4.1.1, TC). */
export function formatAnswer(
  question: Question,
  rcode: number,
  records: readonly ResourceRecord[],
  truncated = false,
): Buffer {
  const header = Buffer.alloc(HEADER_OCTETS);
  header.writeUInt16BE(question.id, 0);
  // A response; recursion desired, and available.
  header.writeUInt16BE(0x8180 | (truncated ? 0x0200 : 0) | rcode, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  return Buffer.concat([header, question.octets, ...records.map(formatRecord)]);
}

function formatRecord({ name, data }: ResourceRecord): Buffer {
  const octets = formatData(data);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(TYPES[data.type], 0);
  fixed.writeUInt16BE(CLASS_IN, 2);
  fixed.writeUInt32BE(TTL_SECONDS, 4);
  fixed.writeUInt16BE(octets.length, 8);
  return Buffer.concat([formatName(name), fixed, octets]);
}

function formatData(data: RecordData): Buffer {
  switch (data.type) {
    case "A":
      return Buffer.from(data.value.split(".").map(Number));
    case "AAAA":
      return formatIPv6(data.value);
    case "CNAME":
      return formatName(data.value);
    case "MX": {
      const preference = Buffer.alloc(2);
      preference.writeUInt16BE(data.preference);
      return Buffer.concat([preference, formatName(data.exchange)]);
    }
    case "TXT": {
      const text = Buffer.from(data.value);
      return Buffer.concat([Buffer.from([text.length]), text]);
    }
  }
}

/** Labels of any octets; the root is "" or ".". */
function formatName(name: string): Buffer {
  const labels = name.split(".").filter((label) => label !== "");
  const octets = labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, "latin1")]);
  return Buffer.concat([...octets, Buffer.from([0])]);
}

function formatIPv6(address: string): Buffer {
  const [head = "", tail] = address.split("::");
  const groups = (text: string) =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const left = groups(head);
  const right = groups(tail ?? "");
  const octets = Buffer.alloc(16);
  for (const [i, group] of left.entries()) octets.writeUInt16BE(group, 2 * i);
  for (const [i, group] of right.entries()) octets.writeUInt16BE(group, 16 - 2 * (right.length - i));
  return octets;
}
