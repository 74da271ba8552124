import assert from "node:assert/strict";
import { type EventName, events, type Level, levelOf } from "../../src/telemetry/events.ts";
import { projectRoot } from "../support/program.ts";

/** The text of every source but the table's own. */
function sources(folder = "src"): string {
  return [...Deno.readDirSync(`${projectRoot}${folder}`)].map(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (path === "src/telemetry/events.ts") return "";
    return isDirectory ? sources(path) : Deno.readTextFileSync(`${projectRoot}${path}`);
  }).join("\n");
}

Deno.test("every event of the table is logged by the sources", () => {
  const text = sources();
  const logged = new Set(
    [...text.matchAll(/\.write\(\s*(?:"([^"]+)"|`([^`$]*)\$)/g)]
      .map(([, name, before]) => name ?? `${before}<url>`),
  );
  // The log writes this one itself.
  assert.ok(text.includes('"log lines were lost"'));
  logged.add("log lines were lost");
  assert.deepEqual(Object.keys(events).filter((name) => !logged.has(name)), []);
});

Deno.test("levelOf() is the level that alerts rely on, also where a part of the message varies", () => {
  const levelsOf = (level: Level) =>
    Object.keys(events).filter((name) => events[name as EventName].level === level).sort();
  assert.deepEqual(levelsOf("debug"), [
    "a result was not wanted by the machine of its client",
    "job started",
  ]);
  assert.deepEqual(levelsOf("info"), [
    "a machine has joined the group",
    "a machine has left the group",
    "configuration reloaded",
    "connected to NATS",
    "job ended",
    "listening on <url>",
    "request answered",
    "request refused",
    "signal ignored",
    "stopped",
    "stopping: accepting no new jobs, finishing queued and running ones; a second signal forces the stop",
    "the queue is shared",
  ]);
  assert.deepEqual(levelsOf("warning"), [
    "NATS cannot be reached",
    "SIGUSR1 may open a debugger of the runtime",
    "a changed setting needs a restart",
    "a job is run again: what its machine did with it is lost",
    "a job was put into the queue again: NATS had lost it",
    "a machine of the group gives no sign of life",
    "a message of another machine was not understood",
    "a result was given up: the machine of its client did not take it",
    "a warm process could not be started before its job",
    "a warm process exited between two jobs",
    "a warm process wrote between two jobs and was replaced",
    "cannot remove leftovers of a dead server",
    "cannot scan for leftovers of dead servers",
    "commands differ on another machine of the group",
    "configuration warning",
    "forced stop: killing running jobs and refusing queued ones",
    "gave up on an unread response",
    "log lines were lost",
    "removed leftovers of a dead server",
    "repaired the server's folder: something was changed, replaced or removed",
    "running as process 1: processes that jobs leave behind stay as zombies; start jobrunner under an init such as tini (docker run --init)",
    "systemd could not be notified",
    "the connection to NATS was lost",
    "the unix socket could not be removed",
    "tracing",
  ]);
  // All others are errors.
  assert.equal(levelOf("job started"), "debug");
  assert.equal(levelOf("cannot start"), "error");
  assert.equal(levelOf("listening on http://127.0.0.1:8080"), "info");
  assert.equal(levelOf("listening on unix:/run/a b.sock"), "info");
  const varying = Object.keys(events).filter((name) => name.includes("<"));
  assert.deepEqual(varying, ["listening on <url>"]);
});
