/**
 * The request headers that commands get as variables.
 *
 * @module
 */

import { passwordHeader } from "../wire/header_names.ts";
import type { CommandConfig } from "./config.ts";
import type { Faults } from "./file/faults.ts";
import { headerVariable } from "./job_variables.ts";
import { settings } from "./settings.ts";
import { shownValue } from "./shown.ts";
import type { Values } from "./sources.ts";

/** Maximum number of headers. */
const maxHeaders = 32;

/** Maximum length of a header's name, in characters. */
const maxLength = 64;

/** The name of a header (RFC 9110, section 5.6.2). */
const token = /^[\w!#$%&'*+.^`|~-]+$/;

/** Reads JOBRUNNER_PASS_HEADERS: names in lower case, in the order of the list. A fault in the list is an error. */
export function readPassHeaders(values: Values): string[] {
  const text = values.text("JOBRUNNER_PASS_HEADERS");
  const fault = faultInHeaders(text);
  if (fault !== undefined) values.addError("JOBRUNNER_PASS_HEADERS", fault);
  return headersIn(text);
}

/**
 * Adds an error for each list that passes on the header Authorization, which holds the tokens of clients. `inherited` is the
 * list of the commands without one of their own.
 */
export function refuseAuthorization(
  values: Values,
  commands: readonly Pick<CommandConfig, "name" | "passHeaders">[],
  inherited: readonly string[],
  faults: Faults | undefined,
): void {
  const fault = "authorization holds the tokens of clients";
  if (inherited.includes("authorization")) values.addError("JOBRUNNER_PASS_HEADERS", fault);
  for (const { name, passHeaders } of commands) {
    if (passHeaders === inherited || !passHeaders.includes("authorization")) continue;
    faults?.add(["commands", name, "pass_headers"], `must not name authorization: ${fault}`);
  }
}

/** The names in a list, in lower case. */
export function headersIn(text: string): string[] {
  return text.split(",").map((name) => name.trim().toLowerCase()).filter((name) => name !== "");
}

/** What is wrong with a list, as a phrase about its first fault; undefined if nothing is. */
export function faultInHeaders(text: string): string | undefined {
  const headers = headersIn(text);
  if (headers.length > maxHeaders) return `there are ${headers.length}, more than ${maxHeaders}`;
  /** The headers so far, by their variables. */
  const known = new Map<string, string>();
  for (const header of headers) {
    if (!token.test(header)) return `${shownValue(header)} is not one`;
    if (header.length > maxLength) {
      return `${header} has ${header.length} characters, more than ${maxLength}`;
    }
    if (header === passwordHeader.toLowerCase()) return `${header} holds the server's password`;
    const variable = headerVariable(header);
    if (settings.some(({ name }) => name === variable)) {
      return `${header} would become ${variable}, which is a setting`;
    }
    const other = known.get(variable);
    if (other !== undefined) return `${other} and ${header} would both become ${variable}`;
    known.set(variable, header);
  }
  return undefined;
}
