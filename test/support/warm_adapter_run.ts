/**
 * An adapter for warm workers, run without a server.
 *
 * @module
 */

import type { Exit } from "./program.ts";

/** How to run an adapter without a server. */
export interface AdapterRun {
  /** Value of `JOBRUNNER_WARM`. */
  readonly warm: string;
  readonly variables?: Readonly<Record<string, string>>;
  /** What is written to standard input before its end, a few bytes at a time. */
  readonly block?: string;
}

/** Runs an adapter to its end. */
export async function runAdapter(
  { warm: [program = "", ...args], warmEnv = {} }: {
    readonly warm: readonly string[];
    readonly warmEnv?: Readonly<Record<string, string>>;
  },
  { warm, variables = {}, block = "" }: AdapterRun,
): Promise<Exit> {
  const child = new Deno.Command(program, {
    args,
    env: { ...variables, ...warmEnv, JOBRUNNER_WARM: warm },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const ended = child.output();
  const bytes = new TextEncoder().encode(block);
  const stdin = child.stdin.getWriter();
  for (let at = 0; at < bytes.length; at += 5) await stdin.write(bytes.slice(at, at + 5));
  await stdin.close();
  const { code, stdout, stderr } = await ended;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** Writes a payload to a file in a folder; returns the variables that name this file and that of the response. */
export function jobFilesIn(folder: string, payload: string): Record<string, string> {
  const [request, response] = [`${folder}/request`, `${folder}/response`];
  Deno.writeTextFileSync(request, payload);
  Deno.writeTextFileSync(response, "");
  return { JOBRUNNER_REQUEST_DATA_FN: request, JOBRUNNER_RESPONSE_DATA_FN: response };
}
