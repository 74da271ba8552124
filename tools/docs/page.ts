/**
 * A page with tables between marks.
 *
 * @module
 */

import type { Table } from "./tables.ts";

/** A part of a page's text. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** A page that does not have the marks of a table, once each and in order. */
export class MarksError extends Error {}

/** The text with the table between its marks. Throws a `MarksError`. */
export function withTable(text: string, table: Table): string {
  const { from, to } = placeOf(text, table);
  return `${text.slice(0, from)}\n\n${markdownOf(table)}\n\n${text.slice(to)}`;
}

/** Whether the table stands between its marks, whatever its padding. Throws a `MarksError`. */
export function holdsTable(text: string, table: Table): boolean {
  const { from, to } = placeOf(text, table);
  return unpadded(text.slice(from, to)) === unpadded(markdownOf(table));
}

function placeOf(text: string, { page, name }: Table): Span {
  const begin = `<!-- ${name}: begin, written by \`make fmt\` -->`;
  const end = `<!-- ${name}: end -->`;
  const marks = [begin, end].map((mark) => {
    const at = text.indexOf(mark);
    if (at < 0 || at !== text.lastIndexOf(mark)) {
      throw new MarksError(`${page}: must hold “${mark}” once`);
    }
    return at;
  });
  const [from = 0, to = 0] = marks;
  if (to < from) throw new MarksError(`${page}: must hold “${begin}” before “${end}”`);
  return { from: from + begin.length, to };
}

/** A pipe inside a cell is written with a backslash (GitHub Flavored Markdown, section 4.10). */
function markdownOf({ headings, rows }: Table): string {
  return [headings, headings.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n");
}

/** A table without the padding that the formatter adds. */
function unpadded(markdown: string): string {
  return markdown.trim().split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim().replace(/^-{3,}$/, "---")).join("|"))
    .join("\n");
}
