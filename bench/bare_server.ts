/**
 * The limit of a server for small jobs on this runtime: the steps of a job and nothing else. It has no
 * sandbox, no limit of the queue, no checks, no log and no metrics, and its jobs share one folder.
 *
 * usage: bare_server.ts PROGRAM FOLDER WORKERS
 *
 * Every request is a job, whatever its path. SIGTERM ends the server with status 0.
 *
 * @module
 */

const [program = "", folder = "", workers = ""] = Deno.args;
const path = Deno.env.get("PATH") ?? "";
const noBytes = new Uint8Array();

/** Numbers of the workers without a job. */
const idle = Array.from({ length: Number(workers) }, (_, index) => index + 1);

/** Jobs without a worker, first in, first out. */
const waiting: ((worker: number) => void)[] = [];

let jobs = 0;

async function answer(request: Request): Promise<Response> {
  const { id, data } = await request.json() as { readonly id: string; readonly data: string };
  const worker = idle.pop() ?? await new Promise<number>((resolve) => waiting.push(resolve));
  const file = `${folder}/${++jobs}`;
  try {
    return Response.json(await run(id, Uint8Array.fromBase64(data), worker, file));
  } finally {
    const next = waiting.shift();
    if (next) next(worker);
    else idle.push(worker);
  }
}

/** Runs a job with two new files, whose names begin with `file`; resolves with the body of the answer. */
async function run(id: string, payload: Uint8Array, worker: number, file: string) {
  const [payloadFile, responseFile] = [`${file}_payload`, `${file}_response`];
  Deno.writeFileSync(payloadFile, payload, { createNew: true });
  Deno.writeFileSync(responseFile, noBytes, { createNew: true });
  try {
    const start = performance.now();
    const child = new Deno.Command(program, {
      clearEnv: true,
      env: {
        PATH: path,
        JOBRUNNER_REQUEST_ID: id,
        JOBRUNNER_REQUEST_DATA_FN: payloadFile,
        JOBRUNNER_RESPONSE_DATA_FN: responseFile,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const [status, output, error] = await Promise.all([
      child.status,
      allOf(child.stdout),
      allOf(child.stderr),
    ]);
    return {
      data: Deno.readFileSync(responseFile).toBase64(),
      worker_id: worker,
      elapsed_sec: (performance.now() - start) / 1000,
      exit_status: status.code,
      output: output.toBase64(),
      error: error.toBase64(),
      id,
    };
  } finally {
    Deno.removeSync(payloadFile);
    Deno.removeSync(responseFile);
  }
}

async function allOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const part of stream) parts.push(part);
  const [first = noBytes] = parts;
  return parts.length > 1 ? new Blob(parts).bytes() : first;
}

if (import.meta.main) {
  Deno.addSignalListener("SIGTERM", () => Deno.exit(0));
  Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.error(`listening on http://127.0.0.1:${port}`),
  }, answer);
}
