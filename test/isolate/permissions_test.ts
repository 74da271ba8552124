import assert from "node:assert/strict";
import type { Launcher } from "../../src/exec/start.ts";
import { permissionsOf } from "../../src/isolate/permissions.ts";
import { configure } from "../support/machine.ts";

function permissions(env: Record<string, string>, launcher?: Launcher) {
  const result = configure({ JOBRUNNER_CMD: "/bin/date", ...env });
  assert.ok(result.ok);
  return permissionsOf({ config: result.config, launcher, spool: "/tmp/jobrunner-x" });
}

Deno.test("permissionsOf() grants the listen address, the command and the spool, and nothing else", () => {
  assert.deepEqual(permissions({}), {
    net: ["127.0.0.1:8080"],
    run: ["/bin/date"],
    read: ["/tmp/jobrunner-x"],
    write: ["/tmp/jobrunner-x"],
    env: false,
    sys: false,
    ffi: false,
    import: false,
  });
});

Deno.test("permissionsOf() grants an IPv6 address in brackets", () => {
  assert.deepEqual(
    permissions({ JOBRUNNER_HTTP_LISTEN_ADDRESS: "::1", JOBRUNNER_HTTP_LISTEN_PORT: "9" }).net,
    ["[::1]:9"],
  );
});

Deno.test("permissionsOf() grants running the launcher only, when there is one", () => {
  const launcher = { path: "/tmp/jobrunner-x/run/command", word: "w" };
  assert.deepEqual(permissions({}, launcher).run, [launcher.path]);
});

Deno.test("permissionsOf() grants running a command that does not exist yet", () => {
  assert.deepEqual(permissions({ JOBRUNNER_CMD: "/not/there" }).run, ["/not/there"]);
});
