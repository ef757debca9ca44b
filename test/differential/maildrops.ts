/** The maildrops of the differential test: names and contents, as some delivering program left them. */

export interface Stored {
  /** `new/name` or `cur/name:2,flags`. */
  readonly path: string;
  readonly content: Buffer;
}

const octets = (text: string) => Buffer.from(text, "latin1");
const message = (subject: string, body: string) => octets(`From: bob@x.test\nSubject: ${subject}\n\n${body}`);

export const MAILDROPS = {
  empty: [],
  three: [
    { path: "cur/1700000001.one:2,S", content: message("first", "one\ntwo\nthree\n") },
    { path: "cur/1700000002.two:2,", content: message("second", `${"x".repeat(998)}\nend\n`) },
    { path: "new/1700000003.three", content: message("third", "Hello\n") },
  ],
  sizes: [
    { path: "cur/1700000001.one,S=6,W=9:2,S", content: octets("a\n\nb\nc") },
    { path: "new/1700000002.two,S=50,W=54", content: message("sized", "Hello\nHel\n") },
  ],
  dots: [
    { path: "new/1700000001.dots", content: message("dots", ".\n..\n.a\na.\n.\n") },
    { path: "new/1700000002.first", content: octets(".dot\n\nin the first octet\n") },
    { path: "new/1700000003.last", content: message("last", "no line end\n.") },
  ],
  odd: [
    { path: "new/1700000001.unfinished", content: message("unfinished", "a\nb") },
    { path: "new/1700000002.bodiless", content: octets("Subject: header only\n") },
    { path: "new/1700000003.blank", content: octets("Subject: blank line\n\n") },
    { path: "new/1700000004.crlf", content: octets("Subject: crlf\r\n\r\na\r\nb\r\n") },
    { path: "new/1700000005.mixed", content: octets("Subject: mixed\r\n\na\r\nb\nc\r\n") },
    { path: "new/1700000006.cr", content: octets("Subject: bare CR\n\na\rb\r\r\nc\n") },
    { path: "new/1700000007.8bit", content: octets("Subject: 8-bit body\n\n\xe4\xf6\xfc\xff\n") },
    { path: "new/1700000008.newlines", content: octets("\n\n\n") },
  ],
  nul: [{ path: "new/1700000001.nul", content: octets("Subject: NUL\n\na\0b\n") }],
  nothing: [
    { path: "new/1700000001.nothing", content: octets("") },
    { path: "new/1700000002.something", content: message("after it", "x\n") },
  ],
  many: Array.from({ length: 300 }, (_, i) => ({
    path: `${i % 3 === 0 ? "new" : "cur"}/${1_700_000_000 + i}.n${i}${i % 3 === 0 ? "" : ":2,S"}`,
    content: message(`number ${i}`, "x\n".repeat(i)),
  })),
} satisfies Readonly<Record<string, readonly Stored[]>>;

export type MaildropName = keyof typeof MAILDROPS;
