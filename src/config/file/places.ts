/**
 * The lines of a TOML document that its values are in. The parser reports none, so it is given one statement after the other.
 *
 * @module
 */

import { isTable, type KeyPath, type ParseToml, type TomlTable, valueAt } from "./toml.ts";

/** Where the values of a document are. */
export interface Places {
  /**
   * Number of the line, from 1, in which the statement begins that has a path first; for a path that is not in the document,
   * that of the table that it would be in.
   */
  lineOf(path: KeyPath): number;
  /** Whether the number at a path is written in octal, such as `0o027`. */
  isOctal(path: KeyPath): boolean;
}

/** A header such as `[commands.pdf]`, or a key and its value. */
interface Statement {
  /** Number of its first line, from 1. */
  readonly line: number;
  readonly text: string;
  /** The table that it is in. */
  readonly table: KeyPath;
}

/** The longest path that is looked for. */
const maxKeys = 4;

/** How many times the length of the document is parsed before the ends of long statements are only looked for roughly. */
const thorough = 16;

/** The places in a valid document. They are looked for when the first is asked for, in about linear time. */
export function placesIn(text: string, parse: ParseToml): Places {
  let found: ReadonlyMap<string, Statement> | undefined;

  function statementOf(path: KeyPath): Statement | undefined {
    found ??= statementsByPath(text, parse);
    return found.get(JSON.stringify(path));
  }

  return {
    lineOf(path) {
      for (let keys = path.length; keys > 0; keys--) {
        const statement = statementOf(path.slice(0, keys));
        if (statement) return statement.line;
      }
      return 1;
    },
    isOctal(path) {
      const statement = statementOf(path);
      if (!statement) return false;
      const own = path.slice(statement.table.length);
      const changed = statement.text.replace(/(=\s*0o)/g, (start) => `${start}1`);
      const value = valueAt(parse(changed), own);
      // Only a number in octal becomes another one by a digit behind 0o.
      return typeof value === "number" && value !== valueAt(parse(statement.text), own);
    },
  };
}

/** The first statement that has each path. */
function statementsByPath(text: string, parse: ParseToml): Map<string, Statement> {
  const found = new Map<string, Statement>();
  const lines = text.split("\n");
  let table: KeyPath = [];
  let effort = thorough * text.length;

  function add(tree: TomlTable, path: KeyPath, statement: Statement): void {
    for (const [key, value] of Object.entries(tree)) {
      const own = [...path, key];
      const name = JSON.stringify(own);
      if (!found.has(name)) found.set(name, statement);
      if (isTable(value) && own.length < maxKeys) add(value, own, statement);
    }
  }

  for (let line = 0; line < lines.length; line++) {
    const from = line;
    let part = `${lines[line]}\n`;
    let tried = 0;
    let tree = tryTo(parse, part);
    // A statement of several lines ends with one of these.
    while (!tree && ++line < lines.length) {
      part += `${lines[line]}\n`;
      if (!/"""|'''|[\]}]/.test(lines[line] ?? "") || effort < 0 && part.length < 2 * tried) {
        continue;
      }
      effort -= part.length;
      tried = part.length;
      tree = tryTo(parse, part);
    }
    const isHeader = /^\s*\[/.test(part);
    if (isHeader) table = [];
    if (tree) add(tree, table, { line: from + 1, text: part, table });
    if (isHeader && tree) table = pathOf(tree);
  }
  return found;
}

function tryTo(parse: ParseToml, text: string): TomlTable | undefined {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** The path of the table that a header begins. */
function pathOf(header: TomlTable): KeyPath {
  const path: string[] = [];
  let table: TomlTable | undefined = header;
  while (table) {
    const [key] = Object.keys(table);
    if (key === undefined) break;
    path.push(key);
    const value: unknown = table[key];
    table = (Array.isArray(value) ? value[0] : value) as TomlTable | undefined;
  }
  return path;
}
