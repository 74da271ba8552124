/**
 * The suffixes of the names of a job's files. Programs that convert files often depend on these.
 *
 * @module
 */

import type { SettingName } from "./settings.ts";
import type { Values } from "./sources.ts";

/** Maximum length of a suffix in bytes of UTF-8, so that the whole name stays within the 255 bytes that file systems allow. */
const maxBytes = 32;

/** Rules for suffixes. They apply on every system, so that a configuration is valid everywhere or nowhere. */
const rules: readonly ((suffix: string) => string | undefined)[] = [
  (suffix) => {
    const bytes = new TextEncoder().encode(suffix).length;
    return bytes > maxBytes ? `it has ${bytes} bytes, more than ${maxBytes}` : undefined;
  },
  (suffix) => /\p{Cc}/u.test(suffix) ? "it contains a control character" : undefined,
  (suffix) => {
    const [character] = /[<>:"/\\|?*]/.exec(suffix) ?? [];
    return character &&
      `it contains ${character}, which not every system allows in the name of a file`;
  },
  (suffix) => /[. ]$/.test(suffix) ? "it ends in a dot or a space, which Windows drops" : undefined,
];

/** Reads a suffix; empty if none is set. Each rule that it breaks is an error. */
export function readSuffix(
  name: SettingName & `${string}_SUFFIX`,
  values: Values,
): string {
  const suffix = values.text(name);
  for (const broken of brokenRules(suffix)) values.addError(name, broken);
  return suffix;
}

/** What is wrong with a suffix, one phrase for each rule that it breaks. */
export function brokenRules(suffix: string): string[] {
  return rules.map((rule) => rule(suffix)).filter((broken) => broken !== undefined);
}
