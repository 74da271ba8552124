import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { temporaryFolder } from "../support/folder.ts";
import { projectRoot } from "../support/program.ts";

async function build(args: readonly string[], env: Record<string, string> = {}) {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${projectRoot}tools/build.ts`, ...args],
    cwd: projectRoot,
    env: { NO_COLOR: "1", ...env },
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

/** Makes the bundle without a binary, since there is no runtime, and returns its folder. */
async function bundle(): Promise<string> {
  await build(["linux"], { DENORT_FALLBACK: "off", DENORT_BIN: `${projectRoot}nowhere` });
  return `${projectRoot}bin/.bundle`;
}

/** The texts of a file and of all that it imports at once, by their paths. */
function loadedWith(path: string, loaded = new Map<string, string>()): Map<string, string> {
  if (loaded.has(path)) return loaded;
  const text = Deno.readTextFileSync(path);
  loaded.set(path, text);
  for (const [, file = ""] of text.matchAll(/^(?:[^;]*? from|import) "(\.[^"]+)";$/gm)) {
    loadedWith(join(dirname(path), file), loaded);
  }
  return loaded;
}

Deno.test("tools/build.ts refuses an unknown target in one line that lists the known ones", async () => {
  assert.deepEqual(await build(["beos"]), {
    code: 1,
    stderr: "beos: must be one of linux, linux-arm64, win, mac, mac-arm64\n",
  });
});

Deno.test("tools/build.ts with DENORT_FALLBACK=off fails when Deno cannot download a runtime", async () => {
  // A missing runtime fails on every machine, whether or not the download server can be reached.
  const { code, stderr } = await build(["linux"], {
    DENORT_FALLBACK: "off",
    DENORT_BIN: `${projectRoot}nowhere`,
  });
  assert.equal(code, 1);
  assert.match(stderr, /^deno compile could not make bin\/jobrunner-linux-x64 \([^\n]+\)\n$/);
});

Deno.test("tools/build.ts fails without the pinned esbuild", async () => {
  using cache = temporaryFolder();
  // Nothing listens there, and the cache is empty.
  const nowhere = "http://127.0.0.1:9";
  const { code, stderr } = await build(["linux"], {
    DENO_DIR: cache.path,
    NPM_CONFIG_REGISTRY: nowhere,
    HTTPS_PROXY: nowhere,
  });
  assert.equal(code, 1);
  assert.match(stderr, /^esbuild: must be available from npm as [^\n]+\n$/);
});

Deno.test("tools/build.ts makes a bundle whose isolates load late what only some users need", async () => {
  const folder = await bundle();
  for (const file of ["main.js", "src/service.js"]) {
    const loaded = loadedWith(join(folder, file));
    assert.ok(loaded.size > 1, file);
    const text = [...loaded.values()].join("\n");
    for (const late of ["@nats-io/nats-core", "@fastify/busboy", "exporter-trace-otlp-http"]) {
      assert.ok(!text.includes(`/${late}/`), `${file} with ${late}`);
    }
  }
});

Deno.test("tools/build.ts makes a bundle in which a CommonJS package that is loaded late is used by its default export", async () => {
  const folder = await bundle();
  const imports = [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile)
    .map(({ name }) => Deno.readTextFileSync(join(folder, name)))
    .flatMap((text) => [...text.matchAll(/\{ (\w+)[^;]*\} = await import\("(\.[^"]+)"\)/g)]);
  const late = imports.filter(([, , file = ""]) =>
    /^export default require_/m.test(Deno.readTextFileSync(join(folder, file)))
  );
  assert.ok(late.length > 0);
  assert.deepEqual(new Set(late.map(([, name]) => name)), new Set(["default"]));
});
