/**
 * Base64 as both sides read it.
 *
 * @module
 */

/** Undefined for what is no base64 (RFC 4648, section 4). Padding is required, or a cut payload would pass for a whole one; bits that it leaves over are not looked at. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch {
    if (text.replace(/[\t\n\f\r ]/g, "").length % 4 !== 0) return undefined;
  }
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    return undefined;
  }
}
