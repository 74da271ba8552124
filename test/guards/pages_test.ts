/**
 * The documentation hangs together: every link leads somewhere, every page is found, and the README stays short.
 */

import assert from "node:assert/strict";
import { settings } from "../../src/config/settings.ts";
import type { Setting } from "../../src/config/setting.ts";
import { anchorsOf, linksOf } from "../support/markdown.ts";
import { projectRoot } from "../support/program.ts";

/** The pages in a folder, by path from the project's root; with `deep`, also those in the folders below it. */
function pagesIn(folder: string, deep: boolean): string[] {
  return [...Deno.readDirSync(`${projectRoot}${folder}`)].flatMap(({ name, isDirectory }) =>
    isDirectory
      ? (deep ? pagesIn(`${folder}${name}/`, deep) : [])
      : name.endsWith(".md")
      ? [`${folder}${name}`]
      : []
  );
}

const pages: ReadonlyMap<string, string> = new Map(
  [...pagesIn("", false), ...pagesIn("docs/", true), ...pagesIn("contrib/", true)]
    .map((path) => [path, Deno.readTextFileSync(`${projectRoot}${path}`)]),
);
const readme = pages.get("README.md") ?? "";

/** The path from the project's root that a link of a page leads to, and its fragment. */
function targetOf(page: string, link: string): { readonly path: string; readonly anchor: string } {
  const { pathname, hash } = new URL(link, `file:///${page}`);
  return { path: decodeURI(pathname).slice(1), anchor: decodeURI(hash).slice(1) };
}

/** The links of a page that lead into the project. */
function inside(page: string, text: string): readonly string[] {
  return linksOf(text).filter((link) => !/^[a-z]+:/.test(link)).map((link) => {
    assert.ok(!link.startsWith("/"), `${page}: ${link} must be relative`);
    return link;
  });
}

/** What is wrong with the links of a page. */
function deadLinks(page: string, text: string): readonly string[] {
  return inside(page, text).filter((link) => {
    const { path, anchor } = targetOf(page, link);
    const target = path === page ? text : pages.get(path);
    if (target === undefined) return anchor !== "" || !exists(path);
    return anchor !== "" && !anchorsOf(target).has(anchor);
  });
}

function exists(path: string): boolean {
  try {
    Deno.statSync(`${projectRoot}${path}`);
    return true;
  } catch {
    return false;
  }
}

Deno.test("every page links only to files and headings that exist", () => {
  assert.ok(pages.size > 15);
  for (const [page, text] of pages) assert.deepEqual(deadLinks(page, text), [], page);
});

Deno.test("deadLinks() finds a missing file, a missing heading and a heading of a folder", () => {
  const dead = ["gone.md", "#gone", "../README.md#gone", "guides#gone"];
  const alive = ["design.md", "../README.md", "#here-it-is", "../contrib", "https://gone.example/"];
  const text = `# Here it is\n\n${[...dead, ...alive].map((link) => `[a](${link})`).join(" ")}\n`;
  assert.deepEqual(deadLinks("docs/new.md", text), dead);
});

Deno.test("README.md links to every page from its index", () => {
  const index = /^## Documentation\n.*/ms.exec(readme)?.[0] ?? "";
  const linked = new Set(
    inside("README.md", index).map((link) => targetOf("README.md", link).path),
  );
  const others = [...pages.keys()].filter((page) => page.startsWith("docs/"));
  assert.deepEqual(others.filter((page) => !linked.has(page)), []);
  assert.ok(linked.has("CONTRIBUTING.md") && linked.has("CHANGELOG.md"));
});

Deno.test("README.md has at most 130 lines of at most 110 columns", () => {
  const lines = readme.trimEnd().split("\n");
  assert.ok(lines.length <= 130, `${lines.length} lines: new text goes into a guide`);
  assert.deepEqual(lines.filter((line) => [...line].length > 110), []);
});

Deno.test("README.md gives ten settings with the defaults of their rows", () => {
  const section = /^## Settings\n.*?(?=^## )/ms.exec(readme)?.[0] ?? "";
  const told = [...section.matchAll(/^\| `(\w+)` *\| (.*?) *\|/gm)]
    .map(([, name, value]) => [name, value === "–" ? "" : value]);
  const rows: readonly Setting[] = settings;
  const inTable = rows.map((row) => [row.name, row.default]);
  assert.equal(told.length, 10);
  for (const row of told) assert.ok(inTable.some((one) => one.join() === row.join()), row.join());
});

Deno.test("docs/design.md and docs/decisions.md name only files that exist", () => {
  const text = `${pages.get("docs/design.md")}${pages.get("docs/decisions.md")}`;
  const named = [...text.matchAll(/`([\w./]+\/[\w.]+\.ts)`/g)]
    .map(([, path = ""]) => path);
  assert.ok(named.length > 50);
  assert.deepEqual(named.filter((path) => !exists(path) && !exists(`src/${path}`)), []);
});
