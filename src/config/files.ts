/**
 * Settings that are read from files: the password, the certificate and its key.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { posix, win32 } from "node:path";
import {
  maxPasswordBytes,
  type PasswordSource,
  passwordSource,
  readPasswordFrom,
} from "../wire/password.ts";
import type { HttpConfig, Surroundings } from "./config.ts";
import type { SettingName } from "./settings.ts";
import type { Values } from "./sources.ts";

/** Facts about the machine that are needed to read the file of a setting. */
export type Files = Pick<Surroundings, "os" | "cwd" | "readFile">;

/** The maximum size of a PEM file: hundreds of times what a chain of certificates needs. */
const maxPemBytes = 2 ** 20;

/** Where the password is to be read from: the flag, else the variables, else the top of the configuration file. */
export function passwordSourceOf(values: Values): PasswordSource {
  const flag = values.textFrom("flag", "JOBRUNNER_PASSWORD_FILE") || undefined;
  for (const origin of ["environment", "file", "default"] as const) {
    const source = passwordSource({
      flag,
      file: values.textFrom(origin, "JOBRUNNER_PASSWORD_FILE"),
      variable: values.textFrom(origin, "JOBRUNNER_PASSWORD"),
    });
    if (source.kind !== "none") return source;
  }
  return { kind: "none" };
}

/** Reads the password from its variable or its file and returns its digest; undefined without one, or after an error. */
export function readPassword(values: Values, around: Files): Uint8Array | undefined {
  const source = passwordSourceOf(values);
  switch (source.kind) {
    case "none":
      return undefined;
    case "both":
      return values.addSentence(
        "JOBRUNNER_PASSWORD_FILE",
        `must be left out when ${values.label("JOBRUNNER_PASSWORD")} is set`,
      );
    case "variable":
      return digestOf("JOBRUNNER_PASSWORD", source.text, values);
    case "file": {
      const bytes = readSettingFile("JOBRUNNER_PASSWORD_FILE", maxPasswordBytes, values, around);
      return bytes && digestOf("JOBRUNNER_PASSWORD_FILE", bytes, values);
    }
  }
}

function digestOf(
  name: SettingName,
  given: string | Uint8Array<ArrayBuffer>,
  values: Values,
): Uint8Array | undefined {
  const reading = readPasswordFrom(given);
  if (!reading.ok) return values.addError(name, reading.sentence);
  return new Uint8Array(createHash("sha256").update(reading.password, "utf8").digest());
}

/** Reads the certificate and its key; undefined without them, or after an error. */
export function readTls(values: Values, around: Files): HttpConfig["tls"] {
  const [certName, keyName] = ["JOBRUNNER_TLS_CERT_FILE", "JOBRUNNER_TLS_KEY_FILE"] as const;
  refuseHalf([certName, keyName], values);
  const cert = readPem(certName, "certificate", values, around);
  const key = readPem(keyName, "private key", values, around);
  return cert !== undefined && key !== undefined ? { cert, key } : undefined;
}

/** Adds an error for each of these settings that is not set although another one of them is. */
export function refuseHalf(names: readonly SettingName[], values: Values): void {
  const given = names.filter((name) => values.text(name) !== "");
  for (const missing of names.filter((name) => !given.includes(name) && given.length > 0)) {
    values.errors.push(`${missing}=: must be set when ${given.join()} is`);
  }
}

/** Reads the PEM file that a setting names and that must hold this; undefined without one, or after an error. */
export function readPem(
  name: SettingName,
  content: "certificate" | "private key",
  values: Values,
  around: Files,
): string | undefined {
  const text = readTextFile(name, maxPemBytes, values, around);
  if (text === undefined) return undefined;
  if (content === "certificate") {
    if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
    return values.addError(name, "it holds no certificate");
  }
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    return values.addError(name, "it holds no private key");
  }
  return /ENCRYPTED/.test(text)
    ? values.addError(name, "it is encrypted, and a passphrase cannot be entered")
    : text;
}

/**
 * Reads the text of the file that a setting names, UTF-8 and at most `maxBytes` long; undefined if it names none, or after an
 * error. A byte order mark at the beginning is dropped.
 */
export function readTextFile(
  name: SettingName,
  maxBytes: number,
  values: Values,
  around: Files,
): string | undefined {
  if (values.text(name) === "") return undefined;
  const bytes = readSettingFile(name, maxBytes, values, around);
  if (!bytes) return undefined;
  if (bytes.length > maxBytes) {
    return values.addError(name, `it must have at most ${maxBytes} bytes`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return values.addError(name, "it must be UTF-8 text");
  }
}

/** Reads the file that a setting names, up to one byte more than `maxBytes`, so that a file that is too large is noticed. */
export function readSettingFile(
  name: SettingName,
  maxBytes: number,
  values: Values,
  around: Files,
): Uint8Array<ArrayBuffer> | undefined {
  try {
    return around.readFile(absolute(values.text(name), around), maxBytes + 1);
  } catch (error) {
    return values.addError(name, (error as Error).message);
  }
}

/** The absolute path of a setting's path, which is relative to the working directory. */
export function absolute(path: string, around: Pick<Files, "os" | "cwd">): string {
  return (around.os === "windows" ? win32 : posix).resolve(around.cwd, path);
}
