/** The options of the command pillarbox. */
import { resolve } from "node:path";
import type { Argv } from "yargs";
import { EXIT, ExitError } from "../../shared/exit.js";
import { PORT_NAMES, type PortName, type Ports, portOption, STANDARD_PORTS } from "./layout.js";

const PORT_MAX = 65_535;

const SPOKEN: Readonly<Record<PortName, string>> = {
  smtp: "For SMTP as between mail servers (0, here and below: any port that is free)",
  submission: "For SMTP from mail programs, with a login",
  pop3: "For POP3",
  pop3s: "For POP3 over TLS",
};

export function withOptions(args: Argv): Argv {
  args.option("directory", {
    type: "string",
    requiresArg: true,
    default: "./pillarbox-sandbox",
    describe: "Where everything lies; made when it is missing",
  });
  for (const name of PORT_NAMES) {
    args.option(portOption(name), {
      type: "string",
      requiresArg: true,
      default: String(STANDARD_PORTS[name]),
      describe: SPOKEN[name],
    });
  }
  return args;
}

type ParsedOptions = Readonly<Record<string, unknown>>;

/** The directory of a parsed command line, absolute. Throws an ExitError (64). */
export function directoryFrom({ directory }: ParsedOptions): string {
  if (typeof directory === "string" && directory !== "") return resolve(directory);
  throw new ExitError(EXIT.usage, "--directory must be a path, once");
}

/** The ports of a parsed command line. Throws an ExitError (64) for what is no port and for one that is given twice. */
export function portsFrom(options: ParsedOptions): Ports {
  const port = (name: PortName) => readPort(portOption(name), options[portOption(name)]);
  const ports = {
    smtp: port("smtp"),
    submission: port("submission"),
    pop3: port("pop3"),
    pop3s: port("pop3s"),
  };
  const chosen = Object.values(ports).filter((number) => number !== 0);
  const twice = chosen.find((number, i) => chosen.indexOf(number) !== i);
  if (twice !== undefined) throw new ExitError(EXIT.usage, `port ${twice} cannot be used for two things`);
  return ports;
}

function readPort(option: string, value: unknown): number {
  const port = typeof value === "string" && /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN;
  if (port <= PORT_MAX) return port;
  throw new ExitError(EXIT.usage, `--${option} must be a port, once: a number from 0 to ${PORT_MAX}`);
}
