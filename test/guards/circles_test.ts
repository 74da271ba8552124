/**
 * The import graph of the program has no circles; imports of types and late imports count as well.
 */

import assert from "node:assert/strict";
import { projectRoot } from "../support/program.ts";

/** What each file imports. */
type Graph = ReadonlyMap<string, readonly string[]>;

/** The part of what `deno info --json` prints that is used here. */
interface Info {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly code?: { readonly specifier?: string };
      readonly type?: { readonly specifier?: string };
    }[];
  }[];
}

async function graphOf(entry: string): Promise<Graph> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: projectRoot,
    stderr: "inherit",
  }).output();
  assert.ok(success);
  const { modules }: Info = JSON.parse(new TextDecoder().decode(stdout));
  return new Map(modules.map(({ specifier, dependencies = [] }) => [
    specifier,
    dependencies.flatMap(({ code, type }) => [code?.specifier ?? [], type?.specifier ?? []].flat()),
  ]));
}

/** The files that can be reached from a file; itself only if it is in a circle. */
function reachedFrom(file: string, graph: Graph): ReadonlySet<string> {
  const reached = new Set<string>();
  const visit = (from: string) => {
    for (const to of graph.get(from) ?? []) {
      if (!reached.has(to)) visit((reached.add(to), to));
    }
  };
  visit(file);
  return reached;
}

/** The files of each circle, sorted; circles that touch are one. */
function circles(graph: Graph): string[] {
  const reached = new Map([...graph.keys()].map((file) => [file, reachedFrom(file, graph)]));
  const found = new Set<string>();
  for (const [file, others] of reached) {
    if (!others.has(file)) continue;
    const circle = [...others].filter((other) => reached.get(other)?.has(file));
    found.add(circle.sort().join(", "));
  }
  return [...found].sort();
}

Deno.test("the import graph of main.ts and src/service.ts has no circles", async () => {
  const graphs = await Promise.all(["main.ts", "src/service.ts"].map(graphOf));
  const graph = new Map(graphs.flatMap((one) => [...one]));
  const root = new URL("../../", import.meta.url).href;
  assert.ok(graph.has(`${root}src/app/app.ts`));
  assert.ok(graph.has(`${root}src/telemetry/otlp.ts`), "late imports are there too");
  assert.deepEqual(circles(graph).map((circle) => circle.replaceAll(root, "")), []);
});

Deno.test("circles() finds each circle once", () => {
  assert.deepEqual(
    circles(
      new Map([
        ["alone", ["itself", "a"]],
        ["itself", ["itself"]],
        ["a", ["b"]],
        ["b", ["c", "end"]],
        ["c", ["a"]],
        ["d", ["e", "end"]],
        ["e", ["d"]],
        ["end", ["elsewhere"]],
      ]),
    ),
    ["a, b, c", "d, e", "itself"],
  );
});
