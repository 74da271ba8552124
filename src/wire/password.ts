/**
 * The form of a password and where it comes from: the same for the server and for `send`.
 *
 * @module
 */

/** The maximum size of a password in bytes, including line ends around it in its file. */
export const maxPasswordBytes = 4096;

/** A password that a header can carry, or a sentence that says what is wrong, without quoting the value. */
export type PasswordReading =
  | { readonly ok: true; readonly password: string }
  | { readonly ok: false; readonly sentence: string };

/**
 * Reads the text of a variable or the bytes of a file: one line of UTF-8. A byte order mark at the beginning is dropped, and
 * so are CR and LF at either end.
 */
export function readPasswordFrom(given: string | Uint8Array<ArrayBuffer>): PasswordReading {
  const bytes = typeof given === "string" ? new TextEncoder().encode(given) : given;
  if (bytes.length > maxPasswordBytes) {
    return { ok: false, sentence: `it must have at most ${maxPasswordBytes} bytes` };
  }
  const text = utf8Text(given, bytes);
  if (text === undefined) return { ok: false, sentence: "it must be UTF-8 text" };
  const password = withoutLineEnds(text);
  const sentence = errorIn(password);
  return sentence === undefined ? { ok: true, password } : { ok: false, sentence };
}

function utf8Text(
  given: string | Uint8Array,
  bytes: Uint8Array<ArrayBuffer>,
): string | undefined {
  if (typeof given === "string" && !given.isWellFormed()) return undefined;
  try {
    // This also drops the byte order mark (Encoding, "UTF-8 decode").
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function errorIn(password: string): string | undefined {
  if (password === "") return "it is empty";
  // Also true of UTF-16 without a byte order mark.
  if (/[^\P{Cc}\t\r\n]/u.test(password)) {
    return "it must be UTF-8 text without NUL and other control characters";
  }
  if (/[\r\n]/.test(password)) return "it must be one line, not several";
  if (/^[ \t]|[ \t]$/.test(password)) {
    return "it must not begin or end with a space or tab, since HTTP drops those";
  }
  return undefined;
}

/** The text without CR and LF at either end. Takes linear time, since it is also applied to text that clients send. */
export function withoutLineEnds(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isLineEnd(text[from])) from++;
  while (to > from && isLineEnd(text[to - 1])) to--;
  return text.slice(from, to);
}

function isLineEnd(character: string | undefined): boolean {
  return character === "\r" || character === "\n";
}

/** Where the password is to be read from. */
export type PasswordSource =
  /** No password is configured. */
  | { readonly kind: "none" }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "variable"; readonly text: string }
  /** Both variables are set, which is an error. */
  | { readonly kind: "both" };

/**
 * Chooses the source: the flag wins over both variables, which must not both be set. A variable that is empty, or holds only
 * line ends, counts as unset.
 */
export function passwordSource({ flag, file, variable }: {
  /** Value of `--password-file`. */
  readonly flag: string | undefined;
  /** Value of `JOBRUNNER_PASSWORD_FILE`. */
  readonly file: string | undefined;
  /** Value of `JOBRUNNER_PASSWORD`. */
  readonly variable: string | undefined;
}): PasswordSource {
  if (flag !== undefined) return { kind: "file", path: flag };
  const text = variable !== undefined && withoutLineEnds(variable) !== "" ? variable : undefined;
  if (file) return text === undefined ? { kind: "file", path: file } : { kind: "both" };
  return text === undefined ? { kind: "none" } : { kind: "variable", text };
}
