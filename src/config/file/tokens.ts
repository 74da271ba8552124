/**
 * The tokens of clients, in tables `[tokens.NAME]` of a file of their own.
 *
 * @module
 */

import { commandNameForm, isCommandName } from "../../wire/commands.ts";
import { isNetwork } from "../../wire/networks.ts";
import { type Scope, scopes } from "../../wire/resources.ts";
import { type KnownToken, passwordName } from "../../wire/tokens.ts";
import type { ConfigFile } from "./config_file.ts";
import { type Faults, faultsOf } from "./faults.ts";
import { didYouMean } from "./similar.ts";
import { isTable, type KeyPath, shownToml, type TomlTable, type TomlValue } from "./toml.ts";

/** The most tokens of a file. */
export const maxTokens = 1024;

/** The keys of a table. */
export const tokenKeys = [
  "sha256",
  "scopes",
  "commands",
  "expires",
  "addresses",
  "max_running",
  "max_waiting",
] as const;

/** A key of a table. */
type TokenKey = typeof tokenKeys[number];

/** The tokens of a file, and what is wrong in it: one line `PATH:LINE: …` for each fault. */
export interface Tokens {
  /** The tokens, in the order of the file; those with faults may be missing. */
  readonly tokens: readonly KnownToken[];
  /** The faults, in the order of their lines. */
  readonly errors: readonly string[];
}

/** Reads the tokens of a file. `commands` are the names of all commands; undefined if they are not known. */
export function readTokens(file: ConfigFile, commands: readonly string[] | undefined): Tokens {
  if (file.errors.length > 0) return { tokens: [], errors: file.errors };
  const faults = faultsOf(file);
  for (const key of Object.keys(file.top)) {
    if (key !== "tokens") faults.add([key], "must stand in a table [tokens.NAME]");
  }
  const all = file.top["tokens"] ?? {};
  if (!isTable(all)) faults.add(["tokens"], "must be tables [tokens.NAME]");
  const tables = isTable(all) ? Object.entries(all) : [];
  const tooMany = tables[maxTokens];
  if (tooMany) {
    faults.add(
      ["tokens", tooMany[0]],
      `must be left out: there may be at most ${maxTokens} tokens`,
    );
  }
  /** The names of the tokens so far, by their digests. */
  const known = new Map<string, string>();
  const tokens = tables.flatMap(([name, table]) => {
    const path = ["tokens", name];
    if (!isCommandName(name)) {
      faults.add(path, `must have a name of this form: ${commandNameForm}`);
    } else if (name === passwordName) {
      faults.add(path, `must have another name: ${passwordName} stands for X-JR-PASSWORD`);
    }
    if (isTable(table)) return readToken(new TokenTable(name, table, faults), commands, known);
    faults.add(path, "must be a table [tokens.NAME]");
    return [];
  });
  const none = `${file.path}: must have a table [tokens.NAME] for each token`;
  const errors = faults.all();
  return { tokens, errors: tables.length + errors.length === 0 ? [none] : errors };
}

/** A table `[tokens.NAME]`. */
class TokenTable {
  readonly name: string;
  readonly #table: TomlTable;
  readonly #faults: Faults;

  constructor(name: string, table: TomlTable, faults: Faults) {
    this.name = name;
    this.#table = table;
    this.#faults = faults;
    for (const key of Object.keys(table)) {
      if ((tokenKeys as readonly string[]).includes(key)) continue;
      faults.add(this.#path(key), `no such key${didYouMean(key, tokenKeys)}`);
    }
  }

  value(key: TokenKey): TomlValue | undefined {
    return this.#table[key];
  }

  /** The texts of an array, or of one string; undefined after a fault, or without the key. */
  texts(key: TokenKey, wanted: string): readonly string[] | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    const list = Array.isArray(value) ? value : [value];
    const texts = list.filter((entry) => typeof entry === "string");
    if (texts.length === list.length && texts.length > 0) return texts;
    return this.refuse(key, wanted);
  }

  /** Adds a fault that does not show the value. */
  refuse(key: TokenKey, wanted: string): undefined {
    this.#faults.add(this.#path(key), `must be ${wanted}`);
  }

  /** Adds the fault that a key has a value, or an entry of its array is one, that cannot be. */
  refuseValue(key: TokenKey, value: TomlValue, sentence: string): undefined {
    this.#faults.add(this.#path(key), `${shownToml(value)} ${sentence}`);
  }

  #path(key: string): KeyPath {
    return ["tokens", this.name, key];
  }
}

function readToken(
  table: TokenTable,
  commands: readonly string[] | undefined,
  known: Map<string, string>,
): KnownToken[] {
  const digests = readDigests(table, known);
  const scopes = readScopes(table);
  const rest = {
    commands: readCommandNames(table, commands),
    expiresMs: readExpiry(table),
    addresses: readAddresses(table),
    maxRunning: readLimit(table, "max_running", 1),
    maxWaiting: readLimit(table, "max_waiting", 0),
  };
  return digests && scopes ? [{ name: table.name, digests, scopes, ...rest }] : [];
}

const digestWanted =
  "the SHA-256 of the token in 64 hexadecimal digits, or an array of two while the token is replaced: jobrunner token new prints it";

/** The value is never shown: somebody may have put the token itself there. */
function readDigests(
  table: TokenTable,
  known: Map<string, string>,
): readonly string[] | undefined {
  if (table.value("sha256") === undefined) return table.refuse("sha256", digestWanted);
  const digests = table.texts("sha256", digestWanted)?.map((text) => text.toLowerCase());
  if (!digests) return undefined;
  if (digests.length > 2 || !digests.every((digest) => /^[0-9a-f]{64}$/.test(digest))) {
    return table.refuse("sha256", digestWanted);
  }
  for (const digest of digests) {
    const other = known.get(digest);
    known.set(digest, table.name);
    if (other !== undefined) {
      return table.refuse("sha256", `another digest: the token ${other} has this one`);
    }
  }
  return digests;
}

const scopesWanted = `an array of at least one of ${scopes.join(", ")}`;

function readScopes(table: TokenTable): readonly Scope[] | undefined {
  if (table.value("scopes") === undefined) return table.refuse("scopes", scopesWanted);
  const texts = table.texts("scopes", scopesWanted);
  for (const text of texts ?? []) {
    if ((scopes as readonly string[]).includes(text)) continue;
    table.refuseValue("scopes", text, `is no scope: there are ${scopes.join(", ")}`);
  }
  return texts && scopes.filter((scope) => texts.includes(scope));
}

function readCommandNames(
  table: TokenTable,
  commands: readonly string[] | undefined,
): readonly string[] | undefined {
  const names = table.texts("commands", "an array of at least one name of a command");
  for (const name of names ?? []) {
    if (!commands || commands.includes(name)) continue;
    table.refuseValue("commands", name, `is no command${didYouMean(name, commands)}`);
  }
  return names;
}

function readExpiry(table: TokenTable): number {
  const value = table.value("expires");
  if (value === undefined) return Infinity;
  // A time without a date is parsed as one of the year 0.
  if (value instanceof Date && value.getUTCFullYear() !== 0) return value.getTime();
  table.refuse("expires", "a date, or a date and a time, such as 2027-01-01 without quotes");
  return Infinity;
}

/** The largest limit: as many jobs as the largest queue may hold. */
const largestLimit = 1_000_000;

function readLimit(table: TokenTable, key: "max_running" | "max_waiting", least: number): number {
  const value = table.value(key);
  if (value === undefined) return Infinity;
  if (
    typeof value === "number" && Number.isInteger(value) && value >= least && value <= largestLimit
  ) {
    return value;
  }
  table.refuse(key, `a whole number from ${least} to ${largestLimit}`);
  return Infinity;
}

function readAddresses(table: TokenTable): readonly string[] | undefined {
  const texts = table.texts(
    "addresses",
    "an array of at least one IP address or network, such as 10.0.0.0/8",
  );
  for (const text of texts ?? []) {
    if (!isNetwork(text)) {
      table.refuseValue("addresses", text, "is neither an address nor a network");
    }
  }
  return texts;
}
