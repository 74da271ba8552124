import assert from "node:assert/strict";
import { BuildFailure } from "../../tools/build_failure.ts";
import { licensePage, readLicense, unpackPackages } from "../../tools/licenses.ts";
import { licenseChoice } from "../../tools/sbom.ts";
import { temporaryFolder } from "../support/folder.ts";
import { projectRoot } from "../support/program.ts";

/** A package of these files; a manifest may be given as an object. */
function packageOf(files: Readonly<Record<string, string | object>>) {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    Deno.writeTextFileSync(`${folder.path}/${name}`, text);
  }
  return folder;
}

Deno.test("readLicense() reads the manifest's licence and the text of licence and notice files", () => {
  const others = { "README.md": "read me", "license.js": "code", "licenses.json": "[]" };
  for (const name of ["LICENSE", "license.md", "LICENCE.txt", "LICENSE-MIT", "COPYING"]) {
    using folder = packageOf({ ...others, [name]: "may\n", "package.json": { license: "MIT" } });
    assert.deepEqual(readLicense(folder.path), { declared: "MIT", text: "may" });
  }
  using folder = packageOf({
    NOTICE: "by us\n",
    LICENSE: "may\n",
    "package.json": { license: "Apache-2.0" },
  });
  assert.deepEqual(readLicense(folder.path), { declared: "Apache-2.0", text: "may\n\nby us" });
});

Deno.test("readLicense() refuses a package without a licence or without its text", () => {
  const manifests = [{}, { license: "" }, { license: { type: "MIT" } }, { license: "UNLICENSED" }];
  for (const manifest of manifests) {
    using folder = packageOf({ LICENSE: "may", "package.json": manifest });
    const message = `${folder.path}/package.json: must declare a license`;
    assert.throws(() => readLicense(folder.path), new BuildFailure(message));
  }
  for (const files of [{}, { LICENSE: "\n" }]) {
    using folder = packageOf({ ...files, "package.json": { license: "MIT" } });
    const message = `${folder.path}: must hold the text of its licence, as LICENSE`;
    assert.throws(() => readLicense(folder.path), new BuildFailure(message));
  }
  using empty = temporaryFolder();
  const message = `${empty.path}/package.json: must be there`;
  assert.throws(() => readLicense(empty.path), new BuildFailure(message));
});

Deno.test("licenseOf() refuses a package that the lock does not have", async () => {
  using unpacked = await unpackPackages(projectRoot);
  const lock = JSON.parse(Deno.readTextFileSync(`${projectRoot}deno.lock`));
  const version = Object.keys(lock.npm).find((id) => id.startsWith("hono@"))?.slice(5) ?? "";
  assert.match(unpacked.licenseOf({ name: "hono", version }).text, /Hono contributors/);
  assert.throws(() => unpacked.licenseOf({ name: "hono", version: "0.0.0" }), BuildFailure);
});

Deno.test("licensePage() prints each text once, below all packages that it belongs to", () => {
  const entry = (name: string, declared: string, text: string) => ({
    name,
    version: "1.0.0",
    license: { declared, text },
  });
  const packages = [
    entry("@some/one", "MIT", "may one"),
    entry("other", "Apache-2.0", "may others"),
    entry("third", "MIT", "may one"),
  ];
  const page = licensePage(packages, ["2.9.6", "2.7.11"]);
  const [first, runtime, ...sections] = page.split(/\n=+\n\n/);
  assert.match(first ?? "", /^The binaries of jobrunner contain/);
  assert.match(
    runtime ?? "",
    /^Deno 2\.7\.11 and 2\.9\.6 \(MIT\)\n\nCopyright .* the Deno authors\./,
  );
  assert.deepEqual(sections, [
    "@some/one 1.0.0 (MIT)\nthird 1.0.0 (MIT)\n\nmay one\n",
    "other 1.0.0 (Apache-2.0)\n\nmay others\n",
  ]);
});

Deno.test("licenseChoice() distinguishes an SPDX id, an SPDX expression and any other name", () => {
  assert.deepEqual(licenseChoice("MIT"), { license: { id: "MIT" } });
  for (const expression of ["MIT OR Apache-2.0", "(MIT AND (ISC OR BSD-3-Clause))"]) {
    assert.deepEqual(licenseChoice(expression), { expression });
  }
  for (const name of ["BSD", "SEE LICENSE IN terms.txt", "MIT, Apache-2.0", "MIT OR Own"]) {
    assert.deepEqual(licenseChoice(name), { license: { name } });
  }
});
