import assert from "node:assert/strict";
import fc from "fast-check";
import type { ClusterConfig } from "../../src/config/config.ts";
import type { LineSize } from "../../src/jobs/line.ts";
import { createMachines, type Machine, type Machines } from "../support/cluster.ts";
import { type Begun, type GroupWork, groupWork, type Posted } from "../support/group_work.ts";
import type { Cut } from "../support/memory_link.ts";
import { nothingInUse } from "../support/pool_host.ts";

/** How long after the last fault everything must be over, in milliseconds: results are kept for a minute. */
const overMs = 150_000;

/** What may happen. A machine is chosen by a number. */
type Step =
  | PostStep
  | {
    readonly kind: "leave" | "kill" | "drain" | "freeze" | "thaw" | "mend";
    readonly which: number;
  }
  | { readonly kind: "cut"; readonly which: number; readonly how: Cut }
  | { readonly kind: "stop" }
  | { readonly kind: "start" }
  | { readonly kind: "pass"; readonly ms: number };

/** Several clients post at once. */
interface PostStep {
  readonly kind: "post";
  readonly which: number;
  readonly clients: number;
  readonly ms: number;
  readonly large: boolean;
  readonly finish: boolean;
}

const which = fc.nat({ max: 20 });

const post = fc.record<PostStep>({
  kind: fc.constant("post"),
  which,
  clients: fc.integer({ min: 1, max: 4 }),
  ms: fc.constantFrom(0, 5, 300, 2000, 9000),
  large: fc.boolean(),
  finish: fc.boolean(),
});

const pass = fc.record<Extract<Step, { kind: "pass" }>>({
  kind: fc.constant("pass"),
  ms: fc.constantFrom(0, 1, 3, 40, 600, 2500, 6000),
});

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof<fc.WeightedArbitrary<Step>[]>(
    { weight: 8, arbitrary: post },
    { weight: 6, arbitrary: pass },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constantFrom("leave", "leave", "freeze", "thaw", "mend", "mend", "kill", "drain"),
        which,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("cut"),
        which,
        how: fc.constantFrom("noticed", "unnoticed", "silent"),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom<Step>({ kind: "stop" }, { kind: "start" }, { kind: "start" }),
    },
  ),
  { minLength: 10, maxLength: 60, size: "max" },
);

const sizes = fc.array(
  fc.record({
    workers: fc.nat({ max: 2 }),
    places: fc.nat({ max: 5 }),
    queueTimeoutMs: fc.constantFrom(Infinity, Infinity, 2500),
  }),
  { minLength: 3, maxLength: 3 },
);

const configs = fc.record({
  onLost: fc.constantFrom("rerun", "fail"),
  storage: fc.constantFrom("file", "memory"),
  attempts: fc.constantFrom(2, 3),
});

/** When a machine or the server was not as it should be. */
interface Fault {
  readonly of: Machine | "server";
  readonly fromMs: number;
  untilMs: number;
}

class World {
  readonly machines: Machines;
  readonly #config: Partial<ClusterConfig>;
  readonly work: GroupWork;
  readonly group: Machine[] = [];
  readonly posted: Posted[] = [];
  readonly faults: Fault[] = [];
  /** Those that leave, with what happens when they have. */
  readonly #leaving = new Map<Machine, Promise<void>>();
  readonly #workers = new Map<Machine, Promise<unknown>>();

  constructor(machines: Machines, config: Partial<ClusterConfig>) {
    this.machines = machines;
    this.#config = config;
    this.work = groupWork(machines);
  }

  async join(size: LineSize): Promise<void> {
    const machine = await this.machines.join(size, this.#config);
    this.#workers.set(machine, this.work.work(machine, size.workers));
    this.group.push(machine);
  }

  #pick<T>(from: readonly T[], which: number): T | undefined {
    return from[which % Math.max(1, from.length)];
  }

  #begin(of: Fault["of"]): void {
    this.faults.push({ of, fromMs: this.machines.clock.now(), untilMs: Infinity });
  }

  #end(of: Fault["of"]): void {
    for (const fault of this.faults) {
      if (fault.of === of) fault.untilMs = Math.min(fault.untilMs, this.machines.clock.now());
    }
  }

  isFaulty(of: Fault["of"]): boolean {
    return this.faults.some((fault) => fault.of === of && fault.untilMs === Infinity);
  }

  async do(step: Step): Promise<void> {
    const { clock, server } = this.machines;
    if (step.kind === "pass") return await clock.pass(step.ms);
    if (step.kind === "stop" || step.kind === "start") {
      if (this.isFaulty("server") === (step.kind === "stop")) return;
      if (step.kind === "stop") this.#begin("server");
      else this.#end("server");
      server[step.kind]();
      return;
    }
    if (step.kind === "leave") return this.#pick(this.posted, step.which)?.leave();
    const living = this.group.filter(({ isDead }) => !isDead);
    const machine = this.#pick(living, step.which);
    if (!machine) return;
    const isFaulty = this.isFaulty(machine);
    switch (step.kind) {
      case "post":
        return isFaulty ? undefined : await this.#post(machine, step);
      case "drain":
        return isFaulty || living.length === 1 ? undefined : void this.drain(machine);
      case "kill":
        if (living.length === 1) return;
        this.#end(machine);
        this.#begin(machine);
        return machine.kill();
      case "freeze":
        if (isFaulty) return;
        this.#begin(machine);
        return machine.freeze();
      case "cut":
        if (isFaulty) return;
        this.#begin(machine);
        server.cut(machine.link, step.how);
        // It notices a silence.
        if (step.how === "silent") {
          clock.after(3000, () => this.isFaulty(machine) && server.cut(machine.link, "unnoticed"));
        }
        return;
      case "thaw":
      case "mend":
        return this.heal(machine);
    }
  }

  /** Stops a machine as the program does; resolves when it has left. */
  drain(machine: Machine): Promise<void> {
    const { cluster, line } = machine;
    let leaving = this.#leaving.get(machine);
    if (!leaving) {
      cluster.leave();
      line.close();
      leaving = Promise.all([line.ended, this.#workers.get(machine)]).then(() => cluster.close());
      this.#leaving.set(machine, leaving);
    }
    return leaving;
  }

  /** Whether the machine with this name has begun to leave. */
  leaves(name: string): boolean {
    return this.#leaving.keys().some((machine) => machine.name === name);
  }

  heal(machine: Machine): void {
    if (machine.isDead) return;
    machine.thaw();
    this.machines.server.mend(machine.link);
    this.#end(machine);
  }

  async #post(machine: Machine, { clients, ms, large, finish }: PostStep): Promise<void> {
    for (let i = 0; i < clients; i++) {
      const posted = await this.work.tryToPost(machine, `job ${this.posted.length}`, {
        ms: ms * (i + 1),
        onDisconnect: finish ? "finish" : "cancel",
        input: { kind: "bytes", bytes: new Uint8Array(large ? 70_000 : 3) },
      });
      if (posted) this.posted.push(posted);
    }
  }

  async settle(): Promise<void> {
    const { clock, server } = this.machines;
    if (this.isFaulty("server")) {
      this.#end("server");
      server.start();
    }
    for (const machine of this.group) this.heal(machine);
    await this.join({ workers: 2, places: 0, queueTimeoutMs: Infinity });
    await clock.pass(overMs);
  }

  /** Whether a machine or the server had a fault while a run was on, or shortly before it. */
  hadFault({ machine, atMs, endMs = Infinity }: Begun): boolean {
    return this.faults.some(({ of, fromMs, untilMs }) =>
      (of === machine || of === "server") && fromMs <= endMs && untilMs >= atMs - 5000
    );
  }
}

function check(world: World, { onLost, attempts }: Pick<ClusterConfig, "onLost" | "attempts">) {
  for (const { id, front, answers } of world.posted) {
    if (front.isDead) assert.ok(answers <= 1, `${id} was answered ${answers} times`);
    else assert.equal(answers, 1, `${id} was answered ${answers} times`);
    const runs = world.work.runsOf(id);
    // The front does not know of a run that began at once and was cut off before it could say so.
    const most = onLost === "fail" ? 1 : attempts + 1;
    assert.ok(runs.length <= most, `${id} was begun ${runs.length} times`);
    for (const [index, run] of runs.entries()) {
      for (const later of runs.slice(index + 1)) {
        if (later.atMs >= (run.endMs ?? Infinity)) continue;
        assert.ok(world.hadFault(run), `${id} was run by two machines at once`);
      }
    }
  }
}

async function checkRest(world: World): Promise<void> {
  const { machines, group } = world;
  assert.equal((await machines.size()).messages, 0, "messages are left");
  const living = group.filter(({ isDead }) => !isDead);
  for (const { host, name, cluster } of living) {
    assert.deepEqual(host.inUse, nothingInUse, name);
    if (world.leaves(name)) continue;
    assert.ok(cluster.state().pools.every(({ undelivered }) => undelivered === 0), name);
  }
  const leaving = Promise.all(living.map((machine) => world.drain(machine)));
  await machines.clock.pass(100);
  await leaving;
  machines.server[Symbol.dispose]();
  assert.equal(machines.clock.timers, 0, "timers are left");
}

Deno.test("whatever happens to three machines and their server, each client has one answer and nothing is left", async () => {
  await fc.assert(
    fc.asyncProperty(sizes, configs, steps, async (sizes, config, steps) => {
      using machines = createMachines();
      const world = new World(machines, config);
      for (const size of sizes) await world.join(size);
      await machines.clock.pass(4000);
      for (const step of steps) await world.do(step);
      await world.settle();
      check(world, config);
      await checkRest(world);
    }),
    { numRuns: 100 },
  );
});
