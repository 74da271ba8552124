/**
 * The header Content-Digest (RFC 9530): a dictionary of byte sequences (RFC 9651), one for each algorithm.
 *
 * @module
 */

/** A digest of a body. */
export interface ContentDigest {
  /** Its algorithm. */
  readonly algorithm: "sha-256" | "sha-512";
  /** The digest itself: 32 or 64 bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A digest that can be checked, which a header need not have; or one sentence that says what is wrong with the header. */
export type DigestRead =
  | { readonly ok: true; readonly digest: ContentDigest | undefined }
  | { readonly ok: false; readonly sentence: string };

/** The algorithms that are checked, in the order in which they are chosen, with the length of a digest in bytes. */
const algorithms = [["sha-256", 32], ["sha-512", 64]] as const;

/** One algorithm and its digest; after it the parameters, which have no meaning here, and a comma or the end. */
const member = new RegExp(
  /[ \t]*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):/.source +
    /(?:; *[a-z*][a-z0-9_.*-]*(?:=(?:"(?:[^"\\]|\\["\\])*"|[^ \t",;]+))?)*[ \t]*(,|$)/.source,
  "y",
);

/** Reads the value of Content-Digest. Algorithms other than SHA-256 and SHA-512 are ignored; the last digest of each counts. */
export function readContentDigest(value: string): DigestRead {
  const digests = new Map<string, string>();
  let more = true;
  member.lastIndex = 0;
  while (more) {
    const [, algorithm, digest, end] = member.exec(value) ?? [];
    if (algorithm === undefined || digest === undefined) return malformed;
    digests.set(algorithm, digest);
    more = end === ",";
  }
  for (const [algorithm, length] of algorithms) {
    const text = digests.get(algorithm);
    if (text === undefined) continue;
    const bytes = decode(text);
    return bytes?.length === length ? { ok: true, digest: { algorithm, bytes } } : malformed;
  }
  return { ok: true, digest: undefined };
}

const malformed: DigestRead = {
  ok: false,
  sentence: "Header 'Content-Digest' is not a list of digests such as sha-256=:base64:",
};

/** Padding may be missing (RFC 9651, section 4.2.7). */
function decode(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    return undefined;
  }
}
