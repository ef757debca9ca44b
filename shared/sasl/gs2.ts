/** The GS2 header (RFC 5801 §4) that messages of SCRAM and of OAUTHBEARER begin with. Pure. */

export interface Gs2Header {
  /** All of it, its last comma included, as it was sent. */
  readonly text: string;
  /** `n`: no channel binding. `y`: the client could, and thinks that we cannot. Else the type that it has bound. */
  readonly channelBinding: "n" | "y" | { readonly type: string };
  /** Whom the client wants to act for. */
  readonly authzid: string | undefined;
}

/**
 * `saslname = 1*(value-safe-char / "=2C" / "=3D")`: a comma and an equals sign are written so, and no other way.
 * As a part of larger patterns.
 */
export const SASLNAME = "(?:[^,=\\0]|=2C|=3D)+";

// gs2-header = ["F" ","] gs2-cbind-flag "," ["a=" saslname] ","; the F is for mechanisms that are not these.
const HEADER = new RegExp(`^(?:([ny])|p=([A-Za-z0-9.-]+)),(?:a=(${SASLNAME}))?,`);

/** Reads the header at the start of a message. Undefined when there is none. */
export function parseGs2Header(message: string): Gs2Header | undefined {
  const [text, flag, type, authzid] = HEADER.exec(message) ?? [];
  if (text === undefined) return undefined;
  return {
    text,
    channelBinding: flag === "n" || flag === "y" ? flag : { type: type ?? "" },
    authzid: authzid === undefined ? undefined : decodeSaslname(authzid),
  };
}

/** What a saslname stands for. */
export function decodeSaslname(name: string): string {
  return name.replaceAll("=2C", ",").replaceAll("=3D", "=");
}
