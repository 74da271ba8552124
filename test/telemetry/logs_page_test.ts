import assert from "node:assert/strict";
import { projectRoot } from "../support/program.ts";

/** Every event that the sources log, with its level. */
function eventsOfTheSources(): Map<string, string> {
  const events = new Map<string, string>();
  const visit = (folder: string) => {
    for (const { name, isDirectory } of Deno.readDirSync(`${projectRoot}${folder}`)) {
      const path = `${folder}/${name}`;
      if (isDirectory) {
        visit(path);
        continue;
      }
      const calls = Deno.readTextFileSync(`${projectRoot}${path}`).matchAll(
        /\blog\.(debug|info|warn|error)\(\s*(?:"([^"]+)"|`([^`]+)`)/g,
      );
      for (const [, level = "", text, template = ""] of calls) {
        const event = text ?? template.replace(/\$\{[^}]*\}/g, "<url>");
        events.set(event, level.toUpperCase());
      }
    }
  };
  visit("src");
  return events;
}

Deno.test("docs/reference/logs.md lists every event of the sources with its level, and no other", () => {
  const page = new Map(
    [
      ...Deno.readTextFileSync(`${projectRoot}docs/reference/logs.md`).matchAll(
        /^\| `([^`]+)`\s*\| ([A-Z]+)\s*\|/gm,
      ),
    ].map(([, event = "", level = ""]) => [event, level]),
  );
  // Made by the log itself, not through it.
  page.delete("log lines were lost");
  const sorted = (events: Map<string, string>) => [...events].sort();
  assert.ok(page.size > 20);
  assert.deepEqual(sorted(page), sorted(eventsOfTheSources()));
});
