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
