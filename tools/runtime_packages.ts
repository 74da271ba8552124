/**
 * The npm packages that the program imports, and what these need; what only tests or tools import is none of them.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { BuildFailure } from "./build_failure.ts";
import { type License, type Licensed, unpackPackages } from "./licenses.ts";
import { requireCommand } from "./required_command.ts";

/** One package, as the lock file has it. */
export interface NpmPackage extends Licensed {
  /** Its key in the lock file, which names the peers too. */
  readonly id: string;
  /** SHA-512 of what the registry serves, in hexadecimal. */
  readonly sha512: string;
  /** Ids of what it needs. */
  readonly dependencies: readonly string[];
}

/** Packages of a program. */
export interface RuntimePackages {
  /** Ids of those that the program itself imports, sorted. */
  readonly imported: readonly string[];
  /** They and all that they need, sorted by id. */
  readonly all: readonly NpmPackage[];
}

/** What `deno info --json` says of a module graph, as far as it is needed here. */
export interface Graph {
  /** Of packages those that a module imports. */
  readonly modules: readonly { readonly npmPackage?: string }[];
  /** By id, also those that no module imports. */
  readonly npmPackages: Readonly<Record<string, Omit<NpmPackage, "id" | "sha512" | "license">>>;
}

/** The isolate's file is not imported, it is started. */
const entries = ["main.ts", "src/service.ts"];

/** Packages of the project in this folder. Throws a `BuildFailure` when the lock file cannot vouch for one, or one has no licence. */
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

/** The packages imported and all that they need. Throws a `BuildFailure` for one that `locked` has no SHA-512 of. */
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
