/**
 * The tables of `tools/rooms/rooms.ts` themselves: they keep to the design, and allow nothing that no file needs.
 */

import assert from "node:assert/strict";
import { type Place, placeOf } from "../../tools/rooms/place.ts";
import { lookAt } from "../../tools/rooms/plugin.ts";
import { globals, members, packages, rooms, runtime, texts } from "../../tools/rooms/rooms.ts";
import type { Seen } from "../../tools/rooms/seen.ts";
import { covers, opens } from "../../tools/rooms/verdict.ts";
import { programSources } from "../support/program_sources.ts";

/** Each room, folder and file that `rooms` allows. */
const allowedImports = Object.entries(rooms).flatMap(([room, folders]) =>
  Object.entries(folders).flatMap(([folder, files]) =>
    files.map((file) => ({ room, folder, file }))
  )
);

/** Everything that the plugin finds in the program, and where. */
function allSeen(): { readonly place: Place; readonly seen: Seen }[] {
  const all: { readonly place: Place; readonly seen: Seen }[] = [];
  for (const [path, source] of programSources()) {
    const place = placeOf(path);
    const create = ({ sourceCode }: Deno.lint.RuleContext) =>
      lookAt(path, sourceCode, (seen) => all.push({ place, seen }));
    Deno.lint.runPlugin({ name: "all", rules: { seen: { create } } }, path, source);
  }
  return all;
}

Deno.test("tools/rooms/rooms.ts lets a room import only from rooms that stand before it", () => {
  const order = Object.keys(rooms);
  for (const { room, folder, file } of allowedImports) {
    if (folder === ".") continue;
    const target = folder === "src" ? file : folder;
    assert.ok(order.includes(target), `${target}, which ${room} imports, is a room`);
    assert.ok(order.indexOf(target) < order.indexOf(room), `${target} stands before ${room}`);
  }
});

Deno.test("tools/rooms/rooms.ts lets http, exec, machine and cli import only file_beginning.ts of each other", () => {
  const strangers = ["http", "exec", "machine", "cli"];
  assert.deepEqual(
    allowedImports.filter(({ room, folder }) =>
      strangers.includes(room) && strangers.includes(folder)
    ),
    [
      { room: "cli", folder: "machine", file: "file_beginning.ts" },
    ],
  );
});

Deno.test("tools/rooms/rooms.ts allows nothing that no file needs", () => {
  const all = allSeen();
  const needless: string[] = [];
  for (const { room, folder, file } of allowedImports) {
    const isNeeded = all.some(({ place, seen }) =>
      seen.kind === "import" && place.room === room && seen.target.folder === folder &&
      seen.typesOnly === file.startsWith("type:") && opens(file, seen.target.file, seen.typesOnly)
    );
    if (!isNeeded) needless.push(`rooms: "${file}" in "${folder}", row "${room}"`);
  }
  const tables = { runtime, packages, globals, members, texts };
  for (const [kind, rows] of Object.entries(tables)) {
    for (const { what, who } of rows) {
      const uses = all.flatMap(({ place, seen }) =>
        "name" in seen && seen.kind === kind && what.some((one) => covers(one, seen.name))
          ? [{ place, name: seen.name }]
          : []
      );
      for (const one of who === "everyone" ? [] : who) {
        const isNeeded = uses.some(({ place }) => place.name === one || place.room === one);
        if (!isNeeded) needless.push(`${kind}: "${one}" in the row of ${what[0]}`);
      }
      for (const one of who.length ? what : []) {
        const isNeeded = uses.some(({ name }) => covers(one, name));
        if (!isNeeded) needless.push(`${kind}: ${one}`);
      }
    }
  }
  assert.deepEqual(needless, []);
});
