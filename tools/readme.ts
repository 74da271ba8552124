/**
 * Writes the README's table of settings from the table in the code; with `--check`, only says whether they differ.
 *
 * @module
 */

import { settingsTable } from "../src/config/help.ts";

const readme = new URL("../docs/reference/settings.md", import.meta.url);
const begin = "<!-- settings: begin, written by `make fmt` -->\n";
const end = "\n<!-- settings: end -->";

/** The text with the table of now between the marks. Throws when the marks are missing. */
export function withSettings(text: string): string {
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) {
    throw new Error("docs/reference/settings.md: must hold the marks of the settings table");
  }
  return `${text.slice(0, from)}${begin}\n${settingsTable()}\n${text.slice(to)}`;
}

/** Tables are compared without the padding that the formatter adds. */
export function sameTables(one: string, other: string): boolean {
  const plain = (text: string) =>
    text.replace(/ +/g, " ").replace(/-+/g, "-").replace(/\n+/g, "\n");
  return plain(one) === plain(other);
}

if (import.meta.main) {
  const text = Deno.readTextFileSync(readme);
  const wanted = withSettings(text);
  if (!sameTables(text, wanted)) {
    if (Deno.args.includes("--check")) {
      console.error(
        "docs/reference/settings.md: must hold the settings as the code has them: run make fmt",
      );
      Deno.exit(1);
    }
    Deno.writeTextFileSync(readme, wanted);
  }
}
