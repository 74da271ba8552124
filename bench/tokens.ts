/**
 * Tokens for the clients of a server under test.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { newToken } from "../src/wire/tokens.ts";

/** A tokens file, and the tokens that it is about. */
export interface Tokens {
  /** Absolute path of the file. */
  readonly file: string;
  /** The tokens themselves, in the order of their names. */
  readonly texts: readonly string[];
}

/**
 * Writes a tokens file into a folder: new tokens that may submit jobs, one for each name, with the further lines
 * that stand there, such as its limits.
 */
export function writeTokens(folder: string, lines: Readonly<Record<string, string>>): Tokens {
  const file = join(folder, "tokens.toml");
  const texts: string[] = [];
  const tables = Object.entries(lines).map(([name, line]) => {
    const text = newToken();
    texts.push(text);
    const digest = createHash("sha256").update(text).digest("hex");
    return `[tokens.${name}]\nsha256 = "${digest}"\nscopes = ["submit"]\n${line}\n`;
  });
  Deno.writeTextFileSync(file, tables.join("\n"), { mode: 0o600 });
  return { file, texts };
}
