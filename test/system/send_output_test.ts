/**
 * Where `send` of the real program puts the response file.
 */

import assert from "node:assert/strict";
import { statusOf } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { boundByModes } from "../support/powers.ts";
import { fixture, type Program, runProgram, startProgram } from "../support/program.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function startShell(): Promise<Program> {
  return startProgram({ env: { JOBRUNNER_CMD: fixture("run_payload.sh") } });
}

/** Sends a job that writes a line to stdout, one to stderr and one to the response file. */
function send(
  { url }: Program,
  output: readonly string[],
  through: readonly string[] = [],
) {
  const script = 'echo out; echo err >&2; echo file >"$JOBRUNNER_RESPONSE_DATA_FN"';
  return runProgram({
    args: ["send", "--url", url, ...output, "-"],
    stdin: encode(script),
    through,
  });
}

/** Runs the program in a line of bash in which it is `"$@"`, and `$0` a path. */
const inBash = (line: string, path: string) => ["bash", "-euc", line, path];

Deno.test("send --output to its own stdout or stderr writes the response file after the command's output", async () => {
  using folder = temporaryFolder();
  const log = `${folder.path}/log`;
  await using program = await startShell();
  for (const name of ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]) {
    const piped = await send(program, ["--output", name]);
    assert.deepEqual(piped, { code: 0, stdout: "out\nfile\n", stderr: "err\n" });
    // A file is not opened anew, which would write from its beginning.
    Deno.writeTextFileSync(log, "before\n");
    await send(program, ["--output", name], inBash('exec "$@" >>"$0"', log));
    assert.equal(Deno.readTextFileSync(log), "before\nout\nfile\n");
    await send(program, ["--output", name], inBash('exec "$@" >"$0"', log));
    assert.equal(Deno.readTextFileSync(log), "out\nfile\n");
  }
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const connected = inBash('exec "$@" >"/dev/tcp/127.0.0.1/$0"', String(port));
  const [socket, sent] = await Promise.all([
    listener.accept(),
    send(program, ["--output", "/dev/stdout"], connected),
  ]);
  assert.deepEqual(sent, { code: 0, stdout: "", stderr: "err\n" });
  assert.equal(await new Response(socket.readable).text(), "out\nfile\n");
  const toError = await send(program, ["--output", "/dev/stderr"]);
  assert.deepEqual(toError, { code: 0, stdout: "out\n", stderr: "err\nfile\n" });
  await send(program, ["--output", "/dev/stderr"], inBash('exec "$@" 2>"$0"', log));
  assert.equal(Deno.readTextFileSync(log), "err\nfile\n");
});

Deno.test("send --output writes to descriptors that a shell has opened", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/result`;
  await using program = await startShell();
  const substituted = await send(
    program,
    [],
    inBash('"$@" --output >(cat >"$0"); wait $!', path),
  );
  assert.deepEqual(substituted, { code: 0, stdout: "out\n", stderr: "err\n" });
  assert.equal(Deno.readTextFileSync(path), "file\n");
  Deno.writeTextFileSync(path, "a longer text from before");
  const link = `${folder.path}/link`;
  Deno.symlinkSync("/dev/fd/3", link);
  for (const name of ["/dev/fd/3", link]) {
    const line = `exec 3<>"$0"; "$@" --output ${name}; cat <&3`;
    const descriptor = await send(program, [], inBash(line, path));
    assert.deepEqual(descriptor, { code: 0, stdout: "out\nfile\n", stderr: "err\n" });
  }
});

Deno.test("send --output writes a file in place when its folder is not writable", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/result`;
  await using program = await startShell();
  Deno.writeTextFileSync(path, "a longer text from before");
  Deno.chmodSync(folder.path, 0o555);
  const { ino } = Deno.statSync(path);
  assert.equal((await send(program, ["--output", path], boundByModes)).code, 0);
  assert.equal(Deno.readTextFileSync(path), "file\n");
  assert.equal(Deno.statSync(path).ino, ino);
  // A missing file cannot be made there, and one whose mode forbids it cannot be written; no job runs for them.
  const jobs = (await statusOf(program.url)).total_jobs;
  Deno.chmodSync(path, 0o444);
  for (const name of [path, `${folder.path}/new`, folder.path]) {
    const { code, stderr } = await send(program, ["--output", name], boundByModes);
    assert.equal(code, 73, stderr);
    assert.match(stderr, /cannot be written: (Permission denied|it is a folder)/);
  }
  assert.equal((await statusOf(program.url)).total_jobs, jobs);
  Deno.chmodSync(folder.path, 0o700);
});

Deno.test("send --output keeps an owner that it cannot give to a new file by writing in place", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/result`;
  await using program = await startShell();
  Deno.writeTextFileSync(path, "a longer text from before");
  Deno.chmodSync(path, 0o666);
  if (Deno.uid() === 0) Deno.chownSync(path, 1234, 4321);
  const before = Deno.statSync(path);
  assert.equal((await send(program, ["--output", path], boundByModes)).code, 0);
  const { uid, gid, mode } = Deno.statSync(path);
  assert.deepEqual([uid, gid, mode], [before.uid, before.gid, before.mode]);
  assert.equal(Deno.readTextFileSync(path), "file\n");
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["result"]);
});

Deno.test("send --output leaves the file as it was when there is no room for the result", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/result`;
  await using program = await startShell();
  Deno.writeTextFileSync(path, "as it was");
  // A limit of zero bytes stands for a full disk: pipes have none.
  const { code, stdout, stderr } = await send(
    program,
    ["--output", path],
    inBash('trap "" XFSZ; ulimit -f 0; exec "$@"', path),
  );
  assert.equal(code, 73, stderr);
  assert.equal(stdout, "out\n");
  assert.match(stderr, /result: cannot be written: File too large/);
  assert.equal(Deno.readTextFileSync(path), "as it was");
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["result"]);
});
