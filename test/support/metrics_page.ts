/**
 * The tables of `docs/reference/metrics.md`.
 *
 * @module
 */

import { projectRoot } from "./program.ts";

/** The rows of a Markdown table that begins with these headings, cell by cell. */
export function tableOf(headings: readonly string[]): readonly (readonly string[])[] {
  const lines = Deno.readTextFileSync(`${projectRoot}docs/reference/metrics.md`).split("\n").map(
    cellsOf,
  );
  const head = lines.findIndex((cells) => cells?.join() === headings.join());
  if (head < 0) throw new Error(`no table ${headings.join(" | ")}`);
  const rest = lines.slice(head + 2);
  const end = rest.indexOf(undefined);
  return rest.slice(0, end < 0 ? rest.length : end) as string[][];
}

/** The queries of the page, in the order of their rows. */
export function queriesOfThePage(): readonly string[] {
  const examples = tableOf(["name", "type", "unit", "labels", "meaning", "example query"]);
  const questions = tableOf(["question", "query"]);
  return [...examples, ...questions].map((row) => (row.at(-1) ?? "").replaceAll("`", ""));
}

/** A pipe inside a cell is written with a backslash (GitHub Flavored Markdown, section 4.10). */
function cellsOf(line: string): string[] | undefined {
  if (!line.startsWith("|")) return undefined;
  return line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim().replaceAll("\\|", "|"));
}
