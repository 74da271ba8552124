/**
 * Reloads while clients post jobs without a pause.
 */

import assert from "node:assert/strict";
import { statusOf } from "../support/client.ts";
import { eventually } from "../support/processes.ts";
import { commandTable, isReloaded, launchersIn, showToken, withFile } from "../support/reload.ts";

/** Configurations are numbered; each shows its number as the token of its commands. */
const reloads = 200;

const comes = (number: number) => number % 2 === 0;
const defaultOf = (number: number) => number % 3 === 0 ? "main" : "mover";

/** Each configuration differs from the one before in programs, variables, workers, commands, pools and the default. */
function fileOf(number: number): string {
  const token = String(number);
  const shared = number % 4 < 2;
  return [
    `default_command = "${defaultOf(number)}"`,
    // Its launcher differs from that of the others, which share one.
    commandTable("main", token, "umask = 0o022", `num_workers = ${1 + number % 4}`),
    commandTable("mover", token, ...shared ? ['pool = "shared"'] : []),
    commandTable("other", token, 'pool = "shared"'),
    commandTable("steady", "steady"),
    ...comes(number) ? [commandTable("comes", token)] : [],
    `[pools.shared]\nnum_workers = ${1 + number % 2}`,
  ].join("\n");
}

Deno.test(`${reloads} reloads under load: each request is answered by a configuration of its time, and none is lost`, async () => {
  await withFile(fileOf(0), async ({ url, program, spool, reload, run }) => {
    /** The configurations that may be in effect: from the last that is known to be to the last that was written. */
    let inEffect = 0;
    let written = 0;
    let isOver = false;
    let ran = 0;
    const seen = new Set<string>();

    async function postOn(command: string | undefined): Promise<void> {
      while (!isOver) {
        const first = inEffect;
        const { status, text, json, output } = await run(command, showToken);
        const all = Array.from({ length: written - first + 1 }, (_, index) => first + index);
        if (status === 404) {
          assert.equal(command, "comes");
          assert.match(text, /no command comes/);
          assert.ok(all.some((number) => !comes(number)), `${all}`);
          continue;
        }
        assert.equal(status, 200, text);
        ran++;
        const [token, sameToken] = output.trim().split(" ");
        assert.equal(token, sameToken);
        assert.equal(json["command"], command ?? defaultOf(Number(token)));
        if (command === "steady") {
          assert.equal(token, "steady");
          continue;
        }
        seen.add(String(token));
        assert.ok(all.includes(Number(token)), `${token} not in ${all}`);
        if (command === "comes") assert.ok(comes(Number(token)));
      }
    }

    async function reloadOn(): Promise<void> {
      for (let number = 1; number <= reloads; number++) {
        written = number;
        const lines = await reload(fileOf(number));
        assert.ok(isReloaded(lines), lines.join("\n"));
        inEffect = number;
      }
    }

    const clients = [undefined, "main", "mover", "other", "steady", "comes"].map(postOn);
    await Promise.all([...clients, reloadOn().finally(() => isOver = true)]);
    assert.equal((await statusOf(url)).total_jobs, ran);
    assert.ok(seen.size > 10, `jobs of ${seen.size} configurations`);
    const last = [`TOKEN=${reloads}`, `TOKEN=${reloads}`, "TOKEN=steady"];
    await eventually("only the last configuration's launchers are left", () => {
      const left = launchersIn(spool).map((path) =>
        /TOKEN=\w+/.exec(new TextDecoder("latin1").decode(Deno.readFileSync(path)))?.[0]
      );
      return left.sort().join() === last.join();
    });
    assert.equal(program.log.filter((line) => / (WARN|ERROR) /.test(line)).length, 0);
  });
});
