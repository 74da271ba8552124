/** The adapters of `contrib/warm` for Python, Node.js, Deno, bash, Perl, Ruby and PHP, each beside the same job without it. */

import assert from "node:assert/strict";
import { post } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { startNamed, tomlString } from "../support/named.ts";
import { jobFilesIn, runAdapter } from "../support/warm_adapter_run.ts";
import {
  adapterFile,
  type Difference,
  jobFile,
  signalAsStatus,
  testWarmAdapters,
  type WarmAdapter,
} from "../support/warm_adapter_suite.ts";

const modules = "json,subprocess,decimal";
const forks = { kill: signalAsStatus };

/** The difference of adapters that print an exception in another form. */
function exceptionLike(text: string): Difference {
  return {
    reason: "the text around the exception's name and message differs",
    without: (outcome) => ({ ...outcome, error: String(outcome.error.includes(text)) }),
  };
}

const atEndOfProcess = "exit handlers run at the end of the process, which serves other jobs";
const kept = { serves: "many jobs", leftOut: { at_exit: atEndOfProcess } } as const;

const adapters: readonly WarmAdapter[] = [
  {
    name: "gate.py",
    needs: "python3",
    cold: ["python3", jobFile("job.py")],
    warm: ["python3", adapterFile("gate.py"), modules, jobFile("job.py")],
    serves: "one job",
  },
  {
    name: "fork.py",
    needs: "python3",
    cold: ["python3", jobFile("job.py")],
    warm: ["python3", adapterFile("fork.py"), modules, jobFile("job.py")],
    serves: "many jobs",
    differences: forks,
  },
  {
    name: "keep.py",
    needs: "python3",
    cold: ["python3", jobFile("job.py")],
    warm: ["python3", adapterFile("keep.py"), modules, jobFile("job.py")],
    ...kept,
    endedBy: ["kill", "close"],
  },
  {
    name: "gate.cjs",
    needs: "node",
    cold: ["node", jobFile("job.cjs")],
    warm: ["node", "--require", adapterFile("gate.cjs"), jobFile("job.cjs")],
    serves: "one job",
  },
  {
    name: "keep.mjs with Node.js",
    needs: "node",
    cold: ["node", jobFile("run_job.mjs")],
    warm: ["node", adapterFile("keep.mjs"), jobFile("job.mjs")],
    ...kept,
    endedBy: ["kill", "close"],
    differences: { throw: exceptionLike("TypeError: thrown") },
  },
  {
    name: "keep.mjs with Deno",
    needs: Deno.execPath(),
    cold: [Deno.execPath(), "run", "-A", "--no-config", jobFile("run_job.mjs")],
    warm: [
      Deno.execPath(),
      "run",
      "-A",
      "--no-config",
      adapterFile("keep.mjs"),
      jobFile("job.mjs"),
    ],
    serves: "many jobs",
    leftOut: {
      at_exit: atEndOfProcess,
      stdin: "Deno cannot make standard input empty, so the job would wait for the next one",
      child: "Deno cannot make standard input empty, so the child would wait for the next job",
    },
    endedBy: ["kill", "close"],
    differences: { throw: exceptionLike("TypeError: thrown") },
  },
  {
    name: "gate.sh",
    needs: "bash",
    cold: ["bash", jobFile("job.sh")],
    warm: ["bash", jobFile("job.sh")],
    warmEnv: { BASH_ENV: adapterFile("gate.sh") },
    serves: "one job",
  },
  {
    name: "fork.sh",
    needs: "bash",
    cold: ["bash", jobFile("job.sh")],
    warm: ["bash", adapterFile("fork.sh"), jobFile("job.sh")],
    serves: "many jobs",
    differences: forks,
  },
  {
    name: "fork.pl",
    needs: "perl",
    cold: ["perl", jobFile("job.pl")],
    warm: ["perl", "-MJSON::PP", adapterFile("fork.pl"), jobFile("job.pl")],
    serves: "many jobs",
    differences: forks,
  },
  {
    name: "fork.rb",
    needs: "ruby",
    cold: ["ruby", jobFile("job.rb")],
    warm: ["ruby", "-rjson", adapterFile("fork.rb"), jobFile("job.rb")],
    serves: "many jobs",
    differences: forks,
  },
  {
    name: "gate.php",
    needs: "php",
    cold: ["php", jobFile("job.php")],
    warm: ["php", "-d", `auto_prepend_file=${adapterFile("gate.php")}`, jobFile("job.php")],
    serves: "one job",
  },
  {
    name: "keep.php",
    needs: "php",
    cold: ["php", jobFile("job.php")],
    warm: ["php", adapterFile("keep.php"), jobFile("job.php")],
    ...kept,
    endedBy: ["exit3", "kill", "close"],
    differences: { throw: exceptionLike("PHP Fatal error:  Uncaught ValueError: thrown in ") },
  },
];

testWarmAdapters(adapters);

for (const adapter of adapters) {
  const { name, serves } = adapter;
  if (serves === "many jobs") {
    Deno.test(`${name} says that the command must be warm if it is not`, async () => {
      const { code, stdout, stderr } = await runAdapter(adapter, { warm: "" });
      assert.notEqual(code, 0);
      assert.equal(stdout, "");
      assert.match(
        stderr,
        /^JOBRUNNER_WARM is not 1: the command must be configured with warm = true/,
      );
    });
  } else {
    Deno.test(`${name} runs the script at once if the command is not warm`, async () => {
      using folder = temporaryFolder();
      const variables = jobFilesIn(folder.path, "hello");
      const exit = await runAdapter(adapter, { warm: "", variables });
      assert.deepEqual(exit, { code: 0, stdout: "out\n", stderr: "err\n" });
      assert.equal(Deno.readTextFileSync(variables["JOBRUNNER_RESPONSE_DATA_FN"] ?? ""), "hello");
    });
  }
}

for (const name of ["gate.py", "fork.py", "keep.py"]) {
  Deno.test(`${name} ends a script as Python does: open files are written, a text is an error`, async () => {
    const words = ["python3", adapterFile(name), "", jobFile("leave_open.py")];
    await using program = await startNamed(`
    [commands.it]
    warm = true
    num_workers = 1
    cmd = ${tomlString(words.map((word) => `'${word}'`).join(" "))}
    `);
    for (let count = 0; count < 2; count++) {
      const { output, error, data, json } = await post(program.url, "text", { command: "it" });
      assert.deepEqual([output, error, data, json["exit_status"]], ["done", "failed\n", "text", 1]);
    }
  });
}
