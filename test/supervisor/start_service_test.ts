import assert from "node:assert/strict";
import type { Config } from "../../src/config/config.ts";
import type { Caretaker } from "../../src/isolate/abilities.ts";
import type { ServiceStart } from "../../src/isolate/messages.ts";
import { check } from "../../src/supervisor/check.ts";
import { isolateDefaults, probeService, startService } from "../../src/supervisor/start_service.ts";
import type { Service } from "../../src/supervisor/serving.ts";
import { openLog } from "../../src/telemetry/log.ts";
import { temporaryFolder } from "../support/folder.ts";
import { configure } from "../support/machine.ts";

function configIn(folder: string): Config {
  const result = configure({ JOBRUNNER_CMD: "/bin/date" });
  assert.ok(result.ok);
  return { ...result.config, spool: { parent: folder, maxBytes: undefined } };
}

function startIn(folder: string): ServiceStart {
  return {
    config: configIn(folder),
    starts: [{ name: "default", launcher: undefined, env: {} }],
    spoolBytes: 1000,
    programs: ["/bin/date"],
    spool: `${folder}/spool`,
  };
}

const idle: Caretaker = {
  end_tree: () => Promise.resolve(),
  measure: () => assert.fail("nothing is measured"),
  find_gone: () => assert.fail("no client is asked about"),
  repair: () => assert.fail("nothing is repaired"),
  publish_socket: () => assert.fail("there is no socket"),
  free_launcher: () => assert.fail("no launcher is freed"),
};

/** An isolate that does nothing but this. */
function running(code: string, startMs = isolateDefaults.startMs) {
  return { ...isolateDefaults, entry: new URL(`data:text/javascript,${code}`), startMs };
}

/** For such code: `ask`, `answer`, and `onAsk` and `onAnswer`, which are called with what main sends. */
const words = `
  const ask = (kind, id, value) => postMessage({ type: 'ask', kind, id, value });
  const answer = ({ kind, id }, value) => postMessage({ type: 'answer', kind, id, value });
  const url = 'http://127.0.0.1:8080';
  let onAsk = () => {}, onAnswer = () => {};
  onmessage = ({ data }) => {
    if (data.type === 'answer') return onAnswer(data);
    if (data.kind === 'start') answer(data, { url });
    onAsk(data);
  };
`;

const log = openLog({ format: "text", level: "error" });

/** Starts an isolate that reports that it listens; then it runs this code for each question of main, also for `start`. */
async function listening(
  folder: string,
  onAsk: string,
  caretaker = idle,
  onAnswer = "",
): Promise<Service> {
  const code = `${words}onAsk = (data) => {${onAsk}}; onAnswer = (data) => {${onAnswer}};`;
  return await startService(startIn(folder), caretaker, log, running(code));
}

const before: readonly (readonly [what: string, code: string, reason: RegExp])[] = [
  [
    "a wrong message",
    "postMessage(null)",
    /^the service isolate was terminated, it sent a wrong message/,
  ],
  ["a crash", "throw new Error('a bug')", /^the service isolate crashed: .*a bug/],
  ["an isolate that stays silent", "", /^the service isolate did not start within 0\.05 seconds$/],
  [
    "an isolate that closes itself",
    "close()",
    /^the service isolate did not start within 0\.05 seconds$/,
  ],
];

for (const [what, code, message] of before) {
  const isolate = running(code, message.source.includes("seconds") ? 50 : undefined);

  Deno.test(`startService() rejects with a StartError on ${what}`, async () => {
    using folder = temporaryFolder();
    const started = startService(startIn(folder.path), idle, log, isolate);
    await assert.rejects(started, { name: "StartError", message });
  });

  Deno.test(`serve --check reports ${what} as an error and leaves no spool`, async () => {
    using folder = temporaryFolder();
    await assert.rejects(probeService(startIn(folder.path), isolate), {
      name: "StartError",
      message,
    });
    const config = configIn(folder.path);
    const report = await check({ config, effective: [], warnings: [] }, {}, isolate);
    assert.equal(report.healthy, false);
    assert.match(report.lines.at(-1) ?? "", new RegExp(message.source.replace("^", "^error: ")));
    assert.deepEqual([...Deno.readDirSync(folder.path)], []);
  });
}

Deno.test("startService() reports a crash on one line, of at most a thousand characters", async () => {
  using folder = temporaryFolder();
  const isolate = running("throw new Error('x\\n'.repeat(600))");
  await assert.rejects(startService(startIn(folder.path), idle, log, isolate), ({ message }) => {
    assert.match(message, /^the service isolate crashed: .*x x x/);
    assert.ok(message.length < 1050);
    assert.doesNotMatch(message, /\n/);
    return true;
  });
});

Deno.test("startService() ignores every message of the service after the first wrong one", async () => {
  using folder = temporaryFolder();
  const service = await listening(
    folder.path,
    "answer({kind:'ping',id:1});postMessage({type:'faulty'});ask('measure',1)",
  );
  assert.match((await service.died).reason, /ping: must be sent only when it is expected/);
  const faulty = service.faulty.then(() => "faulty");
  assert.equal(
    await Promise.race([faulty, new Promise((later) => setTimeout(later, 20))]),
    undefined,
  );
  service.terminate();
});

Deno.test("startService() hands over the credentials for a shared queue with everything else", async () => {
  using folder = temporaryFolder();
  const clusterSecrets = { credentials: { kind: "token", token: "hunter2" } } as const;
  const code = `${words}onAsk = ({ kind, value }) => {
    if (kind === "start") throw new Error(JSON.stringify(value.start.clusterSecrets));
  };`;
  const start = { ...startIn(folder.path), clusterSecrets };
  const service = await startService(start, idle, log, running(code));
  assert.match((await service.died).reason, /crashed: .*\{"credentials":\{"kind":"token",/);
  service.terminate();
});

Deno.test("startService() terminates a service whose question main cannot answer", async () => {
  using folder = temporaryFolder();
  const service = await listening(folder.path, "ask('measure',1)");
  assert.equal(
    (await service.died).reason,
    "main cannot serve the service isolate: nothing is measured",
  );
  service.terminate();
});

/** Makes the service crash with the answer of main as its reason. */
const telling = "throw new Error(JSON.stringify(data))";

Deno.test("startService() answers repair with the reason why a folder could not be repaired", async () => {
  using folder = temporaryFolder();
  const caretaker = { ...idle, repair: () => "there is no folder" };
  const service = await listening(folder.path, "ask('repair',7)", caretaker, telling);
  assert.match(
    (await service.died).reason,
    /crashed: .*\{"type":"answer","kind":"repair","id":7,"value":"there is no folder"\}/,
  );
  service.terminate();
});

Deno.test("startService() answers each end_tree when that tree is gone, in whatever order", async () => {
  using folder = temporaryFolder();
  const ended: (() => void)[] = [];
  const caretaker: Caretaker = {
    ...idle,
    end_tree: ({ pid }) =>
      new Promise((resolve) => {
        ended[pid] = resolve;
        if (pid === 3) setTimeout(() => [2, 3, 1].forEach((pid) => ended[pid]?.()));
      }),
  };
  const trees = `for (const pid of [1,2,3]) {
    ask('end_tree', pid, {pid, mark: data.value.start.spool + '/job-0123456789abcdef', holdersOnly: false, graceMs: 0});
  }`;
  const seen =
    "self.ids = (self.ids || '') + data.id; if (self.ids.length === 3) throw new Error(self.ids)";
  const service = await listening(folder.path, trees, caretaker, seen);
  assert.match((await service.died).reason, /crashed: .*231/);
  service.terminate();
});

Deno.test("probeService() refuses any question of the isolate", async () => {
  using folder = temporaryFolder();
  const isolate = running("onmessage=()=>postMessage({type:'ask',kind:'measure',id:1})");
  await assert.rejects(probeService(startIn(folder.path), isolate), {
    message: /wrong message: measure: must be sent only when it is expected/,
  });
});

Deno.test("startService() rejects with the reason of a service that could not start", async () => {
  using folder = temporaryFolder();
  const isolate = running(
    "onmessage=({data:{kind,id}})=>postMessage({type:'answer',kind,id,value:{reason:'no room'}})",
  );
  await assert.rejects(startService(startIn(folder.path), idle, log, isolate), {
    name: "StartError",
    message: "no room",
  });
});
