/**
 * The queries of `docs/reference/metrics.md`.
 *
 * @module
 */

import { catalogue } from "../../src/telemetry/catalogue.ts";
import { projectRoot } from "./program.ts";

/** The examples of the metrics, from which the page is generated, then the queries that answer its questions. */
export function queriesOfThePage(): readonly string[] {
  const examples = Object.values(catalogue).map(({ example }) => example);
  return [...examples, ...queriesOfTheQuestions()];
}

function queriesOfTheQuestions(): readonly string[] {
  const lines = Deno.readTextFileSync(`${projectRoot}docs/reference/metrics.md`).split("\n").map(
    cellsOf,
  );
  const head = lines.findIndex((cells) => cells?.join() === "question,query");
  if (head < 0) throw new Error("docs/reference/metrics.md: must hold the table of questions");
  const rest = lines.slice(head + 2);
  const end = rest.indexOf(undefined);
  return rest.slice(0, end < 0 ? rest.length : end)
    .map((cells) => (cells?.at(-1) ?? "").replaceAll("`", ""));
}

/** A pipe inside a cell is written with a backslash (GitHub Flavored Markdown, section 4.10). */
function cellsOf(line: string): string[] | undefined {
  if (!line.startsWith("|")) return undefined;
  return line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim().replaceAll("\\|", "|"));
}
