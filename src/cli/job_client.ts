/**
 * The client that connects to the server, and the password or the token that it sends.
 *
 * @module
 */

import { beginningOf } from "../machine/file_beginning.ts";
import { passwordHeader } from "../wire/header_names.ts";
import { maxPasswordBytes, readPasswordFrom, withoutLineEnds } from "../wire/password.ts";
import { SendFailure } from "./send_failure.ts";
import type { SendOptions } from "./send_options.ts";

/** Limit for reading a file of certificates: bundles of all public authorities are a fiftieth of this size. */
const maxCertificateBytes = 16 * 2 ** 20;

/**
 * Makes a client that connects to the unix socket, if there is one, and also trusts the certificates of `--cacert`. Each attempt
 * has its own connection: one that was kept may be dead by then, which would look like a missing answer. Throws a `SendFailure`
 * of the kind `noInput`.
 */
export function clientOf({ socket, caCertFile }: SendOptions): Deno.HttpClient {
  const options = {
    poolMaxIdlePerHost: 0,
    ...(socket === undefined ? {} : { proxy: { transport: "unix", path: socket } as const }),
  };
  if (caCertFile === undefined) return Deno.createHttpClient(options);
  try {
    const pem = new TextDecoder().decode(beginningOf(caCertFile, maxCertificateBytes));
    if (!pem.includes("-----BEGIN CERTIFICATE-----")) {
      throw new Error("it holds no certificate");
    }
    return Deno.createHttpClient({ ...options, caCerts: [pem] });
  } catch (error) {
    throw new SendFailure(
      "noInput",
      `${caCertFile}: must be a PEM file with certificates: ${(error as Error).message}`,
    );
  }
}

/** What shows the server who sends a request. */
export interface Credentials {
  /** Name of the header. */
  readonly name: string;
  /** Its value. */
  readonly value: string;
  /** What must not be shown: the password or the token, in all encodings in which a server may repeat it. */
  readonly secrets: readonly string[];
}

/** The token or the password to send; undefined without both. Throws a `SendFailure` of the kind `noInput`. */
export function credentialsOf(options: SendOptions): Credentials | undefined {
  if (options.tokenFile !== undefined) {
    const token = tokenIn(options.tokenFile);
    return { name: "authorization", value: `Bearer ${token}`, secrets: [token] };
  }
  const password = passwordOf(options);
  if (password === undefined) return undefined;
  const value = headerOf(password);
  return { name: passwordHeader, value, secrets: [value, password] };
}

function passwordOf({ passwordFile, password }: SendOptions): string | undefined {
  if (passwordFile === undefined) return password;
  const reading = readPasswordFrom(secretBytes(passwordFile, maxPasswordBytes));
  if (reading.ok) return reading.password;
  throw new SendFailure(
    "noInput",
    `${passwordFile}: must be a file that holds a password (${reading.sentence})`,
  );
}

/** The value of the password's header: its bytes as one character each (Fetch, "byte sequence"). */
function headerOf(password: string): string {
  const bytes = new TextEncoder().encode(password);
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** The maximum size of a file with a token, in bytes. */
const maxTokenBytes = 4096;

/** What the scheme Bearer can carry: also tokens of a proxy before the server (RFC 6750, section 2.1, "b64token"). */
const tokenForm = /^[A-Za-z0-9._~+/-]+=*$/;

/** The token in a file. A byte order mark at the beginning is dropped, and so are CR and LF at either end. */
function tokenIn(file: string): string {
  const bytes = secretBytes(file, maxTokenBytes);
  // Windows PowerShell 5.1 redirects in UTF-16.
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : "utf-8";
  const token = withoutLineEnds(new TextDecoder(encoding).decode(bytes));
  if (bytes.length <= maxTokenBytes && tokenForm.test(token)) return token;
  throw new SendFailure(
    "noInput",
    `${file}: must be a file that holds a token: one line of letters, digits and -._~+/ ` +
      `with = only at its end, at most ${maxTokenBytes} bytes`,
  );
}

/** The content of a file, and one byte more than `maxBytes` of a larger one. */
function secretBytes(file: string, maxBytes: number): Uint8Array<ArrayBuffer> {
  try {
    return beginningOf(file, maxBytes + 1);
  } catch (error) {
    throw new SendFailure("noInput", `${file}: cannot be read: ${(error as Error).message}`);
  }
}
