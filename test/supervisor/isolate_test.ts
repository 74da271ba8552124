import assert from "node:assert/strict";
import type { Config } from "../../src/config/config.ts";
import type { ServiceStart } from "../../src/isolate/messages.ts";
import { check } from "../../src/supervisor/check.ts";
import {
  type Caretaker,
  isolateDefaults,
  probeService,
  type Service,
  startService,
} from "../../src/supervisor/isolate.ts";
import { openLog } from "../../src/telemetry/log.ts";
import { temporaryFolder } from "../support/folder.ts";
import { configure } from "../support/machine.ts";

function configIn(folder: string): Config {
  const result = configure({ JOBRUNNER_CMD: "/bin/date" });
  assert.ok(result.ok);
  return { ...result.config, spool: { parent: folder } };
}

function startIn(folder: string): ServiceStart {
  return {
    config: configIn(folder),
    commandEnv: {},
    launcher: undefined,
    spool: `${folder}/spool`,
  };
}

const idle: Caretaker = {
  endTree: () => Promise.resolve(),
  measure: () => assert.fail("nothing is measured"),
  clientsGone: () => assert.fail("nobody is asked about"),
  mend: () => assert.fail("nothing is mended"),
};

/** An isolate that does nothing but this. */
function running(code: string, startMs = isolateDefaults.startMs) {
  return { ...isolateDefaults, entry: new URL(`data:text/javascript,${code}`), startMs };
}

const log = openLog({ format: "text", level: "error" });

/** Starts an isolate that says first that it listens. */
async function listening(folder: string, code: string): Promise<Service> {
  const first = "postMessage({type:'listening',url:'http://127.0.0.1:8080'});";
  return await startService(startIn(folder), idle, log, running(`onmessage=()=>{${first}${code}}`));
}

const before: readonly (readonly [what: string, code: string, reason: RegExp])[] = [
  [
    "a wrong message",
    "postMessage(null)",
    /^the service isolate was ended, it sent a wrong message/,
  ],
  ["a crash", "throw new Error('a bug')", /^the service isolate crashed: .*a bug/],
  ["silence", "", /^the service isolate did not start within 0\.05 seconds$/],
  ["its vanishing", "close()", /^the service isolate did not start within 0\.05 seconds$/],
];

for (const [what, code, message] of before) {
  const isolate = running(code, message.source.includes("seconds") ? 50 : undefined);

  Deno.test(`before the service listens, ${what} is a StartError`, async () => {
    using folder = temporaryFolder();
    const started = startService(startIn(folder.path), idle, log, isolate);
    await assert.rejects(started, { name: "StartError", message });
  });

  Deno.test(`serve --check: ${what} is a fault, and no spool stays`, async () => {
    using folder = temporaryFolder();
    await assert.rejects(probeService(startIn(folder.path), isolate), {
      name: "StartError",
      message,
    });
    const config = configIn(folder.path);
    const report = await check({ config, effective: [], warnings: [] }, {}, isolate);
    assert.equal(report.healthy, false);
    assert.match(report.lines.at(-1) ?? "", new RegExp(message.source.replace("^", "^fault: ")));
    assert.deepEqual([...Deno.readDirSync(folder.path)], []);
  });
}

Deno.test("a crash is told in a thousand characters at most, on one line", async () => {
  using folder = temporaryFolder();
  const isolate = running("throw new Error('x\\n'.repeat(600))");
  await assert.rejects(startService(startIn(folder.path), idle, log, isolate), ({ message }) => {
    assert.match(message, /^the service isolate crashed: .*x x x/);
    assert.ok(message.length < 1050);
    assert.doesNotMatch(message, /\n/);
    return true;
  });
});

Deno.test("after its first wrong message nothing of the service is looked at any more", async () => {
  using folder = temporaryFolder();
  const service = await listening(
    folder.path,
    "postMessage({type:'pong'});postMessage({type:'faulty'});postMessage({type:'measure'})",
  );
  assert.match((await service.died).reason, /pong: must come only when it is due/);
  const faulty = service.faulty.then(() => "faulty");
  assert.equal(
    await Promise.race([faulty, new Promise((later) => setTimeout(later, 20))]),
    undefined,
  );
  service.terminate();
});

Deno.test("what main cannot do for the service is the service's end", async () => {
  using folder = temporaryFolder();
  const service = await listening(folder.path, "postMessage({type:'measure'})");
  assert.equal(
    (await service.died).reason,
    "main cannot serve the service isolate: nothing is measured",
  );
  service.terminate();
});

Deno.test("what could not be put right is told to the service, once at a time", async () => {
  using folder = temporaryFolder();
  const caretaker = { ...idle, mend: () => "there is no folder" };
  const url = "postMessage({type:'listening',url:'http://127.0.0.1:8080'});";
  const code = `onmessage=({data})=>{if(data.type==='start'){${url}postMessage({type:'mend'})}` +
    "if(data.type==='mended')throw new Error(JSON.stringify(data))}";
  const service = await startService(startIn(folder.path), caretaker, log, running(code));
  assert.match(
    (await service.died).reason,
    /crashed: .*\{"type":"mended","problem":"there is no folder"\}/,
  );
  service.terminate();
});
