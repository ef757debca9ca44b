/** What is to be done about a recipient, after what happened (hop.ts). Types only, for now. */

export interface Disposition {
  /** `next host`: another host of the destination may know better; without one, it is deferred. */
  readonly kind: "delivered" | "next host" | "defer" | "bounce";
  /** RFC 3463, `4.4.1`. */
  readonly status: string;
  /** What happened, in our words. */
  readonly text: string;
}
