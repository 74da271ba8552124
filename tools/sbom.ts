/**
 * What a release is made of, as a CycloneDX 1.5 document.
 *
 * @module
 */

import type { NpmPackage, RuntimePackages } from "./runtime_packages.ts";

/** What the document describes. */
export interface Contents {
  /** Version of the release. */
  readonly version: string;
  /** SPDX id of our own licence. */
  readonly license: string;
  /** When the commit was made. */
  readonly date: Date;
  /** The npm packages in the bundle. */
  readonly packages: RuntimePackages;
  /** For each version of Deno, the binaries that contain it. */
  readonly runtimes: ReadonlyMap<string, readonly string[]>;
}

/** The document; the same contents make the same text. */
export function sbom({ version, license, date, packages, runtimes }: Contents): string {
  const refs = new Map(packages.all.map((entry) => [entry.id, purlOf(entry)]));
  const refsOf = (ids: readonly string[]) => ids.flatMap((id) => refs.get(id) ?? []);
  const own = `pkg:generic/jobrunner@${version}`;
  const denos = [...runtimes].map(([version, files]) => denoComponent(version, files));
  return `${
    JSON.stringify(
      {
        bomFormat: "CycloneDX",
        specVersion: "1.5",
        version: 1,
        metadata: {
          timestamp: date.toISOString(),
          component: {
            type: "application",
            "bom-ref": own,
            name: "jobrunner",
            version,
            licenses: [{ license: { id: license } }],
            purl: own,
          },
        },
        components: [...packages.all.map(packageComponent), ...denos],
        dependencies: [
          {
            ref: own,
            dependsOn: [...refsOf(packages.imported), ...denos.map(({ purl }) => purl)],
          },
          ...packages.all.map((entry) => ({
            ref: purlOf(entry),
            dependsOn: refsOf(entry.dependencies),
          })),
        ],
      },
      undefined,
      2,
    )
  }\n`;
}

function packageComponent(entry: NpmPackage) {
  const parts = entry.name.split("/");
  const purl = purlOf(entry);
  return {
    type: "library",
    "bom-ref": purl,
    ...(parts.length > 1 ? { group: parts[0] } : {}),
    name: parts.at(-1),
    version: entry.version,
    hashes: [{ alg: "SHA-512", content: entry.sha512 }],
    licenses: [licenseChoice(entry.license.declared)],
    purl,
  };
}

/** The SPDX ids that npm packages mostly have. */
const spdxIds = new Set([
  ...["0BSD", "Apache-2.0", "BlueOak-1.0.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC"],
  ...["MIT", "MIT-0", "MPL-2.0", "Python-2.0", "Unicode-3.0", "Unlicense", "Zlib"],
]);

/** As an id, and in an expression, the document allows only what SPDX lists; anything else is a name. */
export function licenseChoice(declared: string) {
  if (spdxIds.has(declared)) return { license: { id: declared } };
  const ids = declared.split(/ (?:AND|OR) |[()]/).filter((part) => part !== "");
  if (ids.every((id) => spdxIds.has(id))) return { expression: declared };
  return { license: { name: declared } };
}

function denoComponent(version: string, files: readonly string[]) {
  const purl = `pkg:github/denoland/deno@v${version}`;
  return {
    type: "platform",
    "bom-ref": purl,
    name: "deno",
    version,
    description: `The runtime inside ${files.join(", ")}; its own parts are not listed here`,
    licenses: [{ license: { id: "MIT" } }],
    purl,
  };
}

/** The package URL: a scope's @ is written %40, a version's is the separator. */
function purlOf({ name, version }: NpmPackage): string {
  const path = name.split("/").map(encodeURIComponent).join("/");
  return `pkg:npm/${path}@${encodeURIComponent(version)}`;
}
