/**
 * The client that connects to the server, and the password that it sends.
 *
 * @module
 */

import { beginningOf } from "../machine/file_beginning.ts";
import { maxPasswordBytes, readPasswordFrom } from "../wire/password.ts";
import { SendFailure } from "./send_failure.ts";
import type { SendOptions } from "./send_options.ts";

/** Limit for reading a file of certificates: bundles of all public authorities are a fiftieth of this size. */
const maxCertificateBytes = 16 * 2 ** 20;

/**
 * Makes a client that also trusts the certificates of `--cacert`. Each attempt has its own connection: one that was kept may be
 * dead by then, which would look like a missing answer. Throws a `SendFailure` of the kind `noInput`.
 */
export function clientOf({ caCertFile }: SendOptions): Deno.HttpClient {
  const options = { poolMaxIdlePerHost: 0 };
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

/** The password to send; undefined for none. Throws a `SendFailure` of the kind `noInput`. */
export function passwordOf({ passwordFile, password }: SendOptions): string | undefined {
  if (passwordFile === undefined) return password;
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = beginningOf(passwordFile, maxPasswordBytes + 1);
  } catch (error) {
    throw new SendFailure(
      "noInput",
      `${passwordFile}: cannot be read: ${(error as Error).message}`,
    );
  }
  const reading = readPasswordFrom(bytes);
  if (reading.ok) return reading.password;
  throw new SendFailure(
    "noInput",
    `${passwordFile}: must be a file that holds a password (${reading.sentence})`,
  );
}

/** The value of the password's header: its bytes as one character each (Fetch, "byte sequence"). */
export function headerOf(password: string): string {
  const bytes = new TextEncoder().encode(password);
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}
