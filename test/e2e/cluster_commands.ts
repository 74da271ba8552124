/** What machines share over a real nats-server: named commands, the queue's limits, live output; and what each keeps for itself. */

import assert from "node:assert/strict";
import { newToken } from "../../src/wire/tokens.ts";
import { type Answer, post, statusOf } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { openLive, outputIn } from "../support/live_client.ts";
import { begunIn, heldScript, release, startSteadyMember, watchQueue } from "../support/member.ts";
import { shellCmd } from "../support/named.ts";
import { startNatsServer } from "../support/nats_server.ts";
import { eventually } from "../support/processes.ts";
import { commandTable, isReloaded, reloadBy } from "../support/reload.ts";
import { tokenTable } from "../support/tokens.ts";

const problem = { accept: "application/problem+json" };

/** Writes a configuration file at once, and returns its path. */
function write(path: string, toml: string): string {
  Deno.writeTextFileSync(`${path}.new`, toml);
  Deno.renameSync(`${path}.new`, path);
  return path;
}

/** The table of a command that runs payloads as shell scripts. */
function table(name: string, ...lines: readonly string[]): string {
  return [`[commands.${name}]`, shellCmd, ...lines, ""].join("\n");
}

/** Posts a script that must succeed, and returns the output and the machine. */
async function ran(url: string, command: string, script: string): Promise<readonly unknown[]> {
  const { status, text, output, json } = await post(url, script, { command });
  assert.equal(status, 200, text);
  return [output, json.node];
}

Deno.test("a machine runs only the commands that are in its own file", async () => {
  using folder = temporaryFolder();
  await using server = await startNatsServer();
  const file = (name: string, ...tables: readonly string[]) =>
    write(`${folder.path}/${name}.toml`, tables.join("\n"));
  const member = (name: string, workers: number, ...tables: readonly string[]) =>
    startSteadyMember(server.address, { name, workers, configFile: file(name, ...tables) });
  await using front = await member("front", 0, table("alpha"), table("beta"));
  await using one = await member("one", 1, table("alpha", 'env = { WORD = "one" }'));
  await using two = await member("two", 1, table("beta", 'env = { WORD = "two" }'));
  await using alpha = watchQueue(server.address, { pool: "alpha" });
  await using beta = watchQueue(server.address, { pool: "beta" });
  await alpha.hasRoomFor(21);
  await beta.hasRoomFor(21);
  const script = "printf %s $WORD";
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(await ran(front.url, "alpha", script), ["one", "one"]);
    assert.deepEqual(await ran(front.url, "beta", script), ["two", "two"]);
    assert.deepEqual(await ran(one.url, "alpha", script), ["one", "one"]);
  }
  assert.equal((await post(one.url, script, { command: "beta" })).status, 404);
  assert.equal((await post(two.url, script, { command: "alpha" })).status, 404);
});

Deno.test("machines warn of a command whose text differs, and not of one that the other lacks", async () => {
  using folder = temporaryFolder();
  await using server = await startNatsServer();
  const member = (name: string, ...tables: readonly string[]) =>
    startSteadyMember(server.address, {
      name,
      workers: 1,
      configFile: write(`${folder.path}/${name}.toml`, tables.join("\n")),
    });
  const same = table("same");
  const differs = (word: string) => commandTable("differs", word);
  await using one = await member("one", same, differs("one"), table("only-one"));
  await using two = await member("two", same, differs("two"), table("only-two"));
  const warning = "commands differ on another machine of the group";
  assert.match(await one.line(warning), / WARN .* commands=differs node=two /);
  assert.match(await two.line(warning), / WARN .* commands=differs node=one /);
});

Deno.test("a front without workers keeps jobs until another machine has workers, or until they have waited too long", async () => {
  using folder = temporaryFolder();
  await using server = await startNatsServer();
  await using queue = watchQueue(server.address);
  await using patient = await startSteadyMember(server.address, { name: "patient", places: 2 });
  await using hasty = await startSteadyMember(server.address, {
    name: "hasty",
    places: 1,
    env: { JOBRUNNER_QUEUE_TIMEOUT_SEC: "1" },
  });
  await queue.hasRoomFor(3);
  const names = ["a", "b"];
  const held = names.map((name) => post(patient.url, heldScript(folder.path, name), { id: name }));
  await queue.holds(2);
  const late = await post(hasty.url, "true", { headers: problem });
  assert.deepEqual([late.status, late.json.code], [503, "queue_timeout"]);
  await queue.holds(2);
  await using _executor = await startSteadyMember(server.address, {
    name: "executor",
    workers: 1,
    places: 0,
  });
  await eventually("the first one runs", () => begunIn(folder.path).length === 1);
  release(folder.path);
  for (const { status, json, text } of await Promise.all(held)) {
    assert.deepEqual([status, json.node], [200, "executor"], text);
  }
  assert.deepEqual(begunIn(folder.path), ["executor a", "executor b"]);
  await queue.holds(0);
});

Deno.test("live output comes from another machine in its order, and a client that leaves ends the run there", async () => {
  using folder = temporaryFolder();
  await using server = await startNatsServer();
  await using queue = watchQueue(server.address);
  await using front = await startSteadyMember(server.address, { name: "front" });
  await using executor = await startSteadyMember(server.address, { name: "executor", workers: 1 });
  await queue.hasRoomFor(21);
  const script = `echo begins; ${
    heldScript(folder.path, "a")
  }; seq 1 20000; echo wrong >&2; exit 3`;
  const live = await openLive(front.url, "/run", script);
  assert.equal((await live.until("started")).node, "executor");
  await live.untilOutput("stdout", "begins\n");
  release(folder.path);
  const events = await live.rest();
  const numbers = Array.from({ length: 20_000 }, (_, i) => `${i + 1}\n`).join("");
  assert.equal(outputIn(events, "stdout"), `begins\n${numbers}`);
  assert.equal(outputIn(events, "stderr"), "wrong\n");
  assert.deepEqual(events.map(({ seq }) => seq), events.map((_, index) => index));
  const last = events.at(-1);
  assert.deepEqual([last?.event, last?.exit_status, last?.node], ["exit", 3, "executor"]);
  using again = temporaryFolder();
  const leaving = await openLive(front.url, "/run", heldScript(again.path, "b"));
  await leaving.until("started");
  await leaving.leave();
  await queue.holds(0);
  await eventually("the run has ended", async () => {
    const { busy, outcomes } = await statusOf(executor.url);
    return busy === 0 && outcomes.canceled === 1;
  });
});

Deno.test("machines read their configuration again while their jobs run elsewhere", async () => {
  using folder = temporaryFolder();
  await using server = await startNatsServer();
  await using queue = watchQueue(server.address, { pool: "work" });
  const files = { front: `${folder.path}/front.toml`, executor: `${folder.path}/executor.toml` };
  const word = (word: string, ...lines: readonly string[]) =>
    table("work", `env = { WORD = "${word}" }`, ...lines);
  await using front = await startSteadyMember(server.address, {
    name: "front",
    configFile: write(files.front, word("old")),
  });
  await using executor = await startSteadyMember(server.address, {
    name: "executor",
    workers: 1,
    configFile: write(files.executor, word("old")),
  });
  await queue.hasRoomFor(21);
  const script = (name: string) => `${heldScript(folder.path, name)}; printf %s $WORD`;
  const posted = (name: string): Promise<Answer> =>
    post(front.url, script(name), { id: name, command: "work" });
  const answers = [posted("a")];
  await eventually("the first one runs", () => begunIn(folder.path).length === 1);
  answers.push(posted("b"));
  await queue.holds(2);
  for (const [program, file] of [[front, files.front], [executor, files.executor]] as const) {
    const lines = await reloadBy(() => {
      write(file, word("new", "queue_limit = 5"));
      Deno.kill(program.pid, "SIGHUP");
    }, program);
    assert.ok(isReloaded(lines), lines.join("\n"));
  }
  await queue.hasRoomFor(11);
  release(folder.path);
  const answered = await Promise.all(answers);
  assert.deepEqual(
    answered.map(({ status, output, json }) => [status, output, json.node]),
    [[200, "old", "executor"], [200, "new", "executor"]],
  );
  await queue.holds(0);
});

Deno.test("a machine with tokens warns that their limits are its own, and refuses beyond the shared limit", async () => {
  using folder = temporaryFolder();
  await using server = await startNatsServer();
  await using queue = watchQueue(server.address);
  const token = newToken();
  const tokens = write(
    `${folder.path}/tokens.toml`,
    tokenTable("ann", token, 'scopes = ["submit"]'),
  );
  await using machine = await startSteadyMember(server.address, {
    name: "machine",
    workers: 1,
    places: 0,
    env: { JOBRUNNER_TOKENS_FILE: tokens },
  });
  await machine.line("the fair queue is off");
  await queue.hasRoomFor(1);
  const headers = { authorization: `Bearer ${token}`, ...problem };
  const held = post(machine.url, heldScript(folder.path, "a"), { headers });
  await eventually("it runs", () => begunIn(folder.path).length === 1);
  const refused = await post(machine.url, "true", { headers });
  assert.deepEqual([refused.status, refused.json.code], [503, "queue_full"]);
  release(folder.path);
  assert.equal((await held).status, 200);
});
