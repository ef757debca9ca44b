/**
 * The last part of a notice: the message that it is about, or its header (RFC 3461 §6.2, RFC 6522 §3). Pure.
 *
 * | what is returned       | it is US-ASCII        | its header is UTF-8                        | neither                       |
 * |------------------------|-----------------------|--------------------------------------------|-------------------------------|
 * | the header             | text/rfc822-headers   | message/global-headers, encoded or 8bit    | text/rfc822-headers, encoded  |
 * | the message            | message/rfc822, 7bit  | message/global, encoded or 8bit            | message/rfc822, 8bit          |
 *
 * 8bit for the UTF-8 forms only in a notice that goes by SMTPUTF8 anyway (RFC 6533 §4.5): what another notice meets on its
 * way is not known. message/rfc822 must not be encoded (RFC 2046 §5.2.1): where it cannot travel as it is, for a line
 * that is too long, the header alone is returned.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { type BodyPart, encodablePart, plainEncoding } from "./body-part.js";

const WHOLE = "Undelivered message";
const HEADER = "Header of the message";

/** What is at hand of a message; both with LF line ends. */
export interface Original {
  /** Its header section, perhaps cut after a line; without the blank line. */
  readonly header: Buffer;
  /** All of it, where all of it is to be returned. */
  readonly whole: Buffer | undefined;
}

/** @param smtputf8 whether the notice goes by SMTPUTF8 */
export function returnedPart({ header, whole }: Original, smtputf8: boolean): BodyPart {
  return (
    (whole === undefined ? undefined : wholePart(header, whole, smtputf8)) ?? headerPart(header, smtputf8)
  );
}

function wholePart(header: Buffer, whole: Buffer, smtputf8: boolean): BodyPart | undefined {
  if (!isAscii(header) && isUtf8(header)) return encodablePart(WHOLE, "message/global", whole, smtputf8);
  const encoding = plainEncoding(whole);
  if (encoding === undefined) return undefined;
  return { description: WHOLE, type: "message/rfc822", encoding, content: whole };
}

function headerPart(header: Buffer, smtputf8: boolean): BodyPart {
  if (!isAscii(header) && isUtf8(header))
    return encodablePart(HEADER, "message/global-headers", header, smtputf8);
  return encodablePart(HEADER, "text/rfc822-headers", header, false);
}
