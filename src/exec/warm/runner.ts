/**
 * The runner of a warm command, and what lets a cold one share its workers. Whatever goes wrong with a process that was there
 * before the job, the job gets a process of its own.
 *
 * @module
 */

import { endVariable } from "../../config/job_variables.ts";
import type { JobInput } from "../../jobs/job.ts";
import type { KeptWorkspace } from "../../spool/kept_workspace.ts";
import type { Workspace } from "../../spool/workspace.ts";
import { endingOf } from "../ending.ts";
import { couldNotStart, failedStart } from "../failed_start.ts";
import { launchFailure, type NotStarted } from "../not_started.ts";
import type { PreparedRun, RunEnd, RunListener, Runner, RunOrder } from "../runner.ts";
import { encodeBlock, maxBlockBytes } from "./block.ts";
import type { WarmCommand } from "./command.ts";
import { newWord } from "./end_line.ts";
import type { WarmProcess } from "./process.ts";
import type { Seat } from "./seat.ts";
import type { Seats } from "./seats.ts";

/** Makes a runner whose processes are started before their jobs. */
export function createWarmRunner(command: WarmCommand, seats: Seats): Runner {
  return {
    async prepare(input, about) {
      const seat = seats.of(about.workerId);
      const idle = await seat.claim(command);
      try {
        const place = await put(command, seat, idle, input, about.workerId);
        return new WarmRun(command, seat, place, about.workerId);
      } catch (error) {
        await seat.giveBack(undefined, false);
        throw error;
      }
    },
  };
}

/** Makes a runner that is the given one for workers that may have a process of another command. That one ends first. */
export function besideWarm(runner: Runner, seats: Seats): Runner {
  return {
    prepare(input, about) {
      const claiming = seats.of(about.workerId).claimForCold();
      const prepare = () => runner.prepare(input, about);
      return claiming ? claiming.then(prepare) : prepare();
    },
    release(workerId) {
      seats.of(workerId).release();
    },
  };
}

/** The files that hold the payload of a job, and their process if there is one already. */
interface JobPlace {
  readonly files: KeptWorkspace;
  readonly idle: WarmProcess | undefined;
}

/** Puts a payload into the files of the idle process, or into new ones if there is none or its files were damaged. */
async function put(
  command: WarmCommand,
  seat: Seat,
  idle: WarmProcess | undefined,
  input: JobInput,
  workerId: number,
): Promise<JobPlace> {
  const { onLeftover } = command.settings;
  if (idle) {
    const { files } = idle;
    // Whether the payload is lost with these files: nothing remains of a body on the disk that was put into some.
    let isSpent = false;
    try {
      if (input.kind !== "bytes") await files.restore();
      isSpent = input.kind !== "bytes";
      await files.put(input);
      return { files, idle };
    } catch (error) {
      await seat.retire();
      await files.remove().catch(onLeftover);
      if (isSpent) throw error;
    }
  }
  const files = await command.createFiles(workerId);
  try {
    await files.put(input);
    return { files, idle: undefined };
  } catch (error) {
    await files.remove().catch(onLeftover);
    throw error;
  }
}

/** The run of one job. */
class WarmRun implements PreparedRun {
  readonly files: Workspace;
  readonly #command: WarmCommand;
  readonly #seat: Seat;
  readonly #place: JobPlace;
  readonly #workerId: number;
  #wasWarm = false;

  constructor(command: WarmCommand, seat: Seat, place: JobPlace, workerId: number) {
    const { files } = place;
    this.#command = command;
    this.#seat = seat;
    this.#place = place;
    this.#workerId = workerId;
    this.files = {
      folder: files.folder,
      requestFile: files.requestFile,
      requestFolder: files.requestFolder,
      responseFile: files.responseFile,
      readResponse: (limit) => files.readResponse(limit),
      openResponse: (limit) => files.openResponse(limit),
      remove: () => seat.giveBack(files, this.#wasWarm),
    };
  }

  async run(order: RunOrder, onEvent: RunListener): Promise<RunEnd> {
    const end = await this.#run(order, onEvent);
    onEvent({ kind: "ended", end });
    return end;
  }

  async #run({ spec, variables, stop }: RunOrder, onEvent: RunListener): Promise<RunEnd> {
    const { settings: { command: { program } }, limit } = this.#command;
    let startedMs = performance.now();
    const elapsedSec = (now = performance.now()) => (now - startedMs) / 1000;
    const timeoutMs = limit.msOf(spec.timeoutSec);
    const word = newWord();
    const about = { workerId: this.#workerId, id: spec.id };
    const values = this.#command.variablesOf(this.files, about, {
      ...variables,
      [endVariable]: word,
    }, { request: spec.request, timeoutMs });
    const block = encodeBlock(this.#command.blockNames, values);
    if (!block) return couldNotStart(tooLong(program), elapsedSec());

    const give = async (process: WarmProcess, warm: boolean): Promise<RunEnd | undefined> => {
      const endTimeout = limit.start(timeoutMs, stop);
      const end = await process.run({
        ...{ block, word, warm, stop },
        onTaken: () => void onEvent({ kind: "started", pid: process.pid }),
        onOutput: (kind, bytes) => onEvent({ kind, bytes }),
      });
      endTimeout();
      if (end.kind === "unread") return undefined;
      const { status, errno, message } = end;
      if (errno !== undefined) {
        return couldNotStart(launchFailure(errno, program), elapsedSec(end.endedMs));
      }
      this.#wasWarm = warm;
      return {
        ok: true,
        ending: endingOf(status, stop.cause),
        elapsedSec: elapsedSec(end.endedMs),
        pid: process.pid,
        warm,
        processJobs: process.jobs,
        ...(message === undefined ? {} : { message }),
      };
    };

    const { idle, files } = this.#place;
    if (idle) {
      const end = idle.fate ? undefined : await give(idle, true);
      if (end) return end;
      await this.#seat.retire();
    }
    startedMs = performance.now();
    let process: WarmProcess;
    try {
      process = await this.#seat.start(this.#command, files, values);
    } catch (error) {
      return failedStart(error, program, elapsedSec());
    }
    // It cannot have closed its standard input before it was there.
    return await give(process, false) as RunEnd;
  }
}

/** Why a job whose variables do not fit into a block is not run. */
function tooLong(program: string): NotStarted {
  return {
    kind: "not_started",
    exitStatus: 126,
    reason:
      `cannot run ${program}: the variables of the job have more than ${maxBlockBytes} bytes, which a warm command cannot get`,
  };
}
