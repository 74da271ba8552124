/**
 * The npm packages that the program imports, and their dependencies, without those that only tests or tools import.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { BuildFailure } from "./build_failure.ts";
import { type License, type Licensed, unpackPackages } from "./licenses.ts";
import { requireCommand } from "./required_command.ts";

/** One package of the lock file. */
export interface NpmPackage extends Licensed {
  /** Its key in the lock file, which names the peers too. */
  readonly id: string;
  /** SHA-512 of what the registry serves, in hexadecimal. */
  readonly sha512: string;
  /** Ids of its dependencies. */
  readonly dependencies: readonly string[];
}

/** Packages of a program. */
export interface RuntimePackages {
  /** Ids of those that the program itself imports, sorted. */
  readonly imported: readonly string[];
  /** These and all their dependencies, sorted by id. */
  readonly all: readonly NpmPackage[];
}

/** The parts of a module graph of `deno info --json` that are needed here. */
export interface Graph {
  /** Modules, each with the npm package that it belongs to, if any. */
  readonly modules: readonly { readonly npmPackage?: string }[];
  /** All packages by id, also those that no module imports. */
  readonly npmPackages: Readonly<Record<string, Omit<NpmPackage, "id" | "sha512" | "license">>>;
}

/** The isolate's file is an entry of its own, since it is not imported but started. */
const entries = ["main.ts", "src/service.ts"];

/** Packages of the project in this folder. Throws a `BuildFailure` if one has no SHA-512 in the lock file, or no licence. */
export async function runtimePackages(root: string): Promise<RuntimePackages> {
  const graphs: Graph[] = [];
  for (const entry of entries) {
    graphs.push(JSON.parse(await requireCommand(Deno.execPath(), ["info", "--json", entry], root)));
  }
  const known = Object.assign({}, ...graphs.map((graph) => graph.npmPackages));
  const modules = graphs.flatMap((graph) => graph.modules);
  const imported = new Set(modules.flatMap(({ npmPackage }) => npmPackage ?? []));
  const lock = JSON.parse(Deno.readTextFileSync(`${root}/deno.lock`));
  using unpacked = await unpackPackages(root);
  return packagesFrom([...imported], known, lock.npm, unpacked.licenseOf);
}

/** The packages imported and all their dependencies. Throws a `BuildFailure` for one that `locked` has no SHA-512 of. */
export function packagesFrom(
  imported: readonly string[],
  known: Graph["npmPackages"],
  locked: Readonly<Record<string, { readonly integrity?: string }>>,
  licenseOf: (entry: Graph["npmPackages"][string]) => License,
): RuntimePackages {
  const ids = new Set(imported);
  // A set also visits what is added on the way.
  for (const id of ids) {
    for (const needed of known[id]?.dependencies ?? []) ids.add(needed);
  }
  const all = [...ids].sort().map((id) => {
    const said = known[id];
    const hash = /^sha512-(\S+)$/.exec(locked[id]?.integrity ?? "")?.[1];
    if (!said || !hash) throw new BuildFailure(`${id}: must have a SHA-512 in deno.lock`);
    const { name, version, dependencies } = said;
    const sha512 = Buffer.from(hash, "base64").toString("hex");
    return { id, name, version, sha512, license: licenseOf(said), dependencies };
  });
  return { imported: imported.toSorted(), all };
}
