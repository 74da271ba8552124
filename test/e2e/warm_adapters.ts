/** The adapters of `contrib/warm` for Python, Node.js, Deno, bash, Perl, Ruby and PHP, each beside the same job without it. */

import {
  adapterFile,
  type Difference,
  jobFile,
  signalAsStatus,
  testWarmAdapters,
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

testWarmAdapters([
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
]);
