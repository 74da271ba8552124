/**
 * The tables of the configuration file: its top, `[commands.NAME]` and `[pools.NAME]`.
 *
 * @module
 */

import { commandNameForm, isCommandName } from "../../wire/commands.ts";
import { commandKeys, commandOnlyKeys, poolKeys } from "./command_keys.ts";
import type { Faults } from "./faults.ts";
import { didYouMean } from "./similar.ts";
import { keysOf, readSection, type Section } from "./section.ts";
import { keyOf, type Setting } from "../setting.ts";
import { settings } from "../settings.ts";
import { isTable, type TomlTable } from "./toml.ts";

/** A table with a name. */
export interface NamedSection extends Section {
  /** The last key of its path. */
  readonly name: string;
}

/** Reads the top of the file: the settings of the whole server, and the defaults of every command and pool. */
export function readTop(top: TomlTable, faults: Faults): Section {
  const own = Object.entries(top).filter(([key]) => key !== "commands" && key !== "pools");
  return readSection(Object.fromEntries(own), [], {
    keys: keysOf(settings),
    faults,
    elsewhere(key) {
      if (key === "config_file") return "must be left out: a file cannot name another";
      const meant = isTable(top[key]) ? didYouMean(key, ["commands", "pools"]) : "";
      if (meant !== "") return `no such table${meant}`;
      return commandOnlyKeys.some(({ name }) => name === key)
        ? "must stand in a table [commands.NAME]"
        : undefined;
    },
  });
}

/** Reads the tables below `commands` or `pools`. Whatever else is there is a fault, and so is a wrong name. */
export function readTables(
  kind: "commands" | "pools",
  top: TomlTable,
  faults: Faults,
): NamedSection[] {
  const all = top[kind] ?? {};
  if (!isTable(all)) {
    faults.addValue([kind], all, `must be tables [${kind}.NAME]`);
    return [];
  }
  const keys = kind === "commands" ? commandKeys : poolKeys;
  const sections: NamedSection[] = [];
  for (const [name, table] of Object.entries(all)) {
    const path = [kind, name];
    if (!isCommandName(name)) {
      faults.add(
        path,
        `must have a name of this form: ${commandNameForm}`,
      );
    }
    if (isTable(table)) {
      const rest = { keys, faults, elsewhere: (key: string) => elsewhere(key, kind) };
      sections.push({ name, ...readSection(table, path, rest) });
    } else {
      // The value is not shown: this may be a setting of the server in the wrong table, such as the password.
      faults.add(path, `must be a table [${kind}.NAME]`);
    }
  }
  return sections;
}

/** Says where a key belongs that such a table does not have; undefined if it belongs nowhere. */
function elsewhere(key: string, kind: "commands" | "pools"): string | undefined {
  if (kind === "pools" && commandKeys.some(({ name }) => name === key)) {
    return "must stand in a table [commands.NAME]";
  }
  return (settings as readonly Setting[]).some((row) => keyOf(row) === key)
    ? "must stand at the top of the file, since it is a setting of the whole server"
    : undefined;
}
