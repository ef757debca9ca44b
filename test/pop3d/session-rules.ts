/** What holds for the pure sessions of tests that have nothing to say about it: no limit is in their way. */
import type { SessionRules } from "../../pop3d/authorization.js";
import { sitePolicy } from "../../pop3d/policy.js";

export const RULES: SessionRules = {
  hostname: "mail.example.org",
  tls: false,
  stls: false,
  plaintextAuth: true,
  offer: { takesScram: true, takesTokens: true },
  loginFailuresMax: 3,
  mistakes: { most: 1000, delayMs: 0 },
  language: "en",
  site: sitePolicy({ expireMs: Number.POSITIVE_INFINITY, loginDelaySeconds: 0 }, []),
  implementation: "pillarbox",
  nonAsciiHeaders: "surrogate",
};
