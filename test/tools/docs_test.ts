import assert from "node:assert/strict";
import { generate } from "../../tools/docs.ts";
import { type Table, tables } from "../../tools/docs/tables.ts";
import { temporaryFolder } from "../support/folder.ts";
import { projectRoot } from "../support/program.ts";

const colours: Table = {
  page: "page.md",
  name: "colours",
  headings: ["name", "meaning"],
  rows: [["`red`", "stop | halt"], ["`green`", "go"]],
};
const begin = "<!-- colours: begin, written by `make fmt` -->";
const end = "<!-- colours: end -->";

/** What becomes of a page, and what is said of it. */
function generated(text: string, options: { readonly check: boolean }, ...from: readonly Table[]) {
  using folder = temporaryFolder();
  const path = `${folder.path}/page.md`;
  Deno.writeTextFileSync(path, text);
  const problems = generate(`${folder.path}/`, { ...options, from });
  return { problems, page: Deno.readTextFileSync(path) };
}

Deno.test("every page holds its generated tables as the code has them", () => {
  assert.deepEqual(generate(projectRoot, { check: true }), []);
});

Deno.test("a change of any table in the code is found, by page and name", () => {
  const changed = tables.map((table) => {
    const [[first = "", ...cells] = [], ...rows] = table.rows;
    return { ...table, rows: [[`${first}x`, ...cells], ...rows] };
  });
  assert.deepEqual(
    generate(projectRoot, { check: true, from: changed }),
    tables.map(({ page, name }) =>
      `${page}: must hold the table “${name}” as in the code: run make fmt`
    ),
  );
});

Deno.test("generate() writes a table between its marks and leaves the rest of the page", () => {
  const text = `# Colours\n\n${begin}\n\n${end}\n\nThat is all.\n`;
  const { problems, page } = generated(text, { check: false }, colours);
  assert.deepEqual(problems, []);
  const rows = "| name | meaning |\n| --- | --- |\n| `red` | stop \\| halt |\n| `green` | go |";
  assert.equal(page, `# Colours\n\n${begin}\n\n${rows}\n\n${end}\n\nThat is all.\n`);
  assert.deepEqual(generated(page, { check: true }, colours).problems, []);
  const padded = page.replaceAll("---", "-----").replace("| go |", "| go          |");
  assert.deepEqual(generated(padded, { check: false }, colours), { problems: [], page: padded });
});

Deno.test("generate() only checks: what differs is reported and stays", () => {
  const rows = "| name | meaning |\n| --- | --- |\n| `red` | stop \\| halt |\n| `green` | wait |";
  const text = `${begin}\n\n${rows}\n\n${end}\n`;
  assert.deepEqual(generated(text, { check: true }, colours), {
    problems: ["page.md: must hold the table “colours” as in the code: run make fmt"],
    page: text,
  });
});

Deno.test("a page without a table's marks, once each and in order, is reported and stays", () => {
  const pages = [
    ["nothing", `page.md: must hold “${begin}” once`],
    [begin, `page.md: must hold “${end}” once`],
    [`${begin}${begin}${end}`, `page.md: must hold “${begin}” once`],
    [`${begin}${end}${end}`, `page.md: must hold “${end}” once`],
    [`${end}${begin}`, `page.md: must hold “${begin}” before “${end}”`],
  ] as const;
  for (const [text, problem] of pages) {
    for (const check of [true, false]) {
      assert.deepEqual(generated(text, { check }, colours), { problems: [problem], page: text });
    }
  }
});

Deno.test("several tables of one page are all written", () => {
  const other: Table = { ...colours, name: "shapes", rows: [["`square`", "four sides"]] };
  const marks = `${begin}\n${end}\n`;
  const text = marks + marks.replaceAll("colours", "shapes");
  const { problems, page } = generated(text, { check: false }, colours, other);
  assert.deepEqual(problems, []);
  assert.match(page, /`green` \| go[^]*`square` \| four sides/);
});
