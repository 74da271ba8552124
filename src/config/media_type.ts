/**
 * The content type of response files.
 *
 * @module
 */

import type { Values } from "./sources.ts";

/** Maximum length in characters. */
const maxLength = 200;

/** A media type with its parameters (RFC 9110, section 8.3.1). Each part is read in one way only, so this takes linear time. */
const mediaType =
  /^[\w!#$%&'+.^`|~-]+\/[\w!#$%&'+.^`|~-]+( *; *[\w!#$%&'*+.^`|~-]+=([\w!#$%&'*+.^`|~-]+|"([ !#-[\]-~]|\\[ -~])*"))*$/;

/** Reads JOBRUNNER_RESPONSE_TYPE. A text that is not a media type is an error. */
export function readResponseType(values: Values): string {
  const text = values.text("JOBRUNNER_RESPONSE_TYPE");
  const fault = faultInMediaType(text);
  if (fault !== undefined) values.addError("JOBRUNNER_RESPONSE_TYPE", fault);
  return text;
}

/** What is wrong with a media type, as a phrase that may be empty; undefined if nothing is. */
export function faultInMediaType(text: string): string | undefined {
  if (text.length > maxLength) {
    return `it has ${text.length} characters, more than ${maxLength}`;
  }
  if (/^[^;]*\*/.test(text)) return "it has a wildcard";
  return mediaType.test(text) ? undefined : "";
}
