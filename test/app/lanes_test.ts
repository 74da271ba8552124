import assert from "node:assert/strict";
import { lanesOf } from "../../src/app/lanes.ts";
import { configure } from "../support/machine.ts";
import { digestOf } from "../support/tokens.ts";

const toml = `
[commands.pdf]
cmd = "/bin/date"
pool = "office"
[commands.preview]
cmd = "/bin/date"
pool = "office"
[commands.octave]
cmd = "/bin/date"
[pools.office]
`;

const tokens = ["all", "pdf", "octave", "reader"].map((name) => `
[tokens.${name}]
sha256 = "${digestOf(name)}"
scopes = ["${name === "reader" ? "status" : "submit"}"]
${name === "pdf" || name === "octave" ? `commands = ["${name}"]` : ""}
${name === "pdf" ? "max_running = 2\nmax_waiting = 3" : ""}
`).join("");

function lanes(env: Record<string, string>, pool: string, withTokens = true) {
  const result = configure(env, { toml, ...(withTokens ? { tokens } : {}) });
  assert.ok(result.ok, JSON.stringify(result));
  return lanesOf(result.config, pool);
}

const unlimited = { maxRunning: Infinity, maxWaiting: Infinity };

Deno.test("lanesOf() has a lane for each token that may post jobs to the pool, with its limits", () => {
  assert.deepEqual(
    lanes({}, "office"),
    new Map([["all", unlimited], ["pdf", { maxRunning: 2, maxWaiting: 3 }]]),
  );
  assert.deepEqual(lanes({}, "octave"), new Map([["all", unlimited], ["octave", unlimited]]));
});

Deno.test("lanesOf() has a lane for the password, and none where tokens are not in use", () => {
  const env = { JOBRUNNER_PASSWORD: "p" };
  assert.deepEqual([...lanes(env, "octave")?.keys() ?? []], ["all", "octave", "password"]);
  assert.equal(lanes(env, "octave", false), undefined);
});
