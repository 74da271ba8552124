/**
 * A warm worker in Node.js, one process per job: waits with the modules loaded, then runs the script unchanged.
 *
 *     node [--require MODULE ...] --require /path/of/gate.cjs script.js [ARGUMENT ...]
 *
 * Jobs share nothing. Without JOBRUNNER_WARM=1 the script runs at once.
 */
const fs = require("node:fs");
const os = require("node:os");

if (process.env.JOBRUNNER_WARM === "1") {
  receiveJob();
  // Threads and forks of the script load this file too.
  delete process.env.JOBRUNNER_WARM;
  endEarly(process.env.JOBRUNNER_END);
}

/** Waits for the job, sets its variables, and makes standard input empty. At the end of standard input the process exits. */
function receiveJob() {
  let block = Buffer.alloc(0);
  const piece = Buffer.alloc(65_536);
  while (!/\n\r?\n$/.test(block.toString("latin1"))) {
    const length = readPiece(piece);
    if (length === 0) process.exit(0);
    block = Buffer.concat([block, piece.subarray(0, length)]);
  }
  for (const line of block.toString().split(/\r?\n/).filter(Boolean)) {
    const at = line.indexOf("=");
    process.env[line.slice(0, at)] = line.slice(at + 1);
  }
  // A new file gets the lowest number that is free: that of standard input.
  fs.closeSync(0);
  fs.openSync(os.devNull, "r");
}

/** Number of bytes that were read; 0 at the end, for which Windows has an error. */
function readPiece(piece) {
  try {
    return fs.readSync(0, piece);
  } catch (error) {
    if (error.code === "EOF") return 0;
    throw error;
  }
}

/** Ends the job after the script's listeners of "exit", so that nobody waits for the end of the process. */
function endEarly(word) {
  // Node.js prints an uncaught exception only after "exit": then the end of the process ends the job.
  let early = true;
  process.on("uncaughtExceptionMonitor", () => early = false);
  const emit = process.emit;
  process.emit = function (event, ...values) {
    const result = emit.call(this, event, ...values);
    if (event === "exit" && early) {
      const status = (process.exitCode ?? values[0]) & 255;
      for (const stream of [process.stdout, process.stderr]) {
        stream.write(`\x1e${word} ${status} leaving\n`);
      }
    }
    return result;
  };
}
