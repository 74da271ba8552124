/**
 * Secrets that are recognised in any output, in whatever form.
 *
 * @module
 */

/** A secret: what is planted is its text, or its two halves with something between them. */
export interface Canary {
  readonly left: string;
  readonly right: string;
  readonly text: string;
}

/** A new secret, of letters and digits. */
export function newCanary(): Canary {
  const half = () => `Q${crypto.randomUUID().replaceAll("-", "").slice(0, 11)}`;
  const [left, right] = [half(), half()];
  return { left, right, text: left + right };
}

/** A new secret in the form of a token: its halves are a piece of it each. */
export function newTokenCanary(): Canary {
  const { left, right } = newCanary();
  return { left, right, text: `jr_${left}${right}${newCanary().text.slice(0, 19)}` };
}

/** A secret that exists already, such as a key: its halves are a piece of its beginning and one of its end. */
export function canaryOf(text: string): Canary {
  return { left: text.slice(0, 16), right: text.slice(-16), text };
}

/** Encodings of text to bytes, by name. */
const encodings: Readonly<Record<string, (text: string) => Uint8Array>> = {
  "UTF-8": (text) => new TextEncoder().encode(text),
  "UTF-16LE": (text) => Uint8Array.from([...text].flatMap((c) => [c.charCodeAt(0), 0])),
  "UTF-16BE": (text) => Uint8Array.from([...text].flatMap((c) => [0, c.charCodeAt(0)])),
};

/** Names of the forms in which a printed or answered text contains a secret. */
export async function formsIn(said: string, { left, right, text }: Canary): Promise<string[]> {
  const found: string[] = [];
  // Without whatever may stand between two letters: an escape of NUL, a percent sign, a replacement character, a line of log.
  const squeezed = said.replace(/\\u0000|\\x00|\\0/g, "").replace(/[^\p{L}\p{N}]/gu, "")
    .toLowerCase();
  for (const part of [left, right]) {
    if (said.toLowerCase().includes(part.toLowerCase())) found.push("itself");
    else if (squeezed.includes(part.toLowerCase())) found.push("with something between");
    for (const [name, encode] of Object.entries(encodings)) {
      const bytes = encode(part);
      if (squeezed.includes(bytes.toHex())) found.push(`hex or percent-encoded ${name}`);
      if (base64FormsOf(bytes).some((form) => said.includes(form))) found.push(`base64 ${name}`);
    }
  }
  for (const whole of [text, `${text}\n`]) {
    const digest = new Uint8Array(
      await crypto.subtle.digest("SHA-256", new TextEncoder().encode(whole)),
    );
    if (squeezed.includes(digest.toHex())) found.push("SHA-256 in hex");
    if (base64FormsOf(digest).some((form) => said.includes(form))) found.push("SHA-256 in base64");
  }
  return [...new Set(found)];
}

/** Three texts in each alphabet: a longer base64 text with these bytes in it contains one of them. */
function base64FormsOf(bytes: Uint8Array): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const longer = new Uint8Array([...new Uint8Array(offset), ...bytes]);
    const whole = longer.toBase64({ omitPadding: true });
    // Characters that depend on neighbouring bytes too are left out.
    const inner = whole.slice(
      offset === 0 ? 0 : offset + 1,
      longer.length % 3 === 0 ? undefined : -1,
    );
    return [inner, inner.replaceAll("+", "-").replaceAll("/", "_")];
  });
}
