import assert from "node:assert/strict";
import { keyOf, processAt, type ProcessInfo } from "../../src/machine/process_table.ts";
import {
  chase,
  type Found,
  killUnseen,
  mostIds,
  type Processes,
} from "../../src/machine/unseen.ts";
import { isAlive } from "../support/processes.ts";

const ours = 7;

/** A machine on which processes of ours (session 7) and of others are started, and killed by `kill`. */
function machine(newest: number) {
  const living = new Map<number, ProcessInfo>();
  const reads: number[] = [];
  const start = (session: number) => {
    newest++;
    living.set(newest, { pid: newest, parent: 1, session, startedAt: String(newest) });
    return newest;
  };
  const processes: Processes = {
    newestId: () => newest,
    processAt(pid) {
      reads.push(pid);
      return living.get(pid);
    },
  };
  return {
    living,
    reads,
    start,
    processes,
    chase: (since: number | undefined) =>
      chase(
        since,
        ({ session }) => session === ours,
        (pid) => void living.delete(pid),
        processes,
      ),
    oursLeft: () => [...living.values()].filter(({ session }) => session === ours).length,
  };
}

Deno.test("chase() reads nothing when no process was started since, or where that is unknown", () => {
  const { chase, start, reads, oursLeft } = machine(1000);
  start(ours);
  assert.equal(chase(1001), 0);
  assert.equal(chase(undefined), 0);
  assert.deepEqual(reads, []);
  assert.equal(oursLeft(), 1);
});

Deno.test("chase() kills our processes and no others, however many were started since", () => {
  const { chase, start, living, oursLeft } = machine(1000);
  for (let i = 0; i < 500; i++) start(i % 100 === 0 ? ours : 8);
  assert.equal(chase(1000), 5);
  assert.equal(oursLeft(), 0);
  assert.equal(living.size, 495);
});

Deno.test("chase() catches a chain that forks and exits just before each read", () => {
  const world = machine(1000);
  let hops = 9;
  let link = world.start(ours);
  const { processAt } = world.processes;
  const moving: Processes = {
    ...world.processes,
    processAt(pid) {
      // It forks and exits just before it is read.
      if (pid === link && hops-- > 0) {
        world.living.delete(link);
        for (let others = 0; others < 30; others++) world.start(8);
        link = world.start(ours);
      }
      return processAt(pid);
    },
  };
  const isOurs = ({ session }: ProcessInfo) => session === ours;
  const kill = (pid: number) => void world.living.delete(pid);
  assert.equal(chase(1000, isOurs, kill, moving), 1);
  assert.ok(hops < 0, "it moved on as often as it could");
  assert.equal(world.oursLeft(), 0);
});

Deno.test("chase() finds a process whose id was assigned before the process was visible", () => {
  const world = machine(1000);
  const late = world.start(ours);
  const info = world.living.get(late) as ProcessInfo;
  world.living.delete(late);
  const { processAt } = world.processes;
  let first = true;
  const slow: Processes = {
    ...world.processes,
    processAt(pid) {
      const found = processAt(pid);
      if (pid === late && first) {
        world.living.set(late, info);
        first = false;
      }
      return found;
    },
  };
  const kill = (pid: number) => void world.living.delete(pid);
  assert.equal(chase(1000, ({ session }) => session === ours, kill, slow), 1);
});

Deno.test("chase() continues when process ids wrap around", () => {
  const { chase, start, oursLeft } = machine(300);
  for (let i = 0; i < 50; i++) start(i === 10 ? ours : 8);
  assert.equal(chase(32_768), 1);
  assert.equal(oursLeft(), 0);
});

Deno.test("chase() ends even if new processes never stop appearing", () => {
  const world = machine(1000);
  const since = 1000;
  world.start(ours);
  const endless: Processes = {
    ...world.processes,
    processAt(pid) {
      for (let i = 0; i < 3; i++) world.start(ours);
      return world.processes.processAt(pid);
    },
  };
  const kill = (pid: number) => void world.living.delete(pid);
  assert.ok(chase(since, ({ session }) => session === ours, kill, endless) > 0);
  assert.ok(world.reads.length <= mostIds, String(world.reads.length));
});

Deno.test("chase() ends when processes cannot be read", () => {
  const fails: Processes = {
    newestId: () => 1001,
    processAt() {
      throw new Error("Too many open files (os error 24)");
    },
  };
  assert.equal(chase(1000, () => true, () => assert.fail("nothing is killed"), fails), 0);
});

/** A process that leads a session of its own, killed afterwards. */
function leader(): { readonly pid: number } & AsyncDisposable {
  const child = new Deno.Command("setsid", { args: ["sleep", "1000"], stdin: "null" }).spawn();
  return {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      if (isAlive(child.pid)) child.kill("SIGKILL");
      await child.status;
    },
  };
}

Deno.test("killUnseen() kills a group whose leader is known, not one whose id has been reused", async () => {
  await using process = leader();
  const { pid } = process;
  while (processAt(pid)?.session !== pid) await new Promise((resolve) => setTimeout(resolve, 1));
  const info = processAt(pid) as ProcessInfo;
  const table = {
    processes: [info],
    newestId: undefined,
    markOf: () => undefined,
    holdsOurPipe: () => true,
  };
  const killedWith = (known: Found["known"], holdersOnly = false) => {
    const killed: number[] = [];
    killUnseen({ known, sessions: new Set([pid]) }, table, (id) => killed.push(id), holdersOnly);
    return killed;
  };
  const known = new Map([[keyOf(info), info]]);
  const before = new Map([[`${pid} ${Number(info.startedAt) - 1}`, info]]);
  assert.deepEqual(killedWith(known), [-pid]);
  assert.deepEqual(killedWith(known, true), [], "holders are killed one by one");
  assert.deepEqual(killedWith(before), []);
  assert.deepEqual(killedWith(new Map()), []);
});
