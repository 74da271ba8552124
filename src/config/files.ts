/**
 * Settings that are read from files: the password, certificate and key.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { posix, win32 } from "node:path";
import type { SettingName } from "./settings.ts";
import type { Values } from "./sources.ts";

/** What reading a file of a setting needs. */
export interface Files {
  /** Name of the operating system, as `Deno.build.os` gives it. */
  readonly os: string;
  /** Absolute path of the working directory. */
  readonly cwd: string;
  /** The text of a file; throws an `Error` whose message says why it cannot be read. */
  readFile(path: string): string;
}

/** The digest of the password, from its variable or its file; undefined without one, or after a fault. */
export function readPassword(values: Values, around: Files): Uint8Array | undefined {
  let password = trimLineEnds(values.text("JOBRUNNER_PASSWORD") ?? "");
  let source: SettingName = "JOBRUNNER_PASSWORD";
  if (values.text("JOBRUNNER_PASSWORD_FILE") !== undefined) {
    if (password !== "") {
      values.faults.push(
        "JOBRUNNER_PASSWORD_FILE: must be left out when JOBRUNNER_PASSWORD is set",
      );
      return undefined;
    }
    source = "JOBRUNNER_PASSWORD_FILE";
    const text = readSettingFile(source, values, around);
    if (text === undefined) return undefined;
    password = trimLineEnds(text);
    if (password === "") return values.fault(source, "it is empty");
  }
  if (password === "") return undefined;
  if (/(?!\t)\p{Cc}|^[ \t]|[ \t]$/u.test(password)) {
    return values.fault(
      source,
      source === "JOBRUNNER_PASSWORD"
        ? undefined
        : "one line, without a space or tab at either end",
    );
  }
  return new Uint8Array(createHash("sha256").update(password, "utf8").digest());
}

function trimLineEnds(text: string): string {
  return text.replace(/^[\r\n]+|[\r\n]+$/g, "");
}

/** Certificate and key, both or none. */
export function readTls(
  values: Values,
  around: Files,
): { readonly cert: string; readonly key: string } | undefined {
  const names = ["JOBRUNNER_TLS_CERT_FILE", "JOBRUNNER_TLS_KEY_FILE"] as const;
  const given = names.filter((name) => values.text(name) !== undefined);
  for (const missing of names.filter((name) => !given.includes(name) && given.length > 0)) {
    values.faults.push(`${missing}=: must be set when ${given.join()} is`);
  }
  const [cert, key] = names.map((name) =>
    given.includes(name) ? readSettingFile(name, values, around) : undefined
  );
  if (cert !== undefined && !cert.includes("-----BEGIN CERTIFICATE-----")) {
    values.fault("JOBRUNNER_TLS_CERT_FILE", "it holds no certificate");
  }
  if (key !== undefined && !/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key)) {
    values.fault("JOBRUNNER_TLS_KEY_FILE", "it holds no private key");
  } else if (key !== undefined && /ENCRYPTED/.test(key)) {
    values.fault("JOBRUNNER_TLS_KEY_FILE", "it is encrypted: nobody could type the passphrase");
  }
  return cert !== undefined && key !== undefined ? { cert, key } : undefined;
}

function readSettingFile(name: SettingName, values: Values, around: Files): string | undefined {
  try {
    return around.readFile(absolute(values.text(name) ?? "", around));
  } catch (error) {
    return values.fault(name, (error as Error).message);
  }
}

/** A path of a setting, seen from the working directory. */
export function absolute(path: string, around: Pick<Files, "os" | "cwd">): string {
  return (around.os === "windows" ? win32 : posix).resolve(around.cwd, path);
}
