/**
 * Clients that wait in the queue, in a known order.
 *
 * Prints a line, `true`, once all of them wait, and a `LineResult` once all were answered.
 *
 * @module
 */

import { type Address, type Client, connect } from "../client.ts";
import { getRequest, postRequest } from "../request.ts";
import { hasExitStatus0 } from "./exit_status.ts";
import { runAsProgram, tell } from "./program.ts";

/** What the clients do. */
export interface LinePlan {
  /** Where jobrunner listens; it has one worker, held by the first job. */
  readonly address: Address;
  /** What each posts; its placeholder becomes the client's place, 0 for the one that runs at once. */
  readonly body: string;
  /** Clients that wait, beside the one whose job runs. */
  readonly waiting: number;
}

/** The result. */
export interface LineResult {
  /** Answers with exit status 0. */
  readonly answered: number;
}

/**
 * Runs the load: each client connects and posts once the server has counted the one before it.
 * Throws an `Error` at the first answer that is not a result with exit status 0.
 */
export async function waitInLine({ address, body, waiting }: LinePlan): Promise<LineResult> {
  using clients = new DisposableStack();
  const observer = clients.use(await connect(address));
  const status = getRequest(address, "/status");
  const answers: Promise<void>[] = [];
  for (let place = 0; place <= waiting; place++) {
    const request = postRequest({ address, path: "/payload", body });
    request.setNumber(place);
    const client = clients.use(await connect(address, { maxAnswerBytes: 4096 }));
    const answer = expectResult(client, request.bytes);
    answers.push(answer);
    // A job that was refused would never be counted.
    await Promise.race([untilCounted(observer, status, place), answer.then(unexpected)]);
  }
  tell(true);
  await Promise.all(answers);
  return { answered: answers.length };
}

/** Resolves once one job runs and so many wait. */
async function untilCounted(client: Client, request: Uint8Array, waiting: number): Promise<void> {
  while (true) {
    const { body } = await client.exchange(request);
    const { queued_jobs: queued, busy } = JSON.parse(new TextDecoder().decode(body));
    if (busy === 1 && queued === waiting) return;
  }
}

async function expectResult(client: Client, request: Uint8Array): Promise<void> {
  const { status, body } = await client.exchange(request);
  if (status === 200 && hasExitStatus0(body)) return;
  throw new Error(`answer ${status}: ${new TextDecoder().decode(body).trimEnd()}`);
}

function unexpected(): never {
  throw new Error("a job that should have waited was answered");
}

await runAsProgram(import.meta, waitInLine);
