import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/parse.ts";
import { parseCommandLine } from "../../src/config/sources.ts";
import { configOf, errorsOf, errorsOrNone, machine } from "../support/machine.ts";

const cmd = { JOBRUNNER_CMD: "/bin/date" };

Deno.test("LD_* and DYLD_* refuse the start only while the sandbox is on", () => {
  assert.equal(
    configOf({ ...cmd, LD_LIBRARY_PATH: "/lib", JOBRUNNER_SANDBOX: "off" }).sandbox,
    false,
  );
  assert.match(
    errorsOf({ ...cmd, DYLD_INSERT_LIBRARIES: "x", JOBRUNNER_OWN_SESSION: "off" }).join(),
    /^DYLD_INSERT_LIBRARIES: must be unset/,
  );
});

Deno.test("LD_* is allowed with a launcher; a machine without one also has no session of its own", () => {
  const env = { ...cmd, LD_PRELOAD: "x" };
  assert.equal(configOf(env).launcher.ownSession, true);
  const other = { ...machine(), hasLauncher: false };
  const result = parseConfig(env, parseCommandLine([]), other);
  assert.match(result.ok ? "" : result.errors.join(), /^LD_PRELOAD: must be unset/);
  const without = parseConfig(cmd, parseCommandLine([]), other);
  assert.equal(without.ok && without.config.launcher.ownSession, false);
});

Deno.test("DENO_* and NODE_OPTIONS refuse the start when they would open the runtime to others", () => {
  for (
    const [name, value] of [
      ["DENO_SERVE_ADDRESS", "tcp:0.0.0.0:80"],
      ["DENO_SERVE_ADDRESS", "nonsense"],
      ["DENO_TRUST_PROXY_HEADERS", "1"],
      ["NODE_OPTIONS", "--inspect"],
      ["NODE_OPTIONS", '"--inspect=127.0.0.1:0"'],
      ["NODE_OPTIONS", '--expose-gc "-"-ins"pect"'],
      ["DENO_CONNECTED", "1"],
      ["NODE_OPTIONS", "--max-old-space-size=100 --inspect-brk=0.0.0.0:9229"],
    ] as const
  ) {
    const found = errorsOf({ ...cmd, JOBRUNNER_PASSWORD: "x", [name]: value });
    assert.equal(found.length, 1, `${name}=${value}`);
    assert.match(found[0] ?? "", new RegExp(`^${name}: must `));
    assert.deepEqual(errorsOrNone({ ...cmd, [name]: "" }), []);
  }
  assert.deepEqual(errorsOrNone({ ...cmd, NODE_OPTIONS: "--max-old-space-size=100" }), []);
});
