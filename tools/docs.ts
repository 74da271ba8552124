/**
 * Writes the generated tables of the documentation, each from the table in the code; with `--check`, only reports those
 * that differ.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { holdsTable, MarksError, withTable } from "./docs/page.ts";
import { type Table, tables } from "./docs/tables.ts";

/**
 * Reads the pages below `root`, which ends in a slash, and writes those that differ unless `check`. Returns a sentence for
 * each table that differs when only checked, or that has no place in its page.
 */
export function generate(
  root: string,
  { check, from = tables }: { readonly check: boolean; readonly from?: readonly Table[] },
): string[] {
  return from.flatMap((table) => {
    const path = `${root}${table.page}`;
    const text = Deno.readTextFileSync(path);
    try {
      if (holdsTable(text, table)) return [];
      if (check) {
        return [`${table.page}: must hold the table “${table.name}” as in the code: run make fmt`];
      }
      Deno.writeTextFileSync(path, withTable(text, table));
      return [];
    } catch (error) {
      if (error instanceof MarksError) return [error.message];
      throw error;
    }
  });
}

if (import.meta.main) {
  const root = fileURLToPath(new URL("../", import.meta.url));
  const problems = generate(root, { check: Deno.args.includes("--check") });
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) Deno.exit(1);
}
