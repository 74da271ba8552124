/**
 * The environment of one command.
 *
 * @module
 */

import { commonEnvironment, environmentOf } from "../../src/exec/child_env.ts";
import type { Layer } from "../layer.ts";

/** `environment`. */
export const layer: Layer = () => {
  const inherited = { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: "/root", LANG: "C.UTF-8" };
  const common = commonEnvironment(inherited, {
    command: "/bin/true",
    names: undefined,
    passHeaders: [],
  });
  return (count) => {
    for (let i = 0; i < count; i++) {
      const jobFolder = `/run/jobrunner/job-${i}`;
      const env = environmentOf(common, {}, {
        workerId: 1,
        id: `bench-${i}`,
        jobFolder,
        requestFile: `${jobFolder}/request`,
        requestFolder: "",
        responseFile: `${jobFolder}/response`,
        request: undefined,
        timeoutMs: 30_000,
      });
      if (env["JOBRUNNER_JOB_DIR"] !== jobFolder) throw new Error("the job's folder is missing");
    }
  };
};
