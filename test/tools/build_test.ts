import assert from "node:assert/strict";
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

Deno.test("a target that does not exist is one line with those that do", async () => {
  assert.deepEqual(await build(["beos"]), {
    code: 1,
    stderr: "beos: must be one of linux, linux-arm64, win, mac, mac-arm64\n",
  });
});

Deno.test("with DENORT_FALLBACK=off a runtime that Deno cannot download stops the build, in one line", async () => {
  // A runtime that is not there fails on every machine, whether or not the download server can be reached.
  const { code, stderr } = await build(["linux"], {
    DENORT_FALLBACK: "off",
    DENORT_BIN: `${projectRoot}nowhere`,
  });
  assert.equal(code, 1);
  assert.match(stderr, /^deno compile could not make bin\/jobrunner-linux-x64 \([^\n]+\)\n$/);
});

Deno.test("without the pinned esbuild nothing is bundled", async () => {
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
