/**
 * Finding out before anything is started that a port cannot be had, so that the error can name the option that
 * changes it. Someone may still take it in between; then the daemon says so itself.
 */
import { createServer } from "node:net";
import { EXIT, ExitError, hasCode } from "../../shared/exit.js";
import { ADDRESS, PORT_NAMES, type PortName, type Ports, portOption } from "./layout.js";

/** Throws an ExitError that names every port that is taken (75) or reserved for root (77). */
export async function expectFreePorts(ports: Ports): Promise<void> {
  const errors = await Promise.all(PORT_NAMES.map((name) => whyUnavailable(name, ports[name])));
  const found = errors.filter((error) => error !== undefined);
  const [first] = found;
  if (first === undefined) return;
  throw new ExitError(first.exitCode, found.map((error) => error.message).join("\n"));
}

async function whyUnavailable(name: PortName, port: number): Promise<ExitError | undefined> {
  try {
    await bindOnce(port);
    return undefined;
  } catch (error) {
    const remedy = `choose another with --${portOption(name)} (0 is any that is free)`;
    if (hasCode(error, "EADDRINUSE")) {
      return new ExitError(EXIT.temporary, `port ${port} of ${ADDRESS} is taken: ${remedy}`);
    }
    if (hasCode(error, "EACCES")) {
      return new ExitError(EXIT.permission, `port ${port} of ${ADDRESS} is not for this user: ${remedy}`);
    }
    throw error;
  }
}

function bindOnce(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, ADDRESS, () => server.close(() => resolve()));
  });
}
