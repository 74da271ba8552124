import assert from "node:assert/strict";
import { events, levelOf } from "../../src/telemetry/events.ts";
import { projectRoot } from "../support/program.ts";

/** The text of every source but the table's own. */
function sources(folder = "src"): string {
  return [...Deno.readDirSync(`${projectRoot}${folder}`)].map(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (path === "src/telemetry/events.ts") return "";
    return isDirectory ? sources(path) : Deno.readTextFileSync(`${projectRoot}${path}`);
  }).join("\n");
}

Deno.test("every event of the table is logged by the sources", () => {
  const text = sources();
  for (const name of Object.keys(events)) {
    const [before = "", ...rest] = name.split(/<.*?>/);
    assert.ok(text.includes(rest.length === 0 ? `"${name}"` : `\`${before}$`), name);
  }
});

Deno.test("levelOf() is the level of the event's row, also where a part of its message varies", () => {
  assert.equal(levelOf("job started"), "debug");
  assert.equal(levelOf("cannot start"), "error");
  assert.equal(levelOf("listening on http://127.0.0.1:8080"), events["listening on <url>"].level);
  const varying = Object.keys(events).filter((name) => name.includes("<"));
  assert.deepEqual(varying, ["listening on <url>"]);
});
