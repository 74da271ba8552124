/**
 * `contrib/warm/gate.c`: programs that are started before their job and wait at their first touch of the payload. Every
 * program here is unchanged.
 */

import assert from "node:assert/strict";
import { postRaw } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { startNamed, tomlString } from "../support/named.ts";
import { eventually } from "../support/processes.ts";
import type { Program } from "../support/program.ts";
import { run, textOf } from "../support/recipes.ts";
import { postRun } from "../support/run_client.ts";
import { adapterFile, outcomeOf, waitingProcess } from "../support/warm_adapter_suite.ts";

const built = temporaryFolder();
globalThis.addEventListener("unload", () => built[Symbol.dispose]());
const gate = `${built.path}/gate.so`;

const sources = {
  "Read.java": `
import java.nio.channels.FileChannel;
import java.nio.file.*;
public class Read {
  public static void main(String[] words) throws Exception {
    System.out.println(Files.readAllBytes(Path.of(words[0])).length);
    try (FileChannel file = FileChannel.open(Path.of(words[0]))) {
      System.out.println(file.map(FileChannel.MapMode.READ_ONLY, 0, file.size()).get(0));
    }
  }
}`,
  "read.cs": `
using System;
using System.IO;
static class Read {
  static void Main(string[] words) {
    Console.Write(File.ReadAllText(words[0]));
    Console.Write(Environment.GetEnvironmentVariable("JOBRUNNER_REQUEST_ID"));
  }
}`,
};
for (const [name, source] of Object.entries(sources)) {
  Deno.writeTextFileSync(`${built.path}/${name}`, source);
}
const compilerWords = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", gate];
await Promise.all([
  run("cc", [...compilerWords, adapterFile("gate.c")]),
  run("javac", ["-d", built.path, `${built.path}/Read.java`]),
  run("mcs", [`-out:${built.path}/read.exe`, `${built.path}/read.cs`]),
]);

const csv = "a,b\n1,2\n3,4\nü,5\n";
const zip =
  'import sys, zipfile; zipfile.ZipFile(sys.stdout.buffer, "w").writestr("a.txt", "hello")';
const npy = "import sys, numpy; numpy.save(sys.stdout.buffer, numpy.arange(5))";

/** A shell script that gets the path of the payload as its first argument, its payload, and what it prints. */
interface Case {
  readonly name: string;
  readonly script: string;
  /** The payload, or a program of Python that prints it. */
  readonly payload: string | { readonly python: string };
  readonly output: string;
}

const id = "a=b ü 'c'";

const cases: readonly Case[] = [
  { name: "cat", script: 'cat "$1"', payload: csv, output: csv },
  {
    name: "a test of the size",
    script: '[ -s "$1" ] && echo some',
    payload: csv,
    output: "some\n",
  },
  {
    name: "a script that reads twice",
    script: 'tr a-z A-Z <"$1"; wc -c <"$1"',
    payload: csv,
    output: `${csv.replace("a,b", "A,B")}17\n`,
  },
  { name: "a pipeline", script: 'cat "$1" | sort | tail -n 1', payload: csv, output: "ü,5\n" },
  { name: "a process in the background", script: 'cat "$1" & wait', payload: csv, output: csv },
  { name: "mv", script: 'mv "$1" "$1.csv"; cat "$1.csv"', payload: csv, output: csv },
  { name: "a link", script: 'ln -s "$1" "$1.csv"; cat "$1.csv"', payload: csv, output: csv },
  {
    name: "a process after the first that reads the payload",
    script: `cat "$1" >&2; printenv JOBRUNNER_REQUEST_ID JOBRUNNER_TIMEOUT_SEC; wc -c
      TRACEPARENT=mine printenv TRACEPARENT`,
    payload: csv,
    output: `${id}\n50\n0\nmine\n`,
  },
  {
    name: "bash",
    script:
      `exec bash -c 'read -r line <"$1"; [ -s "$1" ] && echo "$line $JOBRUNNER_REQUEST_ID"' - "$1"`,
    payload: csv,
    output: `a,b ${id}\n`,
  },
  { name: "jq", script: 'exec jq -c .a "$1"', payload: '{"a":[1,"ü"]}', output: '[1,"ü"]\n' },
  {
    name: "awk",
    script: `exec awk -F, '{ sum += $1 } END { print sum }' "$1"`,
    payload: csv,
    output: "4\n",
  },
  {
    name: "Python",
    script: `exec /usr/bin/python3 -c 'if True:
      import mmap, os, sys
      print(os.path.getsize(sys.argv[1]))
      with open(sys.argv[1], "rb") as file:
        print(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)[:3])' "$1"`,
    payload: csv,
    output: "17\nb'a,b'\n",
  },
  {
    name: "threads of Python, one of which starts a process",
    script: `exec /usr/bin/python3 -c 'if True:
      import subprocess, sys, threading
      def read(): lengths.append(len(open(sys.argv[1], "rb").read()))
      lengths = []
      threads = [threading.Thread(target=read) for _ in range(4)]
      for thread in threads: thread.start()
      words = ["wc", "-c", sys.argv[1]]
      count = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
      for thread in threads: thread.join()
      print(count.split()[0], lengths)' "$1"`,
    payload: csv,
    output: "b'17' [17, 17, 17, 17]\n",
  },
  {
    name: "Python's zipfile",
    script:
      `exec /usr/bin/python3 -c 'import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).namelist())' "$1"`,
    payload: { python: zip },
    output: "['a.txt']\n",
  },
  {
    name: "numpy",
    script: `exec /usr/bin/python3 -c 'import sys, numpy; print(numpy.load(sys.argv[1]))' "$1"`,
    payload: { python: npy },
    output: "[0 1 2 3 4]\n",
  },
  {
    name: "Perl",
    script: `exec perl -e 'print -s $ARGV[0], "\\n"; print <>' "$1"`,
    payload: csv,
    output: `17\n${csv}`,
  },
  {
    name: "Ruby",
    script: `exec ruby -e 'print File.read(ARGV[0]), ENV["JOBRUNNER_REQUEST_ID"]' "$1"`,
    payload: csv,
    output: csv + id,
  },
  {
    name: "PHP",
    script: `exec php -r 'echo file_get_contents($argv[1]), getenv("JOBRUNNER_REQUEST_ID");' "$1"`,
    payload: csv,
    output: csv + id,
  },
  {
    name: "Node.js",
    script: `exec node -e 'const [path] = process.argv.slice(1);
      console.log(fs.statSync(path).size, fs.readFileSync(path, "utf8"));
      console.log(process.env.JOBRUNNER_REQUEST_ID)' "$1"`,
    payload: "a,b",
    output: `3 a,b\n${id}\n`,
  },
  {
    name: "R",
    script: `exec Rscript -e 'path <- commandArgs(TRUE)
      cat(sum(read.csv(path)[["b"]]), Sys.getenv("JOBRUNNER_REQUEST_ID"))' "$1"`,
    payload: csv,
    output: `11 ${id}`,
  },
  {
    name: "Octave",
    script:
      `exec env OCTAVE_HISTFILE=/dev/null octave-cli --eval 'load (getenv ("JOBRUNNER_REQUEST_DATA_FN"));
      printf ("%d %s\\n", sum (a), getenv ("JOBRUNNER_REQUEST_ID"))'`,
    payload: "# name: a\n# type: matrix\n# rows: 1\n# columns: 3\n 1 2 3\n",
    output: `6 ${id}\n`,
  },
  {
    name: "Java",
    script: `exec java -cp '${built.path}' Read "$1"`,
    payload: csv,
    output: "17\n97\n",
  },
  {
    name: "Mono",
    script: `LC_ALL=C.UTF-8 exec mono '${built.path}/read.exe' "$1"`,
    payload: csv,
    output: csv + id,
  },
];

/** Starts the server with a script as a cold and as a warm command; that can have another standard input. */
function startBoth(folder: string, script: string, input = ""): Promise<Program> {
  const body = `set -- "$JOBRUNNER_REQUEST_DATA_FN"\n${script}\n`;
  Deno.writeTextFileSync(`${folder}/job.sh`, body);
  const wrapper = `#!/bin/sh\nLD_PRELOAD=${gate} exec sh ${folder}/job.sh ${input}\n`;
  Deno.writeTextFileSync(`${folder}/wrapper.sh`, wrapper, { mode: 0o755 });
  return startNamed(`
    num_workers = 1
    [commands.cold]
    cmd = ${tomlString(`sh ${folder}/job.sh`)}
    [commands.warm]
    cmd = ${tomlString(`${folder}/wrapper.sh`)}
    warm = true
  `);
}

function post(program: Program, command: string, payload: Uint8Array) {
  const body = { id, data: payload.toBase64(), timeout_sec: 50 };
  return postRaw(program.url, JSON.stringify(body), { command });
}

const utf8 = (text: string) => new TextEncoder().encode(text);

for (const { name, script, payload, output } of cases) {
  Deno.test(`gate.so holds ${name} until the job is there`, async () => {
    using folder = temporaryFolder();
    const bytes = typeof payload === "string"
      ? utf8(payload)
      : await run("/usr/bin/python3", ["-c", payload.python]);
    await using program = await startBoth(folder.path, script);
    const cold = await post(program, "cold", bytes);
    assert.equal(cold.output, output, cold.error);
    for (let turn = 0; turn < 2; turn++) {
      await waitingProcess(program);
      const warm = await post(program, "warm", bytes);
      assert.deepEqual(outcomeOf(warm), outcomeOf(cold));
      assert.equal(warm.json["warm"], true);
      assert.equal(warm.json["message"], undefined);
    }
  });
}

Deno.test("gate.so gives each job its own payload, whether a process waited for it or not", async () => {
  using folder = temporaryFolder();
  await using program = await startBoth(folder.path, 'cat "$1"');
  const payloads = Array.from({ length: 10 }, (_, number) => `payload ${number}`);
  const answers = await Promise.all(payloads.map((text) => post(program, "warm", utf8(text))));
  assert.deepEqual(answers.map(({ output }) => output), payloads);
});

Deno.test("gate.so fails a job whose pipe is not its standard input", async () => {
  using folder = temporaryFolder();
  await using program = await startBoth(folder.path, 'cat "$1"', "</dev/null");
  const { output, error, json } = await post(program, "warm", utf8("lost"));
  assert.deepEqual([output, json["exit_status"]], ["", 1]);
  assert.match(error, /^gate\.so: there is no pipe of a job/);
});

Deno.test("gate.so gives an empty payload to the program", async () => {
  using folder = temporaryFolder();
  await using program = await startBoth(folder.path, 'cat "$1"; wc -c <"$1"');
  await waitingProcess(program);
  const answer = await postRun(program.url, "", { target: "/warm?answer=output" });
  assert.equal(answer.text, "0\n");
});

Deno.test("gate.so takes a job that came while the program still started", async () => {
  using folder = temporaryFolder();
  const started = `${folder.path}/started`;
  const script =
    `mkfifo ${started} 2>/dev/null && read -r _ <${started}; cat "$1"; printenv JOBRUNNER_REQUEST_ID`;
  await using program = await startBoth(folder.path, script);
  const pid = await waitingProcess(program);
  const environment = Deno.readTextFileSync(`/proc/${pid}/environ`);
  const [, request] = /\0JOBRUNNER_REQUEST_DATA_FN=([^\0]+)/.exec(environment) ?? [];
  assert.ok(request);
  const answer = post(program, "warm", utf8("early"));
  await eventually("the payload is there", () => Deno.statSync(request).size > 0);
  Deno.writeTextFileSync(started, "go\n", { create: false });
  assert.equal((await answer).output, `early${id}\n`);
});

Deno.test("gate.so ends a script, without its next line, when no job will come", async () => {
  using folder = temporaryFolder();
  const words = ["-c", 'cat "$JOBRUNNER_REQUEST_DATA_FN"; echo next line'];
  Deno.writeTextFileSync(`${folder.path}/request`, "");
  const child = new Deno.Command("setsid", {
    args: ["-w", "sh", ...words],
    env: {
      LD_PRELOAD: gate,
      JOBRUNNER_WARM: "1",
      JOBRUNNER_JOB_DIR: folder.path,
      JOBRUNNER_REQUEST_DATA_FN: `${folder.path}/request`,
    },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  await child.stdin.close();
  const { stdout } = await child.output();
  assert.equal(textOf(stdout), "");
});
