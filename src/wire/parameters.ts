/**
 * Header fields with parameters, as a request and the parts of a form have them: Content-Disposition (RFC 6266, and RFC 7578
 * for parts) and Content-Type.
 *
 * @module
 */

import { parse } from "content-disposition";
import { headerText } from "./header_text.ts";

/** A value with parameters. */
export interface Parameterized {
  /** What stands before the parameters, in lower case. */
  readonly type: string;
  /** Values of the parameters by their names in lower case, decoded. The first one with a name counts. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Reads a value as the runtime passes it, and whatever it holds. `filename*` becomes `filename` (RFC 8187). */
export function readParameters(value: string): Parameterized {
  return parse(headerText(value));
}

/** Reads the same in a part of a form, where browsers write `%22` for a quotation mark and a backslash is only that. */
export function readPartParameters(value: string): Parameterized {
  return parse(headerText(value), { multipart: true });
}

/** The maximum length of a file's name in bytes of UTF-8. */
export const maxFilenameBytes = 255;

/** A file's name without the folders before it; empty for the names of folders themselves. */
export function basename(filename: string): string {
  const name = filename.slice(Math.max(filename.lastIndexOf("/"), filename.lastIndexOf("\\")) + 1);
  return name === "." || name === ".." ? "" : name;
}

/** Whether a text has characters that control a terminal or end a text, NUL among them. */
export function hasControlCharacters(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

/** Whether a text has more than `bytes` bytes in UTF-8. */
export function isLongerInUtf8(text: string, bytes: number): boolean {
  return text.length > bytes || new TextEncoder().encode(text).length > bytes;
}
