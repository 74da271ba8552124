/**
 * Machines of a group as real programs, whose jobs write into a file that they have begun.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Answer, post } from "./client.ts";
import { temporaryFolder } from "./folder.ts";
import { type MemberOptions, startMember, type WatchedQueue, watchQueue } from "./member.ts";
import { type NatsServer, type NatsServerOptions, startNatsServer } from "./nats_server.ts";
import { eventually } from "./processes.ts";
import type { Program } from "./program.ts";

/** What a group starts with. */
export interface FaultGroupOptions {
  /** Its machines. They are named a, b, c and so on. */
  readonly machines: readonly Omit<MemberOptions, "name">[];
  /** Its server. */
  readonly server?: NatsServerOptions;
  /** Variables of all machines. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A machine. */
export interface FaultMachine extends Program {
  /** Its name: commands find it in the variable MACHINE. */
  readonly name: string;
}

/** A job that a client has posted. */
export interface PostedJob {
  /** Its name. */
  readonly id: string;
  /** Resolves with its answer; with undefined if the connection was lost before. */
  readonly answer: Promise<Answer | undefined>;
}

/** A run that has begun. */
export interface BegunJob {
  /** Name of the machine. */
  readonly machine: string;
  /** Name of the job. */
  readonly id: string;
}

/** A group. Disposing of it kills everything. */
export interface FaultGroup extends AsyncDisposable {
  /** The NATS server. */
  readonly server: NatsServer;
  /** The queue as the server sees it. */
  readonly queue: WatchedQueue;
  /** A folder for what commands need. */
  readonly folder: string;
  /** The machines that were there at the start. */
  readonly machines: readonly FaultMachine[];
  /** Starts another machine. */
  add(options: MemberOptions): Promise<FaultMachine>;
  /** Posts a job to a machine that runs a script, by default one that ends when `release` is called. */
  post(machine: FaultMachine, id: string, script?: string): PostedJob;
  /** Posts such jobs, `count` in number, to these machines in turn. */
  postAll(machines: readonly FaultMachine[], count: number, script?: string): PostedJob[];
  /** Runs that have begun, in their order. */
  begun(): readonly BegunJob[];
  /** Waits until so many runs have begun. */
  hasBegun(count: number): Promise<void>;
  /** How often each job was begun. */
  starts(): ReadonlyMap<string, number>;
  /** Lets the jobs end that wait for it, and those that are posted later. */
  release(): void;
  /** Waits until all of these have the answer 200 with their own result. */
  succeed(jobs: readonly PostedJob[]): Promise<void>;
}

/** Starts a server and machines, and waits until the queue has room for the workers and places of all of them. */
export async function startFaultGroup(
  { machines: wanted, server: serverOptions, env }: FaultGroupOptions,
): Promise<FaultGroup> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.adopt(temporaryFolder(), (folder) => folder[Symbol.dispose]()).path;
  const server = stack.use(await startNatsServer(serverOptions));
  const queue = stack.use(watchQueue(server.address));
  const owned = stack.move();
  const file = `${folder}/begun`;
  Deno.writeTextFileSync(file, "");

  async function add(options: MemberOptions): Promise<FaultMachine> {
    const program = await startMember(server.address, {
      ...options,
      env: { JOBRUNNER_SPOOL_DIR: folder, MACHINE: options.name, ...env, ...options.env },
    });
    owned.defer(async () => void await program.stop("SIGKILL"));
    return { ...program, name: options.name };
  }

  function begun(): readonly BegunJob[] {
    return Deno.readTextFileSync(file).split("\n").filter(Boolean).map((line) => {
      const [machine = "", id = ""] = line.split(" ");
      return { machine, id };
    });
  }

  const held = `until [ -e ${folder}/released ] || [ ! -d ${folder} ]; do sleep 0.05; done`;

  function postTo({ url }: FaultMachine, id: string, script = held): PostedJob {
    const whole = `echo "$MACHINE ${id}" >>${file}
      ${script}
      printf %s ${id} >"$JOBRUNNER_RESPONSE_DATA_FN"`;
    return { id, answer: post(url, whole, { id }).catch(() => undefined) };
  }

  const group: FaultGroup = {
    server,
    queue,
    folder,
    machines: await Promise.all(
      wanted.map((options, index) => add({ ...options, name: "abcdef".charAt(index) })),
    ),
    add,
    post: postTo,
    postAll: (machines, count, script) =>
      Array.from(
        { length: count },
        (_, i) => postTo(machines[i % machines.length] as FaultMachine, `job${i}`, script),
      ),
    begun,
    hasBegun: (count) => eventually(`${count} runs have begun`, () => begun().length >= count),
    starts: () => {
      const starts = new Map<string, number>();
      for (const { id } of begun()) starts.set(id, (starts.get(id) ?? 0) + 1);
      return starts;
    },
    release: () => Deno.writeTextFileSync(`${folder}/released`, ""),
    async succeed(jobs) {
      for (const { id, answer } of jobs) {
        const got = await answer;
        assert.equal(got?.status, 200, `${id}: ${got?.text ?? "no answer"}`);
        assert.equal(got.data, id);
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
  const room = wanted.reduce((sum, { workers = 0, places = 10 }) => sum + workers + places, 0);
  if (room > 0) await queue.hasRoomFor(room);
  return group;
}
