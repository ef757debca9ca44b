/**
 * The options of `[relay]` about sessions with other hosts: how long each step may take, and how many there are. What
 * they are to the transport.
 */
import type { z } from "zod";
import { SECOND } from "../shared/config/common.js";
import { readConfigFile } from "../shared/config/load.js";
import { count, duration, path, table } from "../shared/config/option.js";
import { EXIT, ExitError } from "../shared/exit.js";
import type { Log } from "../shared/log.js";
import type { ConnectionCounts } from "./send/connections.js";
import type { StageTimes } from "./send/stage-times.js";
import { Transport } from "./send/transport.js";

export const sessionOptions = {
  ca_file: path()
    .optional()
    .describe(
      "Certificates of authorities, PEM, that are trusted beside those that Node.js knows, where TLS must be.",
    ),
  connect_time: duration(100).prefault("30s").describe("How long a connection to another host may take."),
  greeting_time: duration(100)
    .prefault("5m")
    .describe("How long that host may take to greet (the times of RFC 5321 §4.5.3.2, here and below)."),
  command_time: duration(100)
    .prefault("5m")
    .describe("How long it may take to reply to MAIL, RCPT, and any command that is not listed here."),
  data_start_time: duration(100).prefault("2m").describe("How long it may take to reply to DATA."),
  data_block_time: duration(100)
    .prefault("3m")
    .describe("How long it may take no more of a message while that is sent."),
  data_end_time: duration(100)
    .prefault("10m")
    .describe("How long it may take to reply to the end of a message."),
  connections: count(1, 10_000).prefault(100).describe("Connections to other hosts in all."),
  connections_per_host: count(1, 10_000).prefault(20).describe("Connections to one of them."),
  messages_per_connection: count(1, 100_000)
    .prefault(100)
    .describe("Messages that a connection carries before it is closed."),
  idle_time: duration(0, 60 * SECOND)
    .prefault("5s")
    .describe("How long a connection that has nothing to carry waits for another message."),
  connection_time: duration(SECOND)
    .prefault("5m")
    .describe("How old a connection may be that is to carry another message."),
} as const;

const sessionTable = table(sessionOptions);
export type SessionConfig = z.output<typeof sessionTable>;

/** Reads the authorities and makes the transport. Throws an ExitError that names the file when it cannot be used. */
export async function openTransport(
  config: { readonly hostname: string; readonly relay: SessionConfig },
  now: () => number,
  log: Log,
): Promise<Transport> {
  const { relay, hostname } = config;
  const trusted = relay.ca_file === undefined ? undefined : await readConfigFile(relay.ca_file);
  try {
    return new Transport({ hostname, times: timesOf(relay), counts: countsOf(relay), trusted, now, log });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ExitError(EXIT.configuration, `${relay.ca_file}: holds no certificates (${reason})`);
  }
}

function timesOf(relay: SessionConfig): StageTimes {
  return {
    connectMs: relay.connect_time,
    greetingMs: relay.greeting_time,
    commandMs: relay.command_time,
    dataMs: relay.data_start_time,
    blockMs: relay.data_block_time,
    endMs: relay.data_end_time,
  };
}

function countsOf(relay: SessionConfig): ConnectionCounts {
  return {
    total: relay.connections,
    perHost: relay.connections_per_host,
    messages: relay.messages_per_connection,
    idleMs: relay.idle_time,
    ageMs: relay.connection_time,
  };
}
