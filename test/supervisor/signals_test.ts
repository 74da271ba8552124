import assert from "node:assert/strict";
import { type Inherited, listenForSignals } from "../../src/supervisor/signals.ts";

/** Signals that the test sends, on a machine whose terminal is open or closed. */
function machineWith({ os = "linux", terminalOpen = false } = {}) {
  const { addSignalListener, openSync, build } = Deno;
  const listeners = new Map<string, () => void>();
  const opened: string[] = [];
  const replaced = {
    build: { ...build, os },
    addSignalListener: (name: string, listener: () => void) => void listeners.set(name, listener),
    openSync(path: string) {
      opened.push(path);
      if (!terminalOpen) throw new Error("no such device");
      return { close() {} };
    },
  };
  Object.assign(Deno, replaced);
  return {
    send: (name: string) => listeners.get(name)?.(),
    names: () => [...listeners.keys()].sort(),
    opened,
    [Symbol.dispose]: () => void Object.assign(Deno, { addSignalListener, openSync, build }),
  };
}

type Effect = "stop" | "reload" | "logged" | "nothing";

/** What a signal leads to. */
async function effectOf(
  name: Deno.Signal,
  inherited: Inherited,
  { reloads, ...machine }: {
    readonly reloads: boolean;
    readonly terminalOpen?: boolean;
    readonly os?: string;
  },
): Promise<Effect> {
  using signals = machineWith(machine);
  let effect: Effect = "nothing";
  const listening = listenForSignals(
    inherited,
    () => effect = "logged",
    reloads ? () => effect = "reload" : undefined,
  );
  listening.next().then(() => effect = "stop");
  signals.send(name);
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  return effect;
}

const daemon: Inherited = { ignored: new Set(), atTerminal: false };
const nohup: Inherited = { ignored: new Set(["SIGHUP"]), atTerminal: false };
const nohupAtTerminal: Inherited = { ignored: new Set(["SIGHUP"]), atTerminal: true };
const terminal: Inherited = { ignored: new Set(), atTerminal: true };

const hangUps:
  readonly (readonly [Inherited, string, boolean, without: Effect, withFile: Effect])[] = [
    [daemon, "as a daemon", false, "logged", "reload"],
    [nohup, "that was ignored at the start", false, "nothing", "reload"],
    [
      nohupAtTerminal,
      "that was ignored at the start, of a closed terminal",
      false,
      "nothing",
      "reload",
    ],
    [nohupAtTerminal, "that was ignored at the start, at a terminal", true, "nothing", "reload"],
    [terminal, "of a closed terminal", false, "stop", "stop"],
    [terminal, "at an open terminal", true, "stop", "reload"],
  ];

for (const [hangUp, what, terminalOpen, without, withFile] of hangUps) {
  Deno.test(`SIGHUP ${what}: ${without} without a configuration file, ${withFile} with one`, async () => {
    const effect = (reloads: boolean) => effectOf("SIGHUP", hangUp, { terminalOpen, reloads });
    assert.deepEqual([await effect(false), await effect(true)], [without, withFile]);
  });
}

Deno.test("all other signals have the same effect with a configuration file as without", async () => {
  const effects: Readonly<Record<Effect, readonly Deno.Signal[]>> = {
    stop: ["SIGTERM", "SIGINT", "SIGQUIT", "SIGALRM", "SIGPWR", "SIGXCPU"],
    logged: ["SIGUSR1", "SIGUSR2", "SIGIO", "SIGPROF", "SIGVTALRM", "SIGSTKFLT"],
    nothing: ["SIGXFSZ", "SIGCHLD", "SIGTTIN", "SIGTTOU"],
    reload: [],
  };
  for (const [effect, names] of Object.entries(effects)) {
    for (const name of names) {
      for (const hangUp of [daemon, nohup, terminal]) {
        for (const reloads of [false, true]) {
          assert.equal(await effectOf(name, hangUp, { reloads }), effect, name);
        }
      }
    }
  }
  using signals = machineWith();
  listenForSignals({ ...daemon, ignored: new Set(["SIGCHLD"]) }, () => {}, () => {});
  assert.deepEqual(signals.names(), [...Object.values(effects).flat(), "SIGHUP"].sort());
});

Deno.test("SIGCHLD has no listener unless it was ignored at the start", () => {
  for (const inherited of [daemon, nohup, nohupAtTerminal, terminal]) {
    using signals = machineWith();
    listenForSignals(inherited, () => {});
    assert.ok(!signals.names().includes("SIGCHLD"));
    assert.ok(signals.names().includes("SIGTERM"));
  }
});

Deno.test("without a configuration file no signal looks at the terminal", async () => {
  using signals = machineWith();
  const listening = listenForSignals(terminal, () => assert.fail());
  signals.send("SIGHUP");
  assert.equal(await listening.next(), "SIGHUP");
  assert.deepEqual(signals.opened, []);
});

Deno.test("each SIGHUP asks for a reload, however soon after the one before", () => {
  using signals = machineWith();
  let reloads = 0;
  listenForSignals(daemon, () => assert.fail(), () => reloads++);
  for (let count = 0; count < 3; count++) signals.send("SIGHUP");
  assert.equal(reloads, 3);
});

Deno.test("a SIGHUP that reloads does not count as the first of two signals that stop", async () => {
  using signals = machineWith({ terminalOpen: true });
  const listening = listenForSignals(terminal, () => assert.fail(), () => {});
  signals.send("SIGHUP");
  signals.send("SIGXCPU");
  assert.equal(await listening.next(), "SIGXCPU");
});

Deno.test("on Windows only Ctrl-C and Ctrl-Break are listened for, with a configuration file, too", async () => {
  const windows = { os: "windows", reloads: true };
  assert.equal(await effectOf("SIGINT", terminal, windows), "stop");
  assert.equal(await effectOf("SIGBREAK", terminal, windows), "stop");
  assert.equal(await effectOf("SIGHUP", terminal, windows), "nothing");
});
