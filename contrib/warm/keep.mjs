/**
 * A warm worker in Node.js or Deno, one process for many jobs: calls the function that a module exports as its default.
 *
 *     node keep.mjs handler.mjs [ARGUMENT ...]
 *     deno run -A keep.mjs handler.mjs [ARGUMENT ...]
 *
 * The function may be async. Its result is the exit status; without a result it is 0. An exception is printed, and the status
 * is then 1. Jobs share everything: modules, what is stored in them, the environment. process.exit() ends the process, and so
 * the job. A process that a job starts with the standard input of this one can read the next job on Windows and with Deno.
 */
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

if (process.env.JOBRUNNER_WARM !== "1") {
  console.error("JOBRUNNER_WARM is not 1: the command must be configured with warm = true");
  process.exit(1);
}
const { default: handler } = await import(pathToFileURL(path.resolve(process.argv[2])).href);
process.argv.splice(1, 1);

for await (const block of blocks(jobPipe())) {
  for (const line of block.split(/\r?\n/)) {
    const at = line.indexOf("=");
    process.env[line.slice(0, at)] = line.slice(at + 1);
  }
  const word = process.env.JOBRUNNER_END;
  const status = await run();
  const outputs = [process.stdout, process.stderr];
  // A process that the job has left without an output cannot serve another one. Its end is the job's end too.
  if (!outputs.every((stream) => stream.writable)) process.exit(status);
  for (const stream of outputs) await written(stream, `\x1e${word} ${status}\n`);
}
process.exit(0);

/** Standard input; where possible it is opened again with another number, and processes that a job starts have an empty one. */
function jobPipe() {
  if (process.platform === "win32" || process.versions.deno) return process.stdin;
  const fd = fs.openSync("/dev/stdin", "r");
  // A new file gets the lowest number that is free: that of standard input.
  fs.closeSync(0);
  fs.openSync("/dev/null", "r");
  return new net.Socket({ fd, readable: true, writable: false });
}

/** The blocks of lines that arrive, each without its empty line. */
async function* blocks(pipe) {
  let text = "";
  pipe.setEncoding("utf8");
  for await (const piece of pipe) {
    text += piece;
    if (!/\n\r?\n$/.test(text)) continue;
    yield text.replace(/\r?\n\r?\n$/, "");
    text = "";
  }
}

async function run() {
  try {
    return (await handler()) & 255;
  } catch (error) {
    console.error(error);
    return 1;
  }
}

/** Writes text; resolves when it and everything before it was written. */
function written(stream, text) {
  return new Promise((resolve) => stream.write(text, resolve));
}
