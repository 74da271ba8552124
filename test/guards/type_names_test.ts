import assert from "node:assert/strict";
import { programSources } from "../support/program_sources.ts";

/** The names that more than one declaration of a type has, each with its files. */
function sharedNames(sources: ReadonlyMap<string, string>): Map<string, string[]> {
  const files = new Map<string, string[]>();
  for (const [path, text] of sources) {
    for (const [, name = ""] of text.matchAll(/^(?:export )?(?:interface|type|class) (\w+)/gm)) {
      files.set(name, [...files.get(name) ?? [], path]);
    }
  }
  return new Map([...files].filter(([, paths]) => paths.length > 1));
}

Deno.test("no two types of src have the same name", () => {
  assert.ok(programSources().size > 100);
  assert.deepEqual(sharedNames(programSources()), new Map());
});

Deno.test("sharedNames() finds exported and inner types of all kinds", () => {
  const found = sharedNames(
    new Map([
      ["a.ts", "export interface One {}\ntype Two = 1;\ninterface Three {}\n"],
      ["b.ts", "class One {}\nexport type Two = 2;\nconst Three = 3;\n"],
    ]),
  );
  assert.deepEqual([...found], [["One", ["a.ts", "b.ts"]], ["Two", ["a.ts", "b.ts"]]]);
});
