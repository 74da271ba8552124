/**
 * Makes a release in `dist/`: every binary, plain and in an archive, what it is made of, under which licences, and the
 * sums of all that.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import project from "../deno.json" with { type: "json" };
import { type ArchiveEntry, writeTarball, writeZip } from "./archive.ts";
import { build as buildBinaries } from "./build.ts";
import { BuildFailure } from "./build_failure.ts";
import { commitDate, refuseOtherTag, trackedFiles } from "./commit.ts";
import { isFile } from "./files.ts";
import { licensePage } from "./licenses.ts";
import { type RuntimePackages, runtimePackages } from "./runtime_packages.ts";
import { sbom } from "./sbom.ts";
import { runtimeDenoVersion, type Target, targets } from "./targets.ts";

/** What a release is made from; everything has a default. */
export interface DistOptions {
  /** The project's folder, a git clone. */
  readonly root?: string;
  /** Emptied first, or made. */
  readonly outputFolder?: string;
  /** Without a v. */
  readonly version?: string;
  /** SPDX id. */
  readonly license?: string;
  /** Makes the binaries of these targets in `bin/` of the project. */
  readonly build?: (names: readonly string[]) => Promise<void>;
  /** Finds the npm packages in them. */
  readonly packages?: (root: string) => Promise<RuntimePackages>;
}

/** Beside the binary in every archive. */
const always = ["README.md", "LICENSE", "CHANGELOG.md"];
const ifThere = ["install.sh", "contrib", "docs", "CONTRIBUTING.md", "SECURITY.md"];

/** Makes the release. Throws a `BuildFailure`, before anything is built, when the commit is tagged as another version. */
export async function makeDist({
  root = fileURLToPath(new URL("../", import.meta.url)),
  outputFolder = `${root}/dist`,
  version = project.version,
  license = project.license,
  build = buildBinaries,
  packages = runtimePackages,
}: DistOptions = {}): Promise<void> {
  await refuseOtherTag(root, version);
  const date = await commitDate(root);
  const extras = await extraEntries(root);
  emptyFolder(outputFolder);
  await build(targets.map(({ name }) => name));

  const runtimes = new Map<string, string[]>();
  for (const { file } of targets) {
    const deno = denoVersionIn(root, `bin/${file}`);
    runtimes.set(deno, [...runtimes.get(deno) ?? [], file]);
  }
  const contents = { version, license, date, packages: await packages(root), runtimes };
  Deno.writeTextFileSync(`${outputFolder}/sbom.cdx.json`, sbom(contents));
  const page = `${outputFolder}/THIRD_PARTY_LICENSES`;
  Deno.writeTextFileSync(page, licensePage(contents.packages.all, [...runtimes.keys()]));
  // Which that page refers to, also for a binary outside an archive.
  Deno.copyFileSync(`${root}/LICENSE`, `${outputFolder}/LICENSE`);
  const licenses = { name: "THIRD_PARTY_LICENSES", path: page, mode: 0o644 };

  for (const target of targets) {
    const path = `${root}/bin/${target.file}`;
    const windows = isForWindows(target);
    const binary = { name: windows ? "jobrunner.exe" : "jobrunner", path, mode: 0o755 };
    // So that install.sh can check what lies beside it in the archive.
    const sums = { name: "SHA256SUMS", path: `${path}.sha256`, mode: 0o644 };
    Deno.writeTextFileSync(sums.path, sumLine(path, binary.name));
    const entries = [binary, sums, licenses, ...extras]
      .sort((one, other) => one.name < other.name ? -1 : 1);
    const write = windows ? writeZip : writeTarball;
    await write(outputFolder, archiveName(target, version), entries, date);
    Deno.copyFileSync(path, `${outputFolder}/${target.file}`);
    Deno.chmodSync(`${outputFolder}/${target.file}`, 0o755);
  }
  writeSums(outputFolder);
}

function isForWindows({ file }: Target): boolean {
  return file.endsWith(".exe");
}

/** `jobrunner-1.2.3-linux-x64`: the binary's name with the version in it. */
function archiveName({ file }: Target, version: string): string {
  return file.replace("jobrunner-", `jobrunner-${version}-`).replace(/\.exe$/, "");
}

/** Only what git has: what else lies about in a folder is not released. */
async function extraEntries(root: string): Promise<ArchiveEntry[]> {
  const names = await trackedFiles(root, [...always, ...ifThere]);
  const missing = [...always, ...names].find((name) =>
    !names.includes(name) || !isFile(`${root}/${name}`)
  );
  if (missing !== undefined) {
    throw new BuildFailure(`${missing}: must be a file, and known to git`);
  }
  return names.map((name) => ({
    name,
    path: `${root}/${name}`,
    mode: name.endsWith(".sh") ? 0o755 : 0o644,
  }));
}

/**
 * The version of Deno inside a binary, by the user agent that it holds: of the Deno at work here, or the one of
 * `targets.ts` where the build had to take that. Each binary is asked, as they may differ.
 */
function denoVersionIn(root: string, path: string): string {
  const binary = Buffer.from(Deno.readFileSync(`${root}/${path}`).buffer);
  const version = [Deno.version.deno, runtimeDenoVersion]
    .find((version) => binary.includes(`Deno/${version}`));
  if (version === undefined) {
    throw new BuildFailure(
      `${path}: must hold Deno ${Deno.version.deno} or ${runtimeDenoVersion}`,
    );
  }
  return version;
}

function emptyFolder(path: string): void {
  Deno.mkdirSync(path, { recursive: true });
  for (const { name } of Deno.readDirSync(path)) {
    Deno.removeSync(`${path}/${name}`, { recursive: true });
  }
}

/** As `sha256sum --check` reads them. */
function writeSums(folder: string): void {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  const lines = names.map((name) => sumLine(`${folder}/${name}`, name));
  Deno.writeTextFileSync(`${folder}/SHA256SUMS`, lines.join(""));
}

function sumLine(path: string, name: string): string {
  const sum = createHash("sha256").update(Deno.readFileSync(path)).digest("hex");
  return `${sum}  ${name}\n`;
}

if (import.meta.main) {
  try {
    await makeDist();
  } catch (error) {
    if (!(error instanceof BuildFailure)) throw error;
    console.error(error.message);
    Deno.exit(1);
  }
}
