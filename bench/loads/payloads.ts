/**
 * Large payloads: clients that each post the same one repeatedly and check its echo.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { type Address, type Answer, connect } from "../client.ts";
import { postRequest } from "../request.ts";
import { hasExitStatus0 } from "./exit_status.ts";
import { ownCpuMs, runAsProgram } from "./program.ts";

/** What the clients do. */
export interface PayloadsPlan {
  /** Where jobrunner listens; its command echoes the payload through the response file. */
  readonly address: Address;
  /** Bytes of the payload, before base64. */
  readonly bytes: number;
  /** Clients at the same time. */
  readonly clients: number;
  /** Requests of each client, or how long each begins another one after an answer. */
  readonly until: { readonly requests: number } | { readonly seconds: number };
}

/** What the clients saw. */
export interface PayloadsResult {
  /** Milliseconds of each request, from its first byte sent to the answer's last byte received. */
  readonly milliseconds: readonly number[];
  /** From the first connection to the last answer. */
  readonly seconds: number;
  /** CPU that all clients together used. */
  readonly clientCpuMs: number;
}

/** Runs the load. Throws an `Error` at the first answer that is not the payload. */
export async function postPayloads(plan: PayloadsPlan): Promise<PayloadsResult> {
  const { address, until, clients } = plan;
  const data = randomBytes(plan.bytes).toBase64();
  const { bytes } = postRequest({
    address,
    path: "/payload",
    body: `{"id":"bench","data":"${data}"}`,
  });
  const echo = Buffer.from(`{"data":"${data}"`);
  const cpuBefore = ownCpuMs();
  const start = performance.now();
  const goesOn = "seconds" in until
    ? () => performance.now() - start < until.seconds * 1000
    : (done: number) => done < until.requests;
  const milliseconds: number[] = [];

  async function client(): Promise<void> {
    // Chunks have a line of their own each; the head and the other keys are short.
    const maxAnswerBytes = echo.length + Math.ceil(echo.length / 100) + 64 * 1024;
    using client = await connect(address, { maxAnswerBytes });
    for (let done = 0; goesOn(done); done++) {
      const sentAt = performance.now();
      const answer = await client.exchange(bytes);
      milliseconds.push(performance.now() - sentAt);
      const failure = failureOf(answer, echo);
      if (failure !== undefined) throw new Error(failure);
    }
  }

  await Promise.all(Array.from({ length: clients }, client));
  return {
    milliseconds,
    seconds: (performance.now() - start) / 1000,
    clientCpuMs: ownCpuMs() - cpuBefore,
  };
}

function failureOf({ status, body }: Answer, echo: Buffer): string | undefined {
  const begin = Buffer.from(body.buffer, body.byteOffset, Math.min(body.length, echo.length));
  const end = new TextDecoder().decode(body.subarray(-500)).trimEnd();
  if (status !== 200) return `answer ${status}: ${end}`;
  if (!begin.equals(echo)) return `the answer does not hold the payload; it ends: ${end}`;
  return hasExitStatus0(body) ? undefined : `answer 200 without exit status 0: ${end}`;
}

/** Random bytes, which cannot be compressed on their way. */
function randomBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  // The most that the call takes at once.
  const step = 65_536;
  for (let at = 0; at < count; at += step) crypto.getRandomValues(bytes.subarray(at, at + step));
  return bytes;
}

await runAsProgram(import.meta, postPayloads);
