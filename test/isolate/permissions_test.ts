import assert from "node:assert/strict";
import { permissionsOf } from "../../src/isolate/permissions.ts";
import { configure } from "../support/machine.ts";

function permissions(env: Record<string, string>, programs = ["/bin/date"]) {
  const result = configure({ JOBRUNNER_CMD: "/bin/date", ...env });
  assert.ok(result.ok);
  return permissionsOf({ config: result.config, programs, spool: "/tmp/jobrunner-x" });
}

Deno.test("permissionsOf() grants the listen address, the programs and the spool, and nothing else", () => {
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

Deno.test("permissionsOf() grants each NATS server of a shared queue by host and port, and nothing else", () => {
  const without = permissions({});
  assert.deepEqual(
    permissions({ JOBRUNNER_NATS_URL: "tls://n1.example.com,10.0.0.2:5222,[fd00::1]" }),
    {
      ...without,
      net: ["127.0.0.1:8080", "n1.example.com:4222", "10.0.0.2:5222", "[fd00::1]:4222"],
    },
  );
});

Deno.test("permissionsOf() grants running the launchers only, when there are some", () => {
  const slots = ["/tmp/jobrunner-x/run/command-1", "/tmp/jobrunner-x/run/command-2"];
  assert.deepEqual(permissions({}, slots).run, slots);
});

Deno.test("permissionsOf() grants a unix socket where it is opened, not where clients connect", () => {
  const { net, read, write } = permissions({ JOBRUNNER_HTTP_LISTEN_ADDRESS: "unix:/run/s" });
  // Deno 2.7.11 has no such permission, and takes those for the path.
  assert.deepEqual(net, Deno.version.deno.startsWith("2.7.") ? [] : ["unix:/run/s.new/s"]);
  assert.deepEqual(read, ["/tmp/jobrunner-x", "/run/s.new/s"]);
  assert.deepEqual(write, read);
});
