/**
 * SASL LOGIN, which no RFC describes and old mail programs insist on: the name, then the password, each asked for. The name
 * may come with the command, as an initial response. Pure.
 */
import { decodeText } from "../text.js";
import { type Challenge, MALFORMED, type Mechanism, type Turn, verdictOf } from "./mechanism.js";

export const LOGIN: Mechanism = {
  name: "LOGIN",
  begin: () =>
    ask("Username:", (username) =>
      ask("Password:", (password) => ({
        kind: "check",
        check: { kind: "password", username, password },
        take: verdictOf,
      })),
    ),
};

function ask(question: string, take: (answer: string) => Turn): Challenge {
  return {
    kind: "challenge",
    octets: Buffer.from(question),
    respond: (response) => {
      const answer = decodeText(response);
      return !answer || answer.includes("\0") ? MALFORMED : take(answer);
    },
  };
}
