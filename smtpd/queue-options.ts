/** The options of smtpd.toml about the queue: when mail is tried again, when it is given up, and how much goes on at once. */
import type { z } from "zod";
import { choice, count, duration, list, optionalTable } from "../shared/config/option.js";

/** The shortest interval between two attempts. */
const INTERVAL_MS_MIN = 100;

// RFC 5321 §4.5.4.1: half an hour at least in general, "more sophisticated" at first; four to five days in all.
export const queueOptions = optionalTable({
  retry: list(duration(INTERVAL_MS_MIN), 'a list of times, such as ["5m", "30m", "2h"]', 1)
    .prefault(["5m", "10m", "20m", "40m", "1h", "2h", "4h"])
    .describe(
      "How long to wait after an attempt that failed, after the second, and so on; the last one repeats. Each is up to an eighth longer, by chance.",
    ),
  lifetime: duration(INTERVAL_MS_MIN)
    .prefault("5d")
    .describe(
      "How long after its arrival a message is tried for the last time; then its sender is told that it failed.",
    ),
  delay_warning: duration()
    .prefault("4h")
    .describe(
      'How long after its arrival the sender of a message is told that it is delayed; "0s" for never.',
    ),
  concurrency: count(1, 10_000).prefault(100).describe("Deliveries at once."),
  per_destination: count(1, 10_000).prefault(20).describe("Deliveries at once to one destination."),
  undeliverable_notices: choice(["drop", "postmaster"])
    .prefault("drop")
    .describe(
      'What becomes of a notice, or another message with a null reverse-path, that cannot be delivered: "drop" (the log has its envelope) or "postmaster" (he gets it).',
    ),
});

export type QueueConfig = z.output<typeof queueOptions>;
