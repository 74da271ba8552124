/**
 * `tools/dist.ts` in a small git repository, with text files as binaries.
 */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import { crc32, inflateRawSync } from "node:zlib";
import { BuildFailure } from "../../tools/build_failure.ts";
import { runCommand } from "../../tools/command.ts";
import { makeDist } from "../../tools/dist.ts";
import { packagesFrom, runtimePackages } from "../../tools/runtime_packages.ts";
import { runtimeDenoVersion, targets } from "../../tools/targets.ts";
import { temporaryFolder } from "../support/folder.ts";
import { projectRoot } from "../support/program.ts";

const committed = "2026-03-04T05:06:08Z";

/** What an archive must hold beside the binary; none is executable where it lies. */
const files: Readonly<Record<string, string>> = {
  "README.md": "read me\n".repeat(1000),
  LICENSE: "licence\n",
  "CHANGELOG.md": "changes\n",
  "CONTRIBUTING.md": "changing\n",
  "SECURITY.md": "reporting\n",
  "docs/guides/one.md": "a page\n",
  "install.sh": "#!/bin/sh\n",
  "contrib/sample/uppercase.sh": "#!/bin/sh\ntr a-z A-Z\n",
  "contrib/rules.yml": "groups: []\n",
};

async function must(program: string, args: readonly string[], cwd: string): Promise<string> {
  const env = { GIT_COMMITTER_DATE: committed, LC_ALL: "C", TZ: "UTC" };
  const said = await runCommand(program, args, { cwd, env });
  assert.ok(said.ok, said.stderr);
  return said.stdout;
}

/** A committed project, with some files that are not committed. */
async function project(): Promise<Disposable & { readonly path: string }> {
  const folder = temporaryFolder();
  const { path } = folder;
  for (const name of ["contrib/sample", "docs/guides", "bin", "dist/old"]) {
    Deno.mkdirSync(`${path}/${name}`, { recursive: true });
  }
  for (const [name, text] of Object.entries(files)) {
    Deno.writeTextFileSync(`${path}/${name}`, text, { mode: 0o600 });
  }
  Deno.writeTextFileSync(`${path}/.gitignore`, "/bin/\n/dist/\n");
  await must("git", ["init", "--quiet"], path);
  const settings = ["user.name=Test", "user.email=test@example.com", "commit.gpgsign=false"];
  const flags = settings.flatMap((setting) => ["-c", setting]);
  await must("git", ["add", "--all"], path);
  await must("git", [...flags, "commit", "--quiet", "--message", "All"], path);
  Deno.writeTextFileSync(`${path}/dist/left-over`, "of an older release");
  Deno.writeTextFileSync(`${path}/contrib/notes.tmp`, "not for everyone");
  return folder;
}

/** What the stand-in for the build writes; one target has another Deno than the others. */
function binaryOf(file: string): string {
  const deno = file === "jobrunner-linux-arm64" ? runtimeDenoVersion : Deno.version.deno;
  return `binary ${file}, Deno/${deno}`;
}

/** The same for every release, and Deno takes its time to list them. */
let packages: ReturnType<typeof runtimePackages> | undefined;

/** Makes the release of a project; returns the names of the targets that were built. */
async function release(path: string): Promise<string[]> {
  const built: string[] = [];
  await makeDist({
    root: path,
    version: "1.2.3",
    license: "MIT",
    packages: () => packages ??= runtimePackages(projectRoot),
    build: (names) => {
      built.push(...names);
      for (const { name, file } of targets) {
        if (names.includes(name)) Deno.writeTextFileSync(`${path}/bin/${file}`, binaryOf(file));
      }
      return Promise.resolve();
    },
  });
  return built;
}

const sumsOf = (path: string) => Deno.readTextFileSync(`${path}/dist/SHA256SUMS`);
/** The licences that every archive has as well. */
const licensesIn = (path: string) => ({
  THIRD_PARTY_LICENSES: Deno.readTextFileSync(`${path}/dist/THIRD_PARTY_LICENSES`),
});

/** Reads an archive by its central directory, from the end: mode, date and content of each name. */
function unzip(bytes: Uint8Array): Record<string, readonly [string, string, string]> {
  const archive = Buffer.from(bytes);
  const end = archive.length - 22;
  assert.equal(archive.toString("latin1", end, end + 4), "PK\x05\x06");
  const found: Record<string, readonly [string, string, string]> = {};
  let at = archive.readUInt32LE(end + 16);
  assert.equal(at + archive.readUInt32LE(end + 12), end);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    assert.equal(archive.toString("latin1", at, at + 4), "PK\x01\x02");
    const nameLength = archive.readUInt16LE(at + 28);
    const name = archive.toString("utf8", at + 46, at + 46 + nameLength);
    const local = archive.readUInt32LE(at + 42);
    assert.equal(archive.toString("latin1", local, local + 4), "PK\x03\x04");
    assert.deepEqual(archive.subarray(local + 4, local + 30), archive.subarray(at + 6, at + 32));
    const from = local + 30 + archive.readUInt16LE(local + 26);
    const size = archive.readUInt32LE(at + 20);
    const content = inflateRawSync(archive.subarray(from, from + size));
    assert.equal(content.length, archive.readUInt32LE(at + 24));
    assert.equal(crc32(content), archive.readUInt32LE(at + 16));
    const [time, day] = [archive.readUInt16LE(at + 12), archive.readUInt16LE(at + 14)];
    const numbers = [(day >> 9) + 1980, day >> 5 & 15, day & 31, time >> 11, time >> 5 & 63];
    const mode = archive.readUInt16LE(at + 40).toString(8);
    found[name] = [mode, [...numbers, 2 * (time & 31)].join(" "), content.toString()];
    at += 46 + nameLength;
  }
  assert.equal(at, end);
  return found;
}

Deno.test("makeDist() makes binaries, archives, SBOM, licences and sums, and removes older files", async () => {
  using folder = await project();
  assert.deepEqual(await release(folder.path), targets.map(({ name }) => name));
  const systems = ["linux-arm64", "linux-x64", "macos-arm64", "macos-x64"];
  assert.deepEqual([...Deno.readDirSync(`${folder.path}/dist`)].map(({ name }) => name).sort(), [
    "LICENSE",
    "SHA256SUMS",
    "THIRD_PARTY_LICENSES",
    ...systems.map((system) => `jobrunner-1.2.3-${system}.tar.gz`),
    "jobrunner-1.2.3-windows-x64.zip",
    ...systems.map((system) => `jobrunner-${system}`),
    "jobrunner-windows-x64.exe",
    "sbom.cdx.json",
  ]);
  for (const { file } of targets) {
    const path = `${folder.path}/dist/${file}`;
    assert.equal(Deno.readTextFileSync(path), binaryOf(file));
    assert.equal(Deno.statSync(path).mode, 0o100755);
  }
});

Deno.test("makeDist() makes tarballs of one folder, with owner 0, plain modes and the commit's date", async () => {
  using folder = await project();
  await release(folder.path);
  const dist = `${folder.path}/dist`;
  const top = "jobrunner-1.2.3-linux-x64";
  const flags = ["--list", "--verbose", "--numeric-owner", "--full-time"];
  const listing = await must("tar", [...flags, `--file=${top}.tar.gz`], dist);
  const lines = listing.trim().split("\n").map((line) => line.split(/\s+/));
  assert.deepEqual(lines.map(([mode, , , , , name]) => `${mode} ${name}`), [
    `drwxr-xr-x ${top}/`,
    `-rw-r--r-- ${top}/CHANGELOG.md`,
    `-rw-r--r-- ${top}/CONTRIBUTING.md`,
    `-rw-r--r-- ${top}/LICENSE`,
    `-rw-r--r-- ${top}/README.md`,
    `-rw-r--r-- ${top}/SECURITY.md`,
    `-rw-r--r-- ${top}/SHA256SUMS`,
    `-rw-r--r-- ${top}/THIRD_PARTY_LICENSES`,
    `drwxr-xr-x ${top}/contrib/`,
    `-rw-r--r-- ${top}/contrib/rules.yml`,
    `drwxr-xr-x ${top}/contrib/sample/`,
    `-rwxr-xr-x ${top}/contrib/sample/uppercase.sh`,
    `drwxr-xr-x ${top}/docs/`,
    `drwxr-xr-x ${top}/docs/guides/`,
    `-rw-r--r-- ${top}/docs/guides/one.md`,
    `-rwxr-xr-x ${top}/install.sh`,
    `-rwxr-xr-x ${top}/jobrunner`,
  ]);
  for (const [, owner, , day, time] of lines) {
    assert.deepEqual([owner, day, time], ["0/0", "2026-03-04", "05:06:08"]);
  }
  for (const { file } of targets.filter(({ file }) => !file.endsWith(".exe"))) {
    const name = file.replace("jobrunner", "jobrunner-1.2.3");
    await must("tar", ["--extract", `--file=${name}.tar.gz`], dist);
    const all = { ...files, ...licensesIn(folder.path), jobrunner: binaryOf(file) };
    for (const [path, text] of Object.entries(all)) {
      assert.equal(Deno.readTextFileSync(`${dist}/${name}/${path}`), text, `${name}/${path}`);
    }
    const said = await must("sha256sum", ["--check", "--strict", "SHA256SUMS"], `${dist}/${name}`);
    assert.equal(said, "jobrunner: OK\n");
  }
});

Deno.test("makeDist() makes a zip archive with the same content for Windows", async () => {
  using folder = await project();
  await release(folder.path);
  const top = "jobrunner-1.2.3-windows-x64";
  const found = unzip(Deno.readFileSync(`${folder.path}/dist/${top}.zip`));
  const binary = binaryOf("jobrunner-windows-x64.exe");
  const sum = createHash("sha256").update(binary).digest("hex");
  const sums = `${sum}  jobrunner.exe\n`;
  const all = {
    ...files,
    ...licensesIn(folder.path),
    "jobrunner.exe": binary,
    SHA256SUMS: sums,
  };
  const wanted = Object.entries(all).sort().map(([name, text]) => {
    const mode = /\.(?:sh|exe)$/.test(name) ? "100755" : "100644";
    return [`${top}/${name}`, [mode, "2026 3 4 5 6 8", text]];
  });
  assert.deepEqual(Object.entries(found), wanted);
});

Deno.test("SHA256SUMS covers every file, and sha256sum accepts it", async () => {
  using folder = await project();
  await release(folder.path);
  const dist = `${folder.path}/dist`;
  assert.match(sumsOf(folder.path), /^(?:[0-9a-f]{64} {2}[^\s/]+\n){13}$/);
  const said = await must("sha256sum", ["--check", "--strict", "SHA256SUMS"], dist);
  const names = [...Deno.readDirSync(dist)].map(({ name }) => name).sort();
  const summed = names.filter((name) => name !== "SHA256SUMS");
  assert.equal(said, summed.map((name) => `${name}: OK\n`).join(""));
});

Deno.test("makeDist() makes the same release from the same commit, whatever the files' own dates", async () => {
  using one = await project();
  await release(one.path);
  using other = await project();
  for (const name of Object.keys(files)) Deno.utimeSync(`${other.path}/${name}`, 1, 1);
  await release(other.path);
  assert.equal(sumsOf(one.path), sumsOf(other.path));
});

Deno.test("makeDist() refuses a commit tagged as another version before it builds or removes anything", async () => {
  using folder = await project();
  for (const tag of ["nightly", "v1.2.3"]) await must("git", ["tag", tag], folder.path);
  await release(folder.path);
  await must("git", ["tag", "v1.3.0-rc.1"], folder.path);
  Deno.removeSync(`${folder.path}/bin`, { recursive: true });
  await assert.rejects(
    release(folder.path),
    new BuildFailure("tag v1.3.0-rc.1: must be v1.2.3, as deno.json has the version 1.2.3"),
  );
  assert.ok(Deno.statSync(`${folder.path}/dist/SHA256SUMS`).isFile);
});

Deno.test("makeDist() fails in one line if a required file is missing, or outside a repository", async () => {
  using folder = await project();
  Deno.removeSync(`${folder.path}/LICENSE`);
  const failure = new BuildFailure("LICENSE: must be a file, and tracked by git");
  await assert.rejects(release(folder.path), failure);
  using empty = temporaryFolder();
  await assert.rejects(release(empty.path), { name: "BuildFailure", message: /^git tag: [^\n]+$/ });
});

/** Beginnings of package names, with their licence; all others have the MIT licence. */
const otherLicenses = [
  ["%40nats-io/", "Apache-2.0"],
  ["%40opentelemetry/", "Apache-2.0"],
  ["smol-toml@", "BSD-3-Clause"],
  ["tweetnacl@", "Unlicense"],
] as const;

Deno.test("sbom.cdx.json lists exactly what is in the binaries, with the lock's hashes", async () => {
  using folder = await project();
  await release(folder.path);
  const read = (path: string) => JSON.parse(Deno.readTextFileSync(path));
  const { metadata, components, ...sbom } = read(`${folder.path}/dist/sbom.cdx.json`);
  const lock = read(`${projectRoot}deno.lock`).npm;
  assert.deepEqual([sbom.bomFormat, sbom.specVersion], ["CycloneDX", "1.5"]);
  assert.equal(Date.parse(metadata.timestamp), Date.parse(committed));
  assert.equal(metadata.component.version, "1.2.3");
  assert.deepEqual(metadata.component.licenses, [{ license: { id: "MIT" } }]);

  const forTests = /^(?:fast-check|pure-rand)@/;
  const wanted = Object.keys(lock).filter((id) => !forTests.test(id)).map((id) => [
    `pkg:npm/${id.replace(/^@/, "%40").replace(/_.*/, "")}`,
    Buffer.from(lock[id].integrity.replace("sha512-", ""), "base64").toString("hex"),
  ]);
  type Component = {
    type: string;
    purl: string;
    version: string;
    hashes: { content: string }[];
    licenses: unknown;
  };
  const of = (type: string): Component[] =>
    components.filter((component: Component) => component.type === type);
  assert.deepEqual(of("library").map(({ purl, hashes }) => [purl, hashes[0]?.content]), wanted);
  assert.ok(wanted.some(([purl]) => purl?.startsWith("pkg:npm/hono@")));
  for (const { purl, licenses } of components) {
    const id = otherLicenses.find(([begin]) => purl.startsWith(`pkg:npm/${begin}`))?.[1] ?? "MIT";
    assert.deepEqual(licenses, [{ license: { id } }], purl);
  }
  const versions = new Set(of("platform").map(({ version }) => version));
  assert.deepEqual(versions, new Set([Deno.version.deno, runtimeDenoVersion]));
});

const mit = { declared: "MIT", text: "Everybody may." };

Deno.test("packagesFrom() refuses a package without a SHA-512 in the lock", () => {
  const known = { "a@1": { name: "a", version: "1", dependencies: [] } };
  for (const locked of [{}, { "a@1": {} }, { "a@1": { integrity: "sha1-AA==" } }]) {
    assert.throws(() => packagesFrom(["a@1"], known, locked, () => mit), BuildFailure);
  }
});
