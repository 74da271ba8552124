import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { provideBundler } from "../../tools/bundler.ts";
import { requireCommand } from "../../tools/required_command.ts";
import { runCommand } from "../../tools/command.ts";
import { temporaryFolder } from "../support/folder.ts";
import { projectRoot } from "../support/program.ts";

/** Paths of the files below a folder whose names begin like that. */
function filesIn(folder: string, beginning: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return filesIn(path, beginning);
    return name.startsWith(beginning) ? [path] : [];
  });
}

Deno.test("provideBundler() makes deno bundle run the esbuild that the lock pins", async () => {
  using folder = temporaryFolder();
  const { npmCache } = JSON.parse(await requireCommand(Deno.execPath(), ["info", "--json"], "/"));
  Deno.mkdirSync(npmCache, { recursive: true });
  // The cache has the packages, but not the esbuild of earlier bundles.
  Deno.mkdirSync(`${folder.path}/cache`);
  Deno.symlinkSync(npmCache, `${folder.path}/cache/npm`);
  const env = { DENO_DIR: `${folder.path}/cache` };
  await provideBundler(projectRoot, env);

  Deno.writeTextFileSync(`${folder.path}/main.ts`, "console.log(1 as number);");
  const said = await runCommand(Deno.execPath(), ["bundle", "--quiet", "main.ts"], {
    cwd: folder.path,
    env,
  });
  assert.ok(said.ok, said.stderr);
  const [used, ...more] = filesIn(`${folder.path}/cache/dl`, "esbuild-");
  assert.deepEqual(more, []);
  const lock = JSON.parse(Deno.readTextFileSync(`${projectRoot}tools/esbuild.lock`));
  const version = lock.specifiers[Object.keys(lock.specifiers)[0] ?? ""];
  // Below a folder for each registry.
  const pinned = filesIn(npmCache, "esbuild").filter((path) =>
    path.includes("/@esbuild/") && path.includes(`/${version}/`)
  );
  const bytes = Buffer.from(Deno.readFileSync(used ?? ""));
  assert.ok(pinned.some((path) => bytes.equals(Deno.readFileSync(path))));
});

Deno.test("provideBundler() refuses an esbuild other than the pinned one, in one line", async () => {
  using folder = temporaryFolder();
  await using registry = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    ({ url }) =>
      url.endsWith(".tgz") ? new Response("another") : new Response(null, { status: 404 }),
  );
  const origin = `http://127.0.0.1:${registry.addr.port}/`;
  // Deno 2.7.11 asks the public registry, whatever the variable says, unless the lock names a place.
  const lock = JSON.parse(Deno.readTextFileSync(`${projectRoot}tools/esbuild.lock`));
  for (const entry of Object.values<{ tarball?: string }>(lock.npm)) {
    entry.tarball = `${origin}a.tgz`;
  }
  Deno.mkdirSync(`${folder.path}/tools`);
  Deno.writeTextFileSync(`${folder.path}/tools/esbuild.lock`, JSON.stringify(lock));
  await assert.rejects(
    provideBundler(folder.path, { DENO_DIR: `${folder.path}/cache`, NPM_CONFIG_REGISTRY: origin }),
    {
      name: "BuildFailure",
      message:
        /^esbuild: must be available from npm as tools\/esbuild\.lock pins it \(.*checksum did not match.*\)$/,
    },
  );
});
