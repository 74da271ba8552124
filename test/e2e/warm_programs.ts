/**
 * The adapters of `contrib/warm` for Octave, R, Java, .NET and LibreOffice: jobs through them and cold have equal answers.
 */

import assert from "node:assert/strict";
import { type Answer, postRaw } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { startNamed, tomlString } from "../support/named.ts";
import { childrenOf } from "../support/processes.ts";
import { run, textOf } from "../support/recipes.ts";
import {
  adapterFile,
  type Difference,
  jobFile,
  testWarmAdapters,
  waitingProcess,
  type WarmAdapter,
} from "../support/warm_adapter_suite.ts";

const built = temporaryFolder();
globalThis.addEventListener("unload", () => built[Symbol.dispose]());
await Promise.all([
  run("javac", ["-d", built.path, adapterFile("Warm.java"), jobFile("Job.java")]),
  // C# 3 is what the compilers of old .NET Frameworks understand.
  run("mcs", ["-langversion:3", `-out:${built.path}/Warm.exe`, adapterFile("Warm.cs")]),
  run("mcs", ["-langversion:3", `-out:${built.path}/job.exe`, jobFile("job.cs")]),
]);

/** Octave, without a message about a history that it cannot write. */
const octave = ["env", "OCTAVE_HISTFILE=/dev/null", "octave-cli"];

/** Java, which reads its environment in the encoding of the locale. */
const java = ["env", "LC_ALL=C.UTF-8", "java", "-cp", built.path];

const withoutCallers: Difference = {
  reason: "an uncaught error has no lines “called from”",
  without: (outcome) => ({
    ...outcome,
    error: outcome.error.replace(/^error: called from\n( .*\n)*/m, ""),
  }),
};

const withoutStack: Difference = {
  reason: "the stack of an uncaught exception is printed in another form",
  without: (outcome) => ({
    ...outcome,
    error: /InvalidOperationException: thrown/.exec(outcome.error)?.[0] ?? outcome.error,
  }),
};

const endOfProcess = { at_exit: "it runs at the end of the process, not of the job" };

const adapters: readonly WarmAdapter[] = [
  {
    name: "gate.m",
    needs: "octave-cli",
    cold: [...octave, jobFile("job.m")],
    warm: [...octave, adapterFile("gate.m"), jobFile("job.m")],
    serves: "one job",
    differences: { throw: withoutCallers, close: withoutCallers },
  },
  {
    name: "keep.m",
    needs: "octave-cli",
    cold: [...octave, jobFile("job.m")],
    warm: [...octave, adapterFile("keep.m"), jobFile("job.m")],
    serves: "many jobs",
    endedBy: ["exit3", "kill"],
    differences: { throw: withoutCallers, close: withoutCallers },
    leftOut: endOfProcess,
  },
  {
    name: "keep.R",
    needs: "Rscript",
    cold: ["Rscript", jobFile("job.R")],
    warm: [
      ...["sh", "-c", 'exec Rscript "$@" 9<&0 </dev/null', "sh"],
      ...[adapterFile("keep.R"), "stats,tools", jobFile("job.R")],
    ],
    serves: "many jobs",
    endedBy: ["exit3", "kill"],
    leftOut: { ...endOfProcess, close: "R cannot close its standard output" },
  },
  {
    name: "Warm.java",
    needs: "java",
    cold: [...java, "Job"],
    warm: [...java, "Warm", "Job"],
    serves: "many jobs",
    endedBy: ["exit3", "kill", "close"],
    leftOut: endOfProcess,
  },
  {
    name: "Warm.cs",
    needs: "mono",
    cold: ["mono", `${built.path}/job.exe`],
    warm: ["mono", `${built.path}/Warm.exe`, `${built.path}/job.exe`],
    serves: "many jobs",
    endedBy: ["kill"],
    differences: { throw: withoutStack },
    leftOut: endOfProcess,
  },
];

testWarmAdapters(adapters);

/** Runs an adapter without a job to its end. */
function runWithoutJob(words: readonly string[], env: Record<string, string>) {
  const [program = "", ...args] = words;
  return new Deno.Command(program, { args, env, stdin: "null" }).output();
}

const readFilter = "HTML (StarWriter)";

/** Converts in the job's folder with a LibreOffice of its own. */
const coldOffice = `
cd "$JOBRUNNER_JOB_DIR"
soffice -env:UserInstallation=file://$PWD/profile --headless --infilter="${readFilter}" \
  --convert-to pdf --outdir out "$JOBRUNNER_REQUEST_DATA_FN"
mv out/*.pdf "$JOBRUNNER_RESPONSE_DATA_FN"
`;

const office = ["/usr/bin/python3", adapterFile("office.py"), readFilter, "writer_pdf_Export"];
const all = [...adapters, { name: "office.py", warm: office }];

for (const { name, warm } of all) {
  Deno.test(`${name} exits with 0 when no job will come`, async () => {
    const { code, stdout } = await runWithoutJob(warm, { JOBRUNNER_WARM: "1" });
    assert.equal(code, 0);
    assert.equal(textOf(stdout), "");
  });
}

for (const { name, warm } of all) {
  if (name === "gate.m") continue; // it runs the script at once
  Deno.test(`${name} fails where the command is not warm`, async () => {
    const { code, stderr } = await runWithoutJob(warm, { JOBRUNNER_WARM: "" });
    assert.equal(code, 1);
    assert.match(textOf(stderr), /JOBRUNNER_WARM is not 1: the command must be configured/);
  });
}

const offices = `
num_workers = 1
[commands.cold]
cmd = ${tomlString(`sh -c '${coldOffice}'`)}
[commands.warm]
cmd = ${tomlString(office.map((word) => `'${word}'`).join(" "))}
warm = true
`;

function convert(url: string, command: string, heading: string): Promise<Answer> {
  const page = `<html><body><h1>${heading}</h1><p>A paragraph with &uuml;.</p></body></html>`;
  return postRaw(url, JSON.stringify({ id: heading, data: btoa(page) }), { command });
}

/** The size and the words of the PDF in an answer. */
async function pdfIn({ json, error }: Answer): Promise<readonly [bytes: number, words: string]> {
  assert.equal(json["exit_status"], 0, error);
  const pdf = Uint8Array.fromBase64(String(json["data"]));
  using folder = temporaryFolder();
  await Deno.writeFile(`${folder.path}/result.pdf`, pdf);
  const text = await run("gs", ["-q", "-sDEVICE=txtwrite", "-o", "-", `${folder.path}/result.pdf`]);
  return [pdf.length, textOf(text).replace(/\s+/g, " ").trim()];
}

Deno.test("office.py converts each payload as a LibreOffice of its own does", async () => {
  await using program = await startNamed(offices);
  const process = await waitingProcess(program);
  for (const heading of ["First", "Another title", "First"]) {
    const cold = await pdfIn(await convert(program.url, "cold", heading));
    assert.equal(cold[1], `${heading} A paragraph with ü.`);
    const answer = await convert(program.url, "warm", heading);
    assert.deepEqual(await pdfIn(answer), cold);
    assert.equal(answer.json["warm"], true);
  }
  assert.equal(await waitingProcess(program), process);
});

Deno.test("office.py fails a job whose LibreOffice was killed; the next job has a new one", async () => {
  await using program = await startNamed(offices);
  await pdfIn(await convert(program.url, "warm", "Before"));
  for (const pid of descendantsOf(await waitingProcess(program))) Deno.kill(pid, "SIGKILL");
  const answer = await convert(program.url, "warm", "Lost");
  assert.equal(answer.json["exit_status"], 1);
  assert.match(answer.error, /^LibreOffice: /);
  assert.equal(answer.data, "");
  assert.equal((await pdfIn(await convert(program.url, "warm", "After")))[1].slice(0, 5), "After");
});

function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [...descendantsOf(child), child]);
}
