/**
 * Three machines that share a queue, and their NATS server, are killed and frozen at random while clients post jobs to them. At
 * the end every client has the right answer, except those whose own machine was killed, and no job, process or file is left. If
 * no job may begin twice, none has, and clients of jobs that were lost know it.
 *
 * SOAK_SECONDS (default 180) sets for how long, half of it for each of the two. SOAK_SEED repeats the faults of a run, which
 * prints its seed. It needs root, and what `tools/nats_servers.sh` provides.
 */

import assert from "node:assert/strict";
import { type FaultGroup, type FaultMachine, startFaultGroup } from "../support/fault_group.ts";
import { eventually, markedIn } from "../support/processes.ts";

const seconds = Number(Deno.env.get("SOAK_SECONDS") ?? 180);
const seed = Number(Deno.env.get("SOAK_SEED") ?? Math.floor(Math.random() * 2 ** 32));
const clients = 24;

/** The order in which faults happen, and how long they last, follow from a number (the generator “mulberry32”). */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return Math.floor(((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32 * below);
  };
}

/** Kinds of jobs: a script and what it writes to its output. */
const kinds = [
  { script: ":", output: "" },
  { script: "sleep 0.2", output: "" },
  { script: "sleep 0.6", output: "" },
  // Too large for the message of the job, so it is fetched from the machine that has the client.
  { script: `: ${"x".repeat(100_000)}`, output: "" },
  // Too large for the message of the result.
  { script: "head -c 400000 /dev/zero | tr '\\0' y", output: "y".repeat(400_000) },
] as const;

/** A machine, or the one that has replaced it. */
interface Slot {
  machine: FaultMachine;
}

interface Tally {
  posted: number;
  succeeded: number;
  refused: number;
  /** Clients whose machine was killed. */
  cutOff: number;
  /** Clients whose job was lost, which may happen only if no job may begin twice. */
  lost: number;
  readonly faults: string[];
}

interface Scene {
  readonly onLost: "rerun" | "fail";
  readonly group: FaultGroup;
  readonly slots: readonly Slot[];
  /** Machines that were killed. */
  readonly killed: Set<FaultMachine>;
  readonly tally: Tally;
  /** Names of the jobs that have no answer yet. */
  readonly open: Set<string>;
  /** When the clients and the faults end, in milliseconds since 1970. */
  until: number;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function client(scene: Scene): Promise<void> {
  const { group, slots, killed, tally, open } = scene;
  while (Date.now() < scene.until) {
    const number = tally.posted++;
    const slot = slots[number % slots.length];
    const kind = kinds[number % kinds.length];
    assert.ok(slot && kind);
    const { machine } = slot;
    const { id, answer } = group.post(machine, `job${number}`, kind.script);
    open.add(id);
    const got = await answer;
    open.delete(id);
    if (!got) {
      assert.ok(killed.has(machine), `${id}: the connection to ${machine.name} was lost`);
      tally.cutOff++;
      await pause(100);
    } else if (got.status === 503) {
      assert.match(got.text, /^job queue too large|cannot be reached/);
      tally.refused++;
      await pause(50);
    } else if (got.status === 502 && scene.onLost === "fail") {
      assert.match(got.text, /^The machine that ran the job was lost/);
      tally.lost++;
    } else {
      assert.equal(got.status, 200, `${id}: ${got.text}`);
      assert.equal(got.data, id);
      assert.equal(got.output, kind.output, id);
      tally.succeeded++;
    }
  }
}

/** Kills or freezes one machine after the other. */
async function breakMachines(scene: Scene): Promise<void> {
  const { group, slots, killed, tally } = scene;
  const random = randomOf(seed);
  while (Date.now() < scene.until) {
    await pause(500 + random(2000));
    const slot = slots[random(slots.length)];
    assert.ok(slot);
    const { machine } = slot;
    const ms = random(4000);
    if (random(2) === 0) {
      tally.faults.push(`kill ${machine.name}`);
      killed.add(machine);
      await machine.stop("SIGKILL");
      await pause(ms);
      slot.machine = await group.add({ name: machine.name, workers: 2, places: 6 });
    } else {
      tally.faults.push(`freeze ${machine.name} for ${ms} ms`);
      Deno.kill(machine.pid, "SIGSTOP");
      await pause(ms);
      Deno.kill(machine.pid, "SIGCONT");
    }
  }
}

/** Kills or freezes the server again and again. */
async function breakServer(scene: Scene): Promise<void> {
  const { group: { server }, tally } = scene;
  const random = randomOf(seed + 1);
  while (Date.now() < scene.until) {
    await pause(2000 + random(6000));
    const ms = random(4000);
    if (random(2) === 0) {
      tally.faults.push(`kill the server for ${ms} ms`);
      await server.kill();
      await pause(ms);
      await server.start();
    } else {
      tally.faults.push(`freeze the server for ${ms} ms`);
      server.freeze();
      await pause(ms);
      server.thaw();
    }
  }
}

/** Rejects with the names of the jobs that get no answer within a minute. */
async function allAnswered({ open }: Scene): Promise<void> {
  try {
    await eventually("every client has an answer", () => open.size === 0);
  } catch (error) {
    throw new Error(`${(error as Error).message}: ${[...open].join()}`);
  }
}

async function soak(onLost: "rerun" | "fail"): Promise<void> {
  await using group = await startFaultGroup({
    machines: [1, 2, 3].map(() => ({ workers: 2, places: 6 })),
    env: {
      JOBRUNNER_NATS_ON_LOST: onLost,
      JOBRUNNER_NATS_ATTEMPTS: "10",
      JOBRUNNER_KILL_GRACE_SEC: "0.2",
    },
  });
  const tally: Tally = { posted: 0, succeeded: 0, refused: 0, cutOff: 0, lost: 0, faults: [] };
  const scene: Scene = {
    onLost,
    group,
    slots: group.machines.map((machine) => ({ machine })),
    killed: new Set(),
    tally,
    open: new Set(),
    until: Date.now() + seconds / 2 * 1000,
  };
  const posting = Promise.all(Array.from({ length: clients }, () => client(scene)));
  // A wrong answer ends it all.
  posting.catch(() => scene.until = 0);
  await Promise.all([breakMachines(scene), breakServer(scene)]);
  await Promise.race([posting, allAnswered(scene)]);
  await posting;
  await group.queue.holds(0);
  const twice = [...group.starts()].filter(([, starts]) => starts > 1).map(([id]) => id);
  console.log({ seed, onLost, ...tally, twice: twice.length });
  if (onLost === "fail") assert.deepEqual(twice, []);
  for (const { machine } of scene.slots) assert.equal(await machine.stop(), 0);
  for (const { name, log } of [...scene.slots.map(({ machine }) => machine), ...scene.killed]) {
    assert.deepEqual(log.filter((line) => line.includes("uncaught")), [], name);
  }
  // What the killed ones left was removed by those that replaced them.
  assert.deepEqual(markedIn(group.folder), []);
  assert.deepEqual([...Deno.readDirSync(group.folder)].map(({ name }) => name), ["begun"]);
}

Deno.test(`machines and a server that are killed and frozen at random lose only clients of killed machines (SOAK_SEED=${seed})`, () =>
  soak("rerun"));

Deno.test(`with on_lost=fail no job begins twice when machines and a server are killed and frozen at random (SOAK_SEED=${seed})`, () =>
  soak("fail"));
