/**
 * What is appended to the names of a job's files. Programs that convert files go by the ends of their names.
 *
 * @module
 */

import type { SettingName } from "./settings.ts";
import type { Values } from "./sources.ts";

/** The longest suffix, in bytes of UTF-8: with the rest of its name a file stays within the 255 that file systems take. */
const maxBytes = 32;

/** What a suffix may not be, on any system, so that a configuration means the same everywhere. */
const rules: readonly ((suffix: string) => string | undefined)[] = [
  (suffix) => {
    const bytes = new TextEncoder().encode(suffix).length;
    return bytes > maxBytes ? `it has ${bytes} bytes, more than ${maxBytes}` : undefined;
  },
  (suffix) => /\p{Cc}/u.test(suffix) ? "it holds a control character" : undefined,
  (suffix) => {
    const [character] = /[<>:"/\\|?*]/.exec(suffix) ?? [];
    return character &&
      `it holds ${character}, which not every system allows in the name of a file`;
  },
  (suffix) => /[. ]$/.test(suffix) ? "it ends in a dot or a space, which Windows drops" : undefined,
];

/** The suffix; empty when none is set. Each rule that it breaks is a fault. */
export function readSuffix(
  name: SettingName & `${string}_SUFFIX`,
  values: Values,
): string {
  const suffix = values.text(name);
  for (const rule of rules) {
    const broken = rule(suffix);
    if (broken) values.fault(name, broken);
  }
  return suffix;
}
