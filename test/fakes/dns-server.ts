/**
 * A DNS server that answers from a script, on UDP and TCP of one free port of 127.0.0.1.
 *
 *     const dns = await DnsServer.start({
 *       "example.net": { MX: [[10, "mx1.example.net"], [20, "mx2.example.net"]] },
 *       "mx1.example.net": { A: ["127.0.0.2"], AAAA: ["::1"] },
 *       "mx2.example.net": { trouble: "SERVFAIL" },
 *       "null.example": { MX: [[0, "."]] },
 *       "alias.example": { CNAME: "example.net" },
 *       "slow.example": { A: ["127.0.0.3"], trouble: { MX: "silence" } },
 *     });
 *     …                                      // [dns] servers = ["${dns.address}"]
 *     dns.zone["example.net"] = {…};         // from now on
 *     await dns.stop();
 *
 * A name that is not in the zone does not exist (NXDOMAIN); one without records of the type that is asked for has none
 * (NODATA). CNAMEs are followed within the zone, as the resolvers do that daemons ask. An answer too long for UDP is
 * truncated there, and is whole by TCP. What was asked is in `queries`.
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import {
  formatAnswer,
  parseQuestion,
  type Question,
  RCODE,
  type RecordType,
  type ResourceRecord,
} from "./dns-message.js";

export type Zone = Record<string, Records>;

export interface Records {
  readonly A?: readonly string[];
  readonly AAAA?: readonly string[];
  readonly MX?: readonly (readonly [preference: number, exchange: string])[];
  readonly TXT?: readonly string[];
  readonly CNAME?: string;
  /** False: the answer has the CNAME alone, as from a server that knows only its own zones. */
  readonly chase?: boolean;
  /** What happens instead of an answer: to every question, or to those of a type. */
  readonly trouble?: Trouble | Readonly<Partial<Record<RecordType, Trouble>>>;
}

export type Trouble =
  | "SERVFAIL"
  | "NXDOMAIN"
  | "REFUSED"
  | "NOTIMP"
  | "FORMERR"
  /** No answer at all. */
  | "silence"
  /** Octets that are no DNS message. */
  | "garbage"
  /** An answer with the right beginning that ends in the middle of a record. */
  | "cut"
  /** The answer to a question that was not asked. */
  | "stray"
  /** By UDP only the hint to ask by TCP, and there nothing. */
  | "truncated for ever";

export interface Query {
  readonly name: string;
  readonly type: RecordType | undefined;
  readonly protocol: "UDP" | "TCP";
}

/** A CNAME may lead to a CNAME; so far and no farther. */
const CNAMES_MAX = 16;
/** The port that UDP got may be taken for TCP. */
const BINDING_TRIES = 20;

export class DnsServer {
  readonly zone: Zone;
  /** In the order in which they came. */
  readonly queries: Query[] = [];
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();

  private constructor(zone: Zone, udp: UdpSocket, tcp: Server) {
    this.zone = zone;
    this.#udp = udp;
    this.#tcp = tcp;
    udp.on("message", (message, { port, address }) => {
      const answer = this.#answer(message, "UDP");
      if (answer !== undefined) udp.send(answer, port, address);
    });
    tcp.on("connection", (socket) => this.#serve(socket));
  }

  static async start(zone: Zone = {}): Promise<DnsServer> {
    for (let tries = BINDING_TRIES; ; tries--) {
      const udp = createSocket("udp4");
      udp.bind(0, "127.0.0.1");
      await once(udp, "listening");
      const tcp = createServer();
      try {
        tcp.listen(udp.address().port, "127.0.0.1");
        await once(tcp, "listening");
        return new DnsServer(zone, udp, tcp);
      } catch (error) {
        udp.close();
        if (tries === 1) throw error;
      }
    }
  }

  /** `127.0.0.1:port`, as [dns] servers takes it. */
  get address(): string {
    return `127.0.0.1:${this.#udp.address().port}`;
  }

  /** How often a name was asked for, of one type or of any. */
  asked(name: string, type?: RecordType): number {
    return this.queries.filter((query) => query.name === name && (type ?? query.type) === query.type).length;
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    const closed = Promise.all([once(this.#udp, "close"), once(this.#tcp, "close")]);
    this.#udp.close();
    this.#tcp.close();
    await closed;
  }

  /** RFC 1035 §4.2.2: by TCP a message has its length before it, and there may be several. */
  #serve(socket: Socket): void {
    this.#connections.add(socket);
    let pending = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("close", () => this.#connections.delete(socket));
    socket.on("data", (octets) => {
      pending = Buffer.concat([pending, octets]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const end = 2 + pending.readUInt16BE(0);
        const answer = this.#answer(pending.subarray(2, end), "TCP");
        pending = pending.subarray(end);
        if (answer === undefined) continue;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        socket.write(Buffer.concat([length, answer]));
      }
    });
  }

  #answer(message: Buffer, protocol: "UDP" | "TCP"): Buffer | undefined {
    const question = parseQuestion(message);
    if (question === undefined) return undefined;
    this.queries.push({ name: question.name, type: question.type, protocol });
    const trouble = troubleOf(this.zone[question.name], question.type);
    if (trouble !== undefined) return troubled(trouble, question, protocol);
    const { rcode, records } = this.#lookUp(question);
    const answer = formatAnswer(question, rcode, records);
    return protocol === "UDP" && answer.length > question.udpSizeMax
      ? formatAnswer(question, rcode, [], true)
      : answer;
  }

  #lookUp({ name, type }: Question): { rcode: number; records: ResourceRecord[] } {
    const records: ResourceRecord[] = [];
    let owner = name;
    for (let hops = 0; hops < CNAMES_MAX; hops++) {
      const entry = this.zone[owner];
      if (entry === undefined || troubleOf(entry, type) === "NXDOMAIN")
        return { rcode: RCODE.NXDOMAIN, records };
      if (entry.CNAME === undefined) {
        records.push(...recordsOf(owner, entry, type));
        return { rcode: RCODE.NOERROR, records };
      }
      records.push({ name: owner, data: { type: "CNAME", value: entry.CNAME } });
      if (type === "CNAME" || entry.chase === false) return { rcode: RCODE.NOERROR, records };
      owner = entry.CNAME.toLowerCase();
    }
    return { rcode: RCODE.SERVFAIL, records: [] };
  }
}

function troubleOf(entry: Records | undefined, type: RecordType | undefined): Trouble | undefined {
  const trouble = entry?.trouble;
  if (trouble === undefined || typeof trouble === "string") return trouble;
  return type && trouble[type];
}

function recordsOf(name: string, entry: Records, type: RecordType | undefined): ResourceRecord[] {
  switch (type) {
    case "MX":
      return (entry.MX ?? []).map(([preference, exchange]) => ({
        name,
        data: { type, preference, exchange },
      }));
    case "A":
    case "AAAA":
    case "TXT":
      return (entry[type] ?? []).map((value) => ({ name, data: { type, value } }));
    default:
      return [];
  }
}

function troubled(trouble: Trouble, question: Question, protocol: "UDP" | "TCP"): Buffer | undefined {
  switch (trouble) {
    case "silence":
      return undefined;
    case "garbage":
      return Buffer.from("this is no DNS message, but it is long enough for one");
    case "cut": {
      const record: ResourceRecord = {
        name: question.name,
        data: { type: "MX", preference: 1, exchange: "mx" },
      };
      return formatAnswer(question, RCODE.NOERROR, [record]).subarray(0, -3);
    }
    case "stray":
      return formatAnswer({ ...question, id: question.id ^ 1 }, RCODE.NOERROR, []);
    case "truncated for ever":
      return protocol === "UDP" ? formatAnswer(question, RCODE.NOERROR, [], true) : undefined;
    default:
      return formatAnswer(question, RCODE[trouble], []);
  }
}
