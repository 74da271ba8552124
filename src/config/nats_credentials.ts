/**
 * The credentials for the NATS servers, from their files.
 *
 * @module
 */

import { maxPasswordBytes, withoutLineEnds } from "../wire/password.ts";
import type { ClusterCredentials } from "./config.ts";
import { type Files, readTextFile, refuseHalf } from "./files.ts";
import type { SettingName } from "./settings.ts";
import type { Values } from "./sources.ts";

/** The maximum size of a credentials file: hundreds of times what a JWT needs. */
const maxCredsBytes = 2 ** 20;

const user = "JOBRUNNER_NATS_USER";
const password = "JOBRUNNER_NATS_PASSWORD_FILE";

/** The settings of each kind of credentials. */
const kinds: readonly (readonly SettingName[])[] = [
  [user, password],
  ["JOBRUNNER_NATS_TOKEN_FILE"],
  ["JOBRUNNER_NATS_NKEY_FILE"],
  ["JOBRUNNER_NATS_CREDS_FILE"],
];

/** Adds an error if several kinds of credentials are set, or half of one. */
export function checkCredentials(values: Values): void {
  refuseHalf([user, password], values);
  const userName = values.text(user);
  if (/\p{Cc}/u.test(userName)) values.addError(user);
  const given = kinds.flatMap((names) => names.find((name) => values.text(name) !== "") ?? []);
  const [first, ...others] = given;
  for (const name of first ? others : []) {
    values.addSentence(name, `must be left out when ${values.label(first as SettingName)} is set`);
  }
}

/** Reads the credentials. What is wrong with a file is an error; it then counts as missing. */
export function readCredentials(values: Values, around: Files): ClusterCredentials {
  const line = (name: SettingName) => readLine(name, values, around);
  const passwordText = line(password);
  if (passwordText !== undefined) {
    return { kind: "password", user: values.text(user), password: passwordText };
  }
  const token = line("JOBRUNNER_NATS_TOKEN_FILE");
  if (token !== undefined) return { kind: "token", token };
  const seed = line("JOBRUNNER_NATS_NKEY_FILE");
  if (seed !== undefined) {
    if (new RegExp(`^${seedForm}$`).test(seed)) return { kind: "nkey", seed };
    values.addError(
      "JOBRUNNER_NATS_NKEY_FILE",
      "it must be one line with SU and 56 more characters",
    );
  }
  const text = readTextFile("JOBRUNNER_NATS_CREDS_FILE", maxCredsBytes, values, around);
  if (text !== undefined) {
    if (jwtBlock.test(text) && seedBlock.test(text)) return { kind: "creds", text };
    values.addError("JOBRUNNER_NATS_CREDS_FILE", "it must hold a user's JWT and the user's seed");
  }
  return { kind: "none" };
}

/** The seed of a user's nkey: base32 of a prefix, 32 bytes and a sum (NATS documentation, "NKeys"). */
const seedForm = "SU[A-Z2-7]{56}";

/** The blocks of a credentials file (NATS documentation, "User credentials"). */
const jwtBlock = /-{3,}BEGIN NATS USER JWT-{3,}\s+[\w-]+\.[\w-]+\.[\w-]+\s+-{3,}END/;
const seedBlock = new RegExp(`-{3,}BEGIN USER NKEY SEED-{3,}\\s+${seedForm}\\s+-{3,}END`);

/** The one line of a file, without CR and LF at its ends; undefined without a file, or after an error. */
function readLine(name: SettingName, values: Values, around: Files): string | undefined {
  const text = readTextFile(name, maxPasswordBytes, values, around);
  if (text === undefined) return undefined;
  const line = withoutLineEnds(text);
  if (line === "") return values.addError(name, "it is empty");
  if (/[\r\n]/.test(line)) return values.addError(name, "it must be one line, not several");
  if (/\p{Cc}/u.test(line)) return values.addError(name, "it contains a control character");
  return line === line.trim()
    ? line
    : values.addError(name, "it must not begin or end with a space");
}
