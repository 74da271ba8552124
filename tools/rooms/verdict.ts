/**
 * Judges by the tables what is found in a file.
 *
 * @module
 */

import type { Place } from "./place.ts";
import { globals, members, packages, rooms, type Row, runtime, texts } from "./rooms.ts";
import type { Seen } from "./seen.ts";

/** What is wrong, and how to fix it. */
export interface Breach {
  readonly message: string;
  readonly hint: string;
}

interface Table {
  readonly rows: readonly Row<string | RegExp>[];
  /** Whether something that is in no row is a breach. */
  readonly isClosed: boolean;
}

const tables = {
  runtime: { rows: runtime, isClosed: true },
  packages: { rows: packages, isClosed: true },
  globals: { rows: globals, isClosed: false },
  members: { rows: members, isClosed: false },
  texts: { rows: texts, isClosed: false },
} as const satisfies Record<string, Table>;

/** The breach that a file is because of its place alone. */
export function breachOfPlace({ room, name }: Place): Breach | undefined {
  if (room === undefined || Object.hasOwn(rooms, room)) return undefined;
  return {
    message: `${name} is in no room`,
    hint:
      "Move it into one. A new room needs a row in docs/design.md and in `rooms` of tools/rooms/rooms.ts",
  };
}

/** The breach, if the file of this place may not do what was found. */
export function breachOf(place: Place, seen: Seen): Breach | undefined {
  switch (seen.kind) {
    case "import":
      return breachOfImport(place, seen.target, seen.typesOnly);
    case "hidden":
      return {
        message: `${place.name} hides what it uses: ${seen.what}`,
        hint: "Import the file by its name in a string, or name the thing itself",
      };
    default:
      return breachOfName(place, seen.name, seen.kind);
  }
}

function breachOfImport(from: Place, target: Place, typesOnly: boolean): Breach | undefined {
  const { room = "" } = from;
  if (target.room === room) return undefined;
  const files = rooms[room]?.[target.folder] ?? [];
  const typesOf = `type:${target.file}`;
  if (files.some((file) => opens(file, target.file, typesOnly))) return undefined;
  return {
    message: `${from.name} may not import ${typesOnly ? "types of " : ""}${target.name}`,
    hint: allowing(
      `add "${
        typesOnly ? typesOf : target.file
      }" to "${target.folder}" in \`rooms\`, row "${room}"`,
    ),
  };
}

/** Whether an entry of `rooms` allows the import of a file. */
export function opens(entry: string, file: string, typesOnly: boolean): boolean {
  const allowed = typesOnly ? entry.replace(/^type:/, "") : entry;
  return allowed === "*" || allowed === file;
}

function breachOfName(place: Place, name: string, kind: keyof typeof tables): Breach | undefined {
  const { rows, isClosed }: Table = tables[kind];
  const about = rows.filter((row) => row.what.some((what) => covers(what, name)));
  const refusing = about.find((row) => !allows(row, place));
  if (!refusing && (about.length || !isClosed)) return undefined;
  return {
    message: `${place.name} may not name ${name}`,
    hint: allowing(
      refusing?.who.length
        ? `add "${place.name}" to \`${kind}\`, row of ${refusing.what[0]}`
        : `give it a row of its own in \`${kind}\``,
    ),
  };
}

/** `node:fs` covers `node:fs.read` and `hono` what is below it, `Deno.open` covers `Deno.openSync`. */
export function covers(what: string | RegExp, name: string): boolean {
  if (typeof what !== "string") return what.test(name);
  return name === what || name === `${what}Sync` || name.startsWith(`${what}/`) ||
    name.startsWith(`${what}.`);
}

function allows({ who }: Row<unknown>, { room = "", name }: Place): boolean {
  return who === "everyone" || who.includes(name) || who.includes(room);
}

function allowing(change: string): string {
  return `docs/design.md says which room does this. If this file should: in tools/rooms/rooms.ts ${change}`;
}
