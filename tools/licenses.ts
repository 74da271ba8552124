/**
 * Licences of what the binaries contain: what each npm package declares, its own texts, and one page of them all.
 *
 * @module
 */

import { BuildFailure } from "./build_failure.ts";
import { isFile } from "./files.ts";
import { requireCommand } from "./required_command.ts";

/** Licence of one package. */
export interface License {
  /** From its package.json: mostly an SPDX id or expression. */
  readonly declared: string;
  /** Its licence and notice files, one after the other. */
  readonly text: string;
}

/** A package with its licence. */
export interface Licensed {
  /** With its scope. */
  readonly name: string;
  /** The exact version. */
  readonly version: string;
  /** What it is licensed under. */
  readonly license: License;
}

/** Unpacked packages. */
export interface UnpackedPackages extends Disposable {
  /** Licence of one. Throws a `BuildFailure` if the package is missing, declares no licence, or has no text of it. */
  licenseOf(entry: Pick<Licensed, "name" | "version">): License;
}

/** Unpacks a project's npm packages, in the versions of its lock, into a temporary folder; from Deno's cache if possible. */
export async function unpackPackages(root: string): Promise<UnpackedPackages> {
  const folder = Deno.makeTempDirSync();
  const dispose = () => Deno.removeSync(folder, { recursive: true });
  try {
    // .npmrc sets which registry they come from.
    for (const name of ["deno.json", "deno.lock", ".npmrc"]) {
      if (isFile(`${root}/${name}`)) Deno.copyFileSync(`${root}/${name}`, `${folder}/${name}`);
    }
    const flags = ["--quiet", "--frozen", "--node-modules-dir=auto"];
    await requireCommand(Deno.execPath(), ["install", ...flags], folder);
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    licenseOf({ name, version }) {
      const own = `${name.replaceAll("/", "+")}@${version}`;
      return readLicense(`${folder}/node_modules/.deno/${own}/node_modules/${name}`);
    },
    [Symbol.dispose]: dispose,
  };
}

/** Licence of the package in a folder. Throws a `BuildFailure` if the package is missing, declares no licence, or has no text of it. */
export function readLicense(folder: string): License {
  const manifest = `${folder}/package.json`;
  if (!isFile(manifest)) throw new BuildFailure(`${manifest}: must be there`);
  const { license } = JSON.parse(Deno.readTextFileSync(manifest));
  // npm's word for a package without any licence.
  if (typeof license !== "string" || license.trim() === "" || license === "UNLICENSED") {
    throw new BuildFailure(`${manifest}: must declare a license`);
  }
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => /^(?:licen[cs]e|copying|notice)(?:-[\w.]+)?(?:\.(?:md|txt))?$/i.test(name))
    .filter((name) => isFile(`${folder}/${name}`)).sort();
  const texts = names.map((name) => Deno.readTextFileSync(`${folder}/${name}`).trim());
  if (!texts.some((text) => text !== "")) {
    throw new BuildFailure(`${folder}: must hold the text of its licence, as LICENSE`);
  }
  return { declared: license, text: texts.join("\n\n") };
}

/** The page: each text once, below the packages that it belongs to. */
export function licensePage(
  packages: readonly Licensed[],
  denoVersions: readonly string[],
): string {
  const byText = Map.groupBy(packages, ({ license }) => license.text);
  const sections = [...byText].map(([text, packages]) => {
    const lines = packages.map(({ name, version, license }) =>
      `${name} ${version} (${license.declared})`
    );
    return `${lines.join("\n")}\n\n${text}\n`;
  });
  const versions = denoVersions.toSorted().join(" and ");
  return [
    `The binaries of jobrunner contain, beside jobrunner itself (LICENSE), what is listed here.\n`,
    `Deno ${versions} (MIT)\n\nCopyright 2018-2026 the Deno authors. The terms are those of LICENSE. What Deno itself is made of:\nhttps://github.com/denoland/deno\n`,
    ...sections,
  ].join(`\n${"=".repeat(80)}\n\n`);
}
