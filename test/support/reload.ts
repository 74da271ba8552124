/**
 * The program with a configuration file that tests replace while it runs; nothing may be left of it at the end.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Answer, post } from "./client.ts";
import { temporaryFolder } from "./folder.ts";
import { childrenOf, eventually, markedIn } from "./processes.ts";
import { fixture, type Program, type ProgramOptions, startProgram } from "./program.ts";

/** What a test of reloads acts on. */
export interface Reloads {
  readonly url: string;
  readonly program: Program;
  /** Folder for files of the test. */
  readonly folder: string;
  /** Path of the configuration file. */
  readonly file: string;
  /** Parent of the server's folder. */
  readonly spool: string;
  /** Replaces the configuration file at once. */
  write(toml: string): void;
  /** Replaces the file if there is a new text, sends SIGHUP, and waits for the outcome: the lines of this reload. */
  reload(toml?: string): Promise<readonly string[]>;
  /** Waits for what `cause` leads to. Resolves with the lines from its call to the outcome of the next reload. */
  outcomeOf(cause: () => void): Promise<readonly string[]>;
  /** Runs a shell script by a command of this name, by the default command without one. */
  run(command: string | undefined, script: string, id?: string): Promise<Answer>;
}

/** The first log line of a reload's outcome has one of these. */
const reloaded = "configuration reloaded";
const notReloaded = "configuration not reloaded";

/**
 * Starts the program with this file, acts, and stops it, which must end with this exit status. With `staysWarm`, it may have warm
 * processes until then.
 */
export async function withFile(
  toml: string,
  act: (reloads: Reloads) => Promise<void>,
  { env = {}, exitCode = 0, staysWarm = false, ...options }: ProgramOptions & {
    readonly exitCode?: number;
    readonly staysWarm?: boolean;
  } = {},
): Promise<void> {
  using temporary = temporaryFolder();
  const folder = temporary.path;
  const spool = `${folder}/spool`;
  const file = `${folder}/jobrunner.toml`;
  Deno.mkdirSync(spool);
  Deno.writeTextFileSync(file, toml);
  await using program = await startProgram({
    ...options,
    env: { JOBRUNNER_CONFIG_FILE: file, JOBRUNNER_SPOOL_DIR: spool, ...env },
  });
  const { log, url, pid } = program;
  const outcomeOf = (cause: () => void) => reloadBy(cause, program);

  function write(text: string): void {
    Deno.writeTextFileSync(`${file}.new`, text);
    Deno.renameSync(`${file}.new`, file);
  }

  await act({
    url,
    program,
    folder,
    file,
    spool,
    write,
    outcomeOf,
    reload: (text) =>
      outcomeOf(() => {
        if (text !== undefined) write(text);
        Deno.kill(pid, "SIGHUP");
      }),
    run: (command, script, id = "test") =>
      post(url, script, { id, ...(command === undefined ? {} : { command }) }),
  });
  if (!staysWarm) assert.deepEqual(childrenOf(pid), [], "processes are gone");
  assert.equal(await program.stop(), exitCode, log.join("\n"));
  assert.deepEqual(markedIn(spool), [], "processes are gone");
  assert.deepEqual([...Deno.readDirSync(spool)], [], "files are gone");
}

/** Waits for what `cause` leads to. Resolves with the program's log lines from its call to the outcome of the next reload. */
export async function reloadBy(
  cause: () => void,
  { log }: Pick<Program, "log">,
): Promise<readonly string[]> {
  const before = log.length;
  const outcome = () =>
    log.findIndex((line, at) =>
      at >= before && (line.includes(reloaded) || line.includes(notReloaded))
    );
  cause();
  await eventually("the configuration is read", () => outcome() >= 0);
  return log.slice(before, outcome() + 1);
}

/** Whether the lines of a reload say that it was successful. */
export function isReloaded(lines: readonly string[]): boolean {
  return lines.at(-1)?.includes(reloaded) ?? false;
}

/** A table of the file: a command that runs its payload as a shell script, with `$1` and `$TOKEN` being the token. */
export function commandTable(name: string, token: string, ...more: readonly string[]): string {
  const cmd = `${fixture("run_payload.sh")} ${token}`;
  return [
    `[commands.${name}]`,
    `cmd = ${JSON.stringify(cmd)}`,
    `env = { TOKEN = "${token}" }`,
    ...more,
    "",
  ].join("\n");
}

/** A shell script that shows the token of its command. */
export const showToken = 'echo "$1 $TOKEN"';

/** A script that makes a file `started_<name>` in a folder and shows its token after `release` was called. */
export function held(folder: string, name: string): {
  readonly script: string;
  readonly started: string;
  readonly release: () => void;
} {
  const started = `${folder}/started_${name}`;
  const gate = `${folder}/release_${name}`;
  return {
    // Ends also when a test that failed has removed the folder.
    script:
      `: >${started}; while [ ! -e ${gate} ] && [ -d ${folder} ]; do sleep 0.02; done; ${showToken}`,
    started,
    release: () => Deno.writeTextFileSync(gate, ""),
  };
}

/** Paths of the launchers of a program whose folder is the only one in `spool`. */
export function launchersIn(spool: string): string[] {
  const [server] = [...Deno.readDirSync(spool)];
  const run = `${spool}/${server?.name}/run`;
  return [...Deno.readDirSync(run)].map(({ name }) => `${run}/${name}`).sort();
}
