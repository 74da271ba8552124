/**
 * A real curl.
 *
 * @module
 */

/** How a request of curl ended. */
export interface CurlExit {
  /** Exit status. */
  readonly code: number;
  /** Status of the answer; 0 without one. */
  readonly status: number;
  /** Bytes of the body that were sent. */
  readonly uploaded: number;
  /** The answer's body, as text. */
  readonly text: string;
  /** What curl wrote to standard error. */
  readonly log: string;
}

/** A curl that runs. */
export interface Curl extends AsyncDisposable {
  /** The answer's body as it comes. Of what is not read, curl holds little. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** How the request ended, without its text. What is not read is dropped. */
  exit(): Promise<CurlExit>;
  /** Kills it, as a client that crashes. */
  kill(): Promise<void>;
}

/** Options of every call. The time limit is not a clock to wait for: without it a hanging curl would hang the whole run. */
const always = ["-sS", "--max-time", "120", "-w", "%{stderr}\\n%{json}\\n"];

function command(args: readonly string[], stdin: "piped" | "null"): Deno.Command {
  return new Deno.Command("curl", {
    args: [...always, ...args],
    stdin,
    stdout: "piped",
    stderr: "piped",
  });
}

function exitOf(
  { code, stderr }: { readonly code: number; readonly stderr: Uint8Array },
  text: string,
): CurlExit {
  const log = new TextDecoder().decode(stderr);
  const { http_code = 0, size_upload = 0 } = JSON.parse(/^\{.*\}$/m.exec(log)?.[0] ?? "{}");
  return { code, status: http_code, uploaded: size_upload, text, log };
}

/** Runs curl to its end; `stdin` is what it reads there. */
export async function curl(
  args: readonly string[],
  stdin?: Uint8Array<ArrayBuffer>,
): Promise<CurlExit> {
  const child = command(args, stdin ? "piped" : "null").spawn();
  // A server that answers early makes curl stop reading.
  const given = stdin && new Blob([stdin]).stream().pipeTo(child.stdin).catch((error: unknown) => {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  });
  const output = await child.output();
  await given;
  return exitOf(output, new TextDecoder().decode(output.stdout));
}

/** Starts curl; the answer is read as the test reads it. */
export function startCurl(args: readonly string[]): Curl {
  const child = command(args, "null").spawn();
  const stderr = new Response(child.stderr).bytes();
  let isRead = false;
  async function exit(): Promise<CurlExit> {
    if (!isRead && !child.stdout.locked) {
      isRead = true;
      await child.stdout.pipeTo(new WritableStream());
    }
    const [{ code }, log] = await Promise.all([child.status, stderr]);
    return exitOf({ code, stderr: log }, "");
  }
  async function kill(): Promise<void> {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await exit();
  }
  return { body: child.stdout, exit, kill, [Symbol.asyncDispose]: kill };
}

/** Reads a text piece by piece as far as a test needs it. */
export interface TextReader {
  /** Reads on until the text holds this; resolves with all of it so far. Throws if it ends before. */
  until(wanted: string): Promise<string>;
  /** Reads to the end; resolves with the whole text. */
  rest(): Promise<string>;
}

/** Reads a body as text. */
export function textOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): TextReader {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  async function more(): Promise<boolean> {
    const { done, value } = await reader.read();
    text += decoder.decode(value, { stream: !done });
    return !done;
  }
  return {
    async until(wanted) {
      while (!text.includes(wanted)) {
        if (!await more()) throw new Error(`ended without “${wanted}”: ${text}`);
      }
      return text;
    },
    async rest() {
      while (await more());
      return text;
    },
  };
}
